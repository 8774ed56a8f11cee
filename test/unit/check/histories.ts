/** Builders of operations for tests, a register that makes true histories, and the slowest checker there is. */
import * as fc from "fast-check";
import { latest, takesPart } from "../../../src/check/checker.js";
import { type Answer, type Call, type Condition, isDone, type Operation } from "../../../src/check/history.js";
import { after, initialState, type KeyState, sum } from "../../../src/check/sequential.js";

type Interval = readonly [invoked: number, returned: number];

function done(process: number, [invoked, returned]: Interval, call: Call, answer: Answer): Operation {
  return { process, key: "k", call, invoked, returned, outcome: { status: "done", answer } };
}

export const put = (process: number, interval: Interval, value: string, version: number): Operation =>
  done(process, interval, { kind: "put", value }, { kind: "put", version });

export const get = (process: number, interval: Interval, value: string | null, version = 0): Operation =>
  done(
    process,
    interval,
    { kind: "get" },
    value === null ? { kind: "get", present: false } : { kind: "get", present: true, value, version },
  );

export const localGet = (process: number, interval: Interval, value: string, version: number): Operation =>
  done(process, interval, { kind: "get", consistency: "local" }, { kind: "get", present: true, value, version });

export const swapped = (
  process: number,
  interval: Interval,
  condition: Condition,
  value: string,
  version: number,
): Operation => done(process, interval, { kind: "cas", condition, value }, { kind: "cas", swapped: true, version });

export const refused = (
  process: number,
  interval: Interval,
  condition: Condition,
  value: string,
  found: { version: number; value?: string } | null,
): Operation => done(process, interval, { kind: "cas", condition, value }, { kind: "cas", swapped: false, found });

export const removed = (process: number, interval: Interval, versionFound: number): Operation =>
  done(process, interval, { kind: "delete" }, { kind: "delete", deleted: versionFound > 0, versionFound });

export const added = (process: number, interval: Interval, delta: string, number: string, version: number): Operation =>
  done(process, interval, { kind: "add", delta }, { kind: "add", version, number });

export const unknown = (process: number, invoked: number, call: Call): Operation => ({
  process,
  key: "k",
  call,
  invoked,
  returned: null,
  outcome: { status: "unknown" },
});

export const failed = (process: number, [invoked, returned]: Interval, call: Call): Operation => ({
  process,
  key: "k",
  call,
  invoked,
  returned,
  outcome: { status: "failed" },
});

/** Tries every order. For a handful of operations. */
export function bruteForce(operations: readonly Operation[]): boolean {
  const rest = operations.filter(takesPart);
  const search = (state: KeyState, left: readonly Operation[]): boolean =>
    !left.some(isDone) ||
    left.some((operation) => {
      if (left.some((other) => latest(other) < operation.invoked)) return false;
      const next = after(state, operation);
      return (
        next !== null &&
        search(
          next,
          left.filter((other) => other !== operation),
        )
      );
    });
  // An unknown operation that never runs blocks nobody: it has no return.
  return search(initialState, rest);
}

/** One call of a generated history, with what chance decides about it. */
export interface Draw {
  readonly process: number;
  readonly call: "get" | "put" | "cas" | "delete" | "add" | "deleteIf";
  readonly condition: "version" | "oldVersion" | "value" | "otherValue" | "absent" | "present";
  readonly value: number;
  /** Moments between the last operation of the process, its invocation, its effect, its return. */
  readonly pauses: readonly [number, number, number];
  readonly fate: "done" | "failed" | "lost answer" | "lost call" | "very late";
  /** Revisions that other keys take in between. */
  readonly skip: number;
}

export const draw = (faults: boolean): fc.Arbitrary<Draw> =>
  fc.record({
    process: fc.nat(3),
    call: fc.constantFrom("get", "get", "put", "put", "cas", "delete", "add", "deleteIf"),
    condition: fc.constantFrom("version", "oldVersion", "value", "otherValue", "absent", "present"),
    value: fc.nat(4),
    pauses: fc.tuple(fc.nat(3), fc.nat(6), fc.nat(6)),
    fate: faults
      ? fc.constantFrom("done", "done", "done", "done", "failed", "lost answer", "lost call", "very late")
      : fc.constant("done" as const),
    skip: fc.nat(2),
  });

interface Plan {
  readonly draw: Draw;
  readonly process: number;
  readonly invoked: number;
  readonly effect: number;
  readonly returned: number;
}

/**
 * The answers of an atomic register when each call takes effect at one moment between its invocation and its return.
 */
export function trueHistory(draws: readonly Draw[]): Operation[] {
  const free = new Map<number, number>();
  const plans = draws.map((one, index): Plan => {
    const invoked = (free.get(one.process) ?? 0) + 1 + one.pauses[0];
    const effect = invoked + one.pauses[1];
    const returned = effect + one.pauses[2];
    free.set(one.process, returned);
    const isUnknown = one.fate === "lost answer" || one.fate === "lost call" || one.fate === "very late";
    const process = isUnknown ? 100 + index : one.process;
    return { draw: one, process, invoked, effect: one.fate === "very late" ? effect + 20 : effect, returned };
  });
  let state: KeyState = initialState;
  let oldVersion = 1;
  let revision = 0;
  const operations: Operation[] = [];
  for (const plan of plans.toSorted((left, right) => left.effect - right.effect)) {
    const call = callOf(plan.draw, state, oldVersion);
    const base = { process: plan.process, key: "k", call, invoked: plan.invoked };
    const run =
      plan.draw.fate === "failed" || plan.draw.fate === "lost call"
        ? null
        : ranOn(state, call, revision + 1 + plan.draw.skip);
    if (plan.draw.fate === "done") {
      if (run === null) operations.push({ ...base, returned: plan.returned, outcome: { status: "failed" } });
      else operations.push({ ...base, returned: plan.returned, outcome: { status: "done", answer: run.answer } });
    } else if (plan.draw.fate === "failed")
      operations.push({ ...base, returned: plan.returned, outcome: { status: "failed" } });
    else operations.push({ ...base, returned: null, outcome: { status: "unknown" } });
    if (run === null) continue;
    if (run.revision > revision) oldVersion = Math.max(1, state.version);
    revision = run.revision;
    state = run.state;
  }
  return operations;
}

function callOf({ call, condition, value }: Draw, state: KeyState, oldVersion: number): Call {
  const text = `${value}`;
  const conditions: Record<Draw["condition"], Condition> = {
    version: { kind: "version", version: Math.max(1, state.version) },
    oldVersion: { kind: "version", version: oldVersion },
    value: { kind: "value", value: state.value ?? text },
    otherValue: { kind: "value", value: "3" },
    absent: { kind: "absent" },
    present: { kind: "present" },
  };
  if (call === "get") return { kind: "get" };
  if (call === "put") return { kind: "put", value: text };
  if (call === "add") return { kind: "add", delta: `${value - 1}` };
  if (call === "delete") return { kind: "delete" };
  if (call === "deleteIf") return { kind: "delete", condition: conditions[condition] };
  return { kind: "cas", condition: conditions[condition], value: text };
}

interface Run {
  readonly answer: Answer;
  readonly state: KeyState;
  readonly revision: number;
}

/** An implementation of its own, not the checkers' specification: they would share its mistakes. */
function ranOn(state: KeyState, call: Call, revision: number): Run | null {
  const found = state.value === null ? null : { value: state.value, version: state.version };
  const wrote = (value: string | null, answer: Answer): Run => ({
    answer,
    state: { value, version: revision, exact: value !== null },
    revision,
  });
  const left = (answer: Answer): Run => ({ answer, state, revision: revision - 1 });
  const holds = (condition: Condition): boolean => {
    if (condition.kind === "absent") return found === null;
    if (condition.kind === "present") return found !== null;
    return condition.kind === "value" ? found?.value === condition.value : found?.version === condition.version;
  };
  switch (call.kind) {
    case "get":
      return left(found === null ? { kind: "get", present: false } : { kind: "get", present: true, ...found });
    case "put":
      return wrote(call.value, { kind: "put", version: revision });
    case "cas":
      if (!holds(call.condition)) return left({ kind: "cas", swapped: false, found });
      return wrote(call.value, { kind: "cas", swapped: true, version: revision });
    case "delete":
      if (found === null) return left({ kind: "delete", deleted: false, versionFound: 0 });
      if (call.condition !== undefined && !holds(call.condition)) {
        return left({ kind: "delete", deleted: false, versionFound: found.version, found });
      }
      return wrote(null, { kind: "delete", deleted: true, versionFound: found.version });
    case "add": {
      const number = sum(state.value, call.delta);
      return number === null ? null : wrote(number, { kind: "add", version: revision, number });
    }
  }
}

/** Changes one answer of a history, so that it is perhaps no longer true. */
export function corrupted(operations: readonly Operation[], which: number, how: number): Operation[] {
  const dones = operations.filter(isDone);
  const victim = dones[which % Math.max(1, dones.length)];
  return operations.map((operation) =>
    operation === victim ? { ...operation, ...change(operation, how) } : operation,
  );
}

function change(operation: Operation, how: number): Partial<Operation> {
  if (operation.outcome.status !== "done") return {};
  const { answer } = operation.outcome;
  const shift = how % 2 === 0 ? 1 : -1;
  const withAnswer = (other: Answer): Partial<Operation> => ({ outcome: { status: "done", answer: other } });
  if (how % 7 === 6) return { invoked: operation.invoked + 15, returned: (operation.returned ?? 0) + 15 };
  switch (answer.kind) {
    case "get":
      if (!answer.present)
        return withAnswer({ kind: "get", present: true, value: `${how % 5}`, version: 1 + (how % 9) });
      if (how % 3 === 0) return withAnswer({ kind: "get", present: false });
      if (how % 3 === 1) return withAnswer({ ...answer, version: Math.max(1, answer.version + shift) });
      return withAnswer({ ...answer, value: `${how % 5}` });
    case "cas":
      if (answer.swapped) return withAnswer({ ...answer, version: Math.max(1, answer.version + shift) });
      return withAnswer({
        kind: "cas",
        swapped: false,
        found: answer.found === null ? { version: 1 + (how % 9) } : null,
      });
    case "delete":
      return withAnswer({
        kind: "delete",
        deleted: answer.deleted,
        versionFound: Math.max(answer.deleted ? 1 : 0, answer.versionFound + shift),
      });
    case "put":
    case "add":
      return withAnswer({ ...answer, version: Math.max(1, answer.version + shift) });
  }
}
