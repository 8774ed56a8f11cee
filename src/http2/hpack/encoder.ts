/**
 * Encodes header lists.
 *
 * Intuition: whoever sends much sends the same lists over and over. The first time, a list teaches the peer its fields.
 * The second time it is a few indices and changes nothing, and those bytes are remembered until the table changes.
 *
 * Invariants:
 * 1. The table is the one that the peer's decoder has after the same blocks.
 * 2. A size update is sent before the first field after the peer's limit has changed: to the smallest limit since, then
 *    to the current one.
 * 3. It keeps the table (at most `MAX_TABLE_BYTES`), `REMEMBERED_LISTS` blocks of at most `REMEMBERED_BLOCK_BYTES`, and
 *    a scratch.
 *
 * Source: RFC 7541 §4.2, §5, §6 and §7.1.
 */

import { DEFAULT_TABLE_BYTES } from "../frame/wire.js";
import { DynamicTable } from "./dynamic-table.js";
import type { HeaderField } from "./header-field.js";
import type { HeaderList } from "./header-list.js";
import { huffmanEncode, huffmanLength } from "./huffman.js";
import { STATIC_INDICES, STATIC_TABLE } from "./static-table.js";

/** A larger table than this is not used, even if the peer offers one: searching it takes time in proportion. */
const MAX_TABLE_BYTES = DEFAULT_TABLE_BYTES;
const REMEMBERED_LISTS = 8;
const REMEMBERED_BLOCK_BYTES = 256;
const FIRST_SCRATCH_BYTES = 256;
/** A scratch that has grown beyond this for one list is not kept. */
const KEPT_SCRATCH_BYTES = 4_096;
/** An integer or a string's length takes at most six bytes. */
const MAX_INTEGER_BYTES = 6;

interface RememberedList {
  readonly list: HeaderList;
  readonly block: Uint8Array;
}

export class HpackEncoder {
  readonly #table = new DynamicTable(DEFAULT_TABLE_BYTES);
  /**
   * The sizes that the next block has to announce: the smallest since the last block, and the current one. Without any,
   * -1.
   */
  #smallest = -1;
  #current = DEFAULT_TABLE_BYTES;
  readonly #remembered: RememberedList[] = [];
  #rememberedAt = 0;
  #generation = 0;
  #scratch: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The block that `encode` has made: its bytes [0, `length`), until the next call. */
  block: Uint8Array = this.#scratch;
  length = 0;

  get table(): DynamicTable {
    return this.#table;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setLimit(bytes: number): void {
    const wanted = Math.min(bytes, MAX_TABLE_BYTES);
    if (wanted === this.#current && this.#smallest < 0) return;
    this.#smallest = this.#smallest < 0 ? wanted : Math.min(this.#smallest, wanted);
    this.#current = wanted;
  }

  /** Makes the block of the list's fields, and those of `more` behind them: into `block` and `length`. */
  encode(list: HeaderList, more?: HeaderList): void {
    const table = this.#table;
    if (this.#smallest < 0 && more === undefined && this.#generation === table.generation) {
      for (let i = 0; i < this.#remembered.length; i++) {
        const known = this.#remembered[i];
        if (known?.list === list) {
          this.block = known.block;
          this.length = known.block.length;
          return;
        }
      }
    }
    if (this.#scratch.length > KEPT_SCRATCH_BYTES) this.#scratch = new Uint8Array(FIRST_SCRATCH_BYTES);
    this.#at = 0;
    this.#sizeUpdates();
    if (this.#generation !== table.generation) {
      this.#remembered.length = 0;
      this.#rememberedAt = 0;
      this.#generation = table.generation;
    }
    const updates = this.#at > 0;
    this.#fields(list);
    if (more !== undefined) this.#fields(more);
    else if (!updates && this.#generation === table.generation && this.#at <= REMEMBERED_BLOCK_BYTES) {
      this.#remembered[this.#rememberedAt] = { list, block: this.#scratch.slice(0, this.#at) };
      this.#rememberedAt = (this.#rememberedAt + 1) % REMEMBERED_LISTS;
    }
    this.block = this.#scratch;
    this.length = this.#at;
  }

  #sizeUpdates(): void {
    if (this.#smallest < 0) return;
    this.#reserve(2 * MAX_INTEGER_BYTES);
    if (this.#smallest < this.#current) {
      this.#integer(0x20, 0x1f, this.#smallest);
      this.#table.resize(this.#smallest);
    }
    this.#integer(0x20, 0x1f, this.#current);
    this.#table.resize(this.#current);
    this.#smallest = -1;
  }

  #fields(list: HeaderList): void {
    for (let i = 0; i < list.fields.length; i++) {
      const field = list.fields[i];
      if (field !== undefined) this.#field(field);
    }
  }

  #field(field: HeaderField): void {
    const secret = field.indexing === "never";
    const index = this.#search(field);
    this.#reserve(2 * MAX_INTEGER_BYTES);
    if (index > 0 && !secret) {
      this.#integer(0x80, 0x7f, index);
      return;
    }
    const nameIndex = index > 0 ? index : -index;
    const stored = field.indexing === "store" && field.size <= this.#table.maxBytes;
    if (stored) this.#integer(0x40, 0x3f, nameIndex);
    else this.#integer(secret ? 0x10 : 0x00, 0x0f, nameIndex);
    if (nameIndex === 0) this.#string(field.name);
    this.#string(field.value);
    if (stored) this.#table.add(field);
  }

  /** The index of the field; or, negative, of an entry that has its name; or 0. */
  #search(field: HeaderField): number {
    const { name, value } = field;
    const indices = STATIC_INDICES.get(name);
    let nameIndex = 0;
    if (indices !== undefined) {
      for (let i = 0; i < indices.length; i++) {
        const index = indices[i] ?? 0;
        if (STATIC_TABLE[index - 1]?.value === value) return index;
      }
      nameIndex = indices[0] ?? 0;
    }
    for (let age = 0; age < this.#table.count; age++) {
      const entry = this.#table.at(age);
      if (entry === undefined || entry.name !== name) continue;
      const index = STATIC_TABLE.length + 1 + age;
      if (entry.value === value) return index;
      if (nameIndex === 0) nameIndex = index;
    }
    return -nameIndex;
  }

  #string(text: string): void {
    const coded = huffmanLength(text);
    if (coded <= text.length && coded > 0) {
      this.#reserve(MAX_INTEGER_BYTES + coded);
      this.#integer(0x80, 0x7f, coded);
      this.#at = huffmanEncode(text, this.#scratch, this.#at);
      return;
    }
    this.#reserve(MAX_INTEGER_BYTES + text.length);
    this.#integer(0x00, 0x7f, text.length);
    for (let i = 0; i < text.length; i++) this.#scratch[this.#at++] = text.charCodeAt(i);
  }

  #integer(pattern: number, mask: number, value: number): void {
    if (value < mask) {
      this.#scratch[this.#at++] = pattern | value;
      return;
    }
    this.#scratch[this.#at++] = pattern | mask;
    let rest = value - mask;
    while (rest >= 0x80) {
      this.#scratch[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#scratch[this.#at++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#scratch.length - this.#at >= bytes) return;
    const grown = new Uint8Array(Math.max(FIRST_SCRATCH_BYTES, this.#scratch.length * 2, this.#at + bytes));
    grown.set(this.#scratch.subarray(0, this.#at));
    this.#scratch = grown;
  }
}
