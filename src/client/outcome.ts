/**
 * The outcome of a call: one of three. "done" has the answer. "notDone": nothing was executed, and no attempt of this
 * call will be. "unknown": a write may have been executed, or may yet be; read the key to find out. Reads are never
 * unknown.
 *
 * A key that does not exist and a condition that does not hold are answers, so they are "done".
 */
import type { ErrorReason } from "../../gen/ts/onar/kv/v1/error.js";
import type { Entry } from "./entry.js";

/** The client's own reasons, in place of a server's. */
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
 * Why: Onar's own reason (docs/errors.md), one of the client's, or the name of a gRPC status that something in between
 * has made up. Newer servers may have more.
 */
export type Reason =
  | Exclude<keyof typeof ErrorReason, "UNSPECIFIED" | "UNRECOGNIZED">
  | ClientReason
  | (string & Record<never, never>);

/** The facts of a call that has no answer. */
interface Unanswered {
  /** For programs: why. */
  readonly reason: Reason;
  /**
   * The gRPC status by name, for example "UNAVAILABLE": the one that was told, or for the client's own reasons the one
   * that fits.
   */
  readonly code: string;
  /**
   * HOST:PORT of the node that said so, or that did not answer. When none could be reached, those of all endpoints,
   * with commas between them; "" when nobody was asked.
   */
  readonly address: string;
  /** For people. */
  readonly message: string;
}

/** Definitely not executed. */
export interface NotDone extends Unanswered {
  readonly outcome: "notDone";
}

/** A write that may have been executed, or may yet be. */
export interface Unknown extends Unanswered {
  readonly outcome: "unknown";
}

/** How fresh a read is: see {@link GetOptions.consistency}. */
export type Consistency = "linearizable" | "local";

/** The part that all answers have in common. */
abstract class Answer {
  readonly outcome = "done";

  /** For JSON.stringify: 64-bit numbers are strings, as in the JSON of protobuf. */
  toJSON(): object {
    const fields = Object.entries(this).map(([name, value]) => [name, typeof value === "bigint" ? `${value}` : value]);
    return Object.fromEntries(fields);
  }
}

/** The answer of a get. */
export class Got extends Answer {
  constructor(
    /** The key's entry; undefined: the key does not exist. */
    readonly entry: Entry | undefined,
    /** The consistency that was served: "local" only if that was asked for. */
    readonly consistency: Consistency,
  ) {
    super();
  }
}

/** The answer of a put. */
export class Stored extends Answer {
  constructor(
    /** The key's version with this write; never 0. */
    readonly version: bigint,
  ) {
    super();
  }
}

/** The answer of a compareAndSet whose condition held. */
export class Swapped extends Answer {
  readonly swapped = true;

  constructor(
    /** The key's version with this write. */
    readonly version: bigint,
  ) {
    super();
  }
}

/** The answer of a compareAndSet whose condition did not hold: nothing was changed. */
export class NotSwapped extends Answer {
  readonly swapped = false;

  constructor(
    /** The key's version; 0 when it does not exist. */
    readonly version: bigint,
    /** The key's entry as it was found; undefined when it does not exist. Also, rarely, when an attempt that was lost
     * was answered again too late to tell. */
    readonly found: Entry | undefined,
  ) {
    super();
  }
}

/** The answer of a delete that removed the key. */
export class Deleted extends Answer {
  readonly deleted = true;

  constructor(
    /** The version that was removed. */
    readonly version: bigint,
  ) {
    super();
  }
}

/** The answer of a delete that found no key, or whose condition did not hold: nothing was changed. */
export class NotDeleted extends Answer {
  readonly deleted = false;

  constructor(
    /** The key's version; 0 when it does not exist. */
    readonly version: bigint,
    /** The key's entry as it was found; undefined when it does not exist. */
    readonly found: Entry | undefined,
  ) {
    super();
  }
}

/** The answer of an add. */
export class Added extends Answer {
  constructor(
    /**
     * The number after it. Undefined only when the first answer was lost and the key was written again before the
     * request was repeated: it was added, once.
     */
    readonly number: bigint | undefined,
    /** The key's version with this write. */
    readonly version: bigint,
  ) {
    super();
  }
}

/** The outcome of a get: a read is never unknown. */
export type GetOutcome = Got | NotDone;
/** The outcome of a put. */
export type PutOutcome = Stored | NotDone | Unknown;
/** The outcome of a compareAndSet: both answers are "done". */
export type CompareAndSetOutcome = Swapped | NotSwapped | NotDone | Unknown;
/** The outcome of a delete: both answers are "done". */
export type DeleteOutcome = Deleted | NotDeleted | NotDone | Unknown;
/** The outcome of an add. */
export type AddOutcome = Added | NotDone | Unknown;

/** Any of them. */
export type Outcome = GetOutcome | PutOutcome | CompareAndSetOutcome | DeleteOutcome | AddOutcome;

/** A call has no answer: always one of {@link NotDoneError} and {@link UnknownError}. */
export abstract class OnarError extends Error {
  /** As in {@link NotDone} and {@link Unknown}. */
  abstract readonly outcome: "notDone" | "unknown";
  /** For programs: why. */
  readonly reason: Reason;
  /** The gRPC status by name: see {@link NotDone.code}. */
  readonly code: string;
  /** Which node, or which nodes: see {@link NotDone.address}. */
  readonly address: string;

  /** @internal */
  constructor(what: string, { reason, code, address, message }: Unanswered) {
    const named = address.split(", ").every((one) => message.includes(one));
    super(`${what}: ${message}${named ? "" : `, at ${address}`}`);
    this.reason = reason;
    this.code = code;
    this.address = address;
  }

  /** For JSON.stringify, which leaves out the message otherwise. */
  toJSON(): object {
    const { name, outcome, reason, code, address, message } = this;
    return { name, outcome, reason, code, address, message };
  }
}

/** The call was definitely not executed, and no attempt of it will be. */
export class NotDoneError extends OnarError {
  override readonly name = "NotDoneError";
  readonly outcome = "notDone";

  constructor(outcome: NotDone) {
    super("not done", outcome);
  }
}

/** The write may have been executed, or may yet be: read the key to find out. Reads never end so. */
export class UnknownError extends OnarError {
  override readonly name = "UnknownError";
  readonly outcome = "unknown";

  constructor(outcome: Unknown) {
    super("it is not known whether the write was executed", outcome);
  }
}

/**
 * The answer in an outcome.
 *
 * @throws NotDoneError, UnknownError
 */
export function done<O extends Outcome>(outcome: O): Extract<O, { readonly outcome: "done" }> {
  if (outcome.outcome === "notDone") throw new NotDoneError(outcome);
  if (outcome.outcome === "unknown") throw new UnknownError(outcome);
  return outcome as Extract<O, { readonly outcome: "done" }>;
}
