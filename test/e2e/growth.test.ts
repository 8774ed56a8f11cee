/** Clusters of real processes that take new nodes into work by themselves, and shrink again, while clients go on. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperationKind, OperationState, type View } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrowingCluster, idOf, insist, viewOf } from "./growing-cluster.js";
import { eventually, type Node } from "./harness.js";
import { onar } from "./programs.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, summaryOf, Workload } from "./workload.js";

/** On a machine that does much else. */
const MOVED_WITHIN_MS = 90_000;

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

const loads = ({ members, partitions }: View): number[] =>
  members.map(({ id }) => partitions.filter(({ replicas }) => replicas.includes(id)).length);
const offices = ({ members, partitions }: View): number[] =>
  members.map(
    ({ id }) => partitions.filter(({ replicas, preferredNodeId }) => (preferredNodeId || replicas[0]) === id).length,
  );
const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);

/** The view once nothing moves any more. */
const settled = (at: Node, members: number): Promise<View> =>
  eventually("nothing moves any more", MOVED_WITHIN_MS, async () => {
    const view = await viewOf(at);
    const moves = view.wishes.length > 0 || view.partitions.some(({ previous }) => previous !== undefined);
    return moves || view.members.length !== members ? undefined : view;
  });

const keyOf = (i: number): Buffer => Buffer.from(`kept ${i}`);

test("three nodes become seven by themselves, evenly, and three again: nothing is lost, and the history is linearizable", async () => {
  const three = await growing.start();
  const at = three.node(0);
  for (let i = 0; i < 100; i++) await at.clients.kv.put({ key: keyOf(i), value: Buffer.from(`value ${i}`) });
  const recorder = new Recorder();
  const load = new Workload({
    recorder,
    nodes: three.nodes,
    moveOn: true,
    keys: ["alpha", "beta", "counter-a"],
    workersPerNode: 1,
    deadlineMs: 5_000,
    thinkMs: 60,
  });
  const names = ["four", "five", "six", "seven"];
  const others = await Promise.all(names.map((name) => growing.joined(name, three, true, undefined, true)));
  const grown = await settled(at, 7);
  expect(spread(loads(grown))).toBeLessThanOrEqual(1);
  expect(spread(offices(grown))).toBeLessThanOrEqual(1);
  const { operations } = await at.clients.cluster.listOperations({});
  const done = operations.filter(({ kind }) => kind === OperationKind.REBALANCE);
  expect(done.length).toBeGreaterThan(0);
  expect(done.every(({ state }) => state === OperationState.DONE)).toBe(true);
  for (const node of others) {
    const nodeId = await idOf(node);
    await insist(at, (named) => at.clients.cluster.drain({ ...named, nodeId }));
    await settled(at, grown.members.length - others.indexOf(node));
    await insist(at, (named) => at.clients.cluster.leave({ ...named, nodeId }));
    expect(await node.process.end).toBe(0);
  }
  const shrunk = await settled(at, 3);
  expect(loads(shrunk)).toEqual([8, 8, 8]);
  await load.stop();
  console.log(`3, 7, 3 nodes: ${summaryOf(recorder.operations)}`);
  expectLinearizable(recorder, "growth");
  for (let i = 0; i < 100; i++) {
    const { entry } = await three.node(2).clients.kv.get({ key: keyOf(i) });
    expect(entry?.value?.toString()).toBe(`value ${i}`);
  }
}, 400_000);

test("a node that joins with --no-rebalance waits for onar rebalance, which shows before what it would move", async () => {
  const three = await growing.start();
  const fourth = await growing.joined("four", three);
  const { address } = fourth;
  expect(loads(await settled(fourth, 4)).toSorted()).toEqual([0, 8, 8, 8]);
  const dry = await onar(["rebalance", "--dry-run", "--endpoint", address]);
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining("replicas that would move: 6") });
  const ran = await onar(["rebalance", "--wait", "--endpoint", address], { timeoutMs: MOVED_WITHIN_MS });
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining("replicas and offices are spread evenly") });
  const view = await settled(fourth, 4);
  expect(loads(view)).toEqual([6, 6, 6, 6]);
  expect(offices(view)).toEqual([2, 2, 2, 2]);
  // Nothing is left to do: it is done at once, and moves nothing.
  const again = await onar(["rebalance", "--endpoint", address]);
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("replicas and offices are spread evenly") });
  expect((await settled(fourth, 4)).partitions).toEqual(view.partitions);
}, 240_000);
