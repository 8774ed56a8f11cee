/**
 * Messages as an asynchronous iteration, over an inlet. One may be asked for at a time, as `for await` does.
 *
 * An iteration that is left early, by `return`, tells who made it.
 */

import type { GrpcError } from "../status.js";
import type { InletSink } from "./inlet.js";

interface Waiting<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** Where messages are asked for. */
interface Wanting {
  want(): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export class MessageStream<T> implements InletSink<T>, AsyncIterableIterator<T, undefined> {
  readonly #left: () => void;
  #inlet: Wanting | undefined;
  #waiting: Waiting<T> | undefined;
  #done = false;
  #failure: GrpcError | undefined;

  constructor(left: () => void) {
    this.#left = left;
  }

  /** Where the messages come from. Messages asked for before that wait. */
  from(inlet: Wanting): void {
    this.#inlet = inlet;
    if (this.#waiting !== undefined) inlet.want();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#waiting !== undefined) return Promise.reject(new Error("one message is asked for at a time"));
    if (this.#done) {
      const failure = this.#failure;
      this.#failure = undefined;
      return failure === undefined ? Promise.resolve(DONE) : Promise.reject(failure);
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#inlet?.want();
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#done) {
      this.end();
      this.#left();
    }
    this.#failure = undefined;
    return Promise.resolve(DONE);
  }

  message(message: T): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({ done: false, value: message });
  }

  end(): void {
    this.#done = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(DONE);
  }

  /** Also ends an iteration at once, whatever is still there. */
  failed(error: GrpcError): void {
    if (this.#done) return;
    this.#done = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#failure = error;
    else waiting.reject(error);
  }
}
