/**
 * Protobuf's wire format by hand, for the few messages that every operation needs. A generated codec builds an object
 * per message and per sub-message, and a buffer per encoding, which costs several times what the bytes do. Whatever is
 * not hot goes through the generated code.
 *
 * Source: protobuf.dev, "Encoding".
 */
import type { FieldNumber } from "../../gen/ts/field-number.js";
import { ownCopy, toBuffer } from "./bytes.js";

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/** The key of a field: its number and how its value is written. */
export const tag = (field: FieldNumber, type: number): number => ((field << 3) | type) >>> 0;

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const FIRST_CAPACITY = 64 * 1024;
/** A buffer that grew beyond this for one large value is not kept. */
const MAX_KEPT = 2 * 1024 * 1024;

/** Writes fields one after the other into a buffer that it keeps for the next time. */
export class WireWriter {
  private buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  private at = 0;

  /** Bytes written since the last `finish`. */
  get length(): number {
    return this.at;
  }

  /** An unsigned integer up to 2^53 − 1. */
  varint(value: number): void {
    this.reserve(10);
    let rest = value;
    while (rest >= 2 ** 31) {
      this.buffer[this.at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      this.buffer[this.at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.buffer[this.at++] = rest;
  }

  /** Zero is not written: that is what an absent field means. */
  number(field: FieldNumber, value: number): void {
    if (value === 0) return;
    this.varint(tag(field, VARINT));
    this.varint(value);
  }

  /** An unsigned integer of 64 bits; zero is not written. */
  uint64(field: FieldNumber, value: bigint): void {
    if (value <= MAX_SAFE) return this.number(field, Number(value));
    this.varint(tag(field, VARINT));
    this.reserve(10);
    let rest = value;
    for (; rest >= 128n; rest >>= 7n) this.buffer[this.at++] = Number(rest & 127n) | 128;
    this.buffer[this.at++] = Number(rest);
  }

  /** Empty bytes are not written. */
  bytes(field: FieldNumber, value: Uint8Array): void {
    if (value.length === 0) return;
    this.varint(tag(field, BYTES));
    this.varint(value.length);
    this.raw(value);
  }

  /** One character per byte; nothing when empty. */
  text(field: FieldNumber, value: string): void {
    if (value.length === 0) return;
    this.varint(tag(field, BYTES));
    this.varint(value.length);
    this.rawText(value);
  }

  /** Text in UTF-8; nothing when empty. */
  utf8(field: FieldNumber, value: string): void {
    if (value.length > 0) this.bytes(field, Buffer.from(value, "utf8"));
  }

  fixed32(field: FieldNumber, value: number): void {
    if (value === 0) return;
    this.varint(tag(field, FIXED32));
    this.reserve(4);
    this.at = this.buffer.writeUInt32LE(value, this.at);
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  /** Bytes as text, one character per byte. */
  rawText(value: string): void {
    this.reserve(value.length);
    this.at += this.buffer.write(value, this.at, value.length, "latin1");
  }

  /** Begins a sub-message; the result goes to `end`. */
  begin(field: FieldNumber): number {
    this.varint(tag(field, BYTES));
    this.reserve(1);
    this.at++;
    return this.at;
  }

  end(start: number): void {
    const length = this.at - start;
    let size = 1;
    for (let rest = length; rest >= 128; rest >>>= 7) size++;
    if (size > 1) {
      this.reserve(size - 1);
      this.buffer.copyWithin(start + size - 1, start, this.at);
    }
    this.at = start - 1;
    this.varint(length);
    this.at = start + size - 1 + length;
  }

  /** Over four bytes that were written before, big-endian. */
  uint32At(at: number, value: number): void {
    this.buffer.writeUInt32BE(value, at);
  }

  /** A copy of what was written, to keep; begins anew. */
  finish(): Buffer {
    const bytes = ownCopy(this.buffer.subarray(0, this.at));
    this.at = 0;
    if (this.buffer.length > MAX_KEPT) this.buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
    return bytes;
  }

  /** A view of what was written, good until something is written again; begins anew. */
  take(): Buffer {
    const bytes = this.buffer.subarray(0, this.at);
    this.at = 0;
    return bytes;
  }

  private reserve(more: number): void {
    const needed = this.at + more;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.buffer.length));
    larger.set(this.buffer.subarray(0, this.at));
    this.buffer = larger;
  }
}

/** Reads fields of one message. A malformed message throws an ordinary Error. */
export class WireReader {
  private readonly buffer: Buffer;

  constructor(
    bytes: Uint8Array,
    private at = 0,
    private readonly end = bytes.length,
  ) {
    this.buffer = toBuffer(bytes);
  }

  get more(): boolean {
    return this.at < this.end;
  }

  get position(): number {
    return this.at;
  }

  /** Field number and wire type in one, as `tag` makes them. */
  tag(): number {
    const key = this.varint();
    if (key < 8 || key > 0xffff_ffff) throw new Error("a field without number");
    return key;
  }

  /** An unsigned integer up to 2^53 − 1; a larger one is an error. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) throw new Error("a number beyond 2^53");
        return value;
      }
      factor *= 128;
    }
    throw new Error("a number without end");
  }

  /** An unsigned integer of 64 bits. */
  uint64(): bigint {
    let low = 0;
    let factor = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      low += (byte & 127) * factor;
      if (byte < 128) return BigInt(low);
      factor *= 128;
    }
    let value = BigInt(low);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new Error("a number without end");
  }

  /** A uint32, of which protobuf keeps the lower bits. */
  uint32(): number {
    return this.varint() % 2 ** 32;
  }

  fixed32(): number {
    this.advance(4);
    return this.buffer.readUInt32LE(this.at - 4);
  }

  /** A reader of the same message that begins at a position it had before. */
  from(position: number): WireReader {
    return new WireReader(this.buffer, position, this.end);
  }

  /** A view of all that was not read. */
  rest(): Buffer {
    return this.buffer.subarray(this.at, this.end);
  }

  /** A view of the bytes: copy what you keep. */
  view(): Buffer {
    const start = this.span();
    return this.buffer.subarray(start, this.at);
  }

  /** A copy to keep. */
  copy(): Buffer {
    const start = this.span();
    const copy = Buffer.allocUnsafeSlow(this.at - start);
    this.buffer.copy(copy, 0, start, this.at);
    return copy;
  }

  /** One character per byte. */
  text(): string {
    const start = this.span();
    return this.buffer.toString("latin1", start, this.at);
  }

  /** A reader of the sub-message that begins here. */
  message(): WireReader {
    const start = this.span();
    return new WireReader(this.buffer, start, this.at);
  }

  skip(type: number): void {
    switch (type & 7) {
      case VARINT:
        // Numbers of whatever size.
        for (let i = 0; i < 10; i++) {
          if (this.at >= this.end) break;
          if ((this.buffer[this.at++] as number) < 128) return;
        }
        throw new Error("a number without end");
      case FIXED64:
        return this.advance(8);
      case BYTES:
        this.span();
        return;
      case FIXED32:
        return this.advance(4);
      default:
        throw new Error("a field of a wire type that is not used");
    }
  }

  private byte(): number {
    if (this.at >= this.end) throw new Error("a message is cut short");
    return this.buffer[this.at++] as number;
  }

  /** Goes over length and bytes, to `position`; returns where the bytes begin. */
  span(): number {
    const length = this.varint();
    const start = this.at;
    this.advance(length);
    return start;
  }

  private advance(length: number): void {
    if (length > this.end - this.at) throw new Error("a message is cut short");
    this.at += length;
  }
}
