/**
 * Nodes of two versions side by side, as during an update, in a cluster of real processes. The later version is this
 * one with more to say (test/versions/later-node.mjs). Members join and leave meanwhile, and clients go on.
 */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Operation, OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { version } from "../../src/version.js";
import { GrowingCluster, idOf, insist, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { type Cluster, eventually, Fatal, type Node, PROGRAM, ROOT } from "./harness.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, summaryOf, Workload } from "./workload.js";

const LATER = join(ROOT, "test/versions/later-node.mjs");

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

/** The view's successor is another one, which moves no data. */
const transferTo = async (at: Node, to: Node): Promise<Operation> => {
  const nodeId = await idOf(to);
  return insist(at, (named) => at.clients.cluster.transferWriter({ ...named, nodeId, all: true }));
};

/** In order of their restarts. */
async function update(three: Cluster, node: Node, program: string): Promise<void> {
  await node.process.stop();
  node.restart(program);
  await three.ready();
}

/** By epoch: whether a node of the later version found in that view what a later version says. */
function toldOf({ lines }: Node["process"]): ReadonlyMap<number, boolean> {
  const told = new Map<number, boolean>();
  for (const line of lines) {
    const [, epoch, more] = /^view (\d+) says (more|no more)$/.exec(line) ?? [];
    if (epoch !== undefined) told.set(Number(epoch), more === "more");
  }
  return told;
}

async function expectAgreement(nodes: readonly Node[]): Promise<void> {
  await eventually("all agree", WITHIN_MS, async () => {
    const gone = nodes.find(({ process }) => process.ended !== null);
    if (gone !== undefined) throw new Fatal(`a node has ended: ${gone.process.tail()}`);
    const views = await Promise.all(nodes.map(({ clients }) => clients.cluster.getView({})));
    return new Set(views.map(({ digest }) => digest.toString("hex"))).size === 1 ? true : undefined;
  });
}

test("a cluster is updated node by node and back under load: members come and go, and what the later version said stays", async () => {
  const three = await growing.start();
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
  const [first, second, third] = [three.node(0), three.node(1), three.node(2)];
  const four = await growing.joined("four", three);
  const five = await growing.joined("five", three, true, LATER);
  await update(three, first, LATER);
  await update(three, second, LATER);
  const later = [first, second, five];
  await expectAgreement([...later, third, four]);
  // While nobody else is there, a node of the later version proposes. The others come back to a view that says more.
  for (const { process } of [third, four]) await process.kill();
  await transferTo(first, second);
  for (const node of [third, four]) node.restart();
  await four.process.said("ready", WITHIN_MS);
  await three.ready();
  await third.process.said(`says more than Onar ${version} reads`, WITHIN_MS);
  // Each of the nodes that could propose is away once. The others of the later version go on, and no other one does.
  for (const away of later) {
    await away.process.kill();
    const at = later.find((node) => node !== away) as Node;
    await transferTo(at, at);
    away.restart(LATER);
    await away.process.said("ready", WITHIN_MS);
  }
  // One of each version leaves, and another one joins, by a contact of either version.
  for (const leaving of [four, five]) {
    const nodeId = await idOf(leaving);
    await insist(third, (named) => third.clients.cluster.leave({ ...named, nodeId }));
    expect(await leaving.process.end).toBe(0);
  }
  const six = await growing.joined("six", three);
  await expectAgreement([first, second, third, six]);
  for (const { process } of [first, second]) {
    const told = [...toldOf(process)].sort(([a], [b]) => a - b).map(([, more]) => more);
    expect(told.slice(told.indexOf(true))).not.toContain(false);
    expect(told.at(-1)).toBe(true);
  }
  // Back again: keys are served, and the view stays as it is until somebody reads all of it.
  await update(three, first, PROGRAM);
  await update(three, second, PROGRAM);
  const before = await viewOf(third);
  const nodeId = await idOf(six);
  const asked = { operationId: Buffer.alloc(16, 7), epoch: before.epoch, nodeId };
  const waiting = third.clients.cluster.leave(asked, { signal: AbortSignal.timeout(3_000) });
  expect((await waiting.catch(() => null))?.operation?.state ?? OperationState.PENDING).toBe(OperationState.PENDING);
  expect(await viewOf(third)).toEqual(before);
  await update(three, first, LATER);
  await update(three, second, LATER);
  // The operation that waited is done.
  expect(await six.process.end).toBe(0);
  const { operationId, epoch } = asked;
  const { operation } = await third.clients.cluster.getOperation({ operationId, epoch });
  expect(operation?.state).toBe(OperationState.DONE);
  await load.stop();
  await expectAgreement(three.nodes);
  const { partitions, members } = await viewOf(third);
  expect(members).toHaveLength(3);
  expect(partitions.every(({ groupEpoch }) => groupEpoch === 1n)).toBe(true);
  console.log(`two versions: ${summaryOf(recorder.operations)}`);
  expectLinearizable(recorder, "two-versions");
}, 240_000);
