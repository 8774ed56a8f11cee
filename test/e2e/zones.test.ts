/** Clusters of real processes that lose more than one node, or one again and again. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperationKind, type View } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrowingCluster, idOf, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { type Cluster, eventually, type Node } from "./harness.js";

/** On a machine that does much else. */
const HEALED_WITHIN_MS = 120_000;
const KEYS = 40;

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

const settledIn = (view: View): boolean =>
  view.wishes.every(({ kind }) => kind === OperationKind.HEAL) &&
  view.partitions.every(({ previous }) => previous === undefined);

const when = (at: Node, what: string, holds: (view: View) => boolean): Promise<View> =>
  eventually(what, HEALED_WITHIN_MS, async () => {
    const view = await viewOf(at).catch(() => null);
    return view !== null && settledIn(view) && holds(view) ? view : undefined;
  });

const zoneIn = (members: View["members"], id: number): string | undefined =>
  members.find((member) => member.id === id)?.zone;
const zonesOf = ({ members }: View, replicas: readonly number[]): number =>
  new Set(replicas.map((id) => zoneIn(members, id))).size;

async function fill(at: Node): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const write = { key: Buffer.from(`kept ${i}`), value: Buffer.from(`${i}`) };
    await eventually(`key ${i} is written`, WITHIN_MS, () => at.clients.kv.put(write).catch(() => undefined));
  }
}

async function expectAll(at: Node): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const { entry } = await eventually(`key ${i} is read`, WITHIN_MS, () =>
      at.clients.kv.get({ key: Buffer.from(`kept ${i}`) }).catch(() => undefined),
    );
    expect(entry?.value?.toString()).toBe(`${i}`);
  }
}

const killed = async (cluster: Cluster, nodes: readonly number[]): Promise<number[]> => {
  const ids = await Promise.all(nodes.map((i) => idOf(cluster.node(i))));
  await Promise.all(nodes.map((i) => cluster.node(i).process.kill()));
  return ids;
};

test("a zone of three is lost: the others get its replicas, and it gets its share again when it is back", async () => {
  const six = await growing.start(6, 3, ["--replace-after", "3"], ["a", "b", "c"]);
  const at = six.node(0);
  const first = await when(at, "it is founded", ({ members }) => members.length === 6);
  for (const { replicas } of first.partitions) expect(zonesOf(first, replicas)).toBe(3);
  await fill(at);
  const lost = await killed(six, [2, 5]);
  const healed = await when(at, "others have all replicas", ({ partitions }) =>
    partitions.every(({ replicas }) => !replicas.some((id) => lost.includes(id))),
  );
  for (const { replicas } of healed.partitions) expect(zonesOf(healed, replicas)).toBe(2);
  await expectAll(at);
  await fill(at);
  for (const i of [2, 5]) six.node(i).restart();
  await when(
    at,
    "each group is in three zones again",
    (view) => view.wishes.length === 0 && view.partitions.every(({ replicas }) => zonesOf(view, replicas) === 3),
  );
  await expectAll(six.node(2));
}, 400_000);

test("a node that is started again in another zone: replicas follow, until each group is in three zones again", async () => {
  const six = await growing.start(6, 3, [], ["a", "b", "c"]);
  const at = six.node(0);
  await fill(at);
  const moving = six.node(3);
  const id = await idOf(moving);
  await moving.process.stop();
  moving.restart(undefined, { ONAR_ZONE: "b" });
  const view = await when(
    at,
    "it is in zone b, and each group in three zones",
    (now) =>
      zoneIn(now.members, id) === "b" &&
      now.wishes.length === 0 &&
      now.partitions.every(({ replicas }) => zonesOf(now, replicas) === 3),
  );
  // Zone a has one node left: it has a replica of each partition.
  const alone = await idOf(at);
  for (const { replicas } of view.partitions) expect(replicas).toContain(alone);
  expect(view.operations.map(({ kind, nodeId }) => [kind, nodeId])).toEqual([
    [OperationKind.JOIN, id],
    [OperationKind.REBALANCE, id],
  ]);
  await expectAll(moving);
}, 400_000);

test("of two that die at once, groups that lost one heal; those that lost both wait, and lose nothing", async () => {
  const five = await growing.start(5, 3, ["--replace-after", "3"]);
  const at = five.node(0);
  await fill(at);
  const before = await viewOf(at);
  const lost = await killed(five, [3, 4]);
  const both = before.partitions
    .filter(({ replicas }) => lost.every((id) => replicas.includes(id)))
    .map(({ partition }) => partition);
  expect(both.length).toBeGreaterThan(0);
  expect(both.length).toBeLessThan(before.partitions.length);
  const healed = await when(at, "groups that lost one are healed", ({ partitions }) =>
    partitions.every(
      ({ partition, replicas }) => both.includes(partition) || !replicas.some((id) => lost.includes(id)),
    ),
  );
  // No ready majority of these can be asked (V5): nobody may take what one replica alone knows.
  for (const partition of both) expect(healed.partitions[partition]).toEqual(before.partitions[partition]);
  five.node(4).restart();
  await when(at, "all heal once one is back", ({ partitions }) =>
    partitions.every(({ replicas }) => !replicas.includes(lost[0] ?? 0)),
  );
  await expectAll(at);
}, 400_000);

test("a node that comes and goes is never taken for lost, though it is away for longer in all", async () => {
  const replaceAfterMs = 12_000;
  const four = await growing.start(4, 3, ["--replace-after", String(replaceAfterMs / 1_000)]);
  const at = four.node(0);
  const flapping = four.node(3);
  const id = await idOf(flapping);
  const before = await viewOf(at);
  const heard = (is: boolean): Promise<true> =>
    eventually(is ? "it is heard" : "it is not heard", WITHIN_MS, async () => {
      const { nodes } = await at.clients.cluster.status({});
      return nodes.find((node) => node.id === id)?.heard === is ? true : undefined;
    });
  for (let away = 0; away < replaceAfterMs * 1.2; ) {
    const began = performance.now();
    flapping.process.pause();
    await heard(false);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    flapping.process.resume();
    away += performance.now() - began;
    await heard(true);
  }
  const { operations } = await at.clients.cluster.listOperations({});
  expect(operations).toEqual([]);
  expect((await viewOf(at)).partitions).toEqual(before.partitions);
}, 200_000);
