/**
 * Flow control of what is received: how much the peer may send, and when it is told that it may send more.
 *
 * Intuition: a window is opened by what the application has consumed, so that what it has not taken is bounded by the
 * windows. The peer is told once half of a window is to be had, so that a stream of small pieces costs few frames.
 *
 * Invariants:
 * 1. Bytes received and not consumed are at most `initialConnWindowSize`, and at most `initialWindowSize` for each
 *    stream.
 *
 * Source: RFC 9113 §5.2 and §6.9.
 */

import { ConnectionError, ERROR_CODE } from "../error.js";
import type { FrameOutput } from "../frame/frame-output.js";
import { DEFAULT_WINDOW_BYTES } from "../frame/wire.js";
import type { Limits } from "./limits.js";
import type { Stream } from "./stream.js";

export class Inflow {
  readonly #output: FrameOutput;
  readonly #windowBytes: number;
  readonly #streamWindowBytes: number;
  #window: number;
  #uncredited = 0;

  constructor(output: FrameOutput, limits: Limits) {
    this.#output = output;
    this.#windowBytes = limits.initialConnWindowSize;
    this.#streamWindowBytes = limits.initialWindowSize;
    this.#window = limits.initialConnWindowSize;
  }

  /** Raises the connection's window above what it is by default; once, behind the first SETTINGS. */
  announce(): void {
    if (this.#windowBytes > DEFAULT_WINDOW_BYTES) {
      this.#output.windowUpdate(0, this.#windowBytes - DEFAULT_WINDOW_BYTES);
    }
  }

  /** DATA has come. Throws when the connection's window does not allow it. */
  arrived(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0)
      throw new ConnectionError(ERROR_CODE.flowControlError, "more DATA than the connection's window");
  }

  /** Takes it from the stream's window; false when that does not allow it. */
  arrivedOn(stream: Stream, bytes: number): boolean {
    stream.receiveWindow -= bytes;
    return stream.receiveWindow >= 0;
  }

  /** Bytes of DATA that nobody needs to consume any more. */
  credit(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited * 2 < this.#windowBytes) return;
    this.#output.windowUpdate(0, this.#uncredited);
    this.#window += this.#uncredited;
    this.#uncredited = 0;
  }

  /** The same, of a stream that may go on. */
  creditStream(stream: Stream, bytes: number): void {
    this.credit(bytes);
    if (stream.remoteEnded || stream.closed) return;
    stream.uncredited += bytes;
    if (stream.uncredited * 2 < this.#streamWindowBytes) return;
    this.#output.windowUpdate(stream.id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }
}
