/**
 * Decodes header blocks.
 *
 * Intuition: a client sends nearly the same few headers with every call, and after the first call they are a handful of
 * indices. A block that leaves the dynamic table as it is means the same list again as long as nothing changes the
 * table. The last such blocks are remembered with their lists, and comparing some ten bytes takes the place of
 * decoding.
 *
 * Invariants:
 * 1. After a block the table is the one that the peer's encoder has, also when the list was too long and its fields
 *    were dropped.
 * 2. It keeps the table (`tableBytes`) and `REMEMBERED_BLOCKS` blocks of at most `REMEMBERED_BLOCK_BYTES`. Strings of
 *    remembered lists are in the table or came in the block.
 * 3. The work for a block is in proportion to its bytes. The value behind an index is not copied, and no field is made
 *    beyond the list's bound.
 *
 * Source: RFC 7541 §3, §5 and §6.
 */

import { ConnectionError, ERROR_CODE } from "../error.js";
import { DEFAULT_TABLE_BYTES } from "../frame/wire.js";
import { DynamicTable } from "./dynamic-table.js";
import { HeaderField, type Indexing } from "./header-field.js";
import { HeaderList } from "./header-list.js";
import { huffmanDecode } from "./huffman.js";
import { STATIC_TABLE } from "./static-table.js";

const REMEMBERED_BLOCKS = 8;
const REMEMBERED_BLOCK_BYTES = 128;
/** A longer integer cannot be an index, a length or a table size that fits. */
const MAX_INTEGER_SHIFT = 21;

interface RememberedBlock {
  readonly bytes: Uint8Array;
  readonly list: HeaderList;
}

export class HpackDecoder {
  readonly #maxListBytes: number;
  readonly #table = new DynamicTable(DEFAULT_TABLE_BYTES);
  /** The largest table that the peer may use. */
  #limit = DEFAULT_TABLE_BYTES;
  /** The limit was lowered: the next block has to begin with a size update to at most this. Without one, Infinity. */
  #updateTo = Number.POSITIVE_INFINITY;
  readonly #remembered: RememberedBlock[] = [];
  #rememberedAt = 0;
  #generation = 0;
  // The block that is being decoded.
  #block: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** `maxListBytes`: fields beyond it are dropped, and the list is called truncated. */
  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  get table(): DynamicTable {
    return this.#table;
  }

  /** The peer has acknowledged this SETTINGS_HEADER_TABLE_SIZE. */
  setLimit(bytes: number): void {
    if (bytes < this.#table.maxBytes) this.#updateTo = Math.min(this.#updateTo, bytes);
    this.#limit = bytes;
  }

  /** Decodes block [start, end). Throws a compression error; the table is then of no use any more. */
  decode(block: Buffer, start: number, end: number): HeaderList {
    const table = this.#table;
    if (table.generation !== this.#generation) {
      this.#remembered.length = 0;
      this.#rememberedAt = 0;
      this.#generation = table.generation;
    } else if (this.#updateTo === Number.POSITIVE_INFINITY) {
      const known = this.#recall(block, start, end);
      if (known !== undefined) return known;
    }
    this.#block = block;
    this.#at = start;
    this.#end = end;
    this.#sizeUpdates();
    const list = this.#list();
    this.#block = NOTHING;
    if (table.generation === this.#generation && end - start <= REMEMBERED_BLOCK_BYTES && end > start) {
      this.#remembered[this.#rememberedAt] = { bytes: Uint8Array.from(block.subarray(start, end)), list };
      this.#rememberedAt = (this.#rememberedAt + 1) % REMEMBERED_BLOCKS;
    }
    return list;
  }

  #recall(block: Buffer, start: number, end: number): HeaderList | undefined {
    const length = end - start;
    for (let i = 0; i < this.#remembered.length; i++) {
      const known = this.#remembered[i];
      if (known === undefined || known.bytes.length !== length) continue;
      const { bytes } = known;
      let at = 0;
      while (at < length && bytes[at] === block[start + at]) at++;
      if (at === length) return known.list;
    }
    return undefined;
  }

  /** Size updates come before the first field. */
  #sizeUpdates(): void {
    while (this.#at < this.#end && ((this.#block[this.#at] ?? 0) & 0xe0) === 0x20) {
      const bytes = this.#integer(0x1f);
      if (bytes > this.#limit) throw compression(`a table of ${bytes} bytes; at most ${this.#limit} are allowed`);
      if (bytes <= this.#updateTo) this.#updateTo = Number.POSITIVE_INFINITY;
      this.#table.resize(bytes);
    }
    if (this.#updateTo !== Number.POSITIVE_INFINITY)
      throw compression("no size update after the table's limit was lowered");
  }

  #list(): HeaderList {
    const fields: HeaderField[] = [];
    let size = 0;
    let truncated = false;
    while (this.#at < this.#end) {
      const field = this.#field();
      size += field.size;
      if (size > this.#maxListBytes) truncated = true;
      if (!truncated) fields.push(field);
    }
    return new HeaderList(fields, size, truncated);
  }

  #field(): HeaderField {
    const first = this.#block[this.#at] ?? 0;
    if (first >= 0x80) return this.#entry(this.#integer(0x7f));
    if (first >= 0x40) {
      const field = this.#literal(0x3f, "store");
      this.#table.add(field);
      return field;
    }
    if (first >= 0x20) throw compression("a size update behind a field");
    return this.#literal(0x0f, first >= 0x10 ? "never" : "omit");
  }

  #literal(mask: number, indexing: Indexing): HeaderField {
    const index = this.#integer(mask);
    const name = index === 0 ? this.#string() : this.#entry(index).name;
    return new HeaderField(name, this.#string(), indexing);
  }

  #entry(index: number): HeaderField {
    const field =
      index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.#table.at(index - STATIC_TABLE.length - 1);
    if (field === undefined) throw compression(`there is no entry ${index}`);
    return field;
  }

  /** An integer whose prefix has the bits of `mask`, RFC 7541 §5.1. */
  #integer(mask: number): number {
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MAX_INTEGER_SHIFT; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw compression("an integer too large");
  }

  #string(): string {
    const huffman = this.#at < this.#end && (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw compression("a string beyond the block's end");
    this.#at = end;
    return huffman ? huffmanDecode(this.#block, start, end) : this.#block.toString("latin1", start, end);
  }

  #byte(): number {
    if (this.#at >= this.#end) throw compression("a block cut short");
    return this.#block[this.#at++] ?? 0;
  }
}

const NOTHING = Buffer.alloc(0);

function compression(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.compressionError, message);
}
