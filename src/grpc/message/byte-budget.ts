/**
 * Bytes that many may hold together, at most. One budget may be a part of a larger one: a connection's of its server's.
 */

export class ByteBudget {
  readonly #maxBytes: number;
  readonly #whole: ByteBudget | undefined;
  #bytes = 0;

  constructor(maxBytes: number, whole?: ByteBudget) {
    this.#maxBytes = maxBytes;
    this.#whole = whole;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False, and nothing is taken, if there are not so many left. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    if (this.#whole !== undefined && !this.#whole.take(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    this.#whole?.give(bytes);
  }
}
