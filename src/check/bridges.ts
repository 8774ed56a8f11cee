/**
 * The writes of unknown outcome of a key, and how they bridge a gap. A bridge is some of them, one after another, that
 * lead from the key's state to one in which the next known thing can happen. Each is used once. Those with the same
 * call are interchangeable except for the moment of their invocation. So they stand in one pool and the first invoked
 * is used first: that leaves the most room for the others.
 */
import type { Operation } from "./history.js";
import { after, type KeyState, sum } from "./sequential.js";

/** States looked at for one gap and length, then it is given up. */
const statesPerLength = 20_000;
const longestBridge = 12;
/**
 * Pools looked at for a bridge of several operations, the latest ones: what took effect here was probably asked for
 * lately.
 */
const poolsOfLongBridges = 48;

export type Reaches = (state: KeyState) => boolean;

class Pool {
  readonly operations: readonly Operation[];
  private used = 0;

  constructor(operations: readonly Operation[]) {
    this.operations = operations.toSorted((left, right) => left.invoked - right.invoked);
  }

  /** When the first of all was invoked. */
  get since(): number {
    return this.operations[0]?.invoked ?? Number.POSITIVE_INFINITY;
  }

  get isUsedUp(): boolean {
    return this.used >= this.operations.length;
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
  /** By the invocation of their first operation. */
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
    const pools = [...byCall.values()].map((operations) => new Pool(operations));
    for (const pool of pools.toSorted((left, right) => rank(left) - rank(right))) this.enter(pool);
    this.pools = pools.sort((left, right) => left.since - right.since);
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

  /** One write that leads from the state to the goal and writes this value, or null. */
  write(from: KeyState, value: string, due: number, reaches: Reaches): Operation | null {
    return this.one([...(this.byValue.get(value) ?? []), ...this.adds], from, due, reaches);
  }

  delete(from: KeyState, due: number, reaches: Reaches): Operation | null {
    return this.one(this.deletes, from, due, reaches);
  }

  /**
   * The shortest bridge found, possibly of no operation at all; null: none found, which does not prove that there is
   * none.
   */
  bridge(from: KeyState, due: number, reaches: Reaches): Operation[] | null {
    if (reaches(from)) return [];
    const pools = this.unusedPools(due);
    for (let length = 1; length <= longestBridge; length++) {
      const few = length === 1 ? pools : pools.slice(0, poolsOfLongBridges);
      const found = bridgeOfLength(few, length, from, due, reaches, { states: statesPerLength });
      if (found !== null) return found;
    }
    return null;
  }

  /**
   * Whether any bridge at all leads to the goal before versions reach the bound. null when there are more states to
   * look at than the allowance, from which they are taken.
   */
  leads(from: KeyState, due: number, bound: number, reaches: Reaches, allowance: { states: number }): boolean | null {
    return leadsFrom(this.unusedPools(due), from, due, bound, reaches, allowance, true);
  }

  /** The latest first. */
  private unusedPools(due: number): Pool[] {
    const unused: Pool[] = [];
    const end = firstIndex(this.pools.length, (index) => (this.pools[index]?.since ?? 0) > due);
    for (let index = end - 1; index >= 0; index--) {
      const pool = this.pools[index];
      if (pool !== undefined && !pool.isUsedUp) unused.push(pool);
    }
    return unused;
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
}

/**
 * Orders that make no difference are looked at once. Neighbouring additions commute, so they stand in the order of
 * their pools. Writes that a put or a delete wipes out can be left out, so puts and deletes only begin a bridge.
 * `last`: the place of the pool that was just used; null: the bridge begins here.
 */
function bridgeOfLength(
  pools: readonly Pool[],
  length: number,
  from: KeyState,
  due: number,
  reaches: Reaches,
  budget: { states: number },
  last: number | null = null,
): Operation[] | null {
  if (length === 0) return reaches(from) ? [] : null;
  const lastAdds = last !== null && pools[last]?.operations[0]?.call.kind === "add";
  for (const [place, pool] of pools.entries()) {
    const operation = pool.first(due);
    if (operation === null) continue;
    if (last !== null && wipes(operation)) continue;
    if (lastAdds && operation.call.kind === "add" && place < last) continue;
    const next = after(from, operation);
    if (next === null) continue;
    if (--budget.states < 0) return null;
    pool.take();
    const rest = bridgeOfLength(pools, length - 1, next, due, reaches, budget, place);
    if (rest !== null) return [operation, ...rest];
    pool.giveBack();
  }
  return null;
}

/** True if the state after it does not depend on the one before. */
const wipes = ({ call }: Operation): boolean =>
  call.kind === "put" || (call.kind === "delete" && call.condition === undefined);

function leadsFrom(
  pools: readonly Pool[],
  from: KeyState,
  due: number,
  bound: number,
  reaches: Reaches,
  allowance: { states: number },
  isFirst: boolean,
): boolean | null {
  if (reaches(from)) return true;
  for (const pool of pools) {
    const operation = pool.first(due);
    // Before a put everything can be left out.
    if (operation === null || (operation.call.kind === "put" && !isFirst)) continue;
    const next = after(from, operation);
    if (next === null || next.version > bound) continue;
    if (--allowance.states < 0) return null;
    pool.take();
    const led = leadsFrom(pools, next, due, bound, reaches, allowance, false);
    pool.giveBack();
    if (led !== false) return led;
  }
  return false;
}

/** An operation that fits in few places is used before one that fits everywhere. */
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

/** The first index that meets a condition which, once met, stays met; `length` if none does. */
export function firstIndex(length: number, met: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (met(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
