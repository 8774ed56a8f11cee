/**
 * The clients' view, as a number: which operations were invoked, what each was told, and which had returned before
 * which was invoked. Every history is judged once, by the linearizability checker of src/check. An operation that is
 * not answered may have happened or not.
 */
import { unreachable } from "../../src/base/assert.js";
import type { Verdict } from "../../src/check/checker.js";
import type { Call, Found, Operation, Outcome } from "../../src/check/history.js";
import { wingGong } from "../../src/check/wing-gong.js";
import type { Answer, Condition, KeyEntry, Result } from "../../src/core/model/operation.js";
import { textOf } from "./snapshot.js";
import type { SmallOperation, SmallWorld } from "./worlds.js";

interface Seen {
  /** Operations that had returned before this one was invoked, one bit each; −1: not invoked. */
  readonly before: number;
  /** Copies that were not sent yet, and those that were and have no answer. */
  readonly left: number;
  readonly open: number;
  /** The first answer to any copy; null: none yet. */
  readonly result: Result | null;
}

export class Histories {
  private readonly histories: (readonly Seen[])[] = [];
  private readonly byText = new Map<string, number>();
  private readonly invocations = new Map<number, number>();
  private readonly answers = new Map<Result, Map<number, number>>();
  private readonly verdicts: Verdict[] = [];

  constructor(private readonly world: SmallWorld) {
    this.idOf(world.operations.map(({ copies }) => ({ before: -1, left: copies, open: 0, result: null })));
  }

  text(history: number): string {
    return (this.histories[history] as readonly Seen[]).map(textOfSeen).join(" ");
  }

  mayInvoke(history: number, ticket: number): boolean {
    return (this.histories[history]?.[ticket]?.left ?? 0) > 0;
  }

  /** Nothing is left to be asked or told. */
  isOver(history: number): boolean {
    return (this.histories[history] as readonly Seen[]).every(({ left, open }) => left === 0 && open === 0);
  }

  invoked(history: number, ticket: number): number {
    const memo = history * 8 + ticket;
    const known = this.invocations.get(memo);
    if (known !== undefined) return known;
    const seen = this.histories[history] as readonly Seen[];
    const before = seen.reduce((mask, { result }, other) => (result === null ? mask : mask | (1 << other)), 0);
    const invoke = (one: Seen): Seen => ({
      before: one.before < 0 ? before : one.before,
      left: one.left - 1,
      open: one.open + 1,
      result: one.result,
    });
    const next = this.idOf(seen.map((one, other) => (other === ticket ? invoke(one) : one)));
    this.invocations.set(memo, next);
    return next;
  }

  told(history: number, ticket: number, result: Result): number {
    let known = this.answers.get(result);
    if (known === undefined) {
      known = new Map();
      this.answers.set(result, known);
    }
    const memo = history * 8 + ticket;
    const next = known.get(memo) ?? this.answered(history, ticket, result);
    known.set(memo, next);
    return next;
  }

  private answered(history: number, ticket: number, result: Result): number {
    const seen = this.histories[history] as readonly Seen[];
    return this.idOf(seen.map((one, other) => (other === ticket ? this.withAnswer(one, ticket, result) : one)));
  }

  /** An unknown outcome is as good as no answer; of a request with an id, a refusal as well: a copy may do better. */
  private withAnswer(one: Seen, ticket: number, result: Result): Seen {
    if (one.open === 0) throw new Error(`operation ${ticket} is answered too often`);
    const repeats = (this.world.operations[ticket]?.copies ?? 1) > 1;
    if (result.status === "unknown" && !repeats) return one;
    const counts = result.status === "done" || !repeats;
    const differs = counts && one.result !== null && outcomeInShort(one.result) !== outcomeInShort(result);
    return {
      ...one,
      open: one.open - 1,
      result: counts ? (differs ? CONTRADICTION : (one.result ?? result)) : one.result,
    };
  }

  verdict(history: number): Verdict {
    if (this.histories[history]?.some(({ result }) => result === CONTRADICTION)) return TWICE;
    return (this.verdicts[history] ??= wingGong.check(this.operations(history), {}));
  }

  /**
   * As the checkers read it. Masks of what had returned grow with time, so their sizes are moments of invocation. An
   * operation returned just before the first invocation whose mask has it.
   */
  operations(history: number): Operation[] {
    const seen = this.histories[history] as readonly Seen[];
    const operations: Operation[] = [];
    const { held } = this.world;
    if (held !== null) {
      const outcome: Outcome = { status: "done", answer: { kind: "put", version: held.version } };
      const value = String.fromCharCode(...(held.value ?? []));
      operations.push({
        process: "before",
        key: "k",
        call: { kind: "put", value },
        invoked: -2,
        returned: -1,
        outcome,
      });
    }
    for (const [ticket, { before, result }] of seen.entries()) {
      if (before < 0) continue;
      const later = seen.filter((other) => other.before >= 0 && (other.before & (1 << ticket)) !== 0);
      const returned = Math.min(seen.length + 1, ...later.map((other) => sizeOf(other.before) - 0.5));
      operations.push({
        process: ticket,
        key: "k",
        call: callOf(this.world.operations[ticket] as SmallOperation),
        invoked: sizeOf(before),
        returned: result === null ? null : returned,
        outcome: outcomeOf(result),
      });
    }
    return operations;
  }

  private idOf(seen: readonly Seen[]): number {
    const text = seen.map(textOfSeen).join(" ");
    const known = this.byText.get(text);
    if (known !== undefined) return known;
    const id = this.histories.length;
    this.byText.set(text, id);
    this.histories.push(seen);
    return id;
  }
}

/** A hint that comes with an answer (the standing) is not part of the history. */
function textOfSeen({ before, left, open, result }: Seen): string {
  const shown = result?.status === "done" ? result.answer : result;
  return `${before} ${left} ${open}:${textOf(shown)}`;
}

/** In place of an answer: two copies of one request were told different things. */
const CONTRADICTION: Result = { status: "unknown", unknown: { reason: "outcome-unknown" } };
const TWICE: Verdict = {
  kind: "violation",
  reason: "Two copies of one request have two outcomes.",
  culprits: [],
  partial: [],
  decidedBy: "wing-gong",
};

/**
 * The parts that have to be the same in every answer to copies of a request: what was found may have moved on since.
 */
function outcomeInShort(result: Result): string {
  if (result.status !== "done") return result.status;
  const { answer } = result;
  const swapped = answer.kind === "cas" ? answer.swapped : null;
  return `${answer.kind} ${swapped} ${"version" in answer ? answer.version : ""}`;
}

function sizeOf(mask: number): number {
  let size = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) size++;
  return size;
}

function outcomeOf(result: Result | null): Outcome {
  if (result === null || result.status === "unknown") return { status: "unknown" };
  return result.status === "refused" ? { status: "failed" } : { status: "done", answer: answerOf(result.answer) };
}

function answerOf(answer: Answer): (Outcome & { status: "done" })["answer"] {
  switch (answer.kind) {
    case "get":
      return answer.entry === null
        ? { kind: "get", present: false }
        : { kind: "get", present: true, ...foundIn(answer.entry) };
    case "put":
      return { kind: "put", version: answer.version };
    case "cas":
      return answer.swapped
        ? { kind: "cas", swapped: true, version: answer.version }
        : { kind: "cas", swapped: false, found: answer.found === null ? null : foundIn(answer.found) };
    default:
      throw new Error(`no ${answer.kind} in small worlds`);
  }
}

const foundIn = ({ value, version }: KeyEntry): Required<Found> => ({
  value: String.fromCharCode(...value),
  version,
});

function callOf({ request }: SmallOperation): Call {
  if (request.kind === "read") return { kind: "get" };
  const { operation } = request.write;
  switch (operation.kind) {
    case "put":
      return { kind: "put", value: String.fromCharCode(...operation.value) };
    case "cas":
      return {
        kind: "cas",
        condition: conditionOf(operation.condition),
        value: String.fromCharCode(...operation.value),
      };
    default:
      throw new Error(`no ${operation.kind} in small worlds`);
  }
}

function conditionOf(condition: Condition): (Call & { kind: "cas" })["condition"] {
  switch (condition.kind) {
    case "value":
      return { kind: "value", value: String.fromCharCode(...condition.value) };
    case "version":
      return { kind: "version", version: condition.version };
    case "absent":
    case "present":
      return { kind: condition.kind };
    default:
      return unreachable(condition);
  }
}
