import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type NodeId, nodeId, type Partition, partition } from "../../../../src/core/model/ids.js";
import type { Seat } from "../../../../src/core/placement/layout.js";
import { admitted, type Move, nextMove } from "../../../../src/core/placement/moves.js";

const P = partition(0);
const ids = (...numbers: number[]): NodeId[] => numbers.map(nodeId);
const zoned = (zones: readonly string[]): Map<NodeId, Seat> =>
  new Map(zones.map((zone, index) => [nodeId(index + 1), { id: nodeId(index + 1), zone }]));

function apply(now: readonly NodeId[], { from, to }: Move): NodeId[] {
  const left = now.filter((id) => id !== from);
  return (to === null ? left : [...left, to]).sort((a, b) => a - b);
}

const mostInAZone = (replicas: readonly NodeId[], seats: ReadonlyMap<NodeId, Seat>): number => {
  const zones = replicas.map((id) => seats.get(id)?.zone);
  return Math.max(0, ...zones.map((zone) => zones.filter((other) => other === zone).length));
};

const sets = fc
  .record({
    zones: fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 9, maxLength: 9 }),
    now: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
    wanted: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
  })
  .map(({ zones, now, wanted }) => ({ seats: zoned(zones), now: ids(...now), wanted: ids(...wanted) }));

describe("the way to a placement", () => {
  test("leads there in as many steps as replicas come or go, one replica a step", () => {
    fc.assert(
      fc.property(sets, ({ seats, now, wanted }) => {
        let at: readonly NodeId[] = now;
        let steps = 0;
        for (let move = nextMove(P, at, wanted, seats); move !== null; move = nextMove(P, at, wanted, seats)) {
          at = apply(at, move);
          steps++;
          expect(at.length).toBeGreaterThanOrEqual(Math.min(now.length, wanted.length));
          expect(at.length).toBeLessThanOrEqual(Math.max(now.length, wanted.length));
        }
        const coming = wanted.filter((id) => !now.includes(id)).length;
        const leaving = now.filter((id) => !wanted.includes(id)).length;
        expect(steps).toBe(Math.max(coming, leaving));
        expect([...at].sort((a, b) => a - b)).toEqual([...wanted].sort((a, b) => a - b));
      }),
    );
  });

  test("never puts more replicas into one zone than the worse of its two ends has, at a fixed δ", () => {
    fc.assert(
      fc.property(sets, ({ seats, now, wanted }) => {
        fc.pre(now.length === wanted.length);
        const worst = Math.max(mostInAZone(now, seats), mostInAZone(wanted, seats));
        let at: readonly NodeId[] = now;
        for (let move = nextMove(P, at, wanted, seats); move !== null; move = nextMove(P, at, wanted, seats)) {
          at = apply(at, move);
          expect(mostInAZone(at, seats)).toBeLessThanOrEqual(worst);
        }
      }),
    );
  });

  test("adds before it replaces when δ grows, and takes away first when it shrinks", () => {
    const seats = zoned(["", "", "", "", ""]);
    expect(nextMove(P, ids(1, 2), ids(3, 4, 5), seats)).toEqual({ partition: P, from: null, to: 3 });
    expect(nextMove(P, ids(1, 2, 3), ids(4, 5), seats)).toEqual({ partition: P, from: 1, to: null });
  });
});

describe("moves under way together", () => {
  const move = (p: number, from: number | null, to: number | null): Move => ({
    partition: p as Partition,
    from: from === null ? null : nodeId(from),
    to: to === null ? null : nodeId(to),
  });

  test("are bounded for each node, whether it gives or takes, and for the cluster", () => {
    const moves = [move(0, 1, 4), move(1, 2, 4), move(2, 3, 4), move(3, 1, 5), move(4, 2, 5), move(5, 3, 6)];
    expect(admitted(moves, [], { perNode: 2, perCluster: 100 }).map((one) => one.partition)).toEqual([0, 1, 3, 4, 5]);
    expect(admitted(moves, [], { perNode: 1, perCluster: 100 }).map((one) => one.partition)).toEqual([0, 4, 5]);
    expect(admitted(moves, [], { perNode: 9, perCluster: 2 }).map((one) => one.partition)).toEqual([0, 1]);
  });

  test("count with those that are under way already", () => {
    const underWay = [move(9, 1, 4)];
    expect(admitted([move(0, 1, 5), move(1, 2, 5)], underWay, { perNode: 1, perCluster: 2 })).toEqual([move(1, 2, 5)]);
    expect(admitted([move(1, 2, 5)], underWay, { perNode: 1, perCluster: 1 })).toEqual([]);
  });
});
