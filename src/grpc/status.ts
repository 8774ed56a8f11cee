/**
 * How calls end: gRPC's status codes, and the one exception that carries them, on both sides.
 *
 * Source: gRPC's doc/statuscodes.md.
 */
import { Metadata } from "./metadata/metadata.js";

export const STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export type StatusCode = (typeof STATUS)[keyof typeof STATUS];

/**
 * The effect of a failed call at the server. `answered`: the server gave this status itself. `unprocessed`: it surely
 * has not begun the call, so that it may be made again. `unknown`: nobody can say.
 */
export type CallOutcome = "answered" | "unprocessed" | "unknown";

export interface GrpcErrorOptions {
  /**
   * The bytes of `grpc-status-details-bin`: a google.rpc.Status, which is not looked at here. A function makes them
   * once they are wanted.
   */
  readonly details?: Uint8Array | (() => Uint8Array) | undefined;
  /** Server: further trailers to send. Client: those that came. */
  readonly metadata?: Metadata | undefined;
  readonly outcome?: CallOutcome | undefined;
  readonly cause?: unknown;
}

/**
 * A call has ended with another status than OK. A handler throws it to end its call so; a client's call rejects with
 * it.
 */
export class GrpcError extends Error {
  /** One of `STATUS`; a client may see others, from servers that make up their own. */
  readonly code: number;
  readonly #details: Uint8Array | (() => Uint8Array) | undefined;
  readonly metadata: Metadata;
  /** Means something on the client only. */
  readonly outcome: CallOutcome;

  constructor(code: number, message: string, options: GrpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GrpcError";
    this.code = code;
    this.#details = options.details;
    this.metadata = options.metadata ?? new Metadata();
    this.outcome = options.outcome ?? "answered";
  }

  get details(): Uint8Array | undefined {
    return typeof this.#details === "function" ? this.#details() : this.#details;
  }
}

/**
 * An error that the other side has caused. It has no stack: making one takes longer than the rest of a call. So
 * refusing would cost more than answering, and it would name nothing but this folder.
 */
export function causedByPeer(code: number, message: string): GrpcError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new GrpcError(code, message);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
