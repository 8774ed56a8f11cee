import { expect, test } from "vitest";
import { type NodeId, nodeId } from "../../../src/core/model/ids.js";
import type { JoinWish, LeaveWish } from "../../../src/core/view/message.js";
import { type Asked, plannedView } from "../../../src/core/view/planner.js";
import { successorFault } from "../../../src/core/view/successor.js";
import type { View } from "../../../src/core/view/view.js";
import { encoded, firstView, memberAt } from "../../views/views.js";

const NOBODY: Asked = { wishing: [], leaving: [], mayVote: () => true };
const wishOf = (id: number, host = `n${id}`): JoinWish => ({
  kind: "join-wish",
  member: memberAt(nodeId(id), host),
  operation: `join of ${id}`,
  epoch: firstView(1, 1).view.epoch,
  digest: "",
});
const farewellOf = (id: number): LeaveWish => ({
  kind: "leave-wish",
  node: nodeId(id),
  operation: `leave of ${id}`,
  epoch: firstView(1, 1).view.epoch,
  digest: "",
});
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

test("a member's addresses change by its own wish", () => {
  const next = plannedView(firstView(3, 3), { ...NOBODY, wishing: [wishOf(2, "elsewhere")] });
  expect(next?.members[1]).toEqual(memberAt(nodeId(2), "elsewhere"));
  expect(next?.voters).toEqual([1, 2, 3]);
});

test("a member that keeps a partition does not leave; one that keeps none does, and its place as a voter is taken", () => {
  const first = firstView(4, 3);
  expect(plannedView(first, { ...NOBODY, leaving: [farewellOf(1)] })).toBeNull();
  const next = plannedView(first, { ...NOBODY, leaving: [farewellOf(2)] });
  expect(idsOf(next)).toEqual([1, 3, 4]);
  expect(next?.voters).toEqual([1, 3, 4]);
  expect(successorFault(first, encoded(next as View))).toBeNull();
});

test("two voters that leave do so one after the other, and other members at once", () => {
  const first = firstView(6, 3);
  const next = plannedView(first, { ...NOBODY, leaving: [farewellOf(2), farewellOf(3), farewellOf(6)] });
  expect(idsOf(next)).toEqual([1, 3, 4, 5]);
  expect(next?.voters).toEqual([1, 3, 4]);
});

test("a voter waits when nobody can take its place and too few voters would be left", () => {
  const first = firstView(4, 3);
  const heard = (node: NodeId): boolean => node !== 4;
  expect(plannedView(first, { ...NOBODY, leaving: [farewellOf(2)], mayVote: heard })).toBeNull();
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
