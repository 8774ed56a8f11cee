/**
 * The messages that come on a stream, one by one as they are wanted: cut, inflated and decoded, in order.
 *
 * Intuition: whoever uses it says `want` and gets one message, or the end. Until it says so again nothing is cut, and
 * the sender finds the window closed. So a slow handler holds back its own caller, and nobody else.
 *
 * Invariants:
 * 1. For each `want` exactly one of `message`, `end` and `failed` is called, unless `close` comes first; after `end` or
 *    `failed` none.
 * 2. Messages are told in the order in which they came, also while one of them is inflated elsewhere.
 */

import type { ByteBudget } from "../message/byte-budget.js";
import type { Encoding } from "../message/compression.js";
import type { Inflater } from "../message/inflater.js";
import { MessageReader, type RawMessage } from "../message/message-reader.js";
import { causedByPeer, GrpcError, STATUS } from "../status.js";

export interface InletSink<T> {
  message(message: T): void;
  /** The peer has said all, and every message was told. */
  end(): void;
  failed(error: GrpcError): void;
}

export interface InletOptions<T> {
  readonly sink: InletSink<T>;
  readonly encoding: Encoding;
  readonly maxMessageBytes: number;
  readonly budget: ByteBudget;
  readonly inflater: Inflater;
  readonly decode: (bytes: Uint8Array) => T;
  /** So many bytes are done with: the peer may send as many more. */
  readonly consume: (bytes: number) => void;
}

export class Inlet<T> {
  readonly #options: InletOptions<T>;
  readonly #reader: MessageReader;
  #wanted = false;
  #busy = false;
  #ended = false;
  /** The end of the stream, once all messages are told. */
  #failure: GrpcError | undefined;
  #over = false;

  constructor(options: InletOptions<T>) {
    this.#options = options;
    this.#reader = new MessageReader(options.maxMessageBytes, options.budget);
  }

  /** Bound of a message from now on, also inflated. */
  set maxMessageBytes(bytes: number) {
    this.#reader.maxMessageBytes = bytes;
  }

  push(bytes: Buffer, start: number, end: number): void {
    if (this.#over) {
      this.#options.consume(end - start);
      return;
    }
    this.#reader.push(bytes, start, end);
    this.#advance();
  }

  /** Nothing more comes; behind the messages that are there the failure is told, if there is one. */
  end(failure?: GrpcError): void {
    this.#ended = true;
    this.#failure = failure;
    this.#advance();
  }

  want(): void {
    this.#wanted = true;
    this.#advance();
  }

  /** Forgets what is there. Nothing is told any more. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader.close();
  }

  #advance(): void {
    if (!this.#wanted || this.#busy || this.#over) return;
    const { consume, decode, sink } = this.#options;
    let message: T;
    try {
      const raw = this.#reader.next();
      const credit = this.#reader.credit();
      if (credit > 0) consume(credit);
      if (raw === undefined) {
        if (this.#ended) this.#end();
        return;
      }
      const bytes = raw.compressed ? this.#inflated(raw) : raw.bytes;
      if (bytes instanceof Promise) {
        this.#inflating(bytes);
        return;
      }
      message = decode(bytes);
    } catch (error) {
      this.#fail(asGrpcError(error));
      return;
    }
    this.#wanted = false;
    sink.message(message);
  }

  #inflated(raw: RawMessage): Buffer | Promise<Buffer> {
    const { budget, encoding, inflater } = this.#options;
    if (encoding === "gzip")
      return inflater.inflate(raw.bytes, this.#reader.maxMessageBytes, budget, () => !this.#over);
    throw causedByPeer(STATUS.internal, "a compressed message on a stream that has no grpc-encoding");
  }

  #inflating(bytes: Promise<Buffer>): void {
    this.#busy = true;
    const { decode, sink } = this.#options;
    bytes
      .then((whole) => (this.#over ? undefined : { message: decode(whole) }))
      .then(
        (decoded) => {
          this.#busy = false;
          if (decoded === undefined || this.#over) return;
          this.#wanted = false;
          sink.message(decoded.message);
        },
        (error: unknown) => {
          this.#busy = false;
          this.#fail(asGrpcError(error));
        },
      );
  }

  #end(): void {
    if (this.#failure !== undefined) this.#fail(this.#failure);
    else if (this.#reader.bytes > 0) this.#fail(causedByPeer(STATUS.internal, "the stream ended within a message"));
    else {
      this.close();
      this.#options.sink.end();
    }
  }

  #fail(error: GrpcError): void {
    if (this.#over) return;
    this.close();
    this.#options.sink.failed(error);
  }
}

/** A decoder's error is nothing for the other side to read. */
export function asGrpcError(error: unknown): GrpcError {
  return error instanceof GrpcError ? error : causedByPeer(STATUS.internal, "a message that cannot be decoded");
}
