import { afterEach, expect, test } from "vitest";
import { groupEpoch, type NodeId, nodeId } from "../../../src/core/model/ids.js";
import type { EncodedView } from "../../../src/core/view/encoded-view.js";
import type { JoinWish } from "../../../src/core/view/message.js";
import {
  fateOf,
  isLeaving,
  ledgerOf,
  MAX_REMEMBERED,
  operationFault,
  type ViewOperation,
} from "../../../src/core/view/operation.js";
import { type Asked, plannedView } from "../../../src/core/view/planner.js";
import { successorFault } from "../../../src/core/view/successor.js";
import type { View } from "../../../src/core/view/view.js";
import { bugNamed, plant } from "../../planted/planted.js";
import { encoded, firstView, memberAt } from "../../views/views.js";

afterEach(() => plant());

const NOBODY: Asked = { wishing: [], operations: [], mayVote: () => true, isLost: () => false };
const wishOf = (id: number, host = `n${id}`): JoinWish => ({
  kind: "join-wish",
  member: memberAt(nodeId(id), host),
  operation: `join of ${id}`,
  epoch: firstView(1, 1).view.epoch,
  digest: "",
});
const leaveOf = (id: number, of: EncodedView = firstView(1, 1)): ViewOperation => ({
  kind: "leave",
  id: `leave of ${id}`,
  epoch: of.view.epoch,
  node: nodeId(id),
});
/** The view as it is after these views were planned, each with what is asked for then. */
function after(first: EncodedView, ...steps: readonly ((of: EncodedView) => Partial<Asked>)[]): View {
  let current = first;
  for (const step of steps) {
    const next = plannedView(current, { ...NOBODY, ...step(current) });
    if (next === null) throw new Error("nothing was planned");
    expect(successorFault(current, encoded(next))).toBeNull();
    current = encoded(next);
  }
  return current.view;
}
const leaves =
  (id: number) =>
  (of: EncodedView): Partial<Asked> => ({ operations: [leaveOf(id, of)] });
const idsOf = (view: View | null): readonly NodeId[] => view?.members.map(({ id }) => id) ?? [];

test("nothing is planned when nobody asks for anything", () => {
  expect(plannedView(firstView(3, 3), NOBODY)).toBeNull();
});

test("who asks becomes a member without partitions; the voters stay an odd number", () => {
  const first = firstView(3, 3);
  const next = plannedView(first, { ...NOBODY, wishing: [wishOf(5), wishOf(4)] });
  expect(idsOf(next)).toEqual([1, 2, 3, 4, 5]);
  expect(next?.operationId).toBe("join of 5");
  expect(next?.partitions).toBe(first.view.partitions);
  expect(successorFault(first, encoded(next as View))).toBeNull();
  // Five members allow five voters, one more a view.
  expect(next?.voters).toEqual([1, 2, 3, 4]);
});

test("no newcomer takes a member's address, and a member that asks again for what it has changes nothing", () => {
  expect(plannedView(firstView(3, 3), { ...NOBODY, wishing: [wishOf(4, "n2"), wishOf(3)] })).toBeNull();
});

test("a new node at the address of a member that is not heard replaces it, and votes in its place", () => {
  const first = firstView(4, 3);
  const lost: Asked = { ...NOBODY, isLost: (id) => id === 3, wishing: [wishOf(9, "n3"), wishOf(5)] };
  const next = plannedView(first, lost) as View;
  expect(idsOf(next)).toEqual([1, 2, 4, 5, 9]);
  expect(next.voters).toEqual([1, 2, 9]);
  expect(successorFault(first, encoded(next))).toBeNull();
  expect(ledgerOf(next).done.map(({ kind, node }) => `${kind} ${node}`)).toEqual(["join 9", "join 5"]);
});

test("a member that is heard, or keeps a partition, is not replaced by who comes from its address", () => {
  const first = firstView(4, 3);
  const asks = (id: number, heard: boolean): View | null =>
    plannedView(first, { ...NOBODY, isLost: () => !heard, wishing: [wishOf(9, `n${id}`)] });
  expect(asks(3, true)).toBeNull();
  expect(asks(1, false)).toBeNull();
  plant(bugNamed("V7.replaces-heard"));
  expect(idsOf(asks(3, true))).toEqual([1, 2, 4, 9]);
});

test("of two voters that are replaced one waits for the next view, and a member that comes back elsewhere replaces nobody", () => {
  const first = firstView(5, 3);
  const lost = { isLost: (id: number) => id !== 1, wishing: [wishOf(8, "n2"), wishOf(9, "n3"), wishOf(5, "n4")] };
  const once = encoded(plannedView(first, { ...NOBODY, ...lost }) as View);
  expect(idsOf(once.view)).toEqual([1, 3, 4, 5, 8]);
  expect(once.view.voters).toEqual([1, 3, 8]);
  expect(successorFault(first, once)).toBeNull();
  const twice = encoded(plannedView(once, { ...NOBODY, ...lost }) as View);
  expect(twice.view.voters).toEqual([1, 8, 9]);
  expect(successorFault(once, twice)).toBeNull();
});

test("two new nodes at one address do not replace each other in one view", () => {
  const first = firstView(4, 3);
  const both: Asked = { ...NOBODY, isLost: () => true, wishing: [wishOf(8, "n4"), wishOf(9, "n4")] };
  expect(idsOf(plannedView(first, both))).toEqual([1, 2, 3, 8]);
});

test("a member that was to leave and is replaced has left", () => {
  const first = firstView(4, 3);
  const leaving = after(first, (of) => ({ operations: [leaveOf(2, of)], mayVote: () => false }));
  expect(isLeaving(leaving, nodeId(2))).toBe(true);
  const next = plannedView(encoded(leaving), {
    ...NOBODY,
    mayVote: () => false,
    isLost: (id) => id === 2,
    wishing: [wishOf(9, "n2")],
  }) as View;
  expect(idsOf(next)).toEqual([1, 3, 4, 9]);
  expect(ledgerOf(next).wishes).toEqual([]);
});

test("members that stand at each other's addresses are known there in one view; who would share one waits", () => {
  const first = firstView(4, 3);
  const asks = (...wishing: JoinWish[]): View | null => plannedView(first, { ...NOBODY, wishing });
  const rotated = asks(wishOf(1, "n2"), wishOf(2, "n3"), wishOf(3, "n1"));
  expect(rotated?.members.map(({ peerAddress }) => peerAddress)).toEqual(["n2:2", "n3:2", "n1:2", "n4:2"]);
  expect(successorFault(first, encoded(rotated as View))).toBeNull();
  // The fourth has not moved: nobody follows whoever wants its address.
  expect(asks(wishOf(1, "n2"), wishOf(2, "n4"))).toBeNull();
  const one = asks(wishOf(1, "there"), wishOf(2, "there"), wishOf(3, "n1"));
  expect(one?.members.map(({ peerAddress }) => peerAddress)).toEqual(["there:2", "n2:2", "n1:2", "n4:2"]);
});

test("a member's addresses change by its own wish", () => {
  const next = plannedView(firstView(3, 3), { ...NOBODY, wishing: [wishOf(2, "elsewhere")] });
  expect(next?.members[1]).toEqual(memberAt(nodeId(2), "elsewhere"));
  expect(next?.voters).toEqual([1, 2, 3]);
});

test("a member that keeps a partition does not leave; one that keeps none does, and its place as a voter is taken", () => {
  const first = firstView(4, 3);
  expect(plannedView(first, { ...NOBODY, operations: [leaveOf(1)] })).toBeNull();
  expect(operationFault(first.view, leaveOf(1))).toContain("keeps 1 partitions");
  const next = after(first, leaves(2));
  expect(idsOf(next)).toEqual([1, 3, 4]);
  expect(next.voters).toEqual([1, 3, 4]);
  expect(ledgerOf(next).done).toEqual([{ id: "leave of 2", epoch: 1, kind: "leave", node: 2, doneIn: 2 }]);
});

test("a voter waits when nobody can take its place, and leaves as soon as somebody can", () => {
  const first = firstView(4, 3);
  const waits = after(first, (of) => ({ ...leaves(2)(of), mayVote: (node) => node !== 4 }));
  expect(idsOf(waits)).toEqual([1, 2, 3, 4]);
  expect(isLeaving(waits, nodeId(2))).toBe(true);
  expect(fateOf(waits, "leave of 2", 1).state).toBe("pending");
  // Nobody asks again: whoever is the proposer goes on with what the view says.
  const gone = after(encoded(waits), () => ({}));
  expect(idsOf(gone)).toEqual([1, 3, 4]);
  expect(fateOf(gone, "leave of 2", 1).state).toBe("done");
});

test("who leaves becomes no voter, and is not made a member again by a wish from before", () => {
  const next = after(firstView(6, 3), (of) => ({ ...leaves(5)(of), wishing: [wishOf(5, "elsewhere")] }));
  expect(idsOf(next)).toEqual([1, 2, 3, 4, 6]);
  expect(next.voters).not.toContain(5);
});

test("V7.leaving-votes is caught: of two that leave, one would be chosen as voter in the place of the other", () => {
  const [two, four] = [nodeId(2), nodeId(4)];
  const voters = (): readonly NodeId[] =>
    after(firstView(4, 3), (of) => ({ ...leaves(two)(of), mayVote: (node) => node !== four }), leaves(four)).voters;
  expect(voters()).toEqual([1, 2, 3]);
  plant(bugNamed("V7.leaving-votes"));
  expect(voters()).toContain(four);
});

test("of two members none can leave, and a cluster that shrinks keeps two", () => {
  expect(operationFault(firstView(2, 1).view, leaveOf(2))).toContain("one member would stay");
  const left = after(firstView(3, 1), leaves(3));
  expect(operationFault(left, { ...leaveOf(2), epoch: left.epoch })).toContain("one member would stay");
});

test("an operation runs in the view after the one that it was computed on, or never", () => {
  const first = firstView(5, 3);
  const second = after(first, leaves(5));
  expect(plannedView(encoded(second), { ...NOBODY, operations: [leaveOf(4, first)] })).toBeNull();
  expect(fateOf(second, "leave of 4", 1).state).toBe("superseded");
  expect(fateOf(second, "leave of 4", 2).state).toBe("undecided");
  expect(fateOf(second, "leave of 4", 0).state).toBe("forgotten");
  expect(operationFault(second, { ...leaveOf(5), epoch: second.epoch })).toContain("known already");
});

test("of two operations at once one gets into the next view, and the other is superseded", () => {
  const first = firstView(5, 3);
  const next = after(first, () => ({ operations: [leaveOf(4), leaveOf(5)] }));
  expect(idsOf(next)).toEqual([1, 2, 3, 5]);
  expect(fateOf(next, "leave of 5", 1).state).toBe("superseded");
});

test("another preferred writer leaves the group epoch as it is", () => {
  const first = firstView(3, 3);
  const partitions = [{ replicas: [nodeId(1), nodeId(2), nodeId(3)], groupEpoch: groupEpoch(4) }];
  const three = encoded({ ...first.view, partitions, replicationFactor: 3 });
  const asked = {
    kind: "transfer-writer",
    id: "t",
    epoch: first.view.epoch,
    node: nodeId(3),
    partitions: null,
  } as const;
  const next = after(three, () => ({ operations: [asked] }));
  expect(next.partitions).toEqual([{ ...partitions[0], preferred: 3 }]);
  expect(fateOf(next, "t", 1)).toMatchObject({ state: "done", record: { doneIn: 2 } });
  expect(operationFault(first.view, asked)).toBe("node 3 keeps no partition");
});

test("the last 64 operations are remembered, and who asks for an older one hears that it may be forgotten", () => {
  let view = after(firstView(3, 3), (of) => ({ operations: [transferOf(0, of)] }));
  for (let n = 1; n < MAX_REMEMBERED + 2; n++)
    view = after(encoded(view), (of) => ({ operations: [transferOf(n, of)] }));
  expect(ledgerOf(view).done).toHaveLength(MAX_REMEMBERED);
  expect(ledgerOf(view).forgotten).toBe(3);
  expect(fateOf(view, "transfer 1", 2).state).toBe("forgotten");
  expect(fateOf(view, "never asked for", 3).state).toBe("superseded");
  expect(fateOf(view, "transfer 2", 3).state).toBe("done");
});

const transferOf = (n: number, { view }: EncodedView): ViewOperation => ({
  kind: "transfer-writer",
  id: `transfer ${n}`,
  epoch: view.epoch,
  node: nodeId(1),
  partitions: null,
});

test("a new voter comes from the zone that has fewest", () => {
  const { view } = firstView(5, 3);
  const zones = ["a", "b", "a", "a", "b"];
  const zoned = encoded({
    ...view,
    members: view.members.map((member, index) => ({ ...member, zone: zones[index] ?? "" })),
  });
  expect(plannedView(zoned, NOBODY)?.voters).toEqual([1, 2, 3, 5]);
});

test("a cluster takes at most 100 members", () => {
  const full = firstView(100, 7);
  expect(plannedView(full, { ...NOBODY, wishing: [wishOf(101)] })).toBeNull();
});
