/** Clusters of real processes that heal by themselves: nodes are killed, and others get their replicas. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  MemberState,
  OperationKind,
  OperationState,
  type View,
} from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrowingCluster, idOf, viewOf } from "./growing-cluster.js";
import { eventually, type Node } from "./harness.js";
import { onar } from "./programs.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, summaryOf, Workload } from "./workload.js";

/** On a machine that does much else. */
const HEALED_WITHIN_MS = 90_000;
const REPLACE_AFTER = ["--replace-after", "3"];

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

const keptBy = ({ partitions }: View, id: number): number =>
  partitions.filter(({ replicas }) => replicas.includes(id)).length;
const settledIn = (view: View): boolean => view.partitions.every(({ previous }) => previous === undefined);

/** A view that others have all replicas of these in. */
const healed = (at: Node, ids: readonly number[]): Promise<View> =>
  eventually("others have all replicas", HEALED_WITHIN_MS, async () => {
    const view = await viewOf(at);
    return settledIn(view) && ids.every((id) => keptBy(view, id) === 0) ? view : undefined;
  });

test("a node is killed under load: others get its replicas, and it gets its share again when it is back", async () => {
  const five = await growing.start(5, 3, REPLACE_AFTER);
  const at = five.node(0);
  const dead = five.node(4);
  const id = await idOf(dead);
  for (let i = 0; i < 50; i++) await at.clients.kv.put({ key: Buffer.from(`kept ${i}`), value: Buffer.from(`${i}`) });
  const recorder = new Recorder();
  const load = new Workload({
    recorder,
    nodes: five.nodes.slice(0, 4),
    moveOn: true,
    keys: ["alpha", "beta", "counter-a"],
    workersPerNode: 1,
    deadlineMs: 5_000,
    thinkMs: 60,
  });
  const began = performance.now();
  await dead.process.kill();
  const view = await healed(at, [id]);
  console.log(`full replication ${((performance.now() - began) / 1_000).toFixed(1)} s after the kill`);
  expect(view.members.find((member) => member.id === id)?.state).toBe(MemberState.LOST);
  for (const member of view.members) if (member.id !== id) expect(keptBy(view, member.id)).toBe(6);
  const { operations } = await at.clients.cluster.listOperations({});
  expect(operations).toMatchObject([{ kind: OperationKind.HEAL, nodeId: id, state: OperationState.PENDING }]);
  const { stdout } = await onar(["nodes", "--endpoint", at.address]);
  expect(stdout).toContain("lost");
  await at.process.said(`others have all replicas of node ${id}`, HEALED_WITHIN_MS);
  dead.restart();
  const back = await eventually("it has its share", HEALED_WITHIN_MS, async () => {
    const now = await viewOf(at);
    return settledIn(now) && now.wishes.length === 0 && keptBy(now, id) > 0 ? now : undefined;
  });
  const loads = back.members.map((member) => keptBy(back, member.id));
  expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
  await load.stop();
  console.log(`a kill and the way back: ${summaryOf(recorder.operations)}`);
  expectLinearizable(recorder, "healing");
  for (let i = 0; i < 50; i++) {
    const { entry } = await five.node(1).clients.kv.get({ key: Buffer.from(`kept ${i}`) });
    expect(entry?.value?.toString()).toBe(`${i}`);
  }
}, 300_000);
