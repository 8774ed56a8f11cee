/** One call on its way over a connection, and the codes by which it may end. */

import type { Stream, StreamEnd, StreamListener } from "../../src/http2/connection/stream.js";
import type { HeaderList } from "../../src/http2/hpack/header-list.js";

/**
 * What the caller of one unary call gives to the connection. An object may be used again for the next call
 * as soon as `done` was called.
 */
export interface CallHandler {
  /** A piece [start, end) of the answer's body, with its five-octet gRPC prefix. Copy what is kept. */
  data(chunk: Buffer, start: number, end: number): void;
  /** Exactly once: a grpc-status, or one of `CLIENT_STATUS` when the server did not give one. */
  done(status: number, message: string): void;
}

/** Ends that no server said. Apart from the grpc-status numbers (0 to 16), so that none is mistaken for one. */
export const CLIENT_STATUS = {
  connectionLost: 100,
  streamReset: 101,
  noGrpcStatus: 102,
  badHttpStatus: 103,
  clientTimeout: 104,
  refusedByGoAway: 105,
  emptyAnswer: 106,
} as const;

const NAMES: readonly string[] = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** The name of a status: gRPC's own in capitals, the client's own as `client:…`. */
export function statusName(status: number): string {
  const own = Object.entries(CLIENT_STATUS).find(([, code]) => code === status);
  return own === undefined ? (NAMES[status] ?? `STATUS_${status}`) : `client:${own[0]}`;
}

const NO_STATUS = -1;

/** What a call asks of its connection. */
interface CallOwner {
  readonly closeReason: string;
  consumed(stream: Stream, bytes: number): void;
  finish(call: CallStream): void;
  /** Whether the server has said GOAWAY. */
  readonly wentAway: boolean;
}

/** One call. Pooled by its connection: `begin` resets every field. */
export class CallStream implements StreamListener {
  stream: Stream | undefined;
  handler: CallHandler | undefined;
  startedAtMs = 0;
  /** How it ended, apart from what the server has said; -1 if in no other way. */
  ended = NO_STATUS;
  #owner: CallOwner | undefined;
  /** Octets of body received. */
  #received = 0;
  #grpcStatus = NO_STATUS;
  #httpStatus = 0;
  #message = "";

  begin(handler: CallHandler, startedAtMs: number, owner: CallOwner): void {
    this.stream = undefined;
    this.handler = handler;
    this.startedAtMs = startedAtMs;
    this.ended = NO_STATUS;
    this.#owner = owner;
    this.#received = 0;
    this.#grpcStatus = NO_STATUS;
    this.#httpStatus = 0;
    this.#message = "";
  }

  headers(_stream: Stream, headers: HeaderList): void {
    this.#httpStatus = headers.status;
    this.#note(headers);
  }

  data(stream: Stream, bytes: Buffer, start: number, end: number): void {
    this.#received += end - start;
    this.handler?.data(bytes, start, end);
    this.#owner?.consumed(stream, end - start);
  }

  end(_stream: Stream, trailers: HeaderList | undefined): void {
    if (trailers !== undefined) this.#note(trailers);
  }

  drained(): void {}

  closed(_stream: Stream, end: StreamEnd): void {
    if (this.ended === NO_STATUS) {
      if (end.kind === "lost") this.ended = CLIENT_STATUS.connectionLost;
      else if (end.kind === "reset")
        this.ended =
          end.unprocessed && this.#owner?.wentAway === true ? CLIENT_STATUS.refusedByGoAway : CLIENT_STATUS.streamReset;
    }
    this.#owner?.finish(this);
  }

  /** How the call ended, by what the server has said. */
  status(): number {
    if (this.#grpcStatus > 0) return this.#grpcStatus;
    if (this.#httpStatus !== 200) return CLIENT_STATUS.badHttpStatus;
    if (this.#grpcStatus === NO_STATUS) return CLIENT_STATUS.noGrpcStatus;
    // An OK without even the five octets of an empty message is no answer.
    return this.#received < 5 ? CLIENT_STATUS.emptyAnswer : 0;
  }

  /** The grpc-message (percent-encoded as it came), empty for most. */
  message(status: number): string {
    return status === CLIENT_STATUS.connectionLost || status === CLIENT_STATUS.refusedByGoAway
      ? (this.#owner?.closeReason ?? "")
      : this.#message;
  }

  #note(headers: HeaderList): void {
    const status = headers.get("grpc-status");
    // Number("") is 0: an empty status must not read as OK.
    if (status !== undefined) this.#grpcStatus = /^\d{1,2}$/.test(status) ? Number(status) : NO_STATUS;
    this.#message = headers.get("grpc-message") ?? this.#message;
  }
}
