/** Zones are a hard rule: when groups grow and shrink, and when a member says that it is in another one. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeId } from "../../../../src/core/model/ids.js";
import { zoneLimitOf } from "../../../../src/core/placement/layout.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import type { JoinWish } from "../../../../src/core/view/message.js";
import { isRebalancing, ledgerOf, type ViewOperation } from "../../../../src/core/view/operation.js";
import { plannedView } from "../../../../src/core/view/planner.js";
import { type Member, memberOf, type Placement, type View } from "../../../../src/core/view/view.js";
import { encoded } from "../../../views/views.js";
import { cluster, follow, keptBy, last } from "./ways.js";

const ID = "ab".repeat(16);
const IDLE = { wishing: [], operations: [], mayVote: () => true, isLost: () => false };
const resize = (of: EncodedView, replicas: number): ViewOperation => ({
  kind: "set-replication",
  id: ID,
  epoch: of.view.epoch,
  node: nodeId(1),
  replicas,
});
const mostInOneZone = (view: View, { replicas }: Placement): number => {
  const zones = replicas.map((id) => memberOf(view, id)?.zone);
  return Math.max(...zones.map((zone) => zones.filter((other) => other === zone).length));
};
/** It is started again with the same directory, and says so. */
const moves = (of: EncodedView, member: Member, operation = "cd".repeat(16)): JoinWish => ({
  kind: "join-wish",
  member,
  operation,
  epoch: of.view.epoch,
  digest: of.digest,
});
const inZone = (of: EncodedView, id: number, zone: string): Member => ({
  ...(memberOf(of.view, nodeId(id)) as Member),
  zone,
});

describe("the rule of zones", () => {
  test("holds for each group in the end, and no view on the way to more or fewer replicas breaks it", () => {
    fc.assert(
      fc.property(
        fc.record({
          zones: fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 2, maxLength: 8 }),
          before: fc.integer({ min: 1, max: 5 }),
          after: fc.integer({ min: 1, max: 5 }),
        }),
        ({ zones, before, after }) => {
          fc.pre(zones.length >= Math.max(before, after) && before !== after);
          const first = cluster(zones.length, before, 32, 0, (id) => zones[id - 1] ?? "");
          const { members } = first.view;
          const { views } = follow(first, resize(first, after));
          const onTheWay = Math.max(zoneLimitOf(members, before), zoneLimitOf(members, after));
          for (const view of views)
            for (const part of view.partitions) expect(mostInOneZone(view, part)).toBeLessThanOrEqual(onTheWay);
          const view = last({ views, moves: 0 });
          for (const part of view.partitions)
            expect(mostInOneZone(view, part)).toBeLessThanOrEqual(zoneLimitOf(members, after));
        },
      ),
      { numRuns: 100 },
    );
  });

  test("is mended by itself when a member is in another zone than before", () => {
    // Node 4 comes to the zone of node 1: each group that has both is in two zones.
    const first = cluster(6, 3, 32, 0, (id) => `z${id % 3}`);
    const wish = moves(first, inZone(first, 4, "z2"));
    const next = encoded(plannedView(first, { ...IDLE, wishing: [wish] }) as View);
    expect(memberOf(next.view, nodeId(4))?.zone).toBe("z2");
    expect(next.view.partitions.some((part) => mostInOneZone(next.view, part) === 2)).toBe(true);
    expect(ledgerOf(next.view).wishes).toMatchObject([{ kind: "rebalance", node: 4 }]);
    const view = last(follow(next, {}));
    for (const part of view.partitions) expect(mostInOneZone(view, part)).toBe(1);
    expect(ledgerOf(view).wishes).toEqual([]);
  });

  test("moves nothing where a member only has another address, or another zone that changes nothing", () => {
    const first = cluster(3, 3, 8, 0, (id) => `z${id}`);
    const elsewhere = { ...inZone(first, 1, "z1"), peerAddress: "elsewhere:1" };
    const moved = plannedView(first, { ...IDLE, wishing: [moves(first, elsewhere)] }) as View;
    expect(ledgerOf(moved).wishes).toEqual([]);
    const renamed = encoded(plannedView(first, { ...IDLE, wishing: [moves(first, inZone(first, 1, "z9"))] }) as View);
    const way = follow(renamed, {});
    expect(way.moves).toBe(0);
    expect(isRebalancing(last(way))).toBe(false);
  });
});

test("a node that joins in the view that ends a rebalance gets its share all the same", () => {
  const first = cluster(3, 3, 8);
  const rebalance = { kind: "rebalance", id: ID, epoch: first.view.epoch, node: nodeId(1) } as const;
  const begun = encoded(plannedView(first, { ...IDLE, operations: [rebalance] }) as View);
  const newcomer = { id: nodeId(9), clientAddress: "n9:1", peerAddress: "n9:2", zone: "" };
  const wish: JoinWish = { ...moves(begun, newcomer), share: true };
  const joined = encoded(plannedView(begun, { ...IDLE, wishing: [wish] }) as View);
  expect(ledgerOf(joined.view).done.map(({ id }) => id)).toContain(ID);
  expect(isRebalancing(joined.view)).toBe(true);
  expect(keptBy(last(follow(joined, {})), 9)).toBe(6);
});
