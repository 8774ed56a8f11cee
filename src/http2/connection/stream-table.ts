/**
 * Which streams there are, and which there were.
 *
 * Intuition: identifiers only ascend, so one number tells idle streams from those that were. No closed streams are
 * kept, except the last few that were reset from here: frames that were on their way then are to be ignored.
 *
 * Source: RFC 9113 §5.1 and §5.1.1.
 */

import type { Stream } from "./stream.js";

export class StreamTable {
  readonly #streams = new Map<number, Stream>();
  /** Frames of one stream tend to follow each other. */
  #last: Stream | undefined = undefined;
  /** Ids reset from here; a ring, 0 where nothing is. */
  readonly #reset: number[] = [];
  #resetAt = 0;
  readonly #resetMemory: number;
  readonly #localParity: number;
  /** The highest stream that each side has begun. */
  highestRemote = 0;
  highestLocal: number;

  constructor(role: "client" | "server", resetMemory: number) {
    this.#localParity = role === "client" ? 1 : 0;
    this.highestLocal = role === "client" ? -1 : 0;
    this.#resetMemory = resetMemory;
  }

  get size(): number {
    return this.#streams.size;
  }

  find(id: number): Stream | undefined {
    if (this.#last !== undefined && this.#last.id === id) return this.#last;
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#last = stream;
    return stream;
  }

  add(stream: Stream): void {
    this.#streams.set(stream.id, stream);
    this.#last = stream;
  }

  delete(stream: Stream): void {
    this.#streams.delete(stream.id);
    if (this.#last === stream) this.#last = undefined;
  }

  /** All of them, in the order in which they began; they may be deleted meanwhile. */
  values(): IterableIterator<Stream> {
    return this.#streams.values();
  }

  /** Whether it is the peer that begins streams of that number. */
  isRemote(id: number): boolean {
    return (id & 1) !== this.#localParity;
  }

  /** Whether nobody has begun it yet. */
  isIdle(id: number): boolean {
    return id > (this.isRemote(id) ? this.highestRemote : this.highestLocal);
  }

  rememberReset(id: number): void {
    if (this.#resetMemory === 0) return;
    this.#reset[this.#resetAt] = id;
    this.#resetAt = (this.#resetAt + 1) % this.#resetMemory;
  }

  wasReset(id: number): boolean {
    return this.#reset.includes(id);
  }
}
