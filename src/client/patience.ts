/**
 * How long one call goes on: until its deadline, until its caller gives up, until the client is closed. Holds one timer
 * until `release`.
 */
import { setMaxListeners } from "node:events";
import { TransientMap } from "../base/transient-map.js";
import type { ClientReason } from "./outcome.js";

export type End = Extract<ClientReason, "DEADLINE_EXCEEDED" | "CANCELLED" | "CLOSED">;

const TOO_SHORT_MS = 500;

/** The calls that go on, of a client or a pipeline. */
export class UnderWay {
  private readonly calls = new TransientMap<Patience, Patience>();
  private waiting: (() => void)[] = [];

  begin(patience: Patience): void {
    this.calls.set(patience, patience);
  }

  end(patience: Patience): void {
    this.calls.delete(patience);
    if (this.calls.size > 0) return;
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** Ends the patience of all. */
  endAll(why: End): void {
    for (const patience of [...this.calls.values()]) patience.end(why);
  }

  /** Resolves when none goes on. */
  idle(): Promise<void> {
    if (this.calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }
}

export class Patience {
  /** It was not over from the start. */
  readonly lasted: boolean;
  /** Why it is over; null while it lasts. */
  over: End | null = null;
  /** The least time in which another attempt is worth making: of short calls a tenth of their time. */
  readonly tooShortMs: number;
  private readonly until: number;
  private waiting: (() => void)[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(
    timeoutMs: number,
    private readonly signal: AbortSignal | undefined,
    private readonly underWay: UnderWay,
  ) {
    this.until = performance.now() + timeoutMs;
    this.tooShortMs = Math.min(TOO_SHORT_MS, timeoutMs / 10);
    underWay.begin(this);
    if (signal?.aborted === true) this.over = "CANCELLED";
    else if (timeoutMs <= 0) this.over = "DEADLINE_EXCEEDED";
    this.lasted = this.over === null;
    if (!this.lasted) return;
    this.timer = setTimeout(() => this.end("DEADLINE_EXCEEDED"), timeoutMs);
    if (signal !== undefined) {
      // Many calls may share one signal; that is no leak.
      setMaxListeners(0, signal);
      signal.addEventListener("abort", this.cancelled);
    }
  }

  get leftMs(): number {
    return Math.max(0, this.until - performance.now());
  }

  /** Ends it, and wakes who waits. */
  end(why: End): void {
    if (this.over !== null) return;
    this.over = why;
    const { waiting } = this;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  /**
   * Resolves with what `start` hands to its argument, or with null when the patience is over first; then what `start`
   * returned is called.
   */
  wait<T>(start: (settle: (value: T) => void) => (() => void) | undefined): Promise<T | null> {
    return new Promise((resolve) => {
      if (this.over !== null) return resolve(null);
      let settled = false;
      const giveUp = (): void => {
        if (settled) return;
        settled = true;
        stop?.();
        resolve(null);
      };
      this.waiting.push(giveUp);
      const stop = start((value) => {
        if (settled) return;
        settled = true;
        // There is hardly ever another one.
        const at = this.waiting.indexOf(giveUp);
        if (at >= 0) this.waiting.splice(at, 1);
        resolve(value);
      });
    });
  }

  /** Resolves when the promise has, with null when the patience is over first. */
  for<T>(promise: Promise<T>): Promise<T | null> {
    return this.wait<T | null>((settle) => {
      promise.then(settle, () => settle(null));
      return undefined;
    });
  }

  /** Resolves after a while, or when it is over. */
  async pause(ms: number): Promise<void> {
    await this.wait<true>((settle) => {
      const timer = setTimeout(() => settle(true), ms);
      return () => clearTimeout(timer);
    });
  }

  /** The call has ended. */
  release(): void {
    this.underWay.end(this);
    if (this.timer !== null) clearTimeout(this.timer);
    this.signal?.removeEventListener("abort", this.cancelled);
  }

  private readonly cancelled = (): void => this.end("CANCELLED");
}
