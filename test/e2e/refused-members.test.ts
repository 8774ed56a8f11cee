/**
 * Nodes that must not become members, or not as they ask, in clusters of real processes. They are a copied directory, a
 * contact that is stale or was left out, and an address that leads to somebody else. Each is refused by name, and the
 * view stays as it is.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrowingCluster, idOf, insist, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { eventually, freePorts, HOST, type Node, NodeProcess } from "./harness.js";

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

const put = (node: Node, value: string): Promise<unknown> =>
  node.clients.kv.put({ key: Buffer.from("k"), value: Buffer.from(value) });

/** A node with that directory, at ports of its own. */
async function startedWith(data: string, secretFile: string, contacts: readonly string[] = []): Promise<Node> {
  const [port = 0, peerPort = 0] = await freePorts(2);
  return growing.add(
    new NodeProcess(port, peerPort, [
      ...["--listen", `${HOST}:${port}`, "--peer-listen", `${HOST}:${peerPort}`],
      ...["--data", data, "--cluster-secret-file", secretFile],
      ...(contacts.length === 0 ? [] : ["--join", contacts.join(",")]),
    ]),
  );
}

test("a copy of a directory is refused by name beside the member that lives, and the view stays as it is", async () => {
  const three = await growing.start();
  const { secretFile } = three;
  for (const [index, original] of three.nodes.entries()) {
    await original.process.stop();
    const copy = join(growing.data, `copy${index}`);
    cpSync(join(growing.data, `node${index + 1}`), copy, { recursive: true });
    original.restart();
    await three.ready();
    const before = await viewOf(original);
    const second = await startedWith(copy, secretFile);
    await second.process.said("is one of their directories a copy", WITHIN_MS);
    // The first one serves all the time, and nobody takes its place.
    for (let i = 0; i < 20; i++) await put(original, `${i}`);
    expect(await viewOf(original)).toEqual(before);
    expect(second.process.ready).toBe(false);
    await second.process.kill();
  }
}, 180_000);

test("a newcomer whose contact was left out, and is stale, says that it hears no majority; it joins once it does", async () => {
  const three = await growing.start();
  const fourth = await growing.joined("four", three);
  const nodeId = await idOf(fourth);
  await fourth.process.kill();
  const operation = await insist(three.node(0), (named) => three.node(0).clients.cluster.leave({ ...named, nodeId }));
  await eventually("it is left out", WITHIN_MS, async () => {
    const { id: operationId, epoch } = operation;
    const known = await three.node(0).clients.cluster.getOperation({ operationId, epoch });
    return known.operation?.state === OperationState.DONE ? true : undefined;
  });
  for (const { process } of three.nodes) await process.kill();
  // It does not know yet that it is left out.
  fourth.restart();
  const contacts = [`${HOST}:${fourth.process.peerPort}`];
  const newcomer = await growing.newcomer("five", { contacts, secretFile: three.secretFile });
  await newcomer.process.said("view 2 has 3 voters, and most of them do not answer", WITHIN_MS);
  for (const node of three.nodes) node.restart();
  await newcomer.process.said("ready", WITHIN_MS);
  await fourth.process.said("has left cluster", WITHIN_MS);
  const { members } = await viewOf(newcomer);
  expect(members.map(({ peerAddress }) => peerAddress).toSorted()).toEqual(
    [...three.nodes, newcomer].map(({ process }) => `${HOST}:${process.peerPort}`).toSorted(),
  );
}, 120_000);

test("a directory of a member whose address leads to another member is refused by name, and none of the two is replaced", async () => {
  const three = await growing.start();
  const fourth = await growing.joined("four", three);
  const before = await viewOf(fourth);
  // A new node that says it is found where the fourth one is, which lives.
  const there = `${HOST}:${fourth.process.peerPort}`;
  const contacts = [`${HOST}:${three.node(0).process.peerPort}`];
  const impostor = await growing.newcomer("five", {
    contacts,
    secretFile: three.secretFile,
    more: ["--peer-advertise", there],
  });
  await impostor.process.said(`${there} is the address of node ${await idOf(fourth)}`, WITHIN_MS);
  const nodeId = await idOf(three.node(1));
  // Other operations go on, and do not let it in.
  await insist(three.node(0), (named) => three.node(0).clients.cluster.transferWriter({ ...named, nodeId, all: true }));
  const { members, voters } = await viewOf(three.node(0));
  expect({ members, voters }).toEqual({ members: before.members, voters: before.voters });
  expect(impostor.process.ready).toBe(false);
  const dry = await three
    .node(0)
    .clients.cluster.join({ dryRun: true, member: { id: 9, clientAddress: "h:1", peerAddress: there, zone: "" } })
    .catch((error: unknown) => String(error));
  expect(dry).toContain("which is heard");
}, 120_000);
