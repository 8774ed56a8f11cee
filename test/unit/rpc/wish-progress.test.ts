import { expect, test } from "vitest";
import { groupEpoch, type NodeId, nodeId, partition, viewEpoch } from "../../../src/core/model/ids.js";
import type { Placement, View, Wish } from "../../../src/core/view/view.js";
import { WishProgress } from "../../../src/rpc/services/wish-progress.js";
import type { NodeSizes } from "../../../src/rpc/sizes/node-sizes.js";

const [A, B, C] = [1, 2, 3].map(nodeId) as [NodeId, NodeId, NodeId];
const DRAIN: Wish = { id: "ab".repeat(16), epoch: viewEpoch(4), kind: "drain", node: A };

const viewOf = (epoch: number, ...partitions: readonly Placement[]): View => ({
  epoch: viewEpoch(epoch),
  clusterId: "",
  previousDigest: "",
  operationId: "",
  replicationFactor: 2,
  members: [A, B, C].map((id) => ({ id, clientAddress: "", peerAddress: `p${id}`, zone: "" })),
  partitions,
  voters: [A, B, C],
  ledger: { wishes: [DRAIN], done: [], forgotten: 0 },
});
const before: Placement = { replicas: [A, B], groupEpoch: groupEpoch(1) };
const after: Placement = { replicas: [B, C], groupEpoch: groupEpoch(5) };
const moving: Placement = { ...after, previous: { groupEpoch: groupEpoch(1), replicas: [A, B] } };

type Held = readonly [keys: number, bytes: number, ready?: boolean];
const sizesOf = (...held: readonly Held[]): NodeSizes => ({
  room: null,
  copies: new Map(held.map(([keys, bytes, ready = true], p) => [partition(p), { keys, bytes, ready }])),
});
const WHOLE: readonly Held[] = [
  [10, 1_000],
  [20, 2_000],
  [10, 1_000],
];

test("progress counts from the view in which the wish was seen first; a copy that is being filled counts in part", () => {
  let now = 1_000;
  const progress = new WishProgress(() => now);
  const first = viewOf(5, before, before, before);
  const sizes = new Map([[B, sizesOf(...WHOLE)]]);
  progress.follow(first);
  expect(progress.of(first, DRAIN, sizes)).toEqual({
    ...{ partitions: 3, partitionsDone: 0, keys: 40n, keysMoved: 0n, bytes: 4_000n, bytesMoved: 0n },
  });
  const later = viewOf(6, after, moving, before);
  progress.follow(later);
  now = 4_000;
  sizes.set(C, sizesOf([10, 1_000], [10, 1_000, false]));
  expect(progress.of(later, DRAIN, sizes)).toEqual({
    ...{ partitions: 3, partitionsDone: 1, keys: 40n, keysMoved: 20n, bytes: 4_000n, bytesMoved: 2_000n },
    timeLeftMs: 3_000n,
  });
  progress.follow(viewOf(7, after, after, after));
  expect(progress.of(viewOf(7, after, after, after), DRAIN, sizes)).toMatchObject({
    ...{ partitions: 3, partitionsDone: 3, bytes: 4_000n, bytesMoved: 4_000n, timeLeftMs: 0n },
  });
});

test("without the sizes of all of them only partitions are counted", () => {
  let now = 0;
  const progress = new WishProgress(() => now);
  progress.follow(viewOf(5, before, before));
  now = 100;
  expect(progress.of(viewOf(6, after, before), DRAIN, new Map([[B, sizesOf([1, 1])]]))).toEqual({
    ...{ partitions: 2, partitionsDone: 1, timeLeftMs: 100n },
  });
});

test("a wish that is gone, or that moves nothing, has no progress", () => {
  const progress = new WishProgress(() => 0);
  const view = viewOf(5, after);
  progress.follow(view);
  expect(progress.of(view, DRAIN, new Map())).toBeUndefined();
  progress.follow({ ...view, ledger: { wishes: [], done: [], forgotten: 0 } });
  expect(progress.of(view, DRAIN, new Map())).toBeUndefined();
});
