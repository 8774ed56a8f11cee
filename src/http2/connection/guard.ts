/**
 * The things that the peer may do without getting anything done, and when they are too much.
 *
 * Intuition: a frame costs its sender a few bytes and us an answer, a stream, or a walk through tables. Work for calls
 * pays for itself; everything else is rationed. Whoever overdraws is told ENHANCE_YOUR_CALM and not read from again.
 *
 * Source: RFC 9113 §10.5; grpc-go's keepalive enforcement for PINGs.
 */

import { ConnectionError, ERROR_CODE } from "../error.js";
import { Budget } from "./budget.js";
import type { LimitName, Limits, Timing } from "./limits.js";

/**
 * Per DATA frame sent the peer may send a WINDOW_UPDATE for its stream, one for the connection, and a PING to measure.
 */
const CONTROL_PER_DATA_SENT = 3;
/** A client without calls has no reason to ping more often than that, unless it is permitted. */
const IDLE_PING_MS = 7_200_000;

export class Guard {
  readonly #control: Budget;
  readonly #resets: Budget;
  readonly #maxPingStrikes: number;
  readonly #minPingMs: number;
  readonly #idlePingMs: number;
  #strikes = 0;
  #pingedAt = Number.NEGATIVE_INFINITY;

  constructor(limits: Limits, timing: Timing, now: number) {
    this.#control = new Budget(limits.controlBurst, limits.controlPerSecond, now);
    this.#resets = new Budget(limits.resetBurst, limits.resetPerSecond, now);
    this.#maxPingStrikes = limits.maxPingStrikes;
    this.#minPingMs = timing.enforcement.minTimeMs;
    this.#idlePingMs = timing.enforcement.permitWithoutStream ? this.#minPingMs : IDLE_PING_MS;
  }

  /** A frame that does nothing for a call. Throws when there are too many. */
  control(now: number): void {
    if (!this.#control.take(now)) throw calm("too many control frames", "controlBurst");
  }

  /** A stream that the peer gave up, or made us give up. Throws when there are too many. */
  reset(now: number): void {
    if (!this.#resets.take(now)) throw calm("too many streams reset", "resetBurst");
  }

  /** A PING. Throws when they come too often. */
  ping(now: number, streams: number): void {
    this.control(now);
    if (now - this.#pingedAt < (streams > 0 ? this.#minPingMs : this.#idlePingMs)) this.#strikes++;
    this.#pingedAt = now;
    if (this.#strikes > this.#maxPingStrikes) throw calm("too_many_pings", "minTimeMs");
  }

  /** A stream has ended as it should. */
  streamEnded(): void {
    this.#resets.give(1);
  }

  headersSent(): void {
    this.#strikes = 0;
  }

  dataSent(): void {
    this.#strikes = 0;
    this.#control.give(CONTROL_PER_DATA_SENT);
  }
}

function calm(message: string, limit: LimitName): ConnectionError {
  return new ConnectionError(ERROR_CODE.enhanceYourCalm, message, limit);
}
