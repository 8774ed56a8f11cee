/**
 * What becomes of a call: one of three. "done" has the answer. "notDone": nothing was executed, and no attempt of this call will be.
 * "unknown": a write may have been executed, or may yet be; read the key to find out. Reads are never unknown.
 *
 * A key that does not exist and a condition that does not hold are answers, so they are "done".
 */
import type { ErrorReason } from "../../gen/ts/onar/kv/v1/error.js";
import type { Entry } from "./entry.js";

/** What the client itself has to say, in place of a server. */
export type ClientReason =
  /** The time of the call is over. */
  | "DEADLINE_EXCEEDED"
  /** The caller's AbortSignal was raised. */
  | "CANCELLED"
  /** The client was closed. */
  | "CLOSED"
  /** No endpoint could be connected. */
  | "UNREACHABLE"
  /** Whoever answers is of another cluster than the one expected. */
  | "WRONG_CLUSTER";

/**
 * Why: Onar's own reason (docs/errors.md), one of the client's, or the name of a gRPC status that something in between has made up. Newer
 * servers may have more.
 */
export type Reason =
  | Exclude<keyof typeof ErrorReason, "UNSPECIFIED" | "UNRECOGNIZED">
  | ClientReason
  | (string & Record<never, never>);

/** Definitely not executed. */
export interface NotDone {
  readonly outcome: "notDone";
  /** For programs. */
  readonly reason: Reason;
  /** For people. */
  readonly message: string;
}

/** A write that may have been executed, or may yet be. */
export interface Unknown {
  readonly outcome: "unknown";
  /** For programs. */
  readonly reason: Reason;
  /** For people. */
  readonly message: string;
}

/** How fresh a read is: see {@link GetOptions.consistency}. */
export type Consistency = "linearizable" | "local";

/** The answer of a get. */
export interface Got {
  readonly outcome: "done";
  /** What the key holds; undefined: the key does not exist. */
  readonly entry: Entry | undefined;
  /** What was served: "local" only if that was asked for. */
  readonly consistency: Consistency;
}

/** The answer of a put. */
export interface Stored {
  readonly outcome: "done";
  /** The key's version with this write; never 0. */
  readonly version: bigint;
}

/** The answer of a compareAndSet whose condition held. */
export interface Swapped {
  readonly outcome: "done";
  readonly swapped: true;
  /** The key's version with this write. */
  readonly version: bigint;
}

/** The answer of a compareAndSet whose condition did not hold: nothing was changed. */
export interface NotSwapped {
  readonly outcome: "done";
  readonly swapped: false;
  /** The key's version; 0 when it does not exist. */
  readonly version: bigint;
  /** What the key held; undefined when it does not exist. Also, rarely, when an attempt that was lost was answered again too late to tell. */
  readonly found: Entry | undefined;
}

/** The answer of a delete that removed the key. */
export interface Deleted {
  readonly outcome: "done";
  readonly deleted: true;
  /** The version that was removed. */
  readonly version: bigint;
}

/** The answer of a delete that found no key, or whose condition did not hold: nothing was changed. */
export interface NotDeleted {
  readonly outcome: "done";
  readonly deleted: false;
  /** The key's version; 0 when it does not exist. */
  readonly version: bigint;
  /** What the key held; undefined when it does not exist. */
  readonly found: Entry | undefined;
}

/** The answer of an add. */
export interface Added {
  readonly outcome: "done";
  /**
   * The number after it. Undefined only when the first answer was lost and the key was written again before the request was repeated: it
   * was added, once.
   */
  readonly number: bigint | undefined;
  /** The key's version with this write. */
  readonly version: bigint;
}

/** What becomes of a get: a read is never unknown. */
export type GetOutcome = Got | NotDone;
/** What becomes of a put. */
export type PutOutcome = Stored | NotDone | Unknown;
/** What becomes of a compareAndSet: both answers are "done". */
export type CompareAndSetOutcome = Swapped | NotSwapped | NotDone | Unknown;
/** What becomes of a delete: both answers are "done". */
export type DeleteOutcome = Deleted | NotDeleted | NotDone | Unknown;
/** What becomes of an add. */
export type AddOutcome = Added | NotDone | Unknown;

/** Any of them. */
export type Outcome = GetOutcome | PutOutcome | CompareAndSetOutcome | DeleteOutcome | AddOutcome;

/** Thrown by {@link done}: definitely not executed. */
export class NotDoneError extends Error {
  override readonly name = "NotDoneError";
  /** For programs. */
  readonly reason: Reason;

  constructor(outcome: NotDone) {
    super(`not done: ${outcome.message}`);
    this.reason = outcome.reason;
  }
}

/** Thrown by {@link done}: the write may have been executed, or may yet be. */
export class UnknownError extends Error {
  override readonly name = "UnknownError";
  /** For programs. */
  readonly reason: Reason;

  constructor(outcome: Unknown) {
    super(`it is not known whether the write was executed: ${outcome.message}`);
    this.reason = outcome.reason;
  }
}

/**
 * The answer, for those who prefer exceptions: `const { version } = done(await client.put("key", "value"))`.
 *
 * @throws NotDoneError, UnknownError
 */
export function done<O extends Outcome>(outcome: O): Extract<O, { readonly outcome: "done" }> {
  if (outcome.outcome === "notDone") throw new NotDoneError(outcome);
  if (outcome.outcome === "unknown") throw new UnknownError(outcome);
  return outcome as Extract<O, { readonly outcome: "done" }>;
}
