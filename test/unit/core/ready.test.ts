import { afterEach, expect, test } from "vitest";
import { duration, instant } from "../../../src/base/time.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { Core } from "../../../src/core/core.js";
import { groupEpoch, nodeId, partition, viewEpoch } from "../../../src/core/model/ids.js";
import { HeardReadies } from "../../../src/core/view/heard-readies.js";
import { moved, recording } from "../../../src/core/view/move.js";
import { plannedView } from "../../../src/core/view/planner.js";
import type { View } from "../../../src/core/view/view.js";
import { Outgoing } from "../../../src/node/outgoing.js";
import { MemoryStorage } from "../../../src/storage/memory.js";
import { plant } from "../../planted/planted.js";
import { viewOf } from "../node/cluster.js";

const P = partition(0);
const ROUND = duration(200);
const FIRST: View = {
  ...viewOf(4, 3, 1),
  partitions: [{ replicas: [1, 2, 3].map(nodeId), groupEpoch: groupEpoch(1) }],
};
const first = encodedView({
  ...FIRST,
  members: FIRST.members.map((m, i) => ({ ...m, id: nodeId(i + 1) })),
  voters: [1, 2, 3, 4].map(nodeId),
});
const MOVED = moved(
  first.view.partitions[0] as View["partitions"][number],
  { leaves: nodeId(3), comes: nodeId(4) },
  viewEpoch(2),
);
const second = encodedView({ ...first.view, epoch: viewEpoch(2), previousDigest: first.digest, partitions: [MOVED] });

afterEach(() => plant());

/**
 * Kinds of messages about readiness that leave with the sync, and before it, in the round after the move was learned.
 */
function told(): { durable: number; now: number } {
  const storage = new MemoryStorage();
  const core = new Core({
    self: nodeId(1),
    newest: first,
    encode: encodedView,
    table: (p) => storage.table(p),
    firstAttempt: 1,
    round: ROUND,
    now: instant(0),
  });
  core.step(instant(0), { kind: "wake" }, new Outgoing());
  const learning = new Outgoing();
  core.step(
    instant(1),
    { kind: "message", from: nodeId(2), message: { kind: "view-news", decided: second } },
    learning,
  );
  const out = new Outgoing();
  core.step(instant(500), { kind: "wake" }, out);
  const count = (sink: Outgoing["sendNow"]): number => {
    let found = 0;
    sink.each((_, { kind }) => {
      if (kind === "copies-ready") found++;
    });
    return found;
  };
  return { durable: count(out.sendDurable), now: count(out.sendNow) };
}

test("a replica that stays tells all voters that it is ready, with the sync that makes it so durable (V4)", () => {
  expect(told()).toEqual({ durable: 4, now: 0 });
});

test("planted V4.ready-early: it tells so before the sync", () => {
  plant("V4.ready-early");
  expect(told()).toEqual({ durable: 0, now: 4 });
});

test("a voter counts only who is a replica of the group that the newest view names, and forgets who is recorded", () => {
  const readies = new HeardReadies();
  const say = (node: number, epoch: number): void =>
    readies.heard(
      nodeId(node),
      {
        kind: "copies-ready",
        epoch: viewEpoch(2),
        ready: [{ partition: P, groupEpoch: groupEpoch(epoch), bad: 0 }],
        vouched: [],
      },
      second.view,
    );
  say(3, 2);
  say(1, 1);
  expect(readies.all.size).toBe(0);
  say(1, 2);
  say(2, 2);
  say(1, 2);
  expect(readies.all.get(P)?.map(({ node }) => node)).toEqual([2, 1]);
  const partitions = [recording(MOVED, [{ node: nodeId(1), bad: 0 }])];
  readies.advance({ ...second.view, epoch: viewEpoch(3), partitions });
  expect(readies.all.get(P)?.map(({ node }) => node)).toEqual([2]);
});

test("one view records all that are ready, and finishes the move with the last of them", () => {
  const plan = (...nodes: number[]): View | null =>
    plannedView(second, {
      wishing: [],
      operations: [],
      mayVote: () => true,
      isLost: () => false,
      ready: new Map([[P, nodes.map((node) => ({ node: nodeId(node), bad: 0 }))]]),
    });
  expect(plan()).toBeNull();
  expect(plan(2, 1)?.partitions[0]).toEqual({ ...MOVED, ready: [1, 2].map((node) => ({ node, bad: 0 })) });
  const { previous: _, ...finished } = MOVED;
  expect(plan(4, 2, 1)?.partitions[0]).toEqual(finished);
});

test("a move is planned only from a group of which a ready majority is heard, and to a member that knows the newest view", () => {
  const plan = (deaf: number[]): View | null =>
    plannedView(first, {
      wishing: [],
      operations: [],
      mayVote: (node) => !deaf.includes(node),
      isLost: () => false,
      moves: [{ partition: P, leaves: nodeId(3), comes: nodeId(4) }],
    });
  expect(plan([3])?.partitions).toEqual([MOVED]);
  expect(plan([4])).toBeNull();
  expect(plan([2])).toBeNull();
});
