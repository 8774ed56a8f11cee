/**
 * Flow control of sent data. Data leaves as far as the stream's window, the connection's window, the frame size and the
 * way to the network allow. The rest waits in its stream, by reference.
 *
 * Intuition: an answer of a hundred bytes nearly always fits, and then costs a few comparisons. Streams that have
 * something to send and may send it stand in a line. Each sends one frame and goes to its end, so that a large answer
 * does not hold up a small one.
 *
 * Invariants:
 * 1. A stream is in line exactly if it has something to send that its own window does not forbid.
 * 2. Streams that have only their end to send stand at the front: the connection's window does not concern them.
 *
 * Source: RFC 9113 §5.2, §6.9.
 */

import type { FrameOutput } from "../frame/frame-output.js";
import { DEFAULT_WINDOW_BYTES, MAX_FRAME_BYTES, MAX_INT31 } from "../frame/wire.js";
import type { HpackEncoder } from "../hpack/encoder.js";
import type { HeaderList } from "../hpack/header-list.js";
import type { Guard } from "./guard.js";
import type { Limits } from "./limits.js";
import type { Stream } from "./stream.js";

export interface OutflowParts {
  readonly output: FrameOutput;
  readonly encoder: HpackEncoder;
  readonly guard: Guard;
  readonly limits: Limits;
  /** Our side of the stream has ended: END_STREAM is in the output. */
  readonly onLocalEnd: (stream: Stream) => void;
}

export class Outflow {
  readonly #parts: OutflowParts;
  readonly #output: FrameOutput;
  #window = DEFAULT_WINDOW_BYTES;
  #streamWindow = DEFAULT_WINDOW_BYTES;
  #unsentBytes = 0;
  /** Bytes that were taken, and that the network has not. */
  #pending = 0;
  #first: Stream | undefined = undefined;
  #last: Stream | undefined = undefined;
  #pumping = false;

  constructor(parts: OutflowParts) {
    this.#parts = parts;
    this.#output = parts.output;
  }

  /** Bytes that wait in streams. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** The window that a new stream begins with. */
  get streamWindow(): number {
    return this.#streamWindow;
  }

  /** Bytes between here and the network. */
  get pending(): number {
    return this.#pending + this.#output.size;
  }

  set taken(bytes: number) {
    this.#pending = bytes;
  }

  send(stream: Stream, bytes: Uint8Array, end: boolean): void {
    const { length } = bytes;
    if (end) stream.endsAfter = true;
    if (
      stream.unsentBytes === 0 &&
      length <= stream.sendWindow &&
      length <= this.#window &&
      length <= MAX_FRAME_BYTES &&
      !stream.isReady &&
      this.#hasRoom()
    ) {
      if (length > 0 || end) this.#data(stream, bytes, 0, length, end);
      return;
    }
    if (length > 0) {
      if (stream.unsent === undefined) stream.unsent = [bytes];
      else stream.unsent.push(bytes);
      stream.unsentBytes += length;
      this.#unsentBytes += length;
    }
    this.#line(stream);
    this.pump();
  }

  trailers(stream: Stream, list: HeaderList, more: HeaderList | undefined): void {
    stream.endsAfter = true;
    stream.trailers = list;
    stream.moreTrailers = more;
    if (stream.unsentBytes === 0 && !stream.isReady && this.#hasRoom()) {
      this.#finish(stream);
      return;
    }
    this.#line(stream);
  }

  /** Drops what the stream has left to send. */
  forget(stream: Stream): void {
    this.#unsentBytes -= stream.unsentBytes;
    stream.unsentBytes = 0;
    stream.unsent = undefined;
    stream.trailers = undefined;
    stream.moreTrailers = undefined;
    if (stream.isReady) this.#leave(stream);
  }

  /** False if the window would be larger than any may be. */
  grant(bytes: number): boolean {
    this.#window += bytes;
    return this.#window <= MAX_INT31;
  }

  grantStream(stream: Stream, bytes: number): boolean {
    stream.sendWindow += bytes;
    if (stream.unsentBytes > 0) this.#line(stream);
    return stream.sendWindow <= MAX_INT31;
  }

  /**
   * The peer's SETTINGS_INITIAL_WINDOW_SIZE, which moves the windows of all streams. False if one would be too large.
   */
  setStreamWindow(bytes: number, streams: Iterable<Stream>): boolean {
    const by = bytes - this.#streamWindow;
    this.#streamWindow = bytes;
    for (const stream of streams) if (!this.grantStream(stream, by)) return false;
    return true;
  }

  /** Sends what may be sent now. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      let stream = this.#first;
      while (stream !== undefined && this.#hasRoom() && !(stream.unsentBytes > 0 && this.#window <= 0)) {
        this.#leave(stream);
        if (stream.unsentBytes > 0) this.#sendSome(stream);
        else if (stream.endsAfter) this.#finish(stream);
        stream = this.#first;
      }
    } finally {
      this.#pumping = false;
    }
  }

  #hasRoom(): boolean {
    return this.#pending + this.#output.size < this.#parts.limits.writeBufferSize;
  }

  /** One frame of what waits; the stream goes back in line if there is more to say. */
  #sendSome(stream: Stream): void {
    const chunk = stream.unsent?.[stream.unsentAt];
    if (chunk === undefined || stream.unsent === undefined) return;
    const start = stream.unsentOffset;
    const length = Math.min(chunk.length - start, stream.sendWindow, this.#window, MAX_FRAME_BYTES);
    if (length <= 0) return;
    stream.unsentBytes -= length;
    this.#unsentBytes -= length;
    if (start + length < chunk.length) stream.unsentOffset += length;
    else {
      stream.unsentOffset = 0;
      // A shift of the array for every chunk would take quadratic time.
      stream.unsent[stream.unsentAt++] = NOTHING;
      if (stream.unsentBytes === 0) {
        stream.unsent = undefined;
        stream.unsentAt = 0;
      } else if (stream.unsentAt >= 64 && stream.unsentAt * 2 >= stream.unsent.length) {
        stream.unsent.splice(0, stream.unsentAt);
        stream.unsentAt = 0;
      }
    }
    const last = stream.unsentBytes === 0 && stream.endsAfter;
    this.#data(stream, chunk, start, start + length, last && stream.trailers === undefined);
    if (stream.closed) return;
    if (last && stream.trailers !== undefined) this.#finish(stream);
    else if (stream.unsentBytes > 0) this.#line(stream);
    if (stream.waiting && !stream.closed && stream.unsentBytes * 2 <= this.#parts.limits.sendBufferBytes) {
      stream.waiting = false;
      stream.listener.drained(stream);
    }
  }

  #data(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.#window -= end - start;
    stream.sendWindow -= end - start;
    this.#output.data(stream.id, endStream, bytes, start, end);
    this.#parts.guard.dataSent();
    if (endStream) this.#parts.onLocalEnd(stream);
  }

  /** Sends what ends our side, when nothing else is left. */
  #finish(stream: Stream): void {
    const { trailers } = stream;
    if (trailers === undefined) {
      this.#data(stream, NOTHING, 0, 0, true);
      return;
    }
    const { encoder, guard } = this.#parts;
    encoder.encode(trailers, stream.moreTrailers);
    this.#output.headers(stream.id, true, encoder.block, encoder.length);
    guard.headersSent();
    this.#parts.onLocalEnd(stream);
  }

  #line(stream: Stream): void {
    if (stream.isReady) return;
    const onlyEnd = stream.unsentBytes === 0;
    if (!onlyEnd && stream.sendWindow <= 0) return;
    stream.isReady = true;
    if (onlyEnd) {
      stream.next = this.#first;
      if (this.#first === undefined) this.#last = stream;
      else this.#first.previous = stream;
      this.#first = stream;
    } else {
      stream.previous = this.#last;
      if (this.#last === undefined) this.#first = stream;
      else this.#last.next = stream;
      this.#last = stream;
    }
  }

  #leave(stream: Stream): void {
    if (stream.previous === undefined) this.#first = stream.next;
    else stream.previous.next = stream.next;
    if (stream.next === undefined) this.#last = stream.previous;
    else stream.next.previous = stream.previous;
    stream.previous = undefined;
    stream.next = undefined;
    stream.isReady = false;
  }
}

const NOTHING = new Uint8Array(0);
