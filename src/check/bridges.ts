/**
 * The writes of unknown outcome of a key, and how they bridge a gap: which of them, one after another, lead from what the
 * key held to a state in which the next known thing can happen. Each is used once. Those with the same call are
 * interchangeable but for the moment of their invocation, so they stand in one pool and the first invoked is used first:
 * that leaves the most room for the others.
 */
import type { Operation } from "./history.js";
import { after, type KeyState, sum } from "./sequential.js";

/** States looked at for one gap, then it is given up. */
const statesPerGap = 2000;
const longestBridge = 12;

export type Reaches = (state: KeyState) => boolean;

class Pool {
  readonly operations: readonly Operation[];
  private used = 0;

  constructor(operations: readonly Operation[]) {
    this.operations = operations.toSorted((left, right) => left.invoked - right.invoked);
  }

  /** The first unused one, if it was invoked in time. */
  first(due: number): Operation | null {
    const operation = this.operations[this.used];
    return operation !== undefined && operation.invoked <= due ? operation : null;
  }

  take(): void {
    this.used++;
  }

  giveBack(): void {
    this.used--;
  }
}

export class Bridges {
  private readonly pools: readonly Pool[];
  /** Pools of puts and compare-and-sets by the value that they write. */
  private readonly byValue = new Map<string, Pool[]>();
  private readonly adds: Pool[] = [];
  private readonly deletes: Pool[] = [];

  constructor(unknowns: readonly Operation[]) {
    const byCall = new Map<string, Operation[]>();
    for (const operation of unknowns) {
      const call = JSON.stringify(operation.call);
      const same = byCall.get(call);
      if (same === undefined) byCall.set(call, [operation]);
      else same.push(operation);
    }
    this.pools = [...byCall.values()].map((operations) => new Pool(operations)).sort((left, right) => rank(left) - rank(right));
    for (const pool of this.pools) this.enter(pool);
  }

  private enter(pool: Pool): void {
    const call = pool.operations[0]?.call;
    if (call === undefined || call.kind === "get") return;
    if (call.kind === "add") this.adds.push(pool);
    else if (call.kind === "delete") this.deletes.push(pool);
    else {
      const same = this.byValue.get(call.value);
      if (same === undefined) this.byValue.set(call.value, [pool]);
      else same.push(pool);
    }
  }

  get isEmpty(): boolean {
    return this.pools.length === 0;
  }

  /** One write that leads from the state to the goal, or null; `value` narrows the choice when it is known. */
  write(from: KeyState, value: string | null, due: number, reaches: Reaches): Operation | null {
    const pools = value === null ? this.pools : [...(this.byValue.get(value) ?? []), ...this.adds];
    return this.one(pools, from, due, reaches);
  }

  delete(from: KeyState, due: number, reaches: Reaches): Operation | null {
    return this.one(this.deletes, from, due, reaches);
  }

  /** The shortest bridge found, possibly of no operation at all; null: none found, which does not prove that there is none. */
  bridge(from: KeyState, due: number, reaches: Reaches): Operation[] | null {
    const budget = { states: statesPerGap };
    for (let length = 0; length <= longestBridge && budget.states > 0; length++) {
      const found = this.bridgeOfLength(length, from, due, reaches, budget);
      if (found !== null) return found;
    }
    return null;
  }

  /** Whether any unknown operation invoked in time fits the description. */
  some(due: number, fits: (operation: Operation) => boolean): boolean {
    return this.pools.some(({ operations: [first] }) => first !== undefined && first.invoked <= due && fits(first));
  }

  /** How many puts and compare-and-sets of the value were invoked in time, used ones included. */
  writesOf(value: string, due: number): number {
    let count = 0;
    for (const pool of this.byValue.get(value) ?? []) {
      for (const operation of pool.operations) if (operation.invoked <= due) count++;
    }
    return count;
  }

  private one(pools: readonly Pool[], from: KeyState, due: number, reaches: Reaches): Operation | null {
    for (const pool of pools) {
      const operation = pool.first(due);
      const next = operation && after(from, operation);
      if (next === null || !reaches(next)) continue;
      pool.take();
      return operation;
    }
    return null;
  }

  private bridgeOfLength(
    length: number,
    from: KeyState,
    due: number,
    reaches: Reaches,
    budget: { states: number },
  ): Operation[] | null {
    if (length === 0) return reaches(from) ? [] : null;
    for (const pool of this.pools) {
      const operation = pool.first(due);
      const next = operation && after(from, operation);
      if (operation === null || next === null) continue;
      if (--budget.states < 0) return null;
      pool.take();
      const rest = this.bridgeOfLength(length - 1, next, due, reaches, budget);
      if (rest !== null) return [operation, ...rest];
      pool.giveBack();
    }
    return null;
  }
}

/** What fits in few places is used before what fits everywhere. */
function rank({ operations: [operation] }: Pool): number {
  const call = operation?.call;
  if (call?.kind === "cas") return call.condition.kind === "version" ? 0 : call.condition.kind === "value" ? 1 : 3;
  if (call?.kind === "add") return 2;
  if (call?.kind === "delete") return call.condition === undefined ? 6 : 4;
  return 5;
}

/** Whether an addition can turn some number into this value at all. */
export function isSum(value: string): boolean {
  return sum(value, "0") === value;
}
