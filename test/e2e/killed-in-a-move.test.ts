/**
 * A node is killed at named steps of a move (kill -9), in clusters of real processes under load. It is the one that
 * takes over, or one that it takes over from. In other runs all nodes are killed together. A pause point finds the step
 * (test/pauses/pausing-node.mjs). Once they are started again, the drain ends, nothing is lost, and the history is
 * linearizable.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { insist, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { Cluster, eventually, ROOT } from "./harness.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, Workload } from "./workload.js";

const PROGRAM = join(ROOT, "test/pauses/pausing-node.mjs");
const MOVED_WITHIN_MS = 90_000;
const KEYS = 50;
const ENDS = [
  { step: "begun", who: "that node" },
  { step: "sealed", who: "that node" },
  { step: "source", who: "that node" },
  { step: "merged", who: "that node" },
  { step: "begun", who: "all nodes" },
  { step: "merged", who: "all nodes" },
] as const;

let folder: string;
let cluster: Cluster | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-move-"));
});
afterEach(async () => {
  await cluster?.stop();
  cluster = null;
  rmSync(folder, { recursive: true, force: true });
});

const nameOf = (i: number): Buffer => Buffer.from(`kept ${i}`);

test.each(ENDS)(
  "nothing is lost when a node is at the step $step of a move, and a kill -9 ends $who",
  async ({ step, who }) => {
    const orders = join(folder, "pause-at");
    const env = { ONAR_PAUSE_AT: orders };
    const options = { nodes: 4, replicas: 3, partitions: 4, data: folder, program: PROGRAM };
    const started = await Cluster.start({ ...options, env: () => env });
    cluster = started;
    const { nodes } = started;
    const at = started.node(0);
    for (let i = 0; i < KEYS; i++) await at.clients.kv.put({ key: nameOf(i), value: Buffer.from(`value ${i}`) });
    const recorder = new Recorder();
    const keys = ["alpha", "beta", "gamma", "counter-a"];
    const load = new Workload({
      recorder,
      nodes,
      moveOn: true,
      keys,
      workersPerNode: 1,
      deadlineMs: 5_000,
      thinkMs: 40,
    });
    writeFileSync(orders, `${step} 0`);
    const leaving = started.node(3).id;
    const id = randomBytes(16);
    const { epoch } = await viewOf(at);
    const over = new AbortController();
    // The node that is asked may be the one that pauses.
    for (const { clients } of nodes)
      void clients.cluster
        .drain({ operationId: id, epoch, nodeId: leaving }, { signal: over.signal })
        .catch(() => undefined);
    const victim = await eventually(`a node pauses at ${step}`, WITHIN_MS, () =>
      nodes.find(({ process }) => process.lines.includes(`paused at ${step}`)),
    );
    expect(existsSync(orders)).toBe(false);
    const victims = who === "all nodes" ? nodes : [victim];
    await Promise.all(victims.map(({ process }) => process.kill()));
    over.abort();
    for (const one of victims) one.restart();
    await started.ready();
    const operation = await insist(at, (named) => at.clients.cluster.drain({ ...named, nodeId: leaving }));
    await eventually("the drain is done", MOVED_WITHIN_MS, async () => {
      const told = await at.clients.cluster.getOperation({ operationId: operation.id, epoch: operation.epoch });
      return told.operation?.state === OperationState.DONE ? true : undefined;
    });
    const { partitions } = await viewOf(at);
    expect(partitions.filter(({ replicas }) => replicas.includes(leaving))).toEqual([]);
    await load.stop();
    expectLinearizable(recorder, `killed at ${step}`);
    for (let i = 0; i < KEYS; i++) {
      const { entry } = await eventually(`key ${i} is read`, WITHIN_MS, () =>
        at.clients.kv.get({ key: nameOf(i) }).catch(() => undefined),
      );
      expect(entry?.value?.toString()).toBe(`value ${i}`);
    }
  },
  240_000,
);
