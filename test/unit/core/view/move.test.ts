import { afterEach, describe, expect, test } from "vitest";
import { groupEpoch, type NodeId, nodeId, partition, viewEpoch } from "../../../../src/core/model/ids.js";
import { moved, placementFault, recording, unready, writerToBe } from "../../../../src/core/view/move.js";
import type { Placement, ReadyReplica } from "../../../../src/core/view/view.js";
import { plant } from "../../../planted/planted.js";

const ids = (...numbers: number[]): NodeId[] => numbers.map(nodeId);
const ready = (...numbers: number[]): ReadyReplica[] => numbers.map((n) => ({ node: nodeId(n), bad: 0 }));
const FIRST: Placement = { replicas: ids(3, 1, 2), groupEpoch: groupEpoch(1) };
const move = (placement: Placement, leaves: number, comes: number, epoch: number): Placement =>
  moved(placement, { leaves: nodeId(leaves), comes: nodeId(comes) }, viewEpoch(epoch));
const fault = (before: Placement, after: Placement, epoch = 9, replicationFactor = before.replicas.length) =>
  placementFault(before, after, { epoch: viewEpoch(epoch), replicationFactor });

afterEach(() => plant());

describe("a move", () => {
  test("orders the places of the new group by id, names the group before, and keeps a preferred writer that stays", () => {
    expect(move(FIRST, 2, 4, 7)).toEqual({
      replicas: ids(1, 3, 4),
      groupEpoch: 7,
      previous: { groupEpoch: 1, replicas: ids(3, 1, 2) },
      preferred: 3,
    });
    expect(move(FIRST, 3, 4, 7)).toMatchObject({ replicas: ids(1, 2, 4), preferred: 4 });
  });

  test("leaves the office to those who may answer, by partition, until the preferred newcomer is recorded as ready", () => {
    const once = move(FIRST, 3, 4, 7);
    expect([0, 1, 2].map((p) => writerToBe(once, partition(p)))).toEqual(ids(1, 2, 1));
    expect(writerToBe(recording(once, ready(1, 4)), partition(0))).toBe(4);
    expect(writerToBe(move(FIRST, 2, 4, 7), partition(0))).toBe(3);
    expect(writerToBe(FIRST, partition(5))).toBe(3);
  });

  test("can follow, and another one only once all replicas are recorded as ready", () => {
    const once = move(FIRST, 2, 4, 7);
    expect(fault(FIRST, once, 7)).toBeNull();
    const recorded = recording(once, ready(1, 3));
    expect(unready(recorded)).toEqual(ids(4));
    expect(fault(once, recorded, 8)).toBeNull();
    expect(fault(recorded, move(recorded, 1, 5, 9))).toBe("it moves again although node 4 is not ready");
    const finished = recording(recorded, ready(4));
    expect(finished).toEqual({ replicas: ids(1, 3, 4), groupEpoch: 7, preferred: 3 });
    expect(fault(recorded, finished)).toBeNull();
    expect(fault(finished, move(finished, 1, 5, 9))).toBeNull();
  });

  test("may replace the one replica that is not ready, as long as the others are a majority", () => {
    const recorded = recording(move(FIRST, 2, 4, 7), ready(1, 3));
    const next = move(recorded, 4, 5, 9);
    expect(next.previous).toEqual({ groupEpoch: 7, replicas: ids(1, 3, 4) });
    expect(fault(recorded, next)).toBeNull();
    const pair: Placement = { replicas: ids(1, 2), groupEpoch: groupEpoch(1) };
    const half = recording(move(pair, 2, 3, 7), ready(1));
    expect(fault(half, move(half, 3, 4, 9))).toBe("it moves again although no majority of its replicas is ready");
  });

  test("waits for bad keys that were inherited, and is not finished before there are none", () => {
    const once = recording(move(FIRST, 2, 4, 7), [...ready(1, 3), { node: nodeId(4), bad: 2 }]);
    expect(once.ready?.at(-1)).toEqual({ node: 4, bad: 2 });
    expect(recording(once, [{ node: nodeId(4), bad: 1 }])).toBe(once);
    expect(fault(once, move(once, 1, 5, 9))).toBe("it moves again although a bad key that was inherited waits");
    expect(recording(once, ready(4)).previous).toBeUndefined();
  });

  test.each<[string, (once: Placement) => Placement]>([
    ["changes more than one replica", (once) => ({ ...once, replicas: ids(3, 4, 5) })],
    ["adds a replica", (once) => ({ ...once, replicas: ids(1, 2, 3, 4) })],
    ["has another group epoch than its view", (once) => ({ ...once, groupEpoch: groupEpoch(6) })],
    ["has its replicas in another order", (once) => ({ ...once, replicas: ids(3, 1, 4) })],
    ["names no group before it", ({ previous: _, ...once }) => once],
    [
      "names an older group before it",
      (once) => ({ ...once, previous: { groupEpoch: groupEpoch(1), replicas: ids(1, 2, 3) } }),
    ],
    ["names a replica as ready at once", (once) => ({ ...once, ready: ready(1) })],
  ])("that %s cannot follow", (_, wrong) => {
    expect(fault(FIRST, wrong(move(FIRST, 2, 4, 7)), 7)).not.toBeNull();
  });

  test.each<[string, (recorded: Placement) => Placement]>([
    ["another order of places", (recorded) => ({ ...recorded, replicas: ids(3, 1, 4) })],
    ["another group epoch", (recorded) => ({ ...recorded, groupEpoch: groupEpoch(8) })],
    ["fewer that are ready", (recorded) => ({ ...recorded, ready: ready(1) })],
    [
      "another group before it",
      (recorded) => ({ ...recorded, previous: { groupEpoch: groupEpoch(2), replicas: ids(1, 2, 3) } }),
    ],
  ])("that goes on with %s cannot follow", (_, wrong) => {
    const recorded = recording(move(FIRST, 2, 4, 7), ready(1, 3));
    expect(fault(recorded, wrong(recorded))).not.toBeNull();
  });

  test("that was finished is not named again", () => {
    const once = move(FIRST, 2, 4, 7);
    const finished = recording(once, ready(1, 3, 4));
    expect(fault(finished, once)).not.toBeNull();
  });

  test("planted: moves are stacked", () => {
    plant("V5.stacks-moves");
    const recorded = recording(move(FIRST, 2, 4, 7), ready(1, 3));
    expect(fault(recorded, move(recorded, 1, 5, 9))).toBeNull();
  });
});
