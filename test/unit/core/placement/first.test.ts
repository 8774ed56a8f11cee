import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AssertionError } from "../../../../src/base/assert.js";
import { nodeId } from "../../../../src/core/model/ids.js";
import { firstPlacement } from "../../../../src/core/placement/first-placement.js";
import type { Member, Placement } from "../../../../src/core/view/view.js";

function members(count: number, zoneOf: (index: number) => string = () => ""): Member[] {
  return Array.from({ length: count }, (_, index) => ({
    id: nodeId(1_000 + 7 * index),
    clientAddress: `h${index}:1`,
    peerAddress: `h${index}:2`,
    zone: zoneOf(index),
  }));
}

/** N, δ ≤ N and P of a possible cluster. */
const shapes = fc
  .record({ nodes: fc.integer({ min: 1, max: 31 }), seed: fc.nat(), bits: fc.integer({ min: 0, max: 10 }) })
  .map(({ nodes, seed, bits }) => ({ nodes, factor: 1 + (seed % nodes), partitions: 2 ** bits }));

const groupOf = (placement: Placement): string => [...placement.replicas].sort((a, b) => a - b).join();

function counts(placements: readonly Placement[], of: (placement: Placement) => readonly number[]): number[] {
  const byNode = new Map<number, number>();
  for (const placement of placements) for (const node of of(placement)) byNode.set(node, (byNode.get(node) ?? 0) + 1);
  return [...byNode.values()];
}

describe("the placement of a new cluster", () => {
  test("gives every partition δ distinct members, in group epoch 1", () => {
    fc.assert(
      fc.property(shapes, ({ nodes, factor, partitions }) => {
        const all = members(nodes);
        const placements = firstPlacement(all, factor, partitions);
        expect(placements).toHaveLength(partitions);
        const ids = new Set(all.map(({ id }) => id));
        const wrong = placements.filter(
          ({ replicas, groupEpoch }) =>
            groupEpoch !== 1 ||
            replicas.length !== factor ||
            new Set(replicas).size !== factor ||
            replicas.some((id) => !ids.has(id)),
        );
        expect(wrong).toEqual([]);
      }),
    );
  });

  test("makes every node the preferred writer of the same number of partitions within one", () => {
    fc.assert(
      fc.property(shapes, ({ nodes, factor, partitions }) => {
        const writers = counts(firstPlacement(members(nodes), factor, partitions), ({ replicas }) =>
          replicas.slice(0, 1),
        );
        const least = writers.length < nodes ? 0 : Math.min(...writers);
        expect(Math.max(...writers) - least).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("gives every node the same number of replicas within δ", () => {
    fc.assert(
      fc.property(shapes, ({ nodes, factor, partitions }) => {
        fc.pre(partitions >= nodes);
        const kept = counts(firstPlacement(members(nodes), factor, partitions), ({ replicas }) => replicas);
        expect(kept).toHaveLength(nodes);
        expect(Math.max(...kept) - Math.min(...kept)).toBeLessThanOrEqual(factor);
      }),
    );
  });

  test("has at most N distinct groups", () => {
    fc.assert(
      fc.property(shapes, ({ nodes, factor, partitions }) => {
        const groups = new Set(firstPlacement(members(nodes), factor, partitions).map(groupOf));
        expect(groups.size).toBeLessThanOrEqual(nodes);
      }),
    );
  });

  test("shares a dead node's writers between two others where δ ≥ 3", () => {
    const placements = firstPlacement(members(5), 3, 256);
    const dead = placements[0]?.replicas[0];
    const next = new Set(placements.filter(({ replicas }) => replicas[0] === dead).map(({ replicas }) => replicas[1]));
    expect(next.size).toBe(2);
  });

  test("puts a partition's replicas into different zones where there are δ zones of the same size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }), fc.nat(), (zones, perZone, seed) => {
        const factor = 1 + (seed % zones);
        const all = members(zones * perZone, (index) => `zone-${Math.floor(index / perZone)}`);
        const zoneOf = new Map(all.map(({ id, zone }) => [id, zone]));
        for (const { replicas } of firstPlacement(all, factor, 64)) {
          expect(new Set(replicas.map((id) => zoneOf.get(id))).size).toBe(factor);
        }
      }),
    );
  });

  test("puts a partition's replicas into different zones where there are δ zones of whatever size", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }), fc.nat(), (sizes, seed) => {
        const zones = sizes.flatMap((size, zone) => Array.from({ length: size }, () => `zone-${zone}`));
        const factor = 1 + (seed % sizes.length);
        const all = members(zones.length, (index) => zones[index] as string);
        const zoneOf = new Map(all.map(({ id, zone }) => [id, zone]));
        for (const { replicas } of firstPlacement(all, factor, 64)) {
          expect(new Set(replicas.map((id) => zoneOf.get(id))).size).toBe(factor);
        }
      }),
    );
  });

  test("does not depend on the order of the members", () => {
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.nat()), ({ nodes, factor, partitions }, order) => {
        const all = members(nodes, (index) => `z${index % 3}`);
        const shuffled = all
          .map((member) => ({ member, at: order.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ member }) => member);
        expect(firstPlacement(shuffled, factor, partitions)).toEqual(firstPlacement(all, factor, partitions));
      }),
    );
  });

  test("refuses a δ that the members cannot give, and a number of partitions that is no power of two", () => {
    expect(() => firstPlacement(members(3), 4, 16)).toThrow(AssertionError);
    expect(() => firstPlacement(members(3), 0, 16)).toThrow(AssertionError);
    expect(() => firstPlacement(members(3), 3, 12)).toThrow(AssertionError);
  });
});
