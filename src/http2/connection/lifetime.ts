/**
 * Everything about a connection that happens because time has passed: one table of deadlines.
 *
 * Intuition: each deadline is an instant, `NEVER` when it is not wanted. The driver asks for the earliest, sleeps until
 * then and says that it is due. Deadlines that activity pushes back are computed from the activity, so that a busy
 * connection does no work for them.
 *
 * Instants and durations are in milliseconds, of any monotonic clock.
 *
 * Source: grpc-go's keepalive package, for what each means.
 */

import type { Timing } from "./limits.js";

export const NEVER = Number.POSITIVE_INFINITY;

/** The thing that has to happen now. */
export type Due =
  /** The peer's SETTINGS, or its acknowledgement of ours, have not come. */
  | "handshake"
  | "settings"
  /** The peer has been silent: ask it; it has not answered: give up. */
  | "ping"
  | "silent"
  /** No stream for long, or a connection that is old: drain it. Its grace is over: close it. */
  | "idle"
  | "age"
  | "grace"
  /** The peer has not said that it saw the first GOAWAY: send the second one. */
  | "drain"
  /** The peer takes nothing of what waits for it. */
  | "stalled";

export class Lifetime {
  readonly #timing: Timing;
  readonly #isClient: boolean;
  #handshakeAt: number;
  #settingsAt = NEVER;
  #readAt: number;
  #silentAt = NEVER;
  #streams = 0;
  #idleAt: number;
  #ageAt: number;
  #graceAt = NEVER;
  #drainAt = NEVER;
  #stalledAt = NEVER;

  /** `chance`: from 0 to 1; spreads the ages of connections that began together. */
  constructor(timing: Timing, isClient: boolean, now: number, chance: number) {
    this.#timing = timing;
    this.#isClient = isClient;
    this.#handshakeAt = after(now, timing.connectionTimeoutMs);
    this.#readAt = now;
    this.#idleAt = after(now, timing.keepalive.maxConnectionIdleMs);
    this.#ageAt = after(now, timing.keepalive.maxConnectionAgeMs * (0.9 + 0.2 * chance));
  }

  /** The earliest deadline. */
  next(): number {
    return Math.min(
      this.#handshakeAt,
      this.#settingsAt,
      this.#pingAt(),
      this.#silentAt,
      this.#idleAt,
      this.#ageAt,
      this.#graceAt,
      this.#drainAt,
      this.#stalledAt,
    );
  }

  /** The deadlines that are due, once each; undefined when none is left. */
  due(now: number): Due | undefined {
    if (now < this.next()) return undefined;
    if (now >= this.#handshakeAt) {
      this.#handshakeAt = NEVER;
      return "handshake";
    }
    if (now >= this.#settingsAt) {
      this.#settingsAt = NEVER;
      return "settings";
    }
    if (now >= this.#stalledAt) {
      this.#stalledAt = NEVER;
      return "stalled";
    }
    if (now >= this.#silentAt) {
      this.#silentAt = NEVER;
      return "silent";
    }
    if (now >= this.#graceAt) {
      this.#graceAt = NEVER;
      return "grace";
    }
    if (now >= this.#drainAt) {
      this.#drainAt = NEVER;
      return "drain";
    }
    if (now >= this.#ageAt) {
      this.#ageAt = NEVER;
      this.#graceAt = after(now, this.#timing.keepalive.maxConnectionAgeGraceMs);
      return "age";
    }
    if (now >= this.#idleAt) {
      this.#idleAt = NEVER;
      return "idle";
    }
    this.#silentAt = after(now, this.#timing.keepalive.timeoutMs);
    return "ping";
  }

  /** Bytes have come: the peer lives. */
  read(now: number): void {
    this.#readAt = now;
    this.#silentAt = NEVER;
  }

  settingsCame(now: number): void {
    this.#handshakeAt = NEVER;
    if (!this.#acknowledged) this.#settingsAt = after(now, this.#timing.connectionTimeoutMs);
  }

  #acknowledged = false;

  settingsAcknowledged(): void {
    this.#acknowledged = true;
    this.#settingsAt = NEVER;
  }

  /** How many streams are open now. */
  streams(count: number, now: number): void {
    if (count === 0) this.#idleAt = after(now, this.#timing.keepalive.maxConnectionIdleMs);
    else if (this.#streams === 0) {
      this.#idleAt = NEVER;
      // A client that was not to ping while it had no call has not been waiting for an answer either.
      if (this.#isClient && !this.#timing.keepalive.permitWithoutStream) this.#readAt = Math.max(this.#readAt, now);
    }
    this.#streams = count;
  }

  /** Draining has begun; `graceMs`: what is open then is closed after so long, 0 for never. */
  draining(now: number, graceMs: number): void {
    this.#idleAt = NEVER;
    this.#ageAt = NEVER;
    this.#drainAt = after(now, this.#timing.drainTimeoutMs);
    if (graceMs > 0) this.#graceAt = Math.min(this.#graceAt, now + graceMs);
  }

  /** The second GOAWAY was sent. */
  drained(): void {
    this.#drainAt = NEVER;
  }

  /** The bytes that wait for the network: `progress` if some were taken since the last time. */
  waiting(pendingBytes: number, progress: boolean, now: number): void {
    if (pendingBytes === 0) this.#stalledAt = NEVER;
    else if (progress || this.#stalledAt === NEVER) this.#stalledAt = after(now, this.#timing.writeTimeoutMs);
  }

  #pingAt(): number {
    const { timeMs, permitWithoutStream } = this.#timing.keepalive;
    if (timeMs === 0 || this.#silentAt !== NEVER) return NEVER;
    if (this.#isClient && this.#streams === 0 && !permitWithoutStream) return NEVER;
    return this.#readAt + timeMs;
  }
}

/** 0 switches a limit off. */
function after(now: number, ms: number): number {
  return ms > 0 ? now + ms : NEVER;
}
