/** One call on its way over a connection, and the codes by which it may end. */

import { statusName as nameOfGrpc } from "../../src/grpc/status-name.js";
import type { HeaderSink } from "./hpack.js";

/**
 * The caller of one unary call gives this to the connection. An object may be used again for the next call as soon as
 * `done` was called.
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

/** The name of a status: gRPC's own in capitals, the client's own as `client:…`. */
export function statusName(status: number): string {
  const own = Object.entries(CLIENT_STATUS).find(([, code]) => code === status);
  return own === undefined ? nameOfGrpc(status) : `client:${own[0]}`;
}

const NO_STATUS = -1;

/** The state of one HTTP/2 stream. Pooled by its connection: `begin` resets every field. */
export class CallStream implements HeaderSink {
  id = 0;
  handler: CallHandler | undefined;
  startedAtMs = 0;
  /** Bytes that flow control has not let out yet, and how much more the server will take on this stream. */
  unsent: Uint8Array | undefined;
  sendWindow = 0;
  /** Octets of body received. */
  received = 0;
  #grpcStatus = NO_STATUS;
  #httpStatus = "";
  #message = "";

  begin(id: number, handler: CallHandler, startedAtMs: number): void {
    this.id = id;
    this.handler = handler;
    this.startedAtMs = startedAtMs;
    this.unsent = undefined;
    this.sendWindow = 0;
    this.received = 0;
    this.#grpcStatus = NO_STATUS;
    this.#httpStatus = "";
    this.#message = "";
  }

  header(name: string, value: string): void {
    if (name === "grpc-status") {
      // Number("") is 0: an empty status must not read as OK.
      const status = /^\d{1,2}$/.test(value) ? Number(value) : NO_STATUS;
      this.#grpcStatus = status;
    } else if (name === ":status") {
      this.#httpStatus = value;
    } else if (name === "grpc-message") {
      this.#message = value;
    }
  }

  /** How the call ended, once the server has closed its side. */
  status(): number {
    if (this.#grpcStatus > 0) return this.#grpcStatus;
    if (this.#httpStatus !== "200") return CLIENT_STATUS.badHttpStatus;
    if (this.#grpcStatus === NO_STATUS) return CLIENT_STATUS.noGrpcStatus;
    // An OK without even the five octets of an empty message is no answer.
    return this.received < 5 ? CLIENT_STATUS.emptyAnswer : 0;
  }

  /** The grpc-message (percent-encoded as it came), empty for most. */
  message(): string {
    return this.#message;
  }
}
