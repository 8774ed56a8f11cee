/**
 * The costs that one connection may cause, each bound by its name. Whoever makes a connection may say otherwise for
 * each.
 *
 * Where grpc-go has a setting for the same thing, it has the same name here (`initialConnWindowSize`,
 * `maxConnectionAgeMs`).
 */

import { DEFAULT_TABLE_BYTES, DEFAULT_WINDOW_BYTES, MAX_INT31 } from "../frame/wire.js";

export interface Limits {
  /** Streams of the peer that are open at once. Further ones are refused (REFUSED_STREAM: safe to try again). */
  readonly maxConcurrentStreams: number;
  /**
   * Bytes of received and not yet consumed data, per stream and per connection; at least 65,535. Beyond:
   * FLOW_CONTROL_ERROR.
   */
  readonly initialWindowSize: number;
  readonly initialConnWindowSize: number;
  /** Bytes of the peer's HPACK table that are kept here. */
  readonly headerTableSize: number;
  /** Bytes of a decoded header list (RFC 9113 §6.5.2). Fields beyond it are dropped, and the list is called
   * truncated. */
  readonly maxHeaderListSize: number;
  /** Bytes, and CONTINUATION frames, of one encoded header block. Beyond: ENHANCE_YOUR_CALM. */
  readonly maxHeaderBlockBytes: number;
  readonly maxContinuations: number;
  /** Settings in one frame. Beyond: ENHANCE_YOUR_CALM. */
  readonly maxSettingsEntries: number;
  /**
   * Frames that do nothing for a call: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, frames on closed streams,
   * unknown ones. So many at once and so many a second; data that is sent gives some back. Beyond: ENHANCE_YOUR_CALM.
   */
  readonly controlBurst: number;
  readonly controlPerSecond: number;
  /**
   * Streams that the peer gives up, or makes us give up. Each that ends as it should gives one back. Beyond:
   * ENHANCE_YOUR_CALM.
   */
  readonly resetBurst: number;
  readonly resetPerSecond: number;
  /** PINGs that came too soon (`enforcement.minTimeMs`). Beyond: ENHANCE_YOUR_CALM, "too_many_pings". */
  readonly maxPingStrikes: number;
  /** Streams reset from here whose late frames are ignored; for older ones they are answered by RST_STREAM. */
  readonly closedStreamMemory: number;
  /** Bytes that a stream has left to send before `send` says that it should wait. */
  readonly sendBufferBytes: number;
  /** Bytes that a stream may have left to send. A stream that sends on all the same is reset. */
  readonly maxStreamUnsentBytes: number;
  /** Bytes that all streams have left to send; while there are more, new streams of the peer are refused. */
  readonly maxUnsentBytes: number;
  /** Bytes of DATA under way between here and the network; what is beyond waits in its stream. */
  readonly writeBufferSize: number;
  /** A server reads nothing more while so many bytes wait for the network. */
  readonly inputPauseBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxConcurrentStreams: 1_000,
  initialWindowSize: 262_144,
  initialConnWindowSize: 1_048_576,
  headerTableSize: DEFAULT_TABLE_BYTES,
  maxHeaderListSize: 16_384,
  maxHeaderBlockBytes: 32_768,
  maxContinuations: 8,
  maxSettingsEntries: 32,
  controlBurst: 2_000,
  controlPerSecond: 500,
  resetBurst: 500,
  resetPerSecond: 50,
  maxPingStrikes: 2,
  closedStreamMemory: 128,
  sendBufferBytes: 65_536,
  maxStreamUnsentBytes: 16_777_216,
  maxUnsentBytes: 16_777_216,
  writeBufferSize: 262_144,
  inputPauseBytes: 524_288,
};

/** How long things may take. 0 switches a limit off, except where it says otherwise. */
export interface Timing {
  /** From the beginning to the peer's SETTINGS and its acknowledgement of ours. */
  readonly connectionTimeoutMs: number;
  readonly keepalive: {
    /**
     * After so long without a byte from the peer a PING is sent, and without any for `timeoutMs` more the connection is
     * given up.
     */
    readonly timeMs: number;
    readonly timeoutMs: number;
    /** Client: whether to do so while no call is under way. */
    readonly permitWithoutStream: boolean;
    /** A connection without a stream for so long is drained. */
    readonly maxConnectionIdleMs: number;
    /** A connection that is so old, give or take a tenth, is drained; `maxConnectionAgeGraceMs` later it is closed. */
    readonly maxConnectionAgeMs: number;
    readonly maxConnectionAgeGraceMs: number;
  };
  /** Server: a client that sends PINGs more often than that, or at all while it has no call, gets strikes. */
  readonly enforcement: {
    readonly minTimeMs: number;
    readonly permitWithoutStream: boolean;
  };
  /** While draining: how long the peer has for the PING that tells that it has seen the first GOAWAY. */
  readonly drainTimeoutMs: number;
  /** A peer that takes none of the bytes that wait for it for so long is given up. */
  readonly writeTimeoutMs: number;
}

/**
 * The limits that refuse or end something, or ask for it, by the names of their options. `timeMs` and `timeoutMs` are
 * those of `keepalive`, `minTimeMs` is that of `enforcement`. `maxConnections` is an option of the socket's server.
 */
export type LimitName =
  | "maxConcurrentStreams"
  | "maxHeaderListSize"
  | "maxHeaderBlockBytes"
  | "maxContinuations"
  | "maxSettingsEntries"
  | "maxStreamUnsentBytes"
  | "maxUnsentBytes"
  | "controlBurst"
  | "resetBurst"
  | "connectionTimeoutMs"
  | "drainTimeoutMs"
  | "writeTimeoutMs"
  | Exclude<keyof Timing["keepalive"], "permitWithoutStream">
  | "minTimeMs"
  | "maxConnections";

const HOURS_MS = 3_600_000;

/** The times of grpc-go when nothing is said. */
export const SERVER_TIMING: Timing = {
  connectionTimeoutMs: 120_000,
  keepalive: {
    timeMs: 2 * HOURS_MS,
    timeoutMs: 20_000,
    permitWithoutStream: true,
    maxConnectionIdleMs: 0,
    maxConnectionAgeMs: 0,
    maxConnectionAgeGraceMs: 0,
  },
  enforcement: { minTimeMs: 300_000, permitWithoutStream: false },
  drainTimeoutMs: 5_000,
  writeTimeoutMs: 60_000,
};

export const CLIENT_TIMING: Timing = {
  connectionTimeoutMs: 20_000,
  keepalive: {
    timeMs: 0,
    timeoutMs: 20_000,
    permitWithoutStream: false,
    maxConnectionIdleMs: 0,
    maxConnectionAgeMs: 0,
    maxConnectionAgeGraceMs: 0,
  },
  // A server that pings is a server that looks after its clients.
  enforcement: { minTimeMs: 0, permitWithoutStream: true },
  drainTimeoutMs: 5_000,
  writeTimeoutMs: 60_000,
};

/** Throws a RangeError that names the limit. */
export function checkLimits(limits: Limits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isInteger(value) || value < 0 || value > MAX_INT31) {
      throw new RangeError(`${name} must be an integer from 0 to ${MAX_INT31}, not ${value}`);
    }
  }
  for (const name of ["initialWindowSize", "initialConnWindowSize"] as const) {
    if (limits[name] < DEFAULT_WINDOW_BYTES) {
      throw new RangeError(`${name} must be at least ${DEFAULT_WINDOW_BYTES}, not ${limits[name]}`);
    }
  }
}
