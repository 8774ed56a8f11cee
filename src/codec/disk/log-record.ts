/**
 * One entry as it lies in the log. Two checksums, because two different things must be known of a rotten record. The
 * header's (with the key) tells *which* entry it is, also when the body, which is long and mostly a user's value, has
 * rotted. Then one key of one partition is bad, and nothing else (R11).
 *
 *     0  u32  CRC-32 of 4 … end of key, begun with the segment's salt: a record of another file is no record of this
 *     one 4  u16  0x524f, to find the next record behind one whose length cannot be trusted
 *     6  u8   kind (entry.ts)
 *     7  u8   flags: 1 = the first record of a write, 2 = a register that is known to be settled
 *     8  u32  table (table-id.ts)
 *    12  u64  record number: 1, 2, 3 … over the whole life of the directory
 *    20  u64  change number; 0 when the kind has none
 *    28  u32  length of the key
 *    32  u32  length of the body
 *    36  u32  CRC-32 of the body
 *    40       key, body
 */
import { changeNumber, type Key } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import { textOf } from "../bytes/bytes.js";
import { crc32 } from "../bytes/checksum.js";
import { bodyOf, changeOfEntry, type EntryHead, get64, KIND, keyOfEntry, put64, type StoredEntry } from "./entry.js";
import { type TableId, tableId } from "./table-id.js";

export const RECORD_HEADER_BYTES = 40;
const MAGIC = 0x524f;
const FIRST = 1;
const SETTLED = 2;
/** A header that says more than this is none. Above the longest register: a value of a MiB and its records. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface LogRecord extends EntryHead {
  /** Where it begins and ends. */
  readonly at: number;
  readonly end: number;
  readonly kind: number;
  /** The first of its write: whatever has a lower number was on stable storage when this was written. */
  readonly first: boolean;
  /** A register that was known to be settled when it came. */
  readonly settled: boolean;
  readonly number: number;
  /** null: the body is rotten, or the file ends before it does. */
  readonly body: Buffer | null;
}

/** Bytes to be written in one go. Used again and again: what `bytes` returned is valid until `clear`. */
export class RecordBuffer {
  private buffer: Buffer = Buffer.allocUnsafe(64 * 1024);
  /** A view of the same memory: its methods are inlined where Buffer's are called. */
  private view = viewOf(this.buffer);
  length = 0;
  count = 0;

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
    this.count = 0;
    // One batch of large values does not keep its memory forever.
    if (this.buffer.length > KEEP_BYTES) this.use(Buffer.allocUnsafe(64 * 1024));
  }

  push(entry: StoredEntry, table: TableId, number: number, salt: number): void {
    const key = keyOfEntry(entry);
    const body = bodyOf(entry);
    const start = this.length;
    this.reserve(RECORD_HEADER_BYTES + key.length + body.length);
    const { buffer, view } = this;
    view.setUint16(start + 4, MAGIC, true);
    view.setUint8(start + 6, KIND[entry.kind]);
    const settled = entry.kind === "register" && entry.settled === true;
    view.setUint8(start + 7, (this.count === 0 ? FIRST : 0) | (settled ? SETTLED : 0));
    view.setUint32(start + 8, table, true);
    put64(buffer, number, start + 12);
    put64(buffer, changeOfEntry(entry), start + 20);
    view.setUint32(start + 28, key.length, true);
    view.setUint32(start + 32, body.length, true);
    view.setUint32(start + 36, crc32(body), true);
    const keyEnd = start + RECORD_HEADER_BYTES + buffer.write(key, start + RECORD_HEADER_BYTES, "latin1");
    view.setUint32(start, crc32(buffer.subarray(start + 4, keyEnd), salt), true);
    buffer.set(body, keyEnd);
    this.length = keyEnd + body.length;
    this.count++;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.buffer.length, this.length + more));
    this.buffer.copy(larger, 0, 0, this.length);
    this.use(larger);
  }

  private use(buffer: Buffer): void {
    this.buffer = buffer;
    this.view = viewOf(buffer);
  }
}

const viewOf = (buffer: Buffer): DataView => new DataView(buffer.buffer, buffer.byteOffset, buffer.length);

const KEEP_BYTES = 4 * 1024 * 1024;

/** The record whose header is good at that place; null: there is none. */
export function recordAt(bytes: Buffer, at: number, salt: number): LogRecord | null {
  if (at + RECORD_HEADER_BYTES > bytes.length || bytes.readUInt16LE(at + 4) !== MAGIC) return null;
  const keyEnd = at + RECORD_HEADER_BYTES + bytes.readUInt32LE(at + 28);
  const bodyLength = bytes.readUInt32LE(at + 32);
  if (keyEnd > bytes.length || bodyLength > MAX_BODY_BYTES) return null;
  if (crc32(bytes.subarray(at + 4, keyEnd), salt) !== bytes.readUInt32LE(at)) return null;
  const end = keyEnd + bodyLength;
  const body = bytes.subarray(keyEnd, end);
  return {
    at,
    end: Math.min(end, bytes.length),
    kind: bytes[at + 6] as number,
    first: ((bytes[at + 7] as number) & FIRST) !== 0,
    settled: ((bytes[at + 7] as number) & SETTLED) !== 0,
    table: tableId(bytes.readUInt32LE(at + 8)),
    number: get64(bytes, at + 12),
    change: changeNumber(get64(bytes, at + 20)),
    key: textOf<Key>(bytes.subarray(at + RECORD_HEADER_BYTES, keyEnd)),
    body:
      planted("R8.torn-record") || (end <= bytes.length && crc32(body) === bytes.readUInt32LE(at + 36)) ? body : null,
  };
}

/** The first record with a good header at or behind that place; null: none to the end. */
export function nextRecord(bytes: Buffer, from: number, salt: number): LogRecord | null {
  // The magic number stands four bytes into a record.
  let magicAt = bytes.indexOf(MAGIC_BYTES, from + MAGIC_AT);
  while (magicAt >= 0) {
    const record = recordAt(bytes, magicAt - MAGIC_AT, salt);
    if (record !== null) return record;
    magicAt = bytes.indexOf(MAGIC_BYTES, magicAt + 1);
  }
  return null;
}

const MAGIC_AT = 4;
const MAGIC_BYTES = Buffer.from([MAGIC & 0xff, MAGIC >>> 8]);
