/** Streams between nodes over real sockets: who gets in, who does not, and who keeps its place. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MadPeer } from "../../../bench/attacks/mad-peer.js";
import { type Handshake, RefusalReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { digestOf } from "../../../src/codec/api/view.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { decodeFrame, encodeHandshake, encodeRefusal, type ReceivedFrame } from "../../../src/codec/peer/frame.js";
import type { NodeId } from "../../../src/core/model/ids.js";
import type { View } from "../../../src/core/view/view.js";
import type { NodeInput } from "../../../src/node/machine.js";
import { ViewHolder } from "../../../src/node/view-holder.js";
import { PeerPort } from "../../../src/rpc/peer-port.js";
import { type ClusterSecret, NO_SECRET } from "../../../src/rpc/peers/cluster-secret.js";
import { DialedStream } from "../../../src/rpc/peers/dialed-stream.js";
import { PeerLinks } from "../../../src/rpc/peers/peer-links.js";
import { PeerNotices } from "../../../src/rpc/peers/peer-notices.js";
import { PROTOCOL_VERSION } from "../../../src/rpc/peers/peer-service.js";
import { LimitCounts } from "../../../src/rpc/transport/limit-counts.js";
import { plant } from "../../planted/planted.js";
import { viewOf } from "../node/cluster.js";

afterEach(() => plant());

vi.setConfig({ testTimeout: 30_000 });
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 15_000, interval: 10 });
const secretOf = (...lines: string[]): ClusterSecret => ({ ...NO_SECRET, all: lines.map((line) => Buffer.from(line)) });
const SECRET = secretOf("s".repeat(32));

/** A node's peer port and its links, with nothing behind them. */
class Node {
  readonly notices: string[] = [];
  readonly inputs: NodeInput[] = [];
  readonly shown: number[] = [];
  readonly port: PeerPort;
  links: PeerLinks | null = null;
  address = "";

  constructor(
    readonly id: NodeId,
    readonly secret: ClusterSecret,
  ) {
    this.port = new PeerPort(secret, (text) => this.notices.push(text), new LimitCounts());
  }

  async listen(): Promise<void> {
    this.address = `127.0.0.1:${await this.port.listen("127.0.0.1:0")}`;
    this.port.address = this.address;
  }

  begin(view: View): void {
    this.links = new PeerLinks({
      self: this.id,
      views: new ViewHolder(encodedView(view)),
      held: () => ({ epoch: view.epoch, digest: encodedView(view).digest }),
      unknownAt: () => {},
      peerAddress: this.address,
      secret: this.secret,
      handshake: (peer) => ({ ...greeting(view, this.id, this.address), meantNodeId: peer }),
      deliver: (input) => this.inputs.push(input),
      notices: new PeerNotices((text) => this.notices.push(text)),
      introduced: () => {},
      highestPosition: () => 0,
      shown: (_, position) => {
        this.shown.push(position);
        return true;
      },
      failed: (remote, why) => this.port.admission.failed(remote, why),
      traces: null,
    });
    this.port.links = this.links;
    this.links.start();
  }

  get linked(): number[] {
    return (this.links?.queues() ?? []).map(({ peer }) => peer).sort();
  }

  close(): void {
    this.links?.close();
    this.port.close();
  }
}

const greeting = (view: View, id: number, peerAddress: string): Handshake => ({
  protocolVersion: PROTOCOL_VERSION,
  clusterId: Buffer.from(view.clusterId, "hex"),
  nodeId: id,
  viewEpoch: view.epoch,
  viewDigest: digestOf(view),
  logPosition: 0,
  clientAddress: "",
  peerAddress,
  zone: "",
  storage: 1,
  uptimeMs: 0,
  softwareVersion: "",
  meantNodeId: 0,
  positionProof: Buffer.alloc(0),
  seenPosition: 0,
  seenProof: Buffer.alloc(0),
});

let nodes: Node[] = [];
const streams: DialedStream[] = [];
beforeEach(() => {
  nodes = [];
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.cut();
  for (const node of nodes) node.close();
});

/** Nodes 10 and 11, or as many as there are secrets; `at` puts their addresses into another order. */
async function started(secrets: readonly ClusterSecret[], at = (addresses: string[]) => addresses): Promise<View> {
  const base = viewOf(secrets.length, secrets.length, 1);
  nodes = base.members.map(({ id }, i) => new Node(id, secrets[i] ?? NO_SECRET));
  for (const node of nodes) await node.listen();
  const addresses = at(nodes.map(({ address }) => address));
  const view = {
    ...base,
    members: base.members.map((member, i) => ({ ...member, peerAddress: addresses[i] ?? "" })),
  };
  for (const node of nodes) node.begin(view);
  return view;
}

const node = (index: number): Node => nodes[index] ?? expect.fail(`no node ${index}`);

/** The answers to a stranger that opens a stream and says these frames. */
function stranger(address: string, ...says: Buffer[]): { heard: ReceivedFrame[]; ended: () => boolean } {
  const heard: ReceivedFrame[] = [];
  let over = false;
  const stream = new DialedStream(address, {
    frame: (bytes) => heard.push(decodeFrame(Buffer.from(bytes))),
    ended: () => {
      over = true;
    },
  });
  streams.push(stream);
  for (const one of says) stream.write(one);
  return { heard, ended: () => over };
}

describe("nodes of one cluster", () => {
  test.each([
    ["without a secret", [NO_SECRET, NO_SECRET]],
    ["with the same secret", [SECRET, SECRET]],
    [
      "while their secret is replaced",
      [secretOf("n".repeat(32), "s".repeat(32)), secretOf("s".repeat(32), "n".repeat(32))],
    ],
  ])("find each other %s", async (_, secrets) => {
    await started(secrets);
    await eventually(() => expect([node(0).linked, node(1).linked]).toEqual([[11], [10]]));
    expect(node(1).port.admission.counters).toEqual({ failures: 0, closed: 0 });
    expect(node(1).port.admission.strangerCount).toBe(0);
  });

  test.each([
    ["differ", SECRET, secretOf("x".repeat(32)), "differ"],
    ["are only at the one that dials", SECRET, NO_SECRET, "no cluster secret"],
    ["are only at the one that is dialed", NO_SECRET, SECRET, "has a secret"],
  ])("do not when their secrets %s, and say so", async (_, one, two, words) => {
    await started([one, two]);
    await eventually(() => expect(node(0).links?.troubleOf(node(1).id)).toContain(words));
    await eventually(() => expect(node(1).port.admission.counters.failures).toBeGreaterThan(0));
    expect(node(1).notices.some((text) => text.includes("127.0.0.1:"))).toBe(true);
    expect([...node(0).linked, ...node(1).linked, ...node(0).inputs, ...node(1).inputs]).toEqual([]);
  });

  test.each([
    ["a secret", SECRET],
    ["no secret", NO_SECRET],
  ])(
    "are taken for who they are: with %s, an address that leads to another member is no stream to this one",
    async (_, secret) => {
      await started([secret, secret, secret], ([a = "", b = "", c = ""]) => [a, c, b]);
      await eventually(() => expect(node(0).links?.troubleOf(node(1).id)).toMatch(/node 12/));
      await eventually(() => expect(node(0).links?.troubleOf(node(2).id)).toMatch(/node 11/));
      expect(node(0).linked).toEqual([]);
    },
  );
});

describe("one word of a peer", () => {
  test.each([RefusalReason.ROLLED_BACK, RefusalReason.REMOVED_NODE, RefusalReason.DUPLICATE_NODE_ID])(
    "that refuses (%i) ends nothing but its stream",
    async (reason) => {
      const view = await started([NO_SECRET, NO_SECRET]);
      await eventually(() => expect(node(1).linked).toEqual([10]));
      // Node 10 has gone, and somebody comes in its name.
      node(0).close();
      await eventually(() => expect(node(1).linked).toEqual([]));
      const refusal = encodeRefusal({ reason, text: "you have lost 7 records", expected: "9" });
      const { ended } = stranger(node(1).address, encodeHandshake(greeting(view, 10, "x:1")), refusal);
      await eventually(() => expect(ended()).toBe(true));
      expect(node(1).shown).toEqual([]);
      expect(node(1).links).not.toBeNull();
    },
  );
});

describe("a node that was refused", () => {
  /** How often node 10 dials node 11, which has another secret, until that many calls have failed. */
  const dials = async (atLeast: number): Promise<void> => {
    await started([SECRET, secretOf("x".repeat(32))]);
    await eventually(() => expect(node(1).port.admission.counters.failures).toBeGreaterThanOrEqual(atLeast));
  };

  test("dials again: a word of a peer is not the last", async () => {
    await dials(2);
    plant("W1.refusal-is-final");
    for (const one of nodes) one.close();
    await dials(1);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(node(1).port.admission.counters.failures).toBe(1);
  });
});

describe("a node with a secret", () => {
  /** The fate of node 10's streams, and of whoever comes as node 10 and shakes hands as that node. */
  const comesAs = async (id: number, proved: boolean): Promise<boolean> => {
    const view = await started([SECRET, SECRET, SECRET]);
    await eventually(() => expect(node(2).linked).toEqual([10, 11]));
    node(1).close();
    await eventually(() => expect(node(2).linked).toEqual([10]));
    const target = { id: node(2).id, peerAddress: node(2).address };
    const [secret = null] = proved ? SECRET.all : [];
    const clusterId = Buffer.from(view.clusterId, "hex");
    const self = { id: 10, peerAddress: node(0).address };
    const common = { secret, self, target, clusterId, viewEpoch: 1, viewDigest: digestOf(view), handshakeAs: id };
    const peer = await MadPeer.connect(common).catch(() => null);
    peer?.close();
    return peer !== null;
  };

  test("hears no handshake before a proof", async () => {
    expect(await comesAs(11, false)).toBe(false);
    for (const one of nodes) one.close();
    plant("A2.hears-strangers");
    expect(await comesAs(11, false)).toBe(true);
  });

  test("lets nobody shake hands as another node than it has proved to be (authentication A4)", async () => {
    expect(await comesAs(11, true)).toBe(false);
    for (const one of nodes) one.close();
    plant("W8.anybody");
    expect(await comesAs(11, true)).toBe(true);
  });
});

describe("a second process with the id of a node that lives", () => {
  test("is refused by name, with both addresses, and the first one keeps its place", async () => {
    const view = await started([NO_SECRET, NO_SECRET]);
    await eventually(() => expect(node(1).linked).toEqual([10]));
    const { heard } = stranger(node(1).address, encodeHandshake(greeting(view, 10, "copy.example:4700")));
    await eventually(() => expect(heard.at(-1)?.refusal).toMatchObject({ reason: RefusalReason.DUPLICATE_NODE_ID }));
    const { text = "" } = heard.at(-1)?.refusal ?? {};
    expect(text).toContain("copy.example:4700");
    expect(text).toMatch(/connected from 127\.0\.0\.1:\d+ and lives/);
    expect(node(1).linked).toEqual([10]);
    expect(node(1).inputs.some(({ kind }) => kind === "link-lost")).toBe(false);
    expect(node(1).notices.some((one) => one.includes("refused a second node 10"))).toBe(true);
    plant("W3.second-replaces");
    const replacing = stranger(node(1).address, encodeHandshake(greeting(view, 10, "copy.example:4700")));
    await eventually(() => expect(replacing.heard.at(-1)?.handshake?.nodeId).toBe(11));
    expect(node(1).inputs.some(({ kind }) => kind === "link-lost")).toBe(true);
  });

  test("gets in at once when the first one has gone", async () => {
    const view = await started([NO_SECRET, NO_SECRET]);
    await eventually(() => expect(node(1).linked).toEqual([10]));
    node(0).close();
    await eventually(() => expect(node(1).linked).toEqual([]));
    const { heard } = stranger(node(1).address, encodeHandshake(greeting(view, 10, "n1:4700")));
    await eventually(() => expect(heard.at(-1)?.handshake?.nodeId).toBe(11));
    const told = node(1).inputs.map(({ kind }) => kind);
    expect(told.filter((kind) => kind !== "peer-view")).toEqual(["link-lost", "peer-restarted"]);
  });
});

describe("strangers", () => {
  test("are heard for a frame of 4 KiB at most", async () => {
    const view = await started([NO_SECRET, NO_SECRET]);
    const long = encodeHandshake({ ...greeting(view, 10, "x:1"), zone: "z".repeat(5_000) });
    const { ended, heard } = stranger(node(1).address, long);
    await eventually(() => expect(ended()).toBe(true));
    expect(heard).toEqual([]);
  });

  test("get rid of each other, never of a member, when there are too many", async () => {
    await started([SECRET, SECRET]);
    await eventually(() => expect(node(1).linked).toEqual([10]));
    const crowd = Array.from({ length: 200 }, () => stranger(node(1).address));
    await eventually(() => expect(node(1).port.admission.counters.closed).toBeGreaterThan(0));
    expect(node(1).port.admission.strangerCount).toBeLessThanOrEqual(128);
    await eventually(() => expect(crowd.some(({ ended }) => ended())).toBe(true));
    expect(node(1).linked).toEqual([10]);
  });

  test("who fail are counted, and told of once", async () => {
    const view = await started([SECRET, SECRET]);
    const before = node(1).notices.length;
    for (let i = 0; i < 5; i++) {
      const { ended } = stranger(
        node(1).address,
        encodeHandshake({ ...greeting(view, 10, "x:1"), viewDigest: randomBytes(32) }),
      );
      await eventually(() => expect(ended()).toBe(true));
    }
    expect(node(1).port.admission.counters.failures).toBe(5);
    expect(node(1).notices.length - before).toBe(1);
  });
});
