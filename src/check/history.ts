/**
 * Requests of clients to a key-value store, and the answers, as data.
 *
 * A history is a list of operations. Each has the moment it was invoked and the moment its answer came, on one clock
 * that all processes share and that never goes back. A counter of events is the best clock. Two operations are taken to
 * be concurrent unless one returned strictly before the other was invoked, so that ties lose precision, never
 * soundness.
 *
 * Outcomes are three. *done*: the answer is known. *failed*: definitely not executed, so it may have no effect at all.
 * *unknown*: it takes effect at one moment after its invocation, however late, or never; its client goes on under a new
 * process id.
 *
 * Keys and values are strings; for binary data any encoding without collisions will do (latin1, base64). A version is
 * the revision of the key's last applied write: a whole number, from 1 to 2^53 - 1 at most. The
 * 64-bit numbers of `add` are decimal strings.
 */

export interface Operation {
  /** The process that asked. Its operations need not be sequential: a process may have several under way. */
  readonly process: number | string;
  readonly key: string;
  readonly call: Call;
  readonly invoked: number;
  /** null: no answer was seen. An operation that is done has a number here. */
  readonly returned: number | null;
  readonly outcome: Outcome;
}

export type Call = GetCall | PutCall | CasCall | DeleteCall | AddCall;

export interface GetCall {
  readonly kind: "get";
  /** A local read may be old: it is not part of the linearizability check. Missing = linearizable. */
  readonly consistency?: "linearizable" | "local";
}

export interface PutCall {
  readonly kind: "put";
  readonly value: string;
}

export interface CasCall {
  readonly kind: "cas";
  readonly condition: Condition;
  readonly value: string;
}

export interface DeleteCall {
  readonly kind: "delete";
  readonly condition?: Condition;
}

export interface AddCall {
  readonly kind: "add";
  /** Decimal, signed, 64 bits. */
  readonly delta: string;
}

export type Condition =
  | { readonly kind: "version"; readonly version: number }
  | { readonly kind: "value"; readonly value: string }
  | { readonly kind: "absent" }
  | { readonly kind: "present" };

export type Outcome = Done | { readonly status: "failed" } | { readonly status: "unknown" };

export interface Done {
  readonly status: "done";
  readonly answer: Answer;
}

export type Answer = GetAnswer | PutAnswer | CasAnswer | DeleteAnswer | AddAnswer;

export type GetAnswer =
  | { readonly kind: "get"; readonly present: false }
  | { readonly kind: "get"; readonly present: true; readonly value: string; readonly version: number };

export interface PutAnswer {
  readonly kind: "put";
  readonly version: number;
}

export type CasAnswer =
  | { readonly kind: "cas"; readonly swapped: true; readonly version: number }
  | { readonly kind: "cas"; readonly swapped: false; readonly found: Found | null };

export interface DeleteAnswer {
  readonly kind: "delete";
  readonly deleted: boolean;
  /** 0 when the key was absent. */
  readonly versionFound: number;
  /** The entry found, when a condition failed on one. */
  readonly found?: Found | null;
}

export interface AddAnswer {
  readonly kind: "add";
  readonly version: number;
  /** The number after the addition, decimal. */
  readonly number: string;
}

/** An entry found by a condition that failed; null in its place means absent. */
export interface Found {
  readonly version: number;
  /** Missing when the answer was repeated from a completion record that outlived the value. */
  readonly value?: string;
}

/**
 * An operation that has an answer of its own kind: what checkers look at once failed and unknown ones are set apart.
 */
export type DoneOperation = Operation & { readonly returned: number; readonly outcome: Done };

export function isDone(operation: Operation): operation is DoneOperation {
  return operation.outcome.status === "done" && operation.returned !== null;
}

export function isLocalRead(operation: Operation): boolean {
  return operation.call.kind === "get" && operation.call.consistency === "local";
}

/** Operations by key, keys in the order in which they first appear. */
export function byKey(operations: Iterable<Operation>): Map<string, Operation[]> {
  const keys = new Map<string, Operation[]>();
  for (const operation of operations) {
    const sameKey = keys.get(operation.key);
    if (sameKey === undefined) keys.set(operation.key, [operation]);
    else sameKey.push(operation);
  }
  return keys;
}
