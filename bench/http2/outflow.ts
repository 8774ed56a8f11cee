/**
 * The sending half of HTTP/2 flow control. Request bodies leave as far as the connection's window, the stream's window
 * and the largest frame allow. The rest waits here and leaves when the server gives more.
 *
 * Intuition: a request of a hundred octets nearly always fits, and then costs two comparisons. Only what
 * does not fit is copied and gets a place in the backlog, oldest first.
 */

import { FLAG, FRAME, type FrameWriter, INITIAL_MAX_FRAME_BYTES, INITIAL_WINDOW_BYTES } from "./frames.js";
import type { CallStream } from "./stream.js";

export class Outflow {
  readonly #writer: FrameWriter;
  readonly #backlog = new Set<CallStream>();
  #window = INITIAL_WINDOW_BYTES;
  #streamWindow = INITIAL_WINDOW_BYTES;
  #maxFrameBytes = INITIAL_MAX_FRAME_BYTES;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** Sends `body` [0, length) and the end of the stream, now or bit by bit; copies what has to wait. */
  send(stream: CallStream, body: Uint8Array, length: number): void {
    if (
      length <= this.#window &&
      length <= this.#streamWindow &&
      length <= this.#maxFrameBytes &&
      this.#backlog.size === 0
    ) {
      this.#window -= length;
      this.#writer.frame(FRAME.data, FLAG.endStream, stream.id, length);
      this.#writer.bytes(body, 0, length);
      return;
    }
    stream.unsent = body.slice(0, length);
    stream.sendWindow = this.#streamWindow;
    this.#backlog.add(stream);
    this.resume();
  }

  /** Forgets what the stream had left to send; tells whether there was anything. */
  forget(stream: CallStream): boolean {
    stream.unsent = undefined;
    return this.#backlog.delete(stream);
  }

  grantConnection(bytes: number): void {
    this.#window += bytes;
    this.resume();
  }

  grantStream(stream: CallStream, bytes: number): void {
    stream.sendWindow += bytes;
    this.resume();
  }

  /** The server's INITIAL_WINDOW_SIZE, which also moves the windows of the streams that wait. */
  setStreamWindow(bytes: number): void {
    for (const stream of this.#backlog) stream.sendWindow += bytes - this.#streamWindow;
    this.#streamWindow = bytes;
  }

  /** The server's MAX_FRAME_SIZE; larger frames than the default gain nothing here. */
  setMaxFrame(bytes: number): void {
    this.#maxFrameBytes = Math.min(bytes, INITIAL_MAX_FRAME_BYTES);
  }

  /** Sends what the windows allow now. */
  resume(): void {
    for (const stream of this.#backlog) {
      if (this.#window <= 0) return;
      this.#sendSome(stream, stream.unsent ?? new Uint8Array(0));
    }
  }

  #sendSome(stream: CallStream, body: Uint8Array): void {
    let sent = 0;
    while (sent < body.length) {
      const length = Math.min(body.length - sent, this.#window, stream.sendWindow, this.#maxFrameBytes);
      if (length <= 0) break;
      const last = sent + length === body.length;
      this.#writer.frame(FRAME.data, last ? FLAG.endStream : 0, stream.id, length);
      this.#writer.bytes(body, sent, sent + length);
      this.#window -= length;
      stream.sendWindow -= length;
      sent += length;
    }
    if (sent === body.length) this.forget(stream);
    else stream.unsent = body.subarray(sent);
  }
}
