/** One place in the closed loop: the call it has in flight, and what must be known when the answer comes. */

import type { Caller, Lane } from "./lane.js";
import type { Verifier } from "./verifier.js";
import { decodeGetAnswer, decodePutAnswer } from "./wire.js";

/** The part of a run that its slots need. */
export interface Run {
  readonly options: { readonly verify: boolean };
  readonly verifier: Verifier;
  send(slot: Slot): void;
  record(slot: Slot, status: number, message: string, latencyMs: number): void;
  next(slot: Slot): void;
}

export class Slot implements Caller {
  readonly lane: Lane;
  isGet = false;
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

  /** Starts the call that `isGet` and `key` describe, as soon as the connection takes one. */
  start(): void {
    if (!this.lane.admits()) {
      this.lane.park(this);
      return;
    }
    this.#startedAtMs = this.lane.nowMs();
    if (this.#verify) {
      this.#body = undefined;
      this.#floor = this.#runner.verifier.floor(this.key);
    }
    this.#runner.send(this);
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (!this.#verify) return;
    const piece = Buffer.from(chunk.subarray(start, end));
    this.#body = this.#body === undefined ? piece : Buffer.concat([this.#body, piece]);
  }

  done(status: number, message: string): void {
    const latencyMs = Math.max(0, this.lane.nowMs() - this.#startedAtMs);
    if (status === 0 && this.#verify) this.#check();
    this.#runner.record(this, status, message, latencyMs);
    this.lane.unpark();
    this.#runner.next(this);
  }

  #check(): void {
    const { verifier } = this.#runner;
    try {
      const body = this.#body ?? Buffer.alloc(0);
      if (this.isGet) {
        const { version, value } = decodeGetAnswer(body);
        verifier.onGet(this.key, version, value, this.#floor);
      } else {
        verifier.onPut(this.key, decodePutAnswer(body).version, this.#floor);
      }
    } catch (error) {
      verifier.onMalformed(error);
    }
  }
}
