/**
 * The placement that a cluster should have: pure, so that every proposer computes the same. It starts from the
 * placement that there is, and changes as little as evenness allows.
 *
 * Invariants, of the result:
 *   I1 Each partition has δ replicas on different nodes.
 *   I2 No zone has more of them than it must: one each, where there are δ zones.
 *   I3 No node keeps two replicas more than another one, unless I2 leaves no other way.
 *   I4 Data moves only where a replica's node is gone, or where I1, I2 or I3 want it.
 * Among the ways that are equal in this, partitions go into groups that there are, and then to nodes that know each
 * other. So distinct groups stay few, and three simultaneous crashes rarely hit all replicas of some key (copysets,
 * Cidon et al., USENIX ATC 2013).
 *
 * Offices are evened out after the replicas, in the same way. Each node is the preferred writer of as many partitions
 * as any other, within one, as far as replicas allow it.
 */
import { assert } from "../../base/assert.js";
import type { NodeId } from "../model/ids.js";
import { evenOut } from "./evening.js";
import { Layout, type LayoutGroup, type Seat, type SeatIndex } from "./layout.js";
import { evenWriters } from "./writers.js";

export interface PlacementGoal {
  /** The nodes that are to keep replicas: members that neither leave nor are to be emptied. */
  readonly seats: readonly Seat[];
  /** δ. */
  readonly replicationFactor: number;
}

export interface PlacedPartition {
  readonly replicas: readonly NodeId[];
  readonly preferred: NodeId;
}

/** Nodes looked at for one replica among those that are equally loaded. */
const MAX_LOOKED = 32;

/** `current`: the replicas of each partition, and its preferred writer. */
export function evenPlacement(current: readonly PlacedPartition[], goal: PlacementGoal): PlacedPartition[] {
  const seats = [...goal.seats].sort((a, b) => a.id - b.id);
  assert(
    goal.replicationFactor >= 1 && goal.replicationFactor <= seats.length,
    "δ is between 1 and the number of nodes",
  );
  const layout = new Layout(seats, goal.replicationFactor, current.length);
  const indexOf = new Map(seats.map(({ id }, index) => [id, index]));
  const kept = current.map(({ replicas }) => replicas.flatMap((id) => indexOf.get(id) ?? []));
  const work = new Work(layout, kept);
  work.keep();
  work.thin();
  work.fill();
  work.even("fresh");
  work.even("all");
  const preferred = evenWriters(
    layout.sets,
    current.map((partition) => indexOf.get(partition.preferred) ?? null),
    seats.length,
  );
  const idOf = (seat: SeatIndex): NodeId => (seats[seat] as Seat).id;
  return layout.sets.map((set, partition) => ({
    replicas: set.map(idOf),
    preferred: idOf(preferred[partition] as SeatIndex),
  }));
}

/** Replicas that came to their nodes in this placement alone, or all. */
type Which = "fresh" | "all";

/** Less than any replica's that would have to be copied. */
const FREE = -1;

interface Candidate {
  readonly partition: number;
  /** Less is better. */
  readonly cost: number;
}

class Work {
  /** By seat: partitions that came to it just now, which cost nothing to move on. */
  private readonly fresh: readonly Set<number>[];

  constructor(
    private readonly layout: Layout,
    private readonly before: readonly (readonly SeatIndex[])[],
  ) {
    this.fresh = layout.seats.map(() => new Set());
  }

  keep(): void {
    for (const [partition, seats] of this.before.entries())
      for (const seat of seats) this.layout.change(partition, null, seat);
  }

  /** Takes away what is too many, at the most loaded nodes: beyond δ, and beyond the limit of zones. */
  thin(): void {
    const { layout } = this;
    for (const partition of this.before.keys()) {
      for (let over = this.overfull(partition); over !== null; over = this.overfull(partition))
        layout.change(partition, this.heaviest(over), null);
      while (layout.setOf(partition).length > layout.replicationFactor)
        layout.change(partition, this.heaviest(this.crowded(partition)), null);
    }
  }

  /** Gives each partition the replicas that it lacks. */
  fill(): void {
    const { layout } = this;
    const { replicationFactor, seats, loads } = layout;
    const even = Math.ceil((this.before.length * replicationFactor) / seats.length);
    for (const partition of this.before.keys()) {
      while (layout.setOf(partition).length < replicationFactor) {
        const set = layout.setOf(partition);
        const possible = [...loads.keys()].filter((seat) => layout.mayTake(set, null, seat));
        const light = possible.filter((seat) => (loads[seat] as number) < even);
        const to = this.leastOf(light.length > 0 ? light : possible, (seat) => [
          light.length > 0 ? 0 : (loads[seat] as number),
          this.costOf(set, null, seat),
          loads[seat] as number,
        ]);
        assert(to !== null, "the limit of zones leaves room for δ replicas");
        this.move(partition, null, to);
      }
    }
  }

  /** Fresh replicas go elsewhere at no cost: they are evened out before anything else moves. */
  even(which: Which): void {
    const { loads } = this.layout;
    const best = (from: SeatIndex, to: SeatIndex): Candidate | null => this.best(which, from, to);
    evenOut({
      loads,
      *reachable(from) {
        for (const to of loads.keys()) if (to !== from && best(from, to) !== null) yield to;
      },
      direct: (from, most) => this.direct(which, from, most),
      move: (from, to) => {
        const found = best(from, to);
        if (found !== null) this.move(found.partition, from, to);
        return found !== null;
      },
    });
  }

  private move(partition: number, from: SeatIndex | null, to: SeatIndex): void {
    this.layout.change(partition, from, to);
    if (from !== null) this.fresh[from]?.delete(partition);
    if (this.before[partition]?.includes(to) !== true) this.fresh[to]?.add(partition);
  }

  /** The least loaded node that can take one of `from`, the cheapest of those that are equal. */
  private direct(which: Which, from: SeatIndex, most: number): SeatIndex | null {
    const { loads } = this.layout;
    const light = [...loads.keys()].filter((seat) => (loads[seat] as number) <= most);
    light.sort((a, b) => (loads[a] as number) - (loads[b] as number) || a - b);
    let found: SeatIndex | null = null;
    let least = Number.POSITIVE_INFINITY;
    let looked = 0;
    for (const to of light) {
      if (found !== null && ((loads[to] as number) > (loads[found] as number) || ++looked > MAX_LOOKED)) break;
      const cost = this.best(which, from, to)?.cost ?? Number.POSITIVE_INFINITY;
      if (cost >= least) continue;
      least = cost;
      found = to;
    }
    return found;
  }

  /** The partition whose replica on `from` goes to `to` at the least cost; null: none may. */
  private best(which: Which, from: SeatIndex, to: SeatIndex): Candidate | null {
    const { layout, fresh } = this;
    for (const partition of fresh[from] as Set<number>)
      if (layout.mayTake(layout.setOf(partition), from, to)) return { partition, cost: FREE };
    if (which === "fresh") return null;
    let best: LayoutGroup | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const group of (layout.groupsOf[from] as Map<string, LayoutGroup>).values()) {
      if (!layout.mayTake(group.seats, from, to)) continue;
      const cost = this.costOf(group.seats, from, to);
      // Small groups end first when there is a group to go to; otherwise large ones give, and others follow into the
      // new one.
      const smaller = best !== null && group.partitions.size < best.partitions.size;
      const better = cost < least || (cost === least && smaller === (cost === 0));
      if (!better) continue;
      best = group;
      least = cost;
    }
    const [partition] = best?.partitions ?? [];
    return partition === undefined ? null : { partition, cost: least };
  }

  /** 0: the group is there; otherwise it grows with the nodes that come to share partitions. */
  private costOf(seats: readonly SeatIndex[], from: SeatIndex | null, to: SeatIndex): number {
    const { layout } = this;
    const after = [...seats.filter((seat) => seat !== from), to].sort((a, b) => a - b);
    return layout.hasGroup(after) ? 0 : 1 + layout.strangers(to, seats, from);
  }

  /** Replicas of the partition in a zone that has more than it may; null: there are none. */
  private overfull(partition: number): readonly SeatIndex[] | null {
    const { seats, zoneLimit } = this.layout;
    const set = this.layout.setOf(partition);
    const zoneOf = (seat: SeatIndex): string | undefined => seats[seat]?.zone;
    const crowd = set.find((seat) => set.filter((other) => zoneOf(other) === zoneOf(seat)).length > zoneLimit);
    return crowd === undefined ? null : set.filter((seat) => zoneOf(seat) === zoneOf(crowd));
  }

  /** Its replicas in zones that have the most of them. */
  private crowded(partition: number): readonly SeatIndex[] {
    const { seats } = this.layout;
    const set = this.layout.setOf(partition);
    const inZone = (seat: SeatIndex): number => set.filter((other) => seats[other]?.zone === seats[seat]?.zone).length;
    const most = Math.max(...set.map(inZone));
    return set.filter((seat) => inZone(seat) === most);
  }

  private heaviest(among: readonly SeatIndex[]): SeatIndex {
    const heaviest = this.leastOf(among, (seat) => [-(this.layout.loads[seat] as number)]);
    assert(heaviest !== null, "one of several");
    return heaviest;
  }

  private leastOf(among: readonly SeatIndex[], of: (seat: SeatIndex) => readonly number[]): SeatIndex | null {
    let least: SeatIndex | null = null;
    let leastRank: readonly number[] = [];
    for (const seat of among) {
      const rank = of(seat);
      if (least !== null && !isBelow(rank, leastRank)) continue;
      least = seat;
      leastRank = rank;
    }
    return least;
  }
}

function isBelow(rank: readonly number[], other: readonly number[]): boolean {
  for (const [at, value] of rank.entries()) {
    const there = other[at] as number;
    if (value !== there) return value < there;
  }
  return false;
}
