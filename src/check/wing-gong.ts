/**
 * Is there an order of the operations that explains every answer? The search of Wing and Gong ("Testing and verifying
 * concurrent objects", JPDC 1993) in Lowe's form ("Testing for linearizability", CCPE 2017).
 *
 * Intuition: walk along the history. Nothing has to be decided until an operation returns. Then it must have taken
 * effect, so try every way in which it can. It may do so at once, or after some of the operations under way at that
 * moment (just-in-time linearization). The rest depends only on the place in the history, the key's state, and which
 * operations under way have had their effect. An attempt that failed once from there need not be made again
 * (memoisation). The stack is an array of our own, so a long history cannot overflow the machine's.
 *
 * An operation of unknown outcome stays under way forever. Four things keep those from multiplying the search, none of
 * which loses an order if there is one:
 * 1. A read under way that agrees with the state, and teaches nothing new about it, is linearized at once: it can only
 *    get harder later.
 * 2. Only the first one invoked is tried of unknown operations with the same call: they can be swapped.
 * 3. An unknown write whose effect nobody depends on is left out: an order without it explains the same answers.
 * 4. No put directly after an unknown write that nobody saw: the same order without that write is as good.
 */
import { Bitset } from "./bitset.js";
import { type Budget, type Checker, latest, takesPart, type Verdict } from "./checker.js";
import { described, stateInWords } from "./describe.js";
import { isDone, type Operation } from "./history.js";
import { usefulUnknowns } from "./relevance.js";
import { after, initialState, type KeyState } from "./sequential.js";

export const wingGong: Checker = {
  name: "wing-gong",
  check: (operations, budget) => new Search(operations).run(budget),
};

/** Steps between two looks at the caller's clock. */
const stepsPerLook = 1024;
/** States that fit in a Set of strings without exhausting the memory. Beyond it nothing more is remembered, which costs
 * time only. */
const memoMost = 4_000_000;

interface Path {
  readonly operation: Operation;
  readonly before: Path | null;
  readonly length: number;
}

interface Node {
  /** Events before this one have happened; it is a return, or the end. */
  readonly event: number;
  readonly state: KeyState;
  /** Operations under way that have had their effect: by slot those with an answer, by number the unknown ones. */
  readonly linearized: Bitset;
  readonly unknowns: Bitset;
  readonly path: Path | null;
}

interface Event {
  readonly operation: Operation;
  readonly isReturn: boolean;
  readonly slot: number;
}

class Search {
  private readonly events: readonly Event[];
  private readonly unknowns: readonly Operation[];
  /** By unknown operation: the one with the same call that was invoked just before, or -1. */
  private readonly twins: readonly number[];
  private readonly underWay: UnderWay;
  private readonly seen = new Set<string>();
  private readonly stack: Node[] = [];

  constructor(operations: readonly Operation[]) {
    const taking = operations.filter(takesPart);
    this.events = eventsOf(taking.filter(isDone));
    this.unknowns = usefulUnknowns(taking).toSorted((left, right) => left.invoked - right.invoked);
    this.twins = twinsOf(this.unknowns);
    this.underWay = new UnderWay(this.events);
  }

  run(budget: Budget): Verdict {
    let furthest: Node = {
      event: 0,
      state: initialState,
      linearized: Bitset.empty,
      unknowns: Bitset.empty,
      path: null,
    };
    let steps = 0;
    this.stack.push(furthest);
    for (let node = this.stack.pop(); node !== undefined; node = this.stack.pop()) {
      steps++;
      const spent = budget.steps !== undefined && steps > budget.steps;
      if (spent || (steps % stepsPerLook === 0 && budget.expired?.() === true)) {
        return { kind: "out of time", explained: furthest.path?.length ?? 0, decidedBy: "wing-gong" };
      }
      const here = this.advanced(node);
      if (isFurther(here, furthest)) furthest = here;
      if (here.event === this.events.length) {
        return { kind: "ok", linearization: operationsOf(here.path), decidedBy: "wing-gong" };
      }
      const memo = `${here.event} ${stateKey(here.state)} ${here.linearized.key().length} ${here.linearized.key()}${here.unknowns.key()}`;
      if (this.seen.has(memo)) continue;
      if (this.seen.size < memoMost) this.seen.add(memo);
      this.branch(here);
    }
    return this.violationAt(furthest);
  }

  /** Goes on to the first return of an operation that has not had its effect yet, linearizing reads that agree. */
  private advanced(node: Node): Node {
    let { event, linearized, path } = node;
    for (;;) {
      const next = this.events[event];
      if (next === undefined) break;
      if (!next.isReturn) {
        event++;
        continue;
      }
      if (!linearized.has(next.slot)) {
        for (const { operation, slot } of this.underWay.at(event)) {
          if (linearized.has(slot) || after(node.state, operation) !== node.state) continue;
          linearized = linearized.with(slot);
          path = extended(path, operation);
        }
      }
      if (!linearized.has(next.slot)) break;
      linearized = linearized.without(next.slot);
      event++;
    }
    return { ...node, event, linearized, path };
  }

  /** Pushes what can take effect next; what is pushed last is tried first: low versions, then the unknown. */
  private branch(node: Node): void {
    const { state } = node;
    const due = this.events[node.event]?.operation.returned ?? Number.POSITIVE_INFINITY;
    const unseenWrite = state.value !== null && !state.exact;
    for (let number = this.unknowns.length - 1; number >= 0; number--) {
      const operation = this.unknowns[number];
      const twin = this.twins[number] ?? -1;
      if (operation === undefined || operation.invoked > due || node.unknowns.has(number)) continue;
      if ((twin >= 0 && !node.unknowns.has(twin)) || (unseenWrite && operation.call.kind === "put")) continue;
      const next = after(state, operation);
      if (next === null) continue;
      this.stack.push({
        ...node,
        state: next,
        unknowns: node.unknowns.with(number),
        path: extended(node.path, operation),
      });
    }
    const candidates: Node[] = [];
    for (const { operation, slot } of this.underWay.at(node.event)) {
      if (node.linearized.has(slot) || (unseenWrite && operation.call.kind === "put")) continue;
      const next = after(state, operation);
      if (next === null) continue;
      candidates.push({
        ...node,
        state: next,
        linearized: node.linearized.with(slot),
        path: extended(node.path, operation),
      });
    }
    candidates.sort((left, right) => right.state.version - left.state.version);
    for (const candidate of candidates) this.stack.push(candidate);
  }

  private violationAt(node: Node): Verdict {
    const stuck = this.events[node.event]?.operation;
    if (stuck === undefined) throw new Error("a search that reached the end has found an order");
    const others = this.underWay
      .at(node.event)
      .filter(({ operation, slot }) => operation !== stuck && !node.linearized.has(slot))
      .map(({ operation }) => operation);
    return {
      kind: "violation",
      reason:
        `No order of the operations explains this answer: ${described(stuck)}. ` +
        `After the ${node.path?.length ?? 0} operations of the longest order found, the key holds ${stateInWords(node.state)}.`,
      culprits: [stuck, ...others],
      partial: operationsOf(node.path),
      decidedBy: "wing-gong",
    };
  }
}

/** Which operations with an answer are under way at an event; walks to and fro along the history as the search does. */
class UnderWay {
  private readonly events: readonly Event[];
  private readonly bySlot = new Map<number, Event>();
  private position = 0;

  constructor(events: readonly Event[]) {
    this.events = events;
  }

  /** Those invoked before the event and not returned before it, by slot. */
  at(event: number): Event[] {
    for (; this.position < event; this.position++) this.pass(this.position, true);
    while (this.position > event) this.pass(--this.position, false);
    return [...this.bySlot.values()].sort((left, right) => left.slot - right.slot);
  }

  private pass(position: number, forwards: boolean): void {
    const event = this.events[position];
    if (event === undefined) return;
    if (event.isReturn === forwards) this.bySlot.delete(event.slot);
    else this.bySlot.set(event.slot, event);
  }
}

/** Invocations and returns by time; an invocation goes first at the same time, which makes the two concurrent. */
function eventsOf(operations: readonly Operation[]): Event[] {
  const moments = operations.flatMap((operation) => [
    { operation, isReturn: false, time: operation.invoked },
    { operation, isReturn: true, time: latest(operation) },
  ]);
  moments.sort((left, right) => left.time - right.time || Number(left.isReturn) - Number(right.isReturn));
  const slots = new Map<Operation, number>();
  const free: number[] = [];
  let slotsUsed = 0;
  return moments.map(({ operation, isReturn }) => {
    const slot = slots.get(operation) ?? free.pop() ?? slotsUsed++;
    if (isReturn) free.push(slot);
    else slots.set(operation, slot);
    return { operation, isReturn, slot };
  });
}

function twinsOf(unknowns: readonly Operation[]): number[] {
  const last = new Map<string, number>();
  return unknowns.map((operation, number) => {
    const call = JSON.stringify(operation.call);
    const twin = last.get(call) ?? -1;
    last.set(call, number);
    return twin;
  });
}

function extended(path: Path | null, operation: Operation): Path {
  return { operation, before: path, length: (path?.length ?? 0) + 1 };
}

function operationsOf(path: Path | null): Operation[] {
  const operations: Operation[] = [];
  for (let step = path; step !== null; step = step.before) operations.push(step.operation);
  return operations.reverse();
}

function isFurther(node: Node, other: Node): boolean {
  if (node.event !== other.event) return node.event > other.event;
  return (node.path?.length ?? 0) > (other.path?.length ?? 0);
}

function stateKey(state: KeyState): string {
  if (state.value === null) return `-${state.version}`;
  return `${state.exact ? "=" : "~"}${state.version}:${state.value.length}:${state.value}`;
}
