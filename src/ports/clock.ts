import type { Instant } from "../base/time.js";

/** Time and the two ways to be called later. */
export interface Clock {
  now(): Instant;
  /** Calls back when this turn's input has been taken in. */
  soon(call: () => void): void;
  /** Calls back at the instant, or as soon after as possible; replaces an earlier `at` that has not come yet. */
  at(when: Instant, call: () => void): void;
  stop(): void;
}
