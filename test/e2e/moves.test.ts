/** Replicas that move between nodes, in clusters of real processes, while clients go on. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Operation,
  OperationKind,
  OperationState,
  type View,
} from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { errorOf } from "./clients.js";
import { GrowingCluster, idOf, insist, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { type Cluster, eventually, type Node } from "./harness.js";
import { onar } from "./programs.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, summaryOf, Workload } from "./workload.js";

/** On a machine that does much else. */
const MOVED_WITHIN_MS = 90_000;
const KEYS = 200;

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

const isDone = (at: Node, { id, epoch }: Operation): Promise<true> =>
  eventually("the operation is done", MOVED_WITHIN_MS, async () => {
    const { operation } = await at.clients.cluster.getOperation({ operationId: id, epoch });
    return operation?.state === OperationState.DONE ? true : undefined;
  });

const keptBy = (view: View, id: number): number =>
  view.partitions.filter(({ replicas }) => replicas.includes(id)).length;

const nameOf = (i: number): Buffer => Buffer.from(`kept ${i}`);

async function fill(at: Node): Promise<void> {
  for (let i = 0; i < KEYS; i++) await at.clients.kv.put({ key: nameOf(i), value: Buffer.from(`value ${i}`) });
}

async function expectAll(at: Node): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const { entry } = await eventually(`key ${i} is read`, WITHIN_MS, () =>
      at.clients.kv.get({ key: nameOf(i) }).catch(() => undefined),
    );
    expect(entry?.value?.toString()).toBe(`value ${i}`);
  }
}

function loadOn(nodes: readonly Node[], recorder: Recorder): Workload {
  return new Workload({
    recorder,
    nodes,
    moveOn: true,
    keys: ["alpha", "beta", "gamma", "counter-a"],
    workersPerNode: 1,
    deadlineMs: 5_000,
    thinkMs: 40,
  });
}

async function drained(at: Node, nodeId: number): Promise<void> {
  const operation = await insist(at, (named) => at.clients.cluster.drain({ ...named, nodeId }));
  expect(operation).toMatchObject({ kind: OperationKind.DRAIN, nodeId });
  await isDone(at, operation);
  expect(keptBy(await viewOf(at), nodeId)).toBe(0);
}

describe("a drain", () => {
  test("moves a node's replicas to a newcomer under load: the history is linearizable, and nothing is lost", async () => {
    const three = await growing.start();
    await fill(three.node(0));
    const fourth = await growing.joined("four", three);
    const recorder = new Recorder();
    const load = loadOn([...three.nodes, fourth], recorder);
    const leaving = three.node(2);
    const id = await idOf(leaving);
    await drained(three.node(0), id);
    // It is a member still, and serves by passing on.
    await expectAll(leaving);
    const left = await insist(three.node(0), (named) => three.node(0).clients.cluster.leave({ ...named, nodeId: id }));
    await isDone(three.node(0), left);
    expect(await leaving.process.end).toBe(0);
    await load.stop();
    console.log(`drain: ${summaryOf(recorder.operations)}`);
    expectLinearizable(recorder, "drain");
    await expectAll(fourth);
    // The newcomer's copy counts: it serves with one of the two others alone.
    await three.node(0).process.kill();
    await expectAll(fourth);
  }, 240_000);

  test("of each of the three first nodes, one after the other, leaves a cluster of three others", async () => {
    const three = await growing.start();
    await fill(three.node(0));
    const others: Node[] = [];
    for (const name of ["four", "five", "six"]) others.push(await growing.joined(name, three));
    const recorder = new Recorder();
    const load = loadOn([...three.nodes, ...others], recorder);
    for (const node of three.nodes) {
      const id = await idOf(node);
      const at = others[0] as Node;
      await drained(at, id);
      const left = await insist(at, (named) => at.clients.cluster.leave({ ...named, nodeId: id }));
      await isDone(at, left);
      expect(await node.process.end).toBe(0);
    }
    await load.stop();
    console.log(`three nodes replaced: ${summaryOf(recorder.operations)}`);
    expectLinearizable(recorder, "replaced");
    for (const node of others) await expectAll(node);
  }, 400_000);

  test("is refused where too few others could keep the replicas, and changes nothing", async () => {
    const three = await growing.start();
    const nodeId = await idOf(three.node(1));
    const before = await viewOf(three.node(0));
    const { epoch } = before;
    const error = await errorOf((options) =>
      three.node(0).clients.cluster.drain({ operationId: Buffer.alloc(16, 7), epoch, nodeId }, options),
    );
    expect(error.message).toContain("2 other members could keep replicas, and each partition has 3");
    expect(await viewOf(three.node(0))).toEqual(before);
    const dry = await onar(["drain", three.node(1).address, "--dry-run", "--endpoint", three.node(0).address]);
    expect(dry.code).toBe(1);
  }, 60_000);
});

test("a move that must not be is refused with its reason, and changes nothing", async () => {
  const three = await growing.start();
  const fourth = await growing.joined("four", three);
  const at = three.node(0);
  const { cluster } = at.clients;
  const [nodeId, second, newcomer] = [await idOf(three.node(2)), await idOf(three.node(1)), await idOf(fourth)];
  const before = await viewOf(at);
  const named = { operationId: Buffer.alloc(16, 7), epoch: before.epoch };
  const stranger = 900;
  const refused = [
    { ask: () => cluster.drain({ ...named, nodeId: stranger }), why: `node ${stranger} is no member` },
    { ask: () => cluster.remove({ ...named, nodeId: stranger }), why: `node ${stranger} is no member` },
    { ask: () => cluster.replace({ ...named, nodeId, byNodeId: stranger }), why: `node ${stranger} is no member` },
    {
      ask: () => cluster.replace({ ...named, nodeId, byNodeId: second }),
      why: `has a replica on node ${second} already`,
    },
    { ask: () => cluster.replace({ ...named, nodeId, byNodeId: nodeId }), why: "cannot take its own place" },
    { ask: () => cluster.remove({ ...named, nodeId }), why: `node ${nodeId} is heard: drain it, or use force` },
  ];
  for (const { ask, why } of refused) await expect(ask()).rejects.toThrow(why);
  const old = await cluster.drain({ ...named, epoch: before.epoch - 1n, nodeId });
  expect(old.operation?.state).toBe(OperationState.SUPERSEDED);
  expect(await viewOf(at)).toEqual(before);
  expect(keptBy(before, newcomer)).toBe(0);
}, 60_000);

describe("a dead node", () => {
  async function threeAndOne(): Promise<{ three: Cluster; fourth: Node }> {
    const three = await growing.start();
    await fill(three.node(0));
    return { three, fourth: await growing.joined("four", three) };
  }

  test("is removed: others get its replicas, and it is a member no more; one that lives is refused", async () => {
    const { three, fourth } = await threeAndOne();
    const at = three.node(0);
    const nodeId = await idOf(three.node(2));
    const { epoch } = await viewOf(at);
    const alive = await errorOf((options) =>
      at.clients.cluster.remove({ operationId: Buffer.alloc(16, 7), epoch, nodeId }, options),
    );
    expect(alive.message).toContain(`node ${nodeId} is heard: drain it, or use force`);
    await three.node(2).process.kill();
    const operation = await eventually("it is taken", WITHIN_MS, () =>
      insist(at, (named) => at.clients.cluster.remove({ ...named, nodeId })).catch(() => undefined),
    );
    await isDone(at, operation);
    const view = await viewOf(at);
    expect(view.members.map(({ id }) => id)).not.toContain(nodeId);
    expect(keptBy(view, await idOf(fourth))).toBe(view.partitions.length);
    await three.node(1).process.kill();
    await expectAll(fourth);
  }, 180_000);

  test("that takes replicas and is killed in between goes on when it is back", async () => {
    const { three, fourth } = await threeAndOne();
    const at = three.node(0);
    const nodeId = await idOf(three.node(2));
    const operation = await insist(at, (named) => at.clients.cluster.drain({ ...named, nodeId }));
    await fourth.process.kill();
    await expectAll(at);
    fourth.restart();
    await isDone(at, operation);
    await three.node(1).process.kill();
    await expectAll(fourth);
  }, 180_000);
});
