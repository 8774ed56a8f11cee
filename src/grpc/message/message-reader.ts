/**
 * Cuts a stream of bytes into messages: bytes are pushed as they come, messages are taken as they are wanted.
 *
 * Intuition: nearly always one chunk is one message, and then nothing is copied. Nobody has to take a message that is
 * there: its bytes stay unconsumed, the window closes, and the sender waits. A message that is wanted and longer than
 * the window is gathered. Its bytes are consumed as they come, up to the limit of a message, and on the account of a
 * budget that many readers share.
 *
 * Invariants:
 * 1. The length of a message is judged as soon as its prefix is there.
 * 2. Bytes held and consumed belong to the first message, which is wanted, and are taken from the budget.
 * 3. Small pieces are copied together, so that what is kept costs little more than its bytes.
 *
 * Source: gRPC's PROTOCOL-HTTP2.md, "Length-Prefixed-Message".
 */

import { causedByPeer, type GrpcError, STATUS } from "../status.js";
import type { ByteBudget } from "./byte-budget.js";

export const PREFIX_BYTES = 5;
/** Pieces shorter than that, behind others, are copied together. */
const SMALL_BYTES = 256;
const JOINED_BYTES = 1_024;

export interface RawMessage {
  /** A view of what was pushed, or a copy if it came in pieces. */
  readonly bytes: Buffer;
  readonly compressed: boolean;
}

export class MessageReader {
  /** Bound of a message; it may change, and the next message counts. */
  maxMessageBytes: number;
  readonly #budget: ByteBudget;
  readonly #chunks: Buffer[] = [];
  /** The first message begins here in the first chunk. */
  #at = 0;
  #have = 0;
  /** How many of these bytes are not consumed; the last ones. */
  #unconsumed = 0;
  /** Bytes to be consumed now. */
  #credit = 0;
  #joined: Buffer | undefined;
  #joinedEnd = 0;

  constructor(maxMessageBytes: number, budget: ByteBudget) {
    this.maxMessageBytes = maxMessageBytes;
    this.#budget = budget;
  }

  /** Bytes that were pushed and not taken. At the end of the stream there should be none. */
  get bytes(): number {
    return this.#have;
  }

  /** Takes bytes [start, end), which must not change any more. */
  push(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    if (this.#have > 0 && length < SMALL_BYTES) this.#join(bytes, start, end);
    else this.#chunks.push(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    this.#have += length;
    this.#unconsumed += length;
  }

  /**
   * The next message; undefined if it is not there as a whole. Call it only when it is wanted, and tell the connection
   * of `credit` then.
   *
   * @throws GrpcError of a message that is longer than is allowed, or whose prefix has a flag that gRPC does not know
   */
  next(): RawMessage | undefined {
    if (this.#have < PREFIX_BYTES) {
      this.#gather();
      return undefined;
    }
    const flag = this.#byteAt(0);
    if (flag > 1) throw causedByPeer(STATUS.internal, `a message with the unknown flag ${flag}`);
    const length =
      this.#byteAt(1) * 0x1_00_00_00 + ((this.#byteAt(2) << 16) | (this.#byteAt(3) << 8) | this.#byteAt(4));
    if (length > this.maxMessageBytes) throw tooLong(length, this.maxMessageBytes);
    if (this.#have < PREFIX_BYTES + length) {
      this.#gather();
      return undefined;
    }
    this.#skip(PREFIX_BYTES);
    const bytes = this.#extract(length);
    this.#taken(PREFIX_BYTES + length);
    return { bytes, compressed: flag === 1 };
  }

  /** Bytes that are done with since the last call: the peer may send as many more. */
  credit(): number {
    const credit = this.#credit;
    this.#credit = 0;
    return credit;
  }

  /** Forgets everything; nothing more is pushed. */
  close(): void {
    this.#budget.give(this.#have - this.#unconsumed);
    this.#chunks.length = 0;
    this.#have = 0;
    this.#unconsumed = 0;
    this.#credit = 0;
    this.#joined = undefined;
  }

  #gather(): void {
    if (this.#unconsumed === 0) return;
    if (!this.#budget.take(this.#unconsumed)) {
      throw causedByPeer(STATUS.resourceExhausted, "too many bytes of messages that are not there as a whole");
    }
    this.#credit += this.#unconsumed;
    this.#unconsumed = 0;
  }

  #taken(length: number): void {
    const held = this.#have - this.#unconsumed;
    this.#have -= length;
    if (this.#unconsumed > this.#have) {
      this.#credit += this.#unconsumed - this.#have;
      this.#unconsumed = this.#have;
    }
    if (held > 0) this.#budget.give(held - (this.#have - this.#unconsumed));
  }

  #join(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    let joined = this.#joined;
    if (joined === undefined || joined.length - this.#joinedEnd < length || !this.#isLast(joined)) {
      joined = Buffer.allocUnsafeSlow(JOINED_BYTES);
      this.#joined = joined;
      this.#joinedEnd = length;
      bytes.copy(joined, 0, start, end);
      this.#chunks.push(joined.subarray(0, length));
      return;
    }
    const last = this.#chunks.pop();
    const from = this.#joinedEnd - (last?.length ?? 0);
    bytes.copy(joined, this.#joinedEnd, start, end);
    this.#joinedEnd += length;
    this.#chunks.push(joined.subarray(from, this.#joinedEnd));
  }

  #isLast(joined: Buffer): boolean {
    return this.#chunks.at(-1)?.buffer === joined.buffer;
  }

  #byteAt(offset: number): number {
    let rest = this.#at + offset;
    for (const chunk of this.#chunks) {
      if (rest < chunk.length) return chunk[rest] ?? 0;
      rest -= chunk.length;
    }
    return 0;
  }

  #skip(bytes: number): void {
    this.#at += bytes;
    for (let first = this.#chunks[0]; first !== undefined && this.#at >= first.length; first = this.#chunks[0]) {
      this.#at -= first.length;
      this.#chunks.shift();
    }
  }

  #extract(length: number): Buffer {
    const first = this.#chunks[0];
    if (first === undefined || length === 0) return NOTHING;
    if (first.length - this.#at >= length) {
      const view = first.subarray(this.#at, this.#at + length);
      this.#skip(length);
      return view;
    }
    const whole = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const part = Math.min(chunk.length - this.#at, length - filled);
      chunk.copy(whole, filled, this.#at, this.#at + part);
      filled += part;
      this.#skip(part);
    }
    return whole;
  }
}

const NOTHING = Buffer.alloc(0);

export function tooLong(bytes: number, bound: number): GrpcError {
  return causedByPeer(STATUS.resourceExhausted, `a message of ${bytes} bytes; the limit is ${bound}`);
}
