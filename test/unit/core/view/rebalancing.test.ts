/** Newcomers get their share by views that follow each other: every way there is planned, and checked view by view. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { type NodeId, nodeId } from "../../../../src/core/model/ids.js";
import { MOVE_CAPS } from "../../../../src/core/placement/moves.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import type { JoinWish } from "../../../../src/core/view/message.js";
import { isRebalancing, ledgerOf, operationFault, type ViewOperation } from "../../../../src/core/view/operation.js";
import { plannedView } from "../../../../src/core/view/planner.js";
import { isEven, misplaced } from "../../../../src/core/view/rebalancing.js";
import { preferredOf, type View } from "../../../../src/core/view/view.js";
import { nextMoves } from "../../../../src/core/view/wished-moves.js";
import { plant } from "../../../planted/planted.js";
import { encoded, memberAt } from "../../../views/views.js";
import { cluster, follow, keptBy, last } from "./ways.js";

afterEach(() => plant());

const ID = "ab".repeat(16);
const rebalance = (of: EncodedView): ViewOperation => ({
  kind: "rebalance",
  id: ID,
  epoch: of.view.epoch,
  node: nodeId(1),
});
const wishOf = (id: number, of: EncodedView, share: boolean): JoinWish => ({
  kind: "join-wish",
  member: memberAt(nodeId(id), `new${id}`),
  operation: `${id}`.padStart(32, "e"),
  ...(share ? { share } : {}),
  epoch: of.view.epoch,
  digest: of.digest,
});
const loads = (view: View): number[] => view.members.map(({ id }) => keptBy(view, id));
const offices = (view: View): number[] =>
  view.members.map(({ id }) => view.partitions.filter((placement) => preferredOf(placement) === id).length);
const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);
const IDLE = { wishing: [], operations: [], mayVote: () => true, isLost: () => false };

describe("a rebalance", () => {
  test("leaves replicas and offices even within one, and moves little more than it must", () => {
    fc.assert(
      fc.property(
        fc.record({
          nodes: fc.integer({ min: 1, max: 6 }),
          empty: fc.integer({ min: 0, max: 4 }),
          factor: fc.integer({ min: 1, max: 3 }),
        }),
        ({ nodes, empty, factor }) => {
          fc.pre(nodes >= factor);
          const first = cluster(nodes, factor, 64, empty);
          const way = follow(first, rebalance(first));
          const view = last(way);
          expect(spread(loads(view))).toBeLessThanOrEqual(1);
          expect(spread(offices(view))).toBeLessThanOrEqual(1);
          expect(isRebalancing(view)).toBe(false);
          expect(ledgerOf(view).done).toMatchObject([{ id: ID, kind: "rebalance" }]);
          const ideal = empty * Math.floor((64 * factor) / (nodes + empty));
          expect(way.moves).toBeGreaterThanOrEqual(ideal);
          // Nodes that were uneven at the start give a little more.
          expect(way.moves).toBeLessThanOrEqual(1.1 * ideal + nodes * factor);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("keeps the rule of zones in every view, and moves under way within the caps", () => {
    const first = cluster(6, 3, 64, 3, (id) => `z${id % 3}`);
    for (const view of follow(first, rebalance(first)).views) {
      const zoneOf = (id: NodeId): string | undefined => view.members.find((member) => member.id === id)?.zone;
      for (const { replicas } of view.partitions) expect(new Set(replicas.map(zoneOf)).size).toBe(3);
      const moving = view.partitions.filter(({ previous }) => previous !== undefined);
      expect(moving.length).toBeLessThanOrEqual(MOVE_CAPS.perCluster);
    }
  });

  test("is not done while a group that moves is not ready", () => {
    const first = cluster(3, 3, 8, 1);
    const moving = encoded(
      follow(first, rebalance(first)).views.find(
        (view) => misplaced(view) === 0 && view.partitions.some(({ previous }) => previous !== undefined),
      ) as View,
    );
    expect(isEven(moving.view, moving.view.partitions)).toBe(false);
    expect(plannedView(moving, IDLE)).toBeNull();
    plant("growth.even-unready");
    expect(isRebalancing(plannedView(moving, IDLE) as View)).toBe(false);
  });

  test("waits for a member that is not heard, and goes on with the others meanwhile", () => {
    const first = cluster(3, 3, 32, 2);
    const way = follow(first, rebalance(first), (node) => node !== 5);
    expect(isRebalancing(last(way))).toBe(true);
    expect(keptBy(last(way), 5)).toBe(0);
    expect(keptBy(last(way), 4)).toBeGreaterThanOrEqual(19);
    const back = follow(encoded(last(way)), {});
    expect(isRebalancing(last(back))).toBe(false);
    expect(spread(loads(last(back)))).toBeLessThanOrEqual(1);
  });

  test("that nobody can begin takes no place of one that can", () => {
    const first = cluster(3, 3, 64, 4);
    const begun = plannedView(first, { ...IDLE, operations: [rebalance(first)] }) as View;
    const moves = nextMoves(begun, { perNode: 4, perCluster: 4 }, (node) => node !== 4 && node !== 5);
    expect(moves).toHaveLength(4);
    expect(moves.every(({ comes }) => (comes ?? 0) > 5)).toBe(true);
  });

  test("is refused while one is under way", () => {
    const first = cluster(3, 3, 8, 1);
    const begun = plannedView(first, { ...IDLE, operations: [rebalance(first)] }) as View;
    const again = { ...rebalance(encoded(begun)), id: "cd".repeat(16) };
    expect(operationFault(begun, again)).toBe("replicas are being spread evenly already");
  });

  test("goes on beside a drain: the node is emptied, and the others are even", () => {
    const first = cluster(4, 3, 32, 2);
    const begun = encoded(plannedView(first, { ...IDLE, operations: [rebalance(first)] }) as View);
    const drain: ViewOperation = { kind: "drain", id: "d".repeat(32), epoch: begun.view.epoch, node: nodeId(2) };
    const view = last(follow(begun, drain));
    expect(ledgerOf(view).wishes).toEqual([]);
    expect(keptBy(view, 2)).toBe(0);
    expect(spread(view.members.filter(({ id }) => id !== 2).map(({ id }) => keptBy(view, id)))).toBeLessThanOrEqual(1);
  });
});

describe("a node that joins", () => {
  test("gets its share by itself, with others that join at the same time: 3 to 7", () => {
    const first = cluster(3, 3, 256);
    const way = follow(first, { wishing: [4, 5, 6, 7].map((id) => wishOf(id, first, true)) });
    const view = last(way);
    expect(loads(view)).toHaveLength(7);
    expect(spread(loads(view))).toBeLessThanOrEqual(1);
    expect(spread(offices(view))).toBeLessThanOrEqual(1);
    expect(ledgerOf(view).done.filter(({ kind }) => kind === "rebalance")).toHaveLength(1);
  });

  test("waits when it says so, until somebody asks", () => {
    const first = cluster(3, 3, 32);
    const joined = last(follow(first, { wishing: [wishOf(4, first, false)] }));
    expect(loads(joined)).toEqual([32, 32, 32, 0]);
    expect(ledgerOf(joined).wishes).toEqual([]);
  });
});
