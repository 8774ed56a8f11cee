/**
 * The dynamic table of HPACK, the same for both ends: a queue of fields, the newest first, bounded in bytes.
 *
 * Invariants:
 * 1. The sizes of the entries sum to at most `maxBytes`. As a field has at least 32, that bounds their number, too.
 * 2. Nothing refers to an entry any more once it was evicted.
 *
 * Source: RFC 7541 §2.3.2 and §4.
 */

import type { HeaderField } from "./header-field.js";

const FIRST_SLOTS = 16;

export class DynamicTable {
  /** A ring whose length is a power of two; it grows with what is in it. */
  #slots: (HeaderField | undefined)[] = [];
  /** Where the next entry goes. */
  #head = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;
  #generation = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** Differs after every change: as long as it is the same, an index means the same field. */
  get generation(): number {
    return this.#generation;
  }

  /** The entry of that age: 0 is the newest. */
  at(age: number): HeaderField | undefined {
    if (age >= this.#count) return undefined;
    return this.#slots[(this.#head - 1 - age) & (this.#slots.length - 1)];
  }

  /** A field that is larger than the table empties it, and is not kept. */
  add(field: HeaderField): void {
    this.#generation++;
    this.#evictTo(this.#maxBytes - field.size);
    if (field.size > this.#maxBytes) return;
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[this.#head] = field;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#count++;
    this.#bytes += field.size;
  }

  resize(maxBytes: number): void {
    this.#generation++;
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#count > 0 && this.#bytes > bytes) {
      const oldest = (this.#head - this.#count) & (this.#slots.length - 1);
      this.#bytes -= this.#slots[oldest]?.size ?? 0;
      this.#slots[oldest] = undefined;
      this.#count--;
    }
  }

  #grow(): void {
    const slots: (HeaderField | undefined)[] = new Array(Math.max(FIRST_SLOTS, this.#slots.length * 2)).fill(undefined);
    for (let age = 0; age < this.#count; age++) slots[this.#count - 1 - age] = this.at(age);
    this.#slots = slots;
    this.#head = this.#count;
  }
}
