/** The interface that both checkers have: one key's history in, a verdict out. */
import { isDone, isLocalRead, type Operation } from "./history.js";

export interface Checker {
  readonly name: CheckerName;
  /** The operations are all of one key, which was absent before the first of them. */
  check(operations: readonly Operation[], budget: Budget): Verdict;
}

export type CheckerName = "wing-gong" | "version-witness";

/** A search that exceeds its budget ends as out of time, which is neither a yes nor a no. */
export interface Budget {
  /** States visited, per key. Missing = without bound. */
  readonly steps?: number;
  /** Asked every few thousand steps. The caller owns the clock. Missing = never. */
  readonly expired?: () => boolean;
}

export type Verdict = Ok | Violation | OutOfTime;

export interface Ok {
  readonly kind: "ok";
  /** An order that explains every answer. Operations of unknown outcome that are not in it never took effect. */
  readonly linearization: readonly Operation[];
  /** Which checker decided: the witness checker hands some keys on. */
  readonly decidedBy: CheckerName;
}

export interface Violation {
  readonly kind: "violation";
  /** One sentence: what contradicts what. */
  readonly reason: string;
  /** The operations that the sentence is about; the first is the one to look at. */
  readonly culprits: readonly Operation[];
  /** The longest order found that explains the answers before the contradiction; empty when none was searched for. */
  readonly partial: readonly Operation[];
  readonly decidedBy: CheckerName | "local-reads";
}

export interface OutOfTime {
  readonly kind: "out of time";
  /** Operations explained by the longest order found. */
  readonly explained: number;
  readonly decidedBy: CheckerName;
}

/**
 * The operations that take part in a linearization: those done, and the writes that may have happened. A local read, an
 * operation that was not executed and a read without an answer say nothing.
 */
export function takesPart(operation: Operation): boolean {
  if (isLocalRead(operation)) return false;
  if (operation.outcome.status === "unknown") return operation.call.kind !== "get";
  return isDone(operation);
}

/** When the effect was there at the latest: an unknown outcome may take effect at any later time. */
export function latest(operation: Operation): number {
  return isDone(operation) ? operation.returned : Number.POSITIVE_INFINITY;
}
