/**
 * Which replica of each partition is preferred as its writer: offices spread evenly, and as few change as that allows.
 */

import { evenOut } from "./evening.js";
import type { SeatIndex } from "./layout.js";

/** `sets`: the replicas by partition; `current`: who is preferred now, null for nobody who could stay. */
export function evenWriters(
  sets: readonly (readonly SeatIndex[])[],
  current: readonly (SeatIndex | null)[],
  seatCount: number,
): SeatIndex[] {
  const offices = new Offices(sets, seatCount);
  const isKept = (partition: number): boolean => {
    const now = current[partition] ?? null;
    return now !== null && sets[partition]?.includes(now) === true;
  };
  for (const partition of sets.keys()) if (isKept(partition)) offices.give(partition, current[partition] as SeatIndex);
  for (const partition of sets.keys()) if (!isKept(partition)) offices.give(partition, offices.lightest(partition));
  evenOut(offices);
  return offices.writers;
}

class Offices {
  readonly writers: SeatIndex[];
  readonly loads: number[];
  /** By writer, and by the replica that could take over: the partitions. */
  private readonly ways: readonly Map<SeatIndex, Set<number>>[];

  constructor(
    private readonly sets: readonly (readonly SeatIndex[])[],
    seatCount: number,
  ) {
    this.writers = sets.map(() => -1);
    this.loads = new Array<number>(seatCount).fill(0);
    this.ways = this.loads.map(() => new Map());
    this.reachable = this.reachable.bind(this);
  }

  lightest(partition: number): SeatIndex {
    const set = this.sets[partition] as readonly SeatIndex[];
    return set.reduce((least, seat) => ((this.loads[seat] as number) < (this.loads[least] as number) ? seat : least));
  }

  give(partition: number, to: SeatIndex): void {
    this.writers[partition] = to;
    this.loads[to] = (this.loads[to] as number) + 1;
    const ways = this.ways[to] as Map<SeatIndex, Set<number>>;
    for (const other of this.sets[partition] as readonly SeatIndex[]) {
      if (other === to) continue;
      const partitions = ways.get(other) ?? new Set();
      ways.set(other, partitions.add(partition));
    }
  }

  reachable(from: SeatIndex): Iterable<SeatIndex> {
    return [...(this.ways[from] as Map<SeatIndex, Set<number>>)].filter(([, { size }]) => size > 0).map(([to]) => to);
  }

  direct(from: SeatIndex, most: number): SeatIndex | null {
    let found: SeatIndex | null = null;
    for (const to of this.reachable(from)) {
      const load = this.loads[to] as number;
      if (load <= most && (found === null || load < (this.loads[found] as number))) found = to;
    }
    return found;
  }

  move(from: SeatIndex, to: SeatIndex): boolean {
    const [partition] = this.ways[from]?.get(to) ?? [];
    if (partition === undefined) return false;
    for (const partitions of (this.ways[from] as Map<SeatIndex, Set<number>>).values()) partitions.delete(partition);
    this.loads[from] = (this.loads[from] as number) - 1;
    this.give(partition, to);
    return true;
  }
}
