/**
 * A header block that comes in several frames: HEADERS, and CONTINUATION until END_HEADERS.
 *
 * Invariants:
 * 1. Between its frames no other frame is allowed; `streamId` is not 0 then.
 * 2. At most `maxHeaderBlockBytes` are kept, in at most `maxContinuations` + 1 pieces.
 *
 * Source: RFC 9113 §4.3, §6.10 and §10.5.1.
 */

import { ConnectionError, ERROR_CODE } from "../error.js";
import { FLAG } from "../frame/wire.js";
import type { LimitName, Limits } from "./limits.js";

export class HeaderBlock {
  readonly #maxBytes: number;
  readonly #maxContinuations: number;
  /** The stream whose block is not whole; 0 if there is none. */
  streamId = 0;
  endStream = false;
  dependsOnItself = false;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(limits: Limits) {
    this.#maxBytes = limits.maxHeaderBlockBytes;
    this.#maxContinuations = limits.maxContinuations;
  }

  begin(id: number, endStream: boolean, dependsOnItself: boolean, bytes: Buffer, start: number, end: number): void {
    this.streamId = id;
    this.endStream = endStream;
    this.dependsOnItself = dependsOnItself;
    this.#pieces = [];
    this.#bytes = 0;
    this.#add(bytes, start, end);
  }

  /** Adds the payload of a CONTINUATION; true if the block is whole then. */
  continue(flags: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#pieces.length > this.#maxContinuations) throw calm("too many CONTINUATION frames", "maxContinuations");
    this.#add(bytes, start, end);
    return (flags & FLAG.endHeaders) !== 0;
  }

  /** The whole block; nothing is kept of it. */
  take(): Buffer {
    const whole = Buffer.concat(this.#pieces, this.#bytes);
    this.streamId = 0;
    this.#pieces = [];
    return whole;
  }

  #add(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > this.#maxBytes) throw calm("a header block too long", "maxHeaderBlockBytes");
    // A copy: a view would pin a whole read for a few bytes.
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
  }
}

function calm(message: string, limit: LimitName): ConnectionError {
  return new ConnectionError(ERROR_CODE.enhanceYourCalm, message, limit);
}
