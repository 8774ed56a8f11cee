/** Groups get more or fewer replicas by views that follow each other, each of them checked. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type NodeId, nodeId, partition } from "../../../../src/core/model/ids.js";
import { wrongIn } from "../../../../src/core/view/check.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import { moved, placementFault, recording, unready } from "../../../../src/core/view/move.js";
import {
  fateOf,
  isResizing,
  ledgerOf,
  operationFault,
  type ViewOperation,
} from "../../../../src/core/view/operation.js";
import { plannedView } from "../../../../src/core/view/planner.js";
import { preferredOf, type View } from "../../../../src/core/view/view.js";
import { allMoves, mayChange, nextMoves } from "../../../../src/core/view/wished-moves.js";
import { encoded } from "../../../views/views.js";
import { cluster, follow, keptBy, last } from "./ways.js";

const ID = "ab".repeat(16);
const resize = (of: EncodedView, replicas: number, id = ID): ViewOperation => ({
  kind: "set-replication",
  id,
  epoch: of.view.epoch,
  node: nodeId(1),
  replicas,
});
/** The test views of this folder have a short cluster id, and digests of a few characters. */
const wrongBeside = (view: View): string | null =>
  wrongIn({ ...view, clusterId: "ab".repeat(16), previousDigest: "", operationId: ID });
const IDLE = { wishing: [], operations: [], mayVote: () => true, isLost: () => false };
const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);

describe("another number of replicas", () => {
  test("is what every partition has in the end, evenly, by one replica of a group in a view", () => {
    fc.assert(
      fc.property(
        fc.record({
          nodes: fc.integer({ min: 1, max: 7 }),
          before: fc.integer({ min: 1, max: 5 }),
          after: fc.integer({ min: 1, max: 5 }),
          zones: fc.integer({ min: 1, max: 4 }),
        }),
        ({ nodes, before, after, zones }) => {
          fc.pre(nodes >= Math.max(before, after) && before !== after);
          const first = cluster(nodes, before, 32, 0, (id) => (zones === 1 ? "" : `z${id % zones}`));
          const way = follow(first, resize(first, after));
          const view = last(way);
          expect(view.partitions.every(({ replicas }) => replicas.length === after)).toBe(true);
          expect(isResizing(view)).toBe(false);
          expect(ledgerOf(view).done).toContainEqual(
            expect.objectContaining({ id: ID, kind: "set-replication", replicas: after }),
          );
          for (const one of way.views) expect(wrongBeside(one)).toBeNull();
          for (const [at, one] of way.views.entries())
            for (const [p, { replicas }] of one.partitions.entries()) {
              const earlier = way.views[at - 1]?.partitions[p]?.replicas ?? replicas;
              expect(Math.abs(replicas.length - earlier.length)).toBeLessThanOrEqual(1);
            }
          const offices = view.members.map(
            ({ id }) => view.partitions.filter((placement) => preferredOf(placement) === id).length,
          );
          if (zones > 1) return;
          expect(spread(view.members.map(({ id }) => keptBy(view, id)))).toBeLessThanOrEqual(1);
          expect(spread(offices)).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("that leaves replicas uneven, just as the node that was asked is lost: both wishes have ids of their own", () => {
    // It keeps nothing, so others can do without it at once.
    const first = cluster(4, 3, 32, 1);
    const asked = nodeId(5);
    const { views } = follow(first, { ...resize(first, 2), node: asked });
    const ends = views.findIndex((view) => ledgerOf(view).done.some(({ id }) => id === ID));
    const before = encoded(views[ends - 1] as View);
    const ready = new Map(
      before.view.partitions.map((placement, index) => [
        partition(index),
        unready(placement).map((node) => ({ node, bad: 0 })),
      ]),
    );
    const next = plannedView(before, { ...IDLE, ready, lost: [asked], mayVote: (node) => node !== asked });
    const wishes = ledgerOf(next as View).wishes;
    expect(wishes.map(({ kind, node }) => ({ kind, node }))).toEqual(
      expect.arrayContaining([
        { kind: "rebalance", node: asked },
        { kind: "heal", node: asked },
      ]),
    );
    expect(new Set(wishes.map(({ id }) => id)).size).toBe(wishes.length);
  });

  test("keeps replicas in different zones where there are enough", () => {
    const first = cluster(6, 2, 32, 0, (id) => `z${id % 3}`);
    const view = last(follow(first, resize(first, 3)));
    const zoneOf = (id: NodeId): string | undefined => view.members.find((member) => member.id === id)?.zone;
    for (const { replicas } of view.partitions) expect(new Set(replicas.map(zoneOf)).size).toBe(3);
  });

  test.each([
    [3, 3, "each partition has 3 replicas already"],
    [3, 6, "5 members could keep replicas: each partition can have at most 5, not 6"],
    [3, 0, "a partition has between 1 and 31 replicas, not 0"],
    [3, 32, "a partition has between 1 and 31 replicas, not 32"],
    [3, 5, null],
  ])("of %i to %i: %s", (before, after, fault) => {
    const first = cluster(5, before, 8);
    expect(operationFault(first.view, resize(first, after))).toBe(fault);
  });

  test("ends an earlier one that is under way, and is refused while the same one is", () => {
    const first = cluster(5, 3, 16);
    const begun = encoded(plannedView(first, { ...IDLE, operations: [resize(first, 5)] }) as View);
    expect(operationFault(begun.view, resize(begun, 5, "cd".repeat(16)))).toBe(
      "each partition is getting 5 replicas already",
    );
    const way = follow(begun, resize(begun, 1, "cd".repeat(16)));
    expect(last(way).partitions.every(({ replicas }) => replicas.length === 1)).toBe(true);
    expect(fateOf(last(way), ID, first.view.epoch)).toMatchObject({
      state: "overtaken",
      record: { replicas: 5 },
      by: { id: "cd".repeat(16) },
    });
    expect(fateOf(last(way), "cd".repeat(16), begun.view.epoch)).toMatchObject({
      state: "done",
      record: { replicas: 1 },
    });
  });

  test("begins in no group in which somebody is not heard, as more of them are needed at once", () => {
    const first = cluster(5, 3, 16);
    const begun = plannedView(first, { ...IDLE, operations: [resize(first, 5)] }) as View;
    const without = nextMoves(begun, undefined, (node) => node !== 2);
    expect(without.every(({ partition }) => begun.partitions[partition]?.replicas.includes(nodeId(2)) === false)).toBe(
      true,
    );
    expect(without.every(({ comes }) => comes !== 2)).toBe(true);
  });

  test("is undone at once where a newcomer never became ready: that one goes", () => {
    const first = cluster(5, 3, 1);
    const [placement] = first.view.partitions as [View["partitions"][number]];
    const comes = nodeId(5);
    const four = moved(placement, { leaves: null, comes }, first.view.epoch);
    const told = recording(
      four,
      placement.replicas.map((node) => ({ node, bad: 0 })),
    );
    expect(unready(told)).toEqual([comes]);
    expect(mayChange(told, { leaves: comes, comes: null }, (node) => node !== comes)).toBe(true);
    expect(mayChange(told, { leaves: nodeId(1), comes: null }, () => true)).toBe(false);
    expect(mayChange(told, { leaves: null, comes: nodeId(4) }, () => true)).toBe(false);
  });

  test("shows all moves in advance", () => {
    const first = cluster(5, 3, 8);
    const up = plannedView(first, { ...IDLE, operations: [resize(first, 5)] }) as View;
    expect(allMoves(up)).toHaveLength(16);
    expect(allMoves(up).every(({ leaves }) => leaves === null)).toBe(true);
    const down = plannedView(first, { ...IDLE, operations: [resize(first, 1)] }) as View;
    expect(allMoves(down)).toHaveLength(16);
    expect(allMoves(down).every(({ comes }) => comes === null)).toBe(true);
  });

  test("is what a view says before a group may grow or shrink", () => {
    const first = cluster(5, 3, 1);
    const [placement] = first.view.partitions as [View["partitions"][number]];
    const four = moved(placement, { leaves: null, comes: nodeId(5) }, first.view.epoch);
    const { epoch } = first.view;
    expect(placementFault(placement, four, { epoch, replicationFactor: 3 })).toBe(
      "it has 4 replicas, and 3 are wanted",
    );
    expect(placementFault(placement, four, { epoch, replicationFactor: 5 })).toBeNull();
    expect(wrongBeside({ ...first.view, partitions: [{ ...placement, replicas: placement.replicas.slice(1) }] })).toBe(
      "partition 0 is not kept by 3 of its members",
    );
  });
});
