/**
 * The peer port's service: its two calls, and how their connections are looked after. Frames and founding's messages
 * pass as bytes: the frame codec batches and cuts by itself, and founding's proofs are over the very bytes.
 */
import { type Limits, SERVER_TIMING, type Timing } from "../../http2/connection/limits.js";

/** Version of the protocol between nodes; raised when an older node could misread a newer one. */
export const PROTOCOL_VERSION = 2;

/** Beyond the longest frame: a cut one, or one with a single large register and its records. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** So much may be under way to a node before it says that it has read some. A write to a far node should not wait for
 * that. */
export const WINDOW_BYTES = 4 * 1024 * 1024;

/** A stream of frames; a stream lives as long as both nodes do. */
export const CONNECT_PATH = "/onar.replication.v1.ReplicationService/Connect";
export const FOUND_PATH = "/onar.replication.v1.ReplicationService/Found";

/**
 * A connection that says nothing for so long is asked whether it is still there. It is given up when it does not say so
 * in time. One that a firewall forgot, or whose other end is gone without a word, stays open for minutes as far as TCP
 * is concerned. New streams to that node would use it.
 */
const KEEPALIVE_MS = 2_000;
const KEEPALIVE_TIMEOUT_MS = 3_000;
/** Nodes ask less often than that. */
const MIN_PING_MS = 200;
/** A node that takes nothing of what waits for it is silent in every other way, too. */
const WRITE_TIMEOUT_MS = 10_000;

/** `connectionTimeoutMs`: from the beginning of a connection to the other end's settings. */
export const peerTiming = (connectionTimeoutMs: number): Timing => ({
  ...SERVER_TIMING,
  connectionTimeoutMs,
  keepalive: {
    ...SERVER_TIMING.keepalive,
    timeMs: KEEPALIVE_MS,
    timeoutMs: KEEPALIVE_TIMEOUT_MS,
    permitWithoutStream: true,
  },
  enforcement: { minTimeMs: MIN_PING_MS, permitWithoutStream: true },
  writeTimeoutMs: WRITE_TIMEOUT_MS,
});

/** Calls that one connection may have under way: members need two. */
const MAX_CALLS = 8;

export const PEER_LIMITS: Partial<Limits> = {
  maxConcurrentStreams: MAX_CALLS,
  initialWindowSize: WINDOW_BYTES,
  initialConnWindowSize: WINDOW_BYTES,
  // Links bound what waits for a peer (queue-load.ts), and strangers are told little.
  maxStreamUnsentBytes: 2 ** 30,
  maxUnsentBytes: 2 ** 30,
};

export const asBytes = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
