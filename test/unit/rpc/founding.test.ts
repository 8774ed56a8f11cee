/** Founding over real sockets: with and without a secret, and what a founder does not believe. */
import { randomBytes } from "node:crypto";
import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FoundRequest, FoundResponse } from "../../../gen/ts/onar/replication/v1/replication.js";
import { encodeView } from "../../../src/codec/api/view.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { groupEpoch, nodeId, viewEpoch } from "../../../src/core/model/ids.js";
import type { View } from "../../../src/core/view/view.js";
import type { GrpcClient } from "../../../src/grpc/client/client.js";
import { askFounder, founderClient } from "../../../src/rpc/founding/founding-calls.js";
import { MemberDoor } from "../../../src/rpc/founding/member-door.js";
import { type ClusterSecret, NO_SECRET } from "../../../src/rpc/peers/cluster-secret.js";
import { PROTOCOL_VERSION } from "../../../src/rpc/peers/peer-service.js";
import { plant } from "../../planted/planted.js";
import { viewOf } from "../node/cluster.js";
import { formerClient, foundMethod } from "./former-peers.js";
import { FoundingNode } from "./founding-node.js";

afterEach(() => plant());

vi.setConfig({ testTimeout: 30_000 });
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 20 });
const secretOf = (...lines: string[]): ClusterSecret => ({ ...NO_SECRET, all: lines.map((line) => Buffer.from(line)) });
const SECRET = secretOf("s".repeat(32));

let nodes: FoundingNode[] = [];
const clients: { close(): unknown }[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const node of nodes) node.close();
});

/** `absent`: founders that are listed and never begin. */
async function started(secrets: readonly ClusterSecret[], absent = 0): Promise<string[]> {
  nodes = secrets.map((secret, i) => new FoundingNode(10 + i, secret));
  for (const node of nodes) await node.listen();
  const peers = nodes.map(({ address }) => address).sort();
  for (const node of nodes.slice(0, nodes.length - absent)) node.found(peers);
  return peers;
}

const node = (i: number): FoundingNode => nodes[i] ?? expect.fail(`no node ${i}`);

function client(address: string): Client {
  const made = formerClient(address);
  clients.push(made);
  return made;
}

function asking(address: string): GrpcClient {
  const made = founderClient(address);
  clients.push(made);
  return made;
}

/** A call as anybody can make it. */
function raw(address: string, body: Buffer, metadata = new Metadata()): Promise<Buffer | ServiceError> {
  const { path, requestSerialize, responseDeserialize } = foundMethod;
  return new Promise((resolve) => {
    client(address).makeUnaryRequest(path, requestSerialize, responseDeserialize, body, metadata, (error, bytes) =>
      resolve(error ?? bytes ?? Buffer.alloc(0)),
    );
  });
}

const request = (step: FoundRequest["step"], founder?: FoundRequest["founder"]): FoundRequest => ({
  protocolVersion: PROTOCOL_VERSION,
  founder,
  step,
});

describe("a cluster is founded", () => {
  test.each([
    ["without a secret", [NO_SECRET, NO_SECRET, NO_SECRET]],
    ["with one", [SECRET, SECRET, SECRET]],
    ["while it is replaced", [secretOf("n".repeat(32), "s".repeat(32)), secretOf("s".repeat(32), "n".repeat(32))]],
  ])("%s", async (_, secrets) => {
    await started(secrets);
    await eventually(() => expect(nodes.every(({ view }) => view !== null)).toBe(true));
    expect(new Set(nodes.map(({ view }) => view?.clusterId)).size).toBe(1);
    expect(nodes.map(({ port }) => port.admission.counters.failures)).toEqual(nodes.map(() => 0));
  });

  test.each([
    ["differs", SECRET, secretOf("x".repeat(32)), "another cluster secret"],
    ["is missing here", NO_SECRET, SECRET, "has a cluster secret, and this node has none"],
    ["is missing there", SECRET, NO_SECRET, "has no cluster secret"],
  ])("never with a node whose secret %s, and it says why it waits", async (_, one, two, words) => {
    await started([one, two]);
    await eventually(() => expect(node(0).notices.join("\n")).toContain(words));
    expect(nodes.map(({ view, failed }) => [view, failed])).toEqual([
      [null, ""],
      [null, ""],
    ]);
  });
});

describe("a founder with a secret", () => {
  test("tells a stranger nothing: neither who it is nor its view", async () => {
    await started([SECRET, SECRET]);
    await eventually(() => expect(node(0).view).not.toBeNull());
    for (const body of [
      Buffer.alloc(0),
      Buffer.from(FoundRequest.encode(request(undefined)).finish()),
      randomBytes(90),
    ]) {
      const answer = await raw(node(0).address, body);
      expect(answer).toMatchObject({ code: 16 });
    }
    expect(node(0).port.admission.counters.failures).toBe(2);
  });

  test("takes no call twice (replay), for another node (relay), or changed on the way", async () => {
    await started([SECRET, SECRET], 1);
    const sent: Metadata[] = [];
    const bodies: Buffer[] = [];
    const honest = asking(node(0).address);
    const ask = honest.unary.bind(honest);
    honest.unary = (method, body, options) => {
      bodies.push(body as Buffer);
      const metadata = new Metadata();
      for (const [name, value] of options?.metadata?.entries() ?? []) metadata.add(name, value as Buffer);
      sent.push(metadata);
      return ask(method, body, options);
    };
    const answer = await askFounder(honest, node(0).address, SECRET, request(undefined));
    expect("response" in answer && answer.response.founder?.nodeId).toBe(10);
    const [body, metadata] = [bodies[1] ?? expect.fail(), sent[1] ?? expect.fail()];
    expect(await raw(node(0).address, body, metadata.clone())).toMatchObject({ code: 16 });
    // The same to another address, and another body with the proof of the first: each with a challenge that is good.
    expect("why" in (await askFounder(asking(node(0).address), "other.example:4700", SECRET, request(undefined)))).toBe(
      true,
    );
    expect(await raw(node(0).address, Buffer.concat([body, Buffer.from([0x18, 1])]), metadata)).toMatchObject({
      code: 16,
    });
  });
});

describe("a founder does not believe", () => {
  const founder = { clientAddress: "x:1", zone: "", replicationFactor: 2, partitionCount: 4 };

  /** Somebody without secret says this to node 10, whose other founder is not there. */
  async function said(step: FoundRequest["step"]): Promise<FoundResponse | ServiceError> {
    const peers = nodes.map(({ address }) => address).sort();
    const message = request(step, { ...founder, nodeId: 11, peerAddress: node(1).address, peers });
    const answer = await raw(node(0).address, Buffer.from(FoundRequest.encode(message).finish()));
    return Buffer.isBuffer(answer) ? FoundResponse.decode(answer) : answer;
  }

  const firstView = (): View => {
    const base = viewOf(2, 2, 4);
    return { ...base, members: base.members.map((member, i) => ({ ...member, peerAddress: node(i).address })) };
  };

  test("that a view is decided which it has not accepted itself, whoever tells it", async () => {
    await started([NO_SECRET, NO_SECRET], 1);
    await said({ $case: "view", value: { view: encodeView(firstView()) } });
    await said({ $case: "view", value: { view: encodeView({ ...firstView(), clusterId: "ab".repeat(16) }) } });
    expect([node(0).view, node(0).failed]).toEqual([null, ""]);
    expect(await said(undefined)).toMatchObject({ founder: { nodeId: 10 }, step: undefined });
    plant("W4.on-one-word");
    await said({ $case: "view", value: { view: encodeView(firstView()) } });
    expect(await said(undefined)).toMatchObject({ step: { $case: "view" } });
  });

  test("that it must wait for a cluster that has gone on without it: with a majority of the others it says so and ends", async () => {
    await started([NO_SECRET, NO_SECRET, NO_SECRET], 2);
    const later = encodedView({
      ...viewOf(2, 2, 4),
      epoch: viewEpoch(2),
      previousDigest: "ab".repeat(32),
      members: [1, 2].map((i) => ({ ...node(i).member, id: nodeId(10 + i) })),
      voters: [nodeId(11), nodeId(12)],
      partitions: [{ replicas: [nodeId(11), nodeId(12)], groupEpoch: groupEpoch(1) }],
    });
    const door = (i: number) =>
      new MemberDoor({
        self: node(i).member,
        newest: () => later,
        wished: () => expect.fail("nobody wishes"),
        livesElsewhere: () => Promise.resolve(false),
      });
    node(1).port.founding = door(1);
    await eventually(() => expect(node(0).notices.join("\n")).toContain("which this node is not a member of"));
    expect(node(0).failed).toBe("");
    node(2).port.founding = door(2);
    await eventually(() => expect(node(0).failed).toContain("leave out --expect to become one"));
  });

  test("in a view that these founders could not found: it accepts none", async () => {
    const peers = await started([NO_SECRET, NO_SECRET], 1);
    const ballot = { round: 7, nodeId: 11 };
    await said({ $case: "prepare", value: { ballot, peers } });
    const good = firstView();
    const [first, ...rest] = good.partitions;
    const [member, ...members] = good.members;
    if (first === undefined || member === undefined) return expect.fail();
    for (const view of [
      { ...good, clusterId: "ab" },
      { ...good, members },
      { ...good, members: [member, member] },
      { ...good, members: [{ ...member, peerAddress: "elsewhere:1" }, ...members] },
      { ...good, replicationFactor: 3 },
      { ...good, voters: [] },
      { ...good, voters: [nodeId(99)] },
      { ...good, partitions: [{ ...first, replicas: [nodeId(10), nodeId(10)] }, ...rest] },
      { ...good, partitions: [{ ...first, replicas: [nodeId(10), nodeId(99)] }, ...rest] },
    ]) {
      const answer = await said({ $case: "accept", value: { ballot, peers, view: encodeView(view) } });
      expect(answer).toMatchObject({ step: { $case: "refused" } });
    }
    const answer = await said({ $case: "accept", value: { ballot, peers, view: encodeView(good) } });
    expect(answer).toMatchObject({ step: { $case: "accepted" } });
    plant("W4.unchecked");
    const bad = { ballot: { ...ballot, round: 8 }, peers, view: encodeView({ ...good, voters: [nodeId(99)] }) };
    await said({ $case: "prepare", value: bad });
    expect(await said({ $case: "accept", value: bad })).toMatchObject({ step: { $case: "accepted" } });
  });

  test("in a ballot that nobody could come after", async () => {
    const peers = await started([NO_SECRET, NO_SECRET], 1);
    for (const round of [Number.MAX_SAFE_INTEGER, 2 ** 40, 1_000_001]) {
      const answer = await said({ $case: "prepare", value: { ballot: { round, nodeId: 11 }, peers } });
      expect(answer).toMatchObject({ code: 3 });
    }
    node(1).found(peers);
    await eventually(() => expect(nodes.every(({ view }) => view !== null)).toBe(true));
  });

  test("in a ballot far above, with the bug planted", async () => {
    const peers = await started([NO_SECRET, NO_SECRET], 1);
    plant("W7.any-round");
    const answer = await said({ $case: "prepare", value: { ballot: { round: 2 ** 40, nodeId: 11 }, peers } });
    expect(answer).toMatchObject({ step: { $case: "promised" } });
  });
});
