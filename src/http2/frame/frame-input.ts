/**
 * Cuts a byte stream into frames, whatever the chunks in which it comes.
 *
 * Intuition: nearly every frame lies whole in the chunk that a socket read brings, and is looked at where it lies. Only
 * a frame that straddles chunks is copied, each of its bytes once. The buffer for it grows with what has come, not with
 * what was announced.
 *
 * Invariants:
 * 1. The sink sees the same frames in the same order for every way of cutting the same bytes.
 * 2. At most one incomplete frame is kept: `FRAME_HEADER_BYTES + MAX_FRAME_BYTES` bytes, and never more than twice what
 *    has come of it.
 *
 * Source: RFC 9113 §3.4 (preface), §4.1 and §4.2 (frame format and size).
 */

import { ConnectionError, ERROR_CODE } from "../error.js";
import { clientStranger, serverStranger } from "./stranger.js";
import { CLIENT_PREFACE, FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from "./wire.js";

export interface FrameSink {
  /** One whole frame; its payload is `bytes` [start, end). */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

const FIRST_CARRY_BYTES = 512;
const NOTHING = Buffer.alloc(0);

export class FrameInput {
  readonly #sink: FrameSink;
  /** Bytes of the client's preface that are still to come. */
  #prefaceLeft: number;
  /** Nothing has come from the server yet. */
  #isFirst: boolean;
  /** The frame that has come in part: `#carry` [0, `#carried`). */
  #carry: Buffer = NOTHING;
  #carried = 0;
  #stopped = false;

  /** `expectPreface`: whether the peer is a client, which begins with the preface. */
  constructor(sink: FrameSink, expectPreface: boolean) {
    this.#sink = sink;
    this.#prefaceLeft = expectPreface ? CLIENT_PREFACE.length : 0;
    this.#isFirst = !expectPreface;
  }

  /** Bytes kept of a frame that has not come whole. */
  get carriedBytes(): number {
    return this.#carried;
  }

  /** No frame is given to the sink after this, not even one that has already come. */
  stop(): void {
    this.#stopped = true;
    this.#carry = NOTHING;
    this.#carried = 0;
  }

  /**
   * Takes the next bytes. The chunk must not change afterwards: views of it are given away. Throws `ConnectionError`.
   */
  push(chunk: Buffer): void {
    let at = this.#prefaceLeft > 0 ? this.#preface(chunk) : 0;
    if (this.#isFirst) this.#judgeServer(chunk);
    if (this.#carried > 0) at = this.#complete(chunk, at);
    while (!this.#stopped && chunk.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + payloadBytes(chunk, at);
      if (end > chunk.length) break;
      this.#deliver(chunk, at, end);
      at = end;
    }
    if (at < chunk.length && !this.#stopped) this.#keep(chunk, at, chunk.length);
  }

  #preface(chunk: Buffer): number {
    const from = CLIENT_PREFACE.length - this.#prefaceLeft;
    const count = Math.min(this.#prefaceLeft, chunk.length);
    if (CLIENT_PREFACE.compare(chunk, 0, count, from, from + count) !== 0) {
      let wrong = 0;
      while (byteAt(chunk, wrong) === byteAt(CLIENT_PREFACE, from + wrong)) wrong++;
      throw new ConnectionError(ERROR_CODE.protocolError, clientStranger(from + wrong, byteAt(chunk, wrong)));
    }
    this.#prefaceLeft -= count;
    return count;
  }

  /**
   * A server begins with SETTINGS, whose length is below 2^16: anything else is said by name, and before nine bytes of
   * it are there.
   */
  #judgeServer(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#isFirst = false;
    const stranger = serverStranger(byteAt(chunk, 0));
    if (stranger !== "") throw new ConnectionError(ERROR_CODE.protocolError, stranger);
  }

  /**
   * Completes the frame that has come in part from the chunk's bytes at `from`; returns where the rest of the chunk
   * begins.
   */
  #complete(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#carried < FRAME_HEADER_BYTES) {
      at += this.#keep(chunk, at, Math.min(chunk.length, at + FRAME_HEADER_BYTES - this.#carried));
      if (this.#carried < FRAME_HEADER_BYTES) return at;
    }
    const wanted = FRAME_HEADER_BYTES + payloadBytes(this.#carry, 0);
    at += this.#keep(chunk, at, Math.min(chunk.length, at + wanted - this.#carried));
    if (this.#carried < wanted) return at;
    const whole = this.#carry;
    // The next incomplete frame gets a buffer of its own: views of this one may be kept.
    this.#carry = NOTHING;
    this.#carried = 0;
    this.#deliver(whole, 0, wanted);
    return at;
  }

  /** Copies chunk [start, end) behind what is kept; returns how many bytes that were. */
  #keep(chunk: Buffer, start: number, end: number): number {
    const needed = this.#carried + end - start;
    if (needed > this.#carry.length) {
      const grown = Buffer.allocUnsafe(
        Math.min(FRAME_HEADER_BYTES + MAX_FRAME_BYTES, Math.max(needed, this.#carried * 2, FIRST_CARRY_BYTES)),
      );
      this.#carry.copy(grown, 0, 0, this.#carried);
      this.#carry = grown;
    }
    chunk.copy(this.#carry, this.#carried, start, end);
    this.#carried = needed;
    // A frame that is too long is refused before any of it is waited for.
    if (needed >= FRAME_HEADER_BYTES) payloadBytes(this.#carry, 0);
    return end - start;
  }

  #deliver(bytes: Buffer, at: number, end: number): void {
    this.#sink.frame(
      byteAt(bytes, at + 3),
      byteAt(bytes, at + 4),
      int31At(bytes, at + 5),
      bytes,
      at + FRAME_HEADER_BYTES,
      end,
    );
  }
}

function payloadBytes(bytes: Buffer, at: number): number {
  const length = (byteAt(bytes, at) << 16) | (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2);
  if (length > MAX_FRAME_BYTES) {
    throw new ConnectionError(
      ERROR_CODE.frameSizeError,
      `a frame of ${length} bytes; at most ${MAX_FRAME_BYTES} are taken`,
    );
  }
  return length;
}

/** The byte at an index that the caller has checked. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** 31 bits, big-endian; the reserved bit above them is ignored. */
export function int31At(bytes: Uint8Array, at: number): number {
  return (
    ((byteAt(bytes, at) & 0x7f) << 24) |
    (byteAt(bytes, at + 1) << 16) |
    (byteAt(bytes, at + 2) << 8) |
    byteAt(bytes, at + 3)
  );
}

/** 32 bits, big-endian, unsigned. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return int31At(bytes, at) + (byteAt(bytes, at) >= 0x80 ? 0x8000_0000 : 0);
}
