/**
 * A block: sorted entries of one partition's tree, packed without gaps. The checkpoint stores each block as one value.
 * So a node of a tree that is never more than some pages long takes just the pages that it needs.
 *
 *     0  u32  CRC-32 of 4 … end of the directory, begun with that of the block's name: a block under another name is
 *     none
 *     4  u8   flags: 1 = there is nothing behind it in its partition
 *     5  u16  number of entries
 *     7  u32  where the directory ends
 *    11  u16  length of the end
 *    13       the end: the first key that belongs to the next block
 *             the directory: of each entry the lengths of key, meta and value as varints, then key and meta
 *             the values
 *
 * The checksum covers keys and metas. Values have checksums of their own in their metas, so that a rotten one spoils
 * nothing else.
 */
import { crc32 } from "../bytes/checksum.js";

const HEAD_BYTES = 13;
const LAST = 1;
/** Numbers of `places` for each entry: where it, its key, its meta, the next entry, and its value begin. */
const PLACES = 5;

export interface BlockEntry {
  readonly key: Buffer;
  readonly meta: Buffer;
  readonly value: Buffer;
}

/** Neighbouring entries as they are copied from block to block: a part of a directory, and their values. */
export interface BlockPart {
  readonly directory: Buffer;
  readonly at: number;
  readonly end: number;
  readonly values: Buffer;
  readonly valueAt: number;
  readonly valueEnd: number;
  /** The key of the first of them. */
  readonly key: Buffer;
  /** One for each entry. */
  apart(): readonly BlockPart[];
}

export const partBytes = ({ at, end, valueAt, valueEnd }: BlockPart): number => end - at + valueEnd - valueAt;

/** Bytes of a block with such an end beside its entries. */
export const blockHeadBytes = (endBytes: number): number => HEAD_BYTES + endBytes;

export function partOf({ key, meta, value }: BlockEntry): BlockPart {
  const head = varintBytes(key.length) + varintBytes(meta.length) + varintBytes(value.length);
  const directory = Buffer.allocUnsafe(head + key.length + meta.length);
  let at = putVarint(directory, key.length, 0);
  at = putVarint(directory, meta.length, at);
  at = putVarint(directory, value.length, at);
  directory.set(key, at);
  directory.set(meta, at + key.length);
  const part: BlockPart = {
    directory,
    at: 0,
    end: directory.length,
    values: value,
    valueAt: 0,
    valueEnd: value.length,
    key,
    apart: () => [part],
  };
  return part;
}

/** `end`: null = nothing comes behind it. */
export function encodeBlock(name: Buffer, end: Buffer | null, parts: readonly BlockPart[], count: number): Buffer {
  let directoryBytes = 0;
  let valueBytes = 0;
  for (const part of parts) {
    directoryBytes += part.end - part.at;
    valueBytes += part.valueEnd - part.valueAt;
  }
  const endBytes = end?.length ?? 0;
  const directoryEnd = HEAD_BYTES + endBytes + directoryBytes;
  const block = Buffer.allocUnsafeSlow(directoryEnd + valueBytes);
  block[4] = end === null ? LAST : 0;
  block.writeUInt16LE(count, 5);
  block.writeUInt32LE(directoryEnd, 7);
  block.writeUInt16LE(endBytes, 11);
  if (end !== null) block.set(end, HEAD_BYTES);
  let at = HEAD_BYTES + endBytes;
  let valueAt = directoryEnd;
  for (const part of parts) {
    at += part.directory.copy(block, at, part.at, part.end);
    valueAt += part.values.copy(block, valueAt, part.valueAt, part.valueEnd);
  }
  block.writeUInt32LE(crc32(block.subarray(4, directoryEnd), crc32(name)), 0);
  return block;
}

/** Views into the bytes that it was read from. */
export class Block {
  static readonly EMPTY = new Block(Buffer.alloc(0), 0, null, []);

  private constructor(
    private readonly bytes: Buffer,
    readonly count: number,
    /** null: there is nothing behind it in its partition. */
    readonly end: Buffer | null,
    private readonly places: readonly number[],
  ) {}

  /** By ascending key. */
  static of(entries: readonly BlockEntry[]): Block {
    const bytes = encodeBlock(NO_NAME, null, entries.map(partOf), entries.length);
    return Block.read(NO_NAME, bytes) as Block;
  }

  /** null: it is not as it was written. */
  static read(name: Buffer, bytes: Buffer): Block | null {
    if (bytes.length < HEAD_BYTES) return null;
    const directoryEnd = bytes.readUInt32LE(7);
    if (directoryEnd < HEAD_BYTES || directoryEnd > bytes.length) return null;
    if (crc32(bytes.subarray(4, directoryEnd), crc32(name)) !== bytes.readUInt32LE(0)) return null;
    const count = bytes.readUInt16LE(5);
    let at = HEAD_BYTES + bytes.readUInt16LE(11);
    const end = ((bytes[4] as number) & LAST) !== 0 ? null : bytes.subarray(HEAD_BYTES, at);
    const places = new Array<number>(PLACES * count);
    let valueAt = directoryEnd;
    const length = (): number => {
      let value = bytes[at++] as number;
      if (value < 128) return value;
      value &= 127;
      for (let factor = 128; at < directoryEnd; factor *= 128) {
        const byte = bytes[at++] as number;
        value += (byte & 127) * factor;
        if (byte < 128) break;
      }
      return value;
    };
    for (let place = 0; place < PLACES * count; place += PLACES) {
      places[place] = at;
      const keyBytes = length();
      const metaBytes = length();
      const valueBytes = length();
      places[place + 1] = at;
      places[place + 2] = at + keyBytes;
      at += keyBytes + metaBytes;
      places[place + 3] = at;
      places[place + 4] = valueAt;
      valueAt += valueBytes;
    }
    // A value that was cut off: the checksum says nothing of it.
    return at === directoryEnd && valueAt === bytes.length ? new Block(bytes, count, end, places) : null;
  }

  key(i: number): Buffer {
    return this.bytes.subarray(this.place(i, 1), this.place(i, 2));
  }

  meta(i: number): Buffer {
    return this.bytes.subarray(this.place(i, 2), this.place(i, 3));
  }

  value(i: number): Buffer {
    return this.bytes.subarray(this.place(i, 4), this.valueEnd(i));
  }

  /** One entry at least. */
  part(from: number, to: number): BlockPart {
    const { bytes } = this;
    const part: BlockPart = {
      directory: bytes,
      at: this.place(from, 0),
      end: this.place(to - 1, 3),
      values: bytes,
      valueAt: this.place(from, 4),
      valueEnd: this.valueEnd(to - 1),
      key: this.key(from),
      apart: () =>
        to - from === 1 ? [part] : Array.from({ length: to - from }, (_, i) => this.part(from + i, from + i + 1)),
    };
    return part;
  }

  /** The first entry from `low` on whose key is not below this one; `count` when there is none. */
  search(key: Buffer, from = 0): number {
    let low = from;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(i: number, key: Buffer): boolean {
    return i < this.count && this.compare(i, key) === 0;
  }

  private compare(i: number, key: Buffer): number {
    const { bytes } = this;
    const at = this.place(i, 1);
    const length = this.place(i, 2) - at;
    const common = Math.min(length, key.length);
    for (let n = 0; n < common; n++) {
      const difference = (bytes[at + n] as number) - (key[n] as number);
      if (difference !== 0) return difference;
    }
    return length - key.length;
  }

  private place(i: number, which: number): number {
    return this.places[PLACES * i + which] as number;
  }

  private valueEnd(i: number): number {
    return i + 1 < this.count ? this.place(i + 1, 4) : this.bytes.length;
  }
}

const NO_NAME = Buffer.alloc(0);

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest >>>= 7) bytes++;
  return bytes;
}

function putVarint(bytes: Buffer, value: number, at: number): number {
  let place = at;
  let rest = value;
  for (; rest >= 128; rest >>>= 7) bytes[place++] = (rest & 127) | 128;
  bytes[place++] = rest;
  return place;
}
