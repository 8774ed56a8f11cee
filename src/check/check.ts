/**
 * Checks a whole history: linearizability is local (Herlihy and Wing, TOPLAS 1990), so each key is checked by itself.
 * Local reads are held to less, apart from the linearization: see local-reads.ts.
 */
import type { Budget, Checker, Verdict } from "./checker.js";
import { byKey, type Operation } from "./history.js";
import { localReadViolation } from "./local-reads.js";

export interface CheckOptions {
  readonly checker: Checker;
  /** Made anew for each key, so that one hard key takes no time from the others; none = no bound. */
  readonly budget?: () => Budget;
}

export interface Report {
  /** The worst of all: a violation, else out of time, else ok. */
  readonly kind: Verdict["kind"];
  readonly keys: readonly KeyReport[];
}

export interface KeyReport {
  readonly key: string;
  readonly operations: readonly Operation[];
  readonly verdict: Verdict;
}

export function checkHistory(operations: Iterable<Operation>, { checker, budget = () => ({}) }: CheckOptions): Report {
  const keys: KeyReport[] = [];
  for (const [key, ofKey] of byKey(operations)) {
    const verdict = checker.check(ofKey, budget());
    const local = verdict.kind === "violation" ? null : localReadViolation(ofKey);
    keys.push({ key, operations: ofKey, verdict: local ?? verdict });
  }
  const has = (kind: Verdict["kind"]): boolean => keys.some(({ verdict }) => verdict.kind === kind);
  return { kind: has("violation") ? "violation" : has("out of time") ? "out of time" : "ok", keys };
}
