/**
 * How long to wait before a connection is tried again: longer each time, and not the same for all clients.
 *
 * Source: gRPC's connection-backoff.md.
 */

export interface BackoffOptions {
  readonly baseDelayMs: number;
  readonly multiplier: number;
  /** A delay is longer or shorter by up to this part of it. */
  readonly jitter: number;
  readonly maxDelayMs: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = {
  baseDelayMs: 1_000,
  multiplier: 1.6,
  jitter: 0.2,
  maxDelayMs: 120_000,
};

export class Backoff {
  readonly #options: BackoffOptions;
  readonly #chance: () => number;
  #delayMs: number;

  /** `chance`: from 0 to 1. */
  constructor(options: BackoffOptions, chance: () => number) {
    this.#options = options;
    this.#chance = chance;
    this.#delayMs = options.baseDelayMs;
  }

  /** The next delay. */
  next(): number {
    const { jitter, maxDelayMs, multiplier } = this.#options;
    const delay = Math.min(this.#delayMs, maxDelayMs);
    this.#delayMs = Math.min(maxDelayMs, this.#delayMs * multiplier);
    return delay * (1 + jitter * (2 * this.#chance() - 1));
  }

  reset(): void {
    this.#delayMs = this.#options.baseDelayMs;
  }
}
