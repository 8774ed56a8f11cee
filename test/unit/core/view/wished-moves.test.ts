/** Nodes are emptied by views that follow each other: every way there is planned, and checked view by view. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { majorityOf } from "../../../../src/base/votes.js";
import { type NodeId, nodeId, viewEpoch } from "../../../../src/core/model/ids.js";
import { MOVE_CAPS } from "../../../../src/core/placement/moves.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import { moved } from "../../../../src/core/view/move.js";
import {
  fateOf,
  isDraining,
  isLeaving,
  operationFault,
  type ViewOperation,
} from "../../../../src/core/view/operation.js";
import { plannedView } from "../../../../src/core/view/planner.js";
import { successorFault } from "../../../../src/core/view/successor.js";
import type { Placement, View } from "../../../../src/core/view/view.js";
import { isEmptied, mayGiveUp, nextMoves, wishedMoves } from "../../../../src/core/view/wished-moves.js";
import { plant } from "../../../planted/planted.js";
import { encoded, memberAt } from "../../../views/views.js";
import { cluster, follow, keptBy, last, type Way } from "./ways.js";

afterEach(() => plant());

const ask = (kind: "drain" | "remove" | "replace", node: number, of: EncodedView, by = 0): ViewOperation => ({
  ...(kind === "replace" ? { kind, by: nodeId(by) } : { kind }),
  id: kind.padEnd(32, "0"),
  epoch: of.view.epoch,
  node: nodeId(node),
});

describe("a drain", () => {
  test("moves every replica once, by legal views, and leaves loads even within one", () => {
    fc.assert(
      fc.property(
        fc.record({ nodes: fc.integer({ min: 3, max: 7 }), empty: fc.integer({ min: 0, max: 3 }), seed: fc.nat() }),
        ({ nodes, empty, seed }) => {
          const factor = 2 + (seed % 2);
          fc.pre(nodes - 1 + empty >= factor);
          const first = cluster(nodes, factor, 32, empty);
          const node = 1 + (seed % nodes);
          const way = follow(first, ask("drain", node, first));
          const view = last(way);
          expect(way.moves).toBe(keptBy(first.view, node));
          expect(isEmptied(view.partitions, nodeId(node))).toBe(true);
          expect(fateOf(view, "drain".padEnd(32, "0"), 1).state).toBe("done");
          expect(view.members).toHaveLength(nodes + empty);
          expect(isDraining(view, nodeId(node))).toBe(false);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("keeps moves under way within the caps, in every view", () => {
    const first = cluster(5, 3, 256);
    for (const view of follow(first, ask("drain", 2, first)).views) {
      const moving = view.partitions.filter(({ previous }) => previous !== undefined);
      expect(moving.length).toBeLessThanOrEqual(MOVE_CAPS.perCluster);
      for (const { id } of view.members) {
        const busy = moving.filter(
          ({ replicas, previous }) => replicas.includes(id) !== previous?.replicas.includes(id),
        ).length;
        expect(busy).toBeLessThanOrEqual(MOVE_CAPS.perNode);
      }
    }
  });

  test("goes to other zones only as far as it must", () => {
    const first = cluster(6, 3, 32, 0, (id) => `z${id % 3}`);
    const view = last(follow(first, ask("drain", 1, first)));
    const zoneOf = (id: NodeId): string | undefined => view.members.find((member) => member.id === id)?.zone;
    for (const { replicas } of view.partitions) expect(new Set(replicas.map(zoneOf)).size).toBe(3);
  });

  test("is refused where too few others could keep the replicas, twice, and of a stranger", () => {
    const three = cluster(3, 3, 8);
    expect(operationFault(three.view, ask("drain", 2, three))).toBe(
      "2 other members could keep replicas, and each partition has 3",
    );
    const four = cluster(3, 3, 8, 1);
    expect(operationFault(four.view, ask("drain", 9, four))).toBe("node 9 is no member");
    const begun = plannedView(four, {
      wishing: [],
      operations: [ask("drain", 2, four)],
      mayVote: () => true,
      isLost: () => false,
    }) as View;
    expect(isDraining(begun, nodeId(2))).toBe(true);
    expect(operationFault(begun, { ...ask("drain", 2, encoded(begun)), id: "e".repeat(32) })).toBe(
      "node 2 gives its replicas away already",
    );
  });

  test("does not begin at a group of which no ready majority is heard without the node", () => {
    const first = cluster(3, 3, 4, 1);
    const drained = (): Way => follow(first, ask("drain", 1, first), (node) => node !== 3);
    expect(drained().moves).toBe(0);
    expect(isDraining(last(drained()), nodeId(1))).toBe(true);
    plant("V5.gives-up-unheard");
    expect(drained().moves).toBeGreaterThan(0);
  });

  test("is not done, and the node does not leave, while a group that takes over from it is not ready", () => {
    const first = cluster(4, 3, 8);
    // Two views on, all moves have begun, and nobody has said yet that it is ready.
    const moving = encoded(follow(first, ask("drain", 1, first)).views.find((view) => keptBy(view, 1) === 0) as View);
    const next = (): View | null =>
      plannedView(moving, { wishing: [], operations: [], mayVote: () => true, isLost: () => false });
    expect(moving.view.partitions.some(({ previous }) => previous?.replicas.includes(nodeId(1)) === true)).toBe(true);
    expect(next()).toBeNull();
    plant("V6.emptied-early");
    expect(fateOf(next() as View, "drain".padEnd(32, "0"), 1).state).toBe("done");
  });
});

/** With that node in the place of one that is not node 2. */
const keeping = ({ replicas }: Placement, node: number): NodeId[] => {
  const gone = replicas.find((id) => id !== nodeId(2));
  return [...replicas.filter((id) => id !== gone), nodeId(node)].sort((a, b) => a - b);
};

describe("a replacement", () => {
  test("gives the other member all replicas and moves nothing else", () => {
    const first = cluster(4, 3, 32, 1);
    const way = follow(first, ask("replace", 2, first, 5));
    expect(keptBy(last(way), 5)).toBe(keptBy(first.view, 2));
    expect(way.moves).toBe(keptBy(first.view, 2));
    for (const node of [1, 3, 4]) expect(keptBy(last(way), node)).toBe(keptBy(first.view, node));
  });

  test("goes on though the other member got a place in one of the groups meanwhile: a third one gets that replica", () => {
    const { view } = cluster(4, 3, 32, 1);
    const at = view.partitions.findIndex(({ replicas }) => replicas.includes(nodeId(2)));
    const both = view.partitions.map((placement, i) =>
      i === at ? { ...placement, replicas: keeping(placement, 5) } : placement,
    );
    const { id, epoch, node } = ask("replace", 2, encoded(view));
    const wishes = [{ id, epoch, kind: "replace", node, by: nodeId(5) }] as const;
    const first = encoded({ ...view, partitions: both, ledger: { wishes, done: [], forgotten: 0 } });
    const end = last(follow(first, {}));
    expect(keptBy(end, 2)).toBe(0);
    expect(end.partitions[at]?.replicas).toContain(nodeId(5));
    expect(fateOf(end, id, 1).state).toBe("done");
  });

  test("is refused by itself, by a stranger, and by a member that shares a partition", () => {
    const first = cluster(4, 3, 32, 1);
    const fault = (by: number): string | null => operationFault(first.view, ask("replace", 2, first, by));
    expect(fault(2)).toBe("node 2 cannot take its own place");
    expect(fault(8)).toBe("node 8 is no member");
    expect(fault(3)).toMatch(/^partition \d+ has a replica on node 3 already$/);
    expect(fault(5)).toBeNull();
  });
});

describe("the removal of a dead node", () => {
  test("gives its replicas to others, and then it is a member no more", () => {
    const first = cluster(4, 3, 32);
    const way = follow(first, ask("remove", 2, first), (node) => node !== 2);
    const view = last(way);
    expect(view.members.map(({ id }) => id)).toEqual([1, 3, 4]);
    expect(view.voters).not.toContain(2);
    expect(fateOf(view, "remove".padEnd(32, "0"), 1).state).toBe("done");
    expect(way.views.slice(1, -1).every((one) => isLeaving(one, nodeId(2)))).toBe(true);
  });

  test("is refused with δ 2, as what it has can only be recovered", () => {
    const first = cluster(4, 2, 32);
    expect(operationFault(first.view, ask("remove", 2, first))).toMatch(/can only be recovered$/);
  });

  test("goes on with a second node that takes over when the first one is gone as well", () => {
    const first = cluster(3, 3, 8, 2);
    const begun = plannedView(first, {
      wishing: [],
      operations: [ask("remove", 2, first)],
      mayVote: () => true,
      isLost: () => false,
    }) as View;
    const moves = nextMoves(begun);
    expect(moves.length).toBeGreaterThan(0);
    const [{ partition: p, leaves, comes }] = moves as [(typeof moves)[0]];
    const group = moved(begun.partitions[p] as Placement, { leaves, comes }, viewEpoch(begun.epoch + 1));
    // The newcomer is the one replica that is not ready: it may give way, and nobody else.
    const known: Placement = {
      ...group,
      ready: group.replicas.filter((id) => id !== comes).map((node) => ({ node, bad: 0 })),
    };
    expect(mayGiveUp(known, comes as NodeId, (node) => node !== comes)).toBe(true);
    expect(mayGiveUp(known, group.replicas.find((id) => id !== comes) as NodeId, () => true)).toBe(false);
  });
});

describe("a new node at the address of a lost member that keeps partitions", () => {
  const at = (view: EncodedView, isHeard: (node: NodeId) => boolean): View | null =>
    plannedView(view, {
      wishing: [
        {
          kind: "join-wish",
          member: memberAt(nodeId(9), "n2"),
          operation: "f".repeat(32),
          epoch: view.view.epoch,
          digest: view.digest,
        },
      ],
      operations: [],
      mayVote: isHeard,
      isLost: (node) => !isHeard(node),
    });

  test("gets its replicas in one view, and its vote", () => {
    const first = cluster(3, 3, 16);
    const next = at(first, (node) => node !== 2) as View;
    expect(successorFault(first, encoded(next))).toBeNull();
    expect(next.members.map(({ id }) => id)).toEqual([1, 3, 9]);
    expect(next.voters).toEqual([1, 3, 9]);
    expect(next.partitions.every(({ replicas }) => replicas.includes(nodeId(9)))).toBe(true);
  });

  test("waits while that member is heard, and while a group has no other majority", () => {
    const first = cluster(3, 3, 16);
    expect(at(first, () => true)).toBeNull();
    expect(at(first, (node) => node === 1)).toBeNull();
    expect(at(cluster(3, 2, 16), (node) => node !== 2)).toBeNull();
  });
});

test("wished moves are none without a wish", () => {
  expect(wishedMoves(cluster(3, 3, 8).view)).toEqual([]);
  expect(majorityOf(3)).toBe(2);
});
