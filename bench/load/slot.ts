/** One place in the closed loop: the call it has in flight, and what must be known when the answer comes. */

import type { CallKind, DecodedAnswer, Dialect } from "./dialect.js";
import type { Caller, Lane } from "./lane.js";
import type { Verifier } from "./verifier.js";

/** The part of a run that its slots need. */
export interface Run {
  readonly options: { readonly verify: boolean };
  readonly dialect: Dialect;
  /** Whether answers are decoded at all. */
  readonly decodes: boolean;
  readonly verifier: Verifier;
  send(slot: Slot): void;
  record(slot: Slot, status: number, message: string, latencyMs: number): void;
  /** An answer was decoded. */
  onAnswer(slot: Slot, answer: DecodedAnswer): void;
  next(slot: Slot): void;
}

export class Slot implements Caller {
  lane: Lane;
  kind: CallKind = "put";
  key = 0;
  readonly #runner: Run;
  readonly #verify: boolean;
  #startedAtMs = 0;
  #floor = 0;
  #body: Buffer | undefined;

  constructor(runner: Run, lane: Lane) {
    this.#runner = runner;
    this.lane = lane;
    this.#verify = runner.options.verify;
  }

  /** Starts the call that `kind` and `key` describe, as soon as the connection takes one. */
  start(): void {
    if (!this.lane.admits()) {
      this.lane.park(this);
      return;
    }
    this.#startedAtMs = this.lane.nowMs();
    this.#body = undefined;
    if (this.#verify) this.#floor = this.#runner.verifier.floor(this.key);
    this.#runner.send(this);
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (!this.#runner.decodes) return;
    const piece = Buffer.from(chunk.subarray(start, end));
    this.#body = this.#body === undefined ? piece : Buffer.concat([this.#body, piece]);
  }

  done(status: number, message: string): void {
    const latencyMs = Math.max(0, this.lane.nowMs() - this.#startedAtMs);
    if (status === 0 && this.#runner.decodes) this.#judge();
    this.#runner.record(this, status, message, latencyMs);
    this.lane.unpark();
    this.#runner.next(this);
  }

  #judge(): void {
    const { dialect, verifier } = this.#runner;
    try {
      const answer = dialect.decode(this.kind, this.#body ?? Buffer.alloc(0));
      this.#runner.onAnswer(this, answer);
      if (!this.#verify) return;
      if (this.kind === "get") verifier.onGet(this.key, answer.version, answer.value, this.#floor);
      else if (answer.applied) verifier.onPut(this.key, answer.version, this.#floor);
      else verifier.onRefused(this.key, answer.version, this.#floor);
    } catch (error) {
      verifier.onMalformed(error);
    }
  }
}
