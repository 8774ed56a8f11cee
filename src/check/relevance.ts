/**
 * Which writes of unknown outcome can matter. One whose effect nobody depends on may as well never have happened. Take
 * it out of an order and every other answer is explained as before. For the next write or delete finds a lower version,
 * which allows more. The things that somebody may depend on. They are a value seen at a version which no answered write
 * made, or one that a condition or an addition asks for. Presence as such and absence as such belong to them, too.
 */
import type { Condition, Found, Operation } from "./history.js";
import { int64 } from "./sequential.js";

export function usefulUnknowns(operations: readonly Operation[]): Operation[] {
  const unknowns = operations.filter((operation) => operation.outcome.status === "unknown");
  if (unknowns.length === 0) return unknowns;
  const needs = new Needs(versionsMade(operations));
  for (const operation of operations) needs.collect(operation);
  return unknowns.filter((operation) => needs.mayUse(operation));
}

/** Versions that an answered write made, each with that write. */
function versionsMade(operations: readonly Operation[]): Set<number> {
  const made = new Set<number>();
  for (const operation of operations) {
    const version = versionMade(operation);
    if (version !== null) made.add(version);
  }
  return made;
}

/** The version that the answer of a write says it made. */
export function versionMade({ outcome }: Operation): number | null {
  if (outcome.status !== "done") return null;
  const { answer } = outcome;
  if (answer.kind === "put" || answer.kind === "add") return answer.version;
  return answer.kind === "cas" && answer.swapped ? answer.version : null;
}

class Needs {
  private readonly made: ReadonlySet<number>;
  private readonly values = new Set<string>();
  private readonly numbers = new Set<bigint>();
  private anyNumber = false;
  private presence = false;
  private absence = false;

  constructor(made: ReadonlySet<number>) {
    this.made = made;
  }

  collect({ call, outcome }: Operation): void {
    const answer = outcome.status === "done" ? outcome.answer : null;
    const refused = answer?.kind === "cas" ? !answer.swapped : answer?.kind === "delete" && !answer.deleted;
    if ((call.kind === "cas" || call.kind === "delete") && !refused) this.expect(call.condition);
    if (call.kind === "add") {
      this.absence = true;
      const before = answer?.kind === "add" ? int64(answer.number) : null;
      const delta = int64(call.delta);
      if (before === null || delta === null) this.anyNumber = true;
      else this.numbers.add(before - delta);
    }
    if (answer?.kind === "get") this.see(answer.present ? answer : null);
    if (answer?.kind === "cas" && !answer.swapped) this.see(answer.found);
    if (answer?.kind === "delete") {
      this.see(answer.versionFound === 0 ? null : { ...answer.found, version: answer.versionFound });
    }
  }

  mayUse({ call }: Operation): boolean {
    if (call.kind === "delete") return this.absence;
    if (call.kind === "add" || this.presence) return true;
    if (call.kind === "get" || this.values.has(call.value)) return call.kind !== "get";
    const number = int64(call.value);
    return number !== null && (this.anyNumber || this.numbers.has(number));
  }

  private see(found: Found | null): void {
    if (found === null) this.absence = true;
    else if (this.made.has(found.version)) return;
    else if (found.value === undefined) this.presence = true;
    else this.values.add(found.value);
  }

  private expect(condition: Condition | undefined): void {
    if (condition?.kind === "value") this.values.add(condition.value);
    else if (condition?.kind === "absent") this.absence = true;
    else if (condition?.kind === "present") this.presence = true;
    else if (condition?.kind === "version") this.see({ version: condition.version });
  }
}
