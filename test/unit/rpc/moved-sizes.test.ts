import { expect, test } from "vitest";
import { groupEpoch, type NodeId, nodeId, partition, viewEpoch } from "../../../src/core/model/ids.js";
import type { Placement, View } from "../../../src/core/view/view.js";
import type { Move } from "../../../src/core/view/wished-moves.js";
import { partitionSizes, ROOM_FACTOR, shortOfRoom } from "../../../src/rpc/sizes/moved-sizes.js";
import { type NodeSizes, sizesFromWire, sizesToWire } from "../../../src/rpc/sizes/node-sizes.js";

const [A, B, C, D] = [1, 2, 3, 4].map(nodeId) as [NodeId, NodeId, NodeId, NodeId];
const MIB = 1_024 * 1_024;

const viewOf = (partitions: readonly Placement[]): View => ({
  epoch: viewEpoch(9),
  clusterId: "",
  previousDigest: "",
  operationId: "",
  replicationFactor: 2,
  members: [A, B, C, D].map((id) => ({ id, clientAddress: `c${id}`, peerAddress: `p${id}`, zone: "" })),
  partitions,
  voters: [A, B, C],
});

type Held = readonly [p: number, bytes: number, ready?: boolean];
const sizesOf = (room: number | null, ...held: readonly Held[]): NodeSizes => ({
  room,
  copies: new Map(held.map(([p, bytes, ready = true]) => [partition(p), { keys: bytes / 100, bytes, ready }])),
});

const settledIn = (...replicas: readonly NodeId[]): Placement => ({ replicas, groupEpoch: groupEpoch(1) });
const moveOf = (p: number, leaves: NodeId, comes: NodeId): Move => ({ partition: partition(p), leaves, comes });

test("the largest complete copy says how much a partition holds, and one that is being filled says nothing", () => {
  const sizes = new Map([
    [A, sizesOf(null, [0, 500])],
    [B, sizesOf(null, [0, 700], [1, 300])],
    [C, sizesOf(null, [0, 900, false], [2, 100, false])],
  ]);
  expect(partitionSizes(sizes)).toEqual(
    new Map([
      [partition(0), { keys: 7, bytes: 700, ready: true }],
      [partition(1), { keys: 3, bytes: 300, ready: true }],
    ]),
  );
});

test("a member whose disk cannot take what comes is named with both numbers; just enough is enough", () => {
  const view = viewOf([settledIn(A, B), settledIn(A, B)]);
  const moves = [moveOf(0, A, C), moveOf(1, A, C)];
  const sizes = (room: number | null) =>
    new Map([
      [A, sizesOf(0, [0, 10 * MIB], [1, 30 * MIB])],
      [C, sizesOf(room)],
    ]);
  const enough = 40 * MIB * ROOM_FACTOR;
  expect(shortOfRoom(view, moves, sizes(enough))).toBeNull();
  expect(shortOfRoom(view, moves, sizes(enough - 1))).toEqual({ node: C, room: enough - 1, coming: 40 * MIB });
  // In memory, or silent: nobody knows.
  expect(shortOfRoom(view, moves, sizes(null))).toBeNull();
  expect(shortOfRoom(view, moves, new Map([[A, sizesOf(0, [0, MIB])]]))).toBeNull();
});

test("copies that are on their way to that member count by what they lack, those of others do not", () => {
  const moving: Placement = {
    replicas: [B, C],
    groupEpoch: groupEpoch(8),
    previous: { groupEpoch: groupEpoch(1), replicas: [A, B] },
    ready: [{ node: B, bad: 0 }],
  };
  const view = viewOf([settledIn(A, B), moving]);
  const sizes = new Map([
    [B, sizesOf(0, [0, 10 * MIB], [1, 30 * MIB])],
    [C, sizesOf(40 * MIB, [1, 5 * MIB, false])],
    [D, sizesOf(16 * MIB)],
  ]);
  expect(shortOfRoom(view, [moveOf(0, A, C)], sizes)).toEqual({ node: C, room: 40 * MIB, coming: 35 * MIB });
  expect(shortOfRoom(view, [moveOf(0, A, D)], sizes)).toBeNull();
});

test("sizes are told as they are, and partitions that there are not are left out", () => {
  const sizes = sizesOf(12.7, [0, 100], [5, 200, false]);
  const wire = sizesToWire(sizes);
  expect(sizesFromWire(wire, 6)).toEqual({ ...sizes, room: 12 });
  expect([...sizesFromWire(wire, 5).copies.keys()]).toEqual([0]);
  expect(sizesFromWire(sizesToWire(sizesOf(null)), 8)).toEqual(sizesOf(null));
});
