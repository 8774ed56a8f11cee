/**
 * Frames on their way out, gathered until the driver takes them for one write.
 *
 * Intuition: small things are copied into a slab, one behind the other. A large payload is passed on as it is; the slab
 * is cut there. Between two writes nothing is kept, so that an idle connection costs no buffer; the size of the next
 * slab follows the last write.
 *
 * Invariants:
 * 1. Bytes that were taken are never written again.
 * 2. `take` returns a concatenation of whole frames.
 */

import { FLAG, FRAME, FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from "./wire.js";

const MIN_SLAB_BYTES = 512;
const MAX_SLAB_BYTES = 65_536;
/** Payloads of at most this length are copied: a buffer of their own in the socket's queue would cost more. */
const COPIED_BYTES = 2_048;

const NO_SLAB = Buffer.alloc(0);
const NO_CHUNKS: readonly Buffer[] = [];

export class FrameOutput {
  #chunks: Buffer[] = [];
  #slab: Buffer = NO_SLAB;
  #start = 0;
  #at = 0;
  #chunkBytes = 0;
  #slabBytes = MIN_SLAB_BYTES;

  /** Bytes that wait to be taken. */
  get size(): number {
    return this.#chunkBytes + this.#at - this.#start;
  }

  /** All bytes that wait, in order; empty if there are none. They belong to the caller. */
  take(): readonly Buffer[] {
    const bytes = this.size;
    if (bytes === 0) return NO_CHUNKS;
    this.#cut();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#slab = NO_SLAB;
    this.#start = 0;
    this.#at = 0;
    this.#slabBytes = Math.max(MIN_SLAB_BYTES, Math.min(MAX_SLAB_BYTES, bytes * 2));
    return chunks;
  }

  /** Forgets what waits. */
  drop(): void {
    this.take();
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#copy(bytes, 0, bytes.length);
  }

  /** DATA with `bytes` [start, end), which must not change until it was sent. */
  data(streamId: number, endStream: boolean, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const copied = length <= COPIED_BYTES;
    this.#reserve(FRAME_HEADER_BYTES + (copied ? length : 0));
    this.#header(length, FRAME.data, endStream ? FLAG.endStream : 0, streamId);
    if (copied) {
      this.#copy(bytes, start, end);
      return;
    }
    this.#cut();
    this.#chunks.push(Buffer.from(bytes.buffer, bytes.byteOffset + start, length));
    this.#chunkBytes += length;
  }

  /** HEADERS with the block [0, length), and CONTINUATION for what does not fit into one frame. */
  headers(streamId: number, endStream: boolean, block: Uint8Array, length: number): void {
    let flags = endStream ? FLAG.endStream : 0;
    let type: number = FRAME.headers;
    let at = 0;
    do {
      const end = Math.min(length, at + MAX_FRAME_BYTES);
      if (end === length) flags |= FLAG.endHeaders;
      this.#reserve(FRAME_HEADER_BYTES + end - at);
      this.#header(end - at, type, flags, streamId);
      this.#copy(block, at, end);
      at = end;
      type = FRAME.continuation;
      flags = 0;
    } while (at < length);
  }

  rstStream(streamId: number, code: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 4);
    this.#header(4, FRAME.rstStream, 0, streamId);
    this.#uint32(code);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 4);
    this.#header(4, FRAME.windowUpdate, 0, streamId);
    this.#uint32(increment);
  }

  /** `payload` [start, start + 8). */
  ping(ack: boolean, payload: Uint8Array, start: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 8);
    this.#header(8, FRAME.ping, ack ? FLAG.ack : 0, 0);
    this.#copy(payload, start, start + 8);
  }

  settings(entries: readonly (readonly [number, number])[]): void {
    this.#reserve(FRAME_HEADER_BYTES + entries.length * 6);
    this.#header(entries.length * 6, FRAME.settings, 0, 0);
    for (const [identifier, value] of entries) {
      this.#slab[this.#at++] = identifier >> 8;
      this.#slab[this.#at++] = identifier;
      this.#uint32(value);
    }
  }

  settingsAck(): void {
    this.#reserve(FRAME_HEADER_BYTES);
    this.#header(0, FRAME.settings, FLAG.ack, 0);
  }

  goAway(lastStreamId: number, code: number, debug: string): void {
    const data = Buffer.from(debug, "utf8");
    this.#reserve(FRAME_HEADER_BYTES + 8 + data.length);
    this.#header(8 + data.length, FRAME.goAway, 0, 0);
    this.#uint32(lastStreamId);
    this.#uint32(code);
    this.#copy(data, 0, data.length);
  }

  #reserve(bytes: number): void {
    if (this.#slab.length - this.#at >= bytes) return;
    this.#cut();
    if (this.#slab.length > 0) this.#slabBytes = Math.min(MAX_SLAB_BYTES, this.#slabBytes * 2);
    this.#slab = Buffer.allocUnsafe(Math.max(bytes, this.#slabBytes));
    this.#start = 0;
    this.#at = 0;
  }

  #cut(): void {
    if (this.#at === this.#start) return;
    this.#chunks.push(this.#slab.subarray(this.#start, this.#at));
    this.#chunkBytes += this.#at - this.#start;
    this.#start = this.#at;
  }

  #header(length: number, type: number, flags: number, streamId: number): void {
    const slab = this.#slab;
    const at = this.#at;
    slab[at] = length >>> 16;
    slab[at + 1] = length >>> 8;
    slab[at + 2] = length;
    slab[at + 3] = type;
    slab[at + 4] = flags;
    slab[at + 5] = streamId >>> 24;
    slab[at + 6] = streamId >>> 16;
    slab[at + 7] = streamId >>> 8;
    slab[at + 8] = streamId;
    this.#at = at + FRAME_HEADER_BYTES;
  }

  #uint32(value: number): void {
    const slab = this.#slab;
    const at = this.#at;
    slab[at] = value >>> 24;
    slab[at + 1] = value >>> 16;
    slab[at + 2] = value >>> 8;
    slab[at + 3] = value;
    this.#at = at + 4;
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const slab = this.#slab;
    let at = this.#at;
    // A call into native code costs more than some fifty bytes copied here.
    if (end - start <= 48) for (let i = start; i < end; i++) slab[at++] = bytes[i] ?? 0;
    else {
      slab.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
      at += end - start;
    }
    this.#at = at;
  }
}
