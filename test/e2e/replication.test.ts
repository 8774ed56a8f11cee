/** Clusters of real processes that give their partitions more replicas, and fewer again, while clients go on. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { View } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrowingCluster, viewOf } from "./growing-cluster.js";
import { type Cluster, eventually, type Node } from "./harness.js";
import { onar } from "./programs.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, summaryOf, Workload } from "./workload.js";

/** On a machine that does much else. */
const WITHIN_MS = 120_000;

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

const keyOf = (i: number): Buffer => Buffer.from(`kept ${i}`);
const sizes = ({ partitions }: View): number[] => [...new Set(partitions.map(({ replicas }) => replicas.length))];

async function resized(cluster: Cluster, replicas: number): Promise<void> {
  const at = cluster.node(0);
  const ran = await onar(["set-replication", `${replicas}`, "--wait", "--endpoint", at.address], {
    timeoutMs: WITHIN_MS,
  });
  expect(ran, "progress may be told besides").toMatchObject({ code: 0 });
  expect(ran.stdout).toContain("each partition has");
  await eventually("every node knows it", WITHIN_MS, async () => {
    const views = await Promise.all(cluster.nodes.map((node: Node) => viewOf(node)));
    const isDone = (view: View): boolean => sizes(view).join() === `${replicas}` && view.wishes.length === 0;
    return views.every(isDone) ? true : undefined;
  });
}

const holdsAll = async (cluster: Cluster): Promise<void> => {
  for (let i = 0; i < 100; i++) {
    const { entry } = await cluster.node(i % cluster.nodes.length).clients.kv.get({ key: keyOf(i) });
    expect(entry?.value?.toString()).toBe(`value ${i}`);
  }
};

test("three replicas become five and three again: nothing is lost, and the history is linearizable", async () => {
  const cluster = await growing.start(5, 3);
  const at = cluster.node(0);
  for (let i = 0; i < 100; i++) await at.clients.kv.put({ key: keyOf(i), value: Buffer.from(`value ${i}`) });
  const recorder = new Recorder();
  const load = new Workload({
    recorder,
    nodes: cluster.nodes,
    moveOn: true,
    keys: ["alpha", "beta", "counter-a"],
    workersPerNode: 1,
    deadlineMs: 5_000,
    thinkMs: 60,
  });
  const dry = await onar(["set-replication", "5", "--dry-run", "--endpoint", at.address]);
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining("replicas that would come, go or move: 16") });
  await resized(cluster, 5);
  await resized(cluster, 3);
  await load.stop();
  console.log(`3, 5, 3 replicas: ${summaryOf(recorder.operations)}`);
  expectLinearizable(recorder, "replication");
  await holdsAll(cluster);
}, 400_000);

test("one replica becomes two, three and one again, and what cannot be is refused with the bound", async () => {
  const cluster = await growing.start(3, 1);
  const at = cluster.node(0);
  for (let i = 0; i < 100; i++) await at.clients.kv.put({ key: keyOf(i), value: Buffer.from(`value ${i}`) });
  for (const replicas of [2, 3, 1]) {
    await resized(cluster, replicas);
    await holdsAll(cluster);
  }
  const before = await viewOf(at);
  const many = await onar(["set-replication", "4", "--endpoint", at.address]);
  expect(many).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("3 members could keep replicas: each partition can have at most 3, not 4"),
  });
  const same = await onar(["set-replication", "1", "--endpoint", at.address]);
  expect(same).toMatchObject({ code: 1, stderr: expect.stringContaining("each partition has 1 replica already") });
  for (const text of ["0", "32", "x"]) {
    const bad = await onar(["set-replication", text, "--endpoint", at.address]);
    expect(bad).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("N must be a whole number from 1 to 31"),
    });
  }
  for (const replicas of [0, 32]) {
    const asked = at.clients.cluster.setReplication({
      operationId: Buffer.alloc(16, 1),
      epoch: before.epoch,
      replicas,
    });
    await expect(asked).rejects.toThrow(`replicas must be between 1 and 31; it is ${replicas}`);
  }
  expect(await viewOf(at)).toEqual(before);
}, 400_000);
