/**
 * A placement while it is being worked out: which nodes keep which partitions, and what follows from that. Partitions
 * kept by the same nodes are a group. They are looked at together, as groups are much fewer than partitions.
 */
import { assert } from "../../base/assert.js";
import type { NodeId } from "../model/ids.js";

/** A node that may keep replicas. */
export interface Seat {
  readonly id: NodeId;
  /** Failure domain; "" when none was given. */
  readonly zone: string;
}

/** A node's place in the list of seats. */
export type SeatIndex = number;

export interface LayoutGroup {
  readonly key: string;
  /** Ascending. */
  readonly seats: readonly SeatIndex[];
  readonly partitions: Set<number>;
}

export class Layout {
  /** Replicas that each seat keeps. */
  readonly loads: number[];
  /** Ascending, by partition. */
  readonly sets: SeatIndex[][];
  readonly groupsOf: readonly Map<string, LayoutGroup>[];
  /** A partition has no more replicas than this in one zone. */
  readonly zoneLimit: number;
  private readonly groups = new Map<string, LayoutGroup>();
  /** By seat: how many partitions it shares with each other seat. */
  private readonly shared: readonly Map<SeatIndex, number>[];

  constructor(
    readonly seats: readonly Seat[],
    readonly replicationFactor: number,
    partitionCount: number,
  ) {
    this.zoneLimit = zoneLimitOf(seats, replicationFactor);
    this.loads = seats.map(() => 0);
    this.groupsOf = seats.map(() => new Map());
    this.shared = seats.map(() => new Map());
    this.sets = Array.from({ length: partitionCount }, () => []);
    for (let partition = 0; partition < partitionCount; partition++) this.enter(partition, []);
  }

  hasGroup(seats: readonly SeatIndex[]): boolean {
    return this.groups.has(keyOf(seats));
  }

  /** How many of these, `without` left out, share no partition with `seat` yet. */
  strangers(seat: SeatIndex, seats: readonly SeatIndex[], without: SeatIndex | null): number {
    const known = this.shared[seat];
    let count = 0;
    for (const other of seats) if (other !== without && known?.has(other) !== true) count++;
    return count;
  }

  /** Whether a replica on `to` instead of the one on `from` (null: besides all) keeps the rule of zones. */
  mayTake(seats: readonly SeatIndex[], from: SeatIndex | null, to: SeatIndex): boolean {
    if (seats.includes(to)) return false;
    const { zone } = this.seat(to);
    let there = 0;
    for (const seat of seats) if (seat !== from && this.seat(seat).zone === zone) there++;
    return there < this.zoneLimit;
  }

  setOf(partition: number): readonly SeatIndex[] {
    return this.sets[partition] as SeatIndex[];
  }

  change(partition: number, from: SeatIndex | null, to: SeatIndex | null): void {
    const before = this.setOf(partition);
    const after = before.filter((seat) => seat !== from);
    if (to !== null) after.push(to);
    after.sort((a, b) => a - b);
    assert(new Set(after).size === after.length, "a node keeps one replica of a partition");
    this.leave(partition, before);
    this.enter(partition, after);
  }

  private seat(index: SeatIndex): Seat {
    return this.seats[index] as Seat;
  }

  private leave(partition: number, seats: readonly SeatIndex[]): void {
    const group = this.groups.get(keyOf(seats));
    assert(group !== undefined, "each partition is in its group");
    group.partitions.delete(partition);
    if (group.partitions.size === 0) {
      this.groups.delete(group.key);
      for (const seat of seats) this.groupsOf[seat]?.delete(group.key);
    }
    for (const seat of seats) this.count(seat, seats, -1);
  }

  private enter(partition: number, seats: SeatIndex[]): void {
    this.sets[partition] = seats;
    const key = keyOf(seats);
    const group = this.groups.get(key) ?? { key, seats, partitions: new Set<number>() };
    this.groups.set(key, group);
    group.partitions.add(partition);
    for (const seat of seats) {
      this.groupsOf[seat]?.set(key, group);
      this.count(seat, seats, 1);
    }
  }

  private count(seat: SeatIndex, seats: readonly SeatIndex[], by: 1 | -1): void {
    this.loads[seat] = (this.loads[seat] ?? 0) + by;
    const known = this.shared[seat] as Map<SeatIndex, number>;
    for (const other of seats) {
      if (other === seat) continue;
      const count = (known.get(other) ?? 0) + by;
      if (count === 0) known.delete(other);
      else known.set(other, count);
    }
  }
}

/** The fewest replicas of a partition in one zone that leave room for all δ: 1 where there are δ zones or more. */
export function zoneLimitOf(seats: readonly Seat[], replicationFactor: number): number {
  const sizes = new Map<string, number>();
  for (const { zone } of seats) sizes.set(zone, (sizes.get(zone) ?? 0) + 1);
  for (let limit = 1; ; limit++) {
    let room = 0;
    for (const size of sizes.values()) room += Math.min(size, limit);
    if (room >= replicationFactor || limit >= seats.length) return limit;
  }
}

const keyOf = (seats: readonly SeatIndex[]): string => seats.join();
