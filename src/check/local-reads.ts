/**
 * Local reads may be old, so they have no place in the order of the others; but what they show was once true. The entry
 * must be one that some write may have made before the read returned. It is never a value of a write that was not
 * executed, never a version with another value than everybody else saw there. Absence may always be shown: every key
 * was absent.
 */

import { takesPart, type Violation } from "./checker.js";
import { described } from "./describe.js";
import { type DoneOperation, type Found, isDone, isLocalRead, type Operation } from "./history.js";
import { versionMade } from "./relevance.js";
import { int64 } from "./sequential.js";
import { unreachable } from "./unreachable.js";

export function localReadViolation(operations: readonly Operation[]): Violation | null {
  const reads = operations.filter(isLocalRead).filter(isDone);
  if (reads.length === 0) return null;
  const facts = new Facts(operations.filter(takesPart));
  for (const read of reads) {
    const violation = facts.contradict(read);
    if (violation !== null) return violation;
  }
  return null;
}

class Facts {
  private readonly makers = new Map<number, DoneOperation>();
  private readonly shown = new Map<number, { value: string; by: DoneOperation }>();
  /** By value: when the first write of it was invoked that may have happened and told nobody its version. */
  private readonly unknown = new Map<string, number>();
  private firstUnknownAdd = Number.POSITIVE_INFINITY;

  constructor(operations: readonly Operation[]) {
    for (const operation of operations) {
      const { call, invoked } = operation;
      if (isDone(operation)) this.learn(operation);
      else if (call.kind === "add") this.firstUnknownAdd = Math.min(this.firstUnknownAdd, invoked);
      else if (call.kind === "put" || call.kind === "cas") {
        this.unknown.set(call.value, Math.min(this.unknown.get(call.value) ?? invoked, invoked));
      }
    }
  }

  contradict(read: DoneOperation): Violation | null {
    const entry = entriesShown(read)[0];
    if (entry === undefined || entry.value === undefined) return null;
    const { version, value } = entry;
    const known = this.shown.get(version);
    if (known !== undefined && known.value !== value) {
      return violation(`Version ${version} has two values: ${described(known.by)}; ${described(read)}.`, [
        read,
        known.by,
      ]);
    }
    this.shown.set(version, known ?? { value, by: read });
    const maker = this.makers.get(version);
    if (maker !== undefined) {
      if (maker.invoked <= read.returned) return null;
      return violation(`Version ${version} was seen before it was written: ${described(read)}; ${described(maker)}.`, [
        read,
        maker,
      ]);
    }
    const sinceWrite = this.unknown.get(value) ?? Number.POSITIVE_INFINITY;
    const sinceAdd = int64(value) === null ? Number.POSITIVE_INFINITY : this.firstUnknownAdd;
    if (Math.min(sinceWrite, sinceAdd) <= read.returned) return null;
    return violation(`A local read shows what no write can have made by then: ${described(read)}.`, [read]);
  }

  private learn(operation: DoneOperation): void {
    const version = versionMade(operation);
    if (version !== null) this.makers.set(version, operation);
    for (const { version: seen, value } of entriesShown(operation)) {
      if (value !== undefined) this.shown.set(seen, { value, by: operation });
    }
  }
}

/** The entries that an answer shows, its own write included. */
function entriesShown({ call, outcome: { answer } }: DoneOperation): Found[] {
  switch (answer.kind) {
    case "get":
      return answer.present ? [answer] : [];
    case "put":
      return call.kind === "put" ? [{ version: answer.version, value: call.value }] : [];
    case "cas":
      if (!answer.swapped) return answer.found === null ? [] : [answer.found];
      return call.kind === "cas" ? [{ version: answer.version, value: call.value }] : [];
    case "delete":
      return answer.found ? [answer.found] : [];
    case "add":
      return [{ version: answer.version, value: answer.number }];
    default:
      return unreachable(answer);
  }
}

function violation(reason: string, culprits: readonly Operation[]): Violation {
  return { kind: "violation", reason, culprits, partial: [], decidedBy: "local-reads" };
}
