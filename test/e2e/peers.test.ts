/**
 * The port between nodes: who does not belong is refused with a reason, what cannot be read is cut off, and the cluster
 * serves on.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  Frame,
  type Handshake,
  PeerMessage,
  type Refusal,
  RefusalReason,
} from "../../gen/ts/onar/replication/v1/replication.js";
import { PROTOCOL_VERSION } from "../../src/rpc/peers/peer-service.js";
import { connectMethod, formerClient } from "../unit/rpc/former-peers.js";
import { answerOf } from "./clients.js";
import { Cluster, eventually, HOST, type Node } from "./harness.js";
import { framed, RawClient } from "./raw.js";

const CONNECT = "/onar.replication.v1.ReplicationService/Connect";

let cluster: Cluster;
/** With the highest id: it is dialed by all the others. */
let node: Node;
let member: Handshake;
const clients: Client[] = [];
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64, secret: false });
  node = cluster.nodes.reduce((a, b) => (a.id > b.id ? a : b));
  const peer = cluster.nodes.reduce((a, b) => (a.id < b.id ? a : b));
  const { header, digest } = await answerOf((o) => node.clients.cluster.getView({}, o));
  member = {
    protocolVersion: PROTOCOL_VERSION,
    clusterId: header?.clusterId ?? Buffer.alloc(0),
    nodeId: peer.id,
    viewEpoch: 1,
    viewDigest: digest,
    logPosition: 0,
    clientAddress: "",
    peerAddress: "",
    zone: "",
    storage: 1,
    uptimeMs: 0,
    softwareVersion: "",
    meantNodeId: 0,
    positionProof: Buffer.alloc(0),
    seenPosition: 0,
    seenProof: Buffer.alloc(0),
  };
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => cluster?.stop());

/** A stream to the node's peer port, as another node would open it. */
class Stream {
  readonly frames: Frame[] = [];
  ended = false;
  private readonly call: ClientDuplexStream<Buffer, Buffer>;

  constructor() {
    const client = formerClient(`${HOST}:${node.process.peerPort}`);
    clients.push(client);
    const { path, requestSerialize, responseDeserialize } = connectMethod;
    this.call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.call.on("data", (bytes: Buffer) => this.frames.push(Frame.decode(bytes)));
    const end = (): void => {
      this.ended = true;
    };
    this.call.on("end", end);
    this.call.on("error", end);
  }

  send(...frames: Partial<Frame>[]): this {
    for (const frame of frames) this.write(Frame.encode({ ...Frame.create(), ...frame }).finish());
    return this;
  }

  write(bytes: Uint8Array): this {
    this.call.write(Buffer.from(bytes));
    return this;
  }

  cut(): void {
    this.call.cancel();
  }

  end(): Promise<true> {
    return eventually("the stream ends", 8_000, () => (this.ended ? true : undefined));
  }

  async refusal(): Promise<Refusal> {
    await this.end();
    const last = this.frames.at(-1)?.refusal;
    return last ?? expect.fail(`no refusal, but ${JSON.stringify(this.frames)}`);
  }
}

async function servesOn(nodes: readonly Node[] = cluster.nodes): Promise<void> {
  expect(nodes.map(({ process }) => process.ended)).toEqual(nodes.map(() => null));
  await Promise.all(
    nodes.map(async ({ clients: { kv } }, i) => {
      for (let n = 0; n < 5; n++) {
        const key = Buffer.from(`${i}-${n}-${Math.random()}`);
        await answerOf((o) => kv.put({ key, value: key, requestId: randomBytes(16) }, o));
        expect((await answerOf((o) => kv.get({ key }, o))).entry?.value).toEqual(key);
      }
    }),
  );
}

describe("the peer port", () => {
  test("refuses another version of the protocol, naming both", async () => {
    const refusal = await new Stream().send({ handshake: { ...member, protocolVersion: 99 } }).refusal();
    expect(refusal).toMatchObject({ reason: RefusalReason.OTHER_PROTOCOL_VERSION, expected: String(PROTOCOL_VERSION) });
    expect(refusal.text).toContain("99");
  });

  test("refuses another cluster, naming both, and a node that is in none", async () => {
    const other = randomBytes(16);
    const refusal = await new Stream().send({ handshake: { ...member, clusterId: other } }).refusal();
    expect(refusal).toMatchObject({ reason: RefusalReason.OTHER_CLUSTER, expected: member.clusterId.toString("hex") });
    expect(refusal.text).toContain(other.toString("hex"));
    const none = await new Stream().send({ handshake: { ...member, clusterId: Buffer.alloc(0) } }).refusal();
    expect(none.reason).toBe(RefusalReason.OTHER_CLUSTER);
  });

  test("refuses who is not a member, itself, and another view of the same number", async () => {
    const reasonOf = async (handshake: Handshake): Promise<RefusalReason> =>
      (await new Stream().send({ handshake }).refusal()).reason;
    const ids = cluster.nodes.map(({ id }) => id);
    const stranger = [1, 2, 3, 4].find((id) => !ids.includes(id)) ?? 0;
    expect(await reasonOf({ ...member, nodeId: stranger })).toBe(RefusalReason.NOT_A_MEMBER);
    expect(await reasonOf({ ...member, nodeId: 0 })).toBe(RefusalReason.NOT_A_MEMBER);
    expect(await reasonOf({ ...member, nodeId: node.id })).toBe(RefusalReason.SELF);
    expect(await reasonOf({ ...member, viewDigest: randomBytes(32) })).toBe(RefusalReason.OTHER_VIEW);
  });

  test("refuses a first frame that is no handshake, also when more follows it, and cuts off what cannot be read", async () => {
    const empty = await new Stream().send({}, {}, {}).refusal();
    expect(empty.reason).toBe(RefusalReason.BAD_HANDSHAKE);
    for (const garbage of [randomBytes(64), Buffer.from([0x0a, 0xff, 0xff]), Buffer.alloc(1_000, 0xff)]) {
      const stream = new Stream().write(garbage);
      await stream.end();
    }
    const raw = await RawClient.open(`${HOST}:${node.process.peerPort}`);
    const stream = raw.open(CONNECT);
    stream.write(framed(randomBytes(100)).subarray(0, 60));
    await sleep(50);
    raw.close();
    await servesOn();
  });

  test("cuts off who says nothing", async () => {
    const started = performance.now();
    await new Stream().end();
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test("does not answer clients, and the client port does not answer nodes", async () => {
    const raw = await RawClient.open(node.address);
    const answer = await raw.unary(CONNECT, Buffer.alloc(0));
    expect(answer.headers["grpc-status"]).toBe("12");
    raw.close();
    const other = await RawClient.open(`${HOST}:${node.process.peerPort}`);
    expect((await other.unary("/onar.kv.v1.KeyValueService/Get", Buffer.alloc(0))).headers["grpc-status"]).toBe("12");
    const found = await other.unary("/onar.replication.v1.ReplicationService/Found", randomBytes(50));
    expect(found.headers["grpc-status"] ?? found.trailers?.["grpc-status"]).not.toBe(undefined);
    other.close();
    await servesOn();
  });

  test("survives a member that talks nonsense after its handshake: the stream is cut, the node serves on", async () => {
    // The node of that id goes: a second one beside it is refused (test/unit/rpc/peer-links.test.ts).
    const gone = cluster.nodes.find(({ id }) => id === member.nodeId);
    await gone?.process.kill();
    const messages = nonsense();
    for (const message of messages) {
      const stream = new Stream().send({ handshake: member });
      await eventually("the handshake is answered", 30_000, () => stream.frames[0]?.handshake);
      if ("$case" in message) stream.send({ viewEpoch: 1, messages: [PeerMessage.create({ message })] });
      else stream.write(message);
      await sleep(30);
      expect(node.process.ended, `after ${inspect(message)}: ${node.process.tail()}`).toBeNull();
      stream.cut();
    }
    await servesOn(cluster.nodes.filter((one) => one !== gone));
  });
});

type Message = NonNullable<NonNullable<Parameters<typeof PeerMessage.create>[0]>["message"]>;

/** Messages that no node sends: fields missing, out of range, or of another partition. */
function nonsense(): (Buffer | Message)[] {
  const ballot = { groupEpoch: 1, round: 1_000, nodeId: 7 };
  const none = Buffer.alloc(0);
  const far = 4_000_000_000;
  return [
    randomBytes(200),
    Buffer.alloc(500, 0xff),
    {
      $case: "write",
      value: { partition: 0, ballot: undefined, seq: 0, register: none, settledSeq: 0, settledRevision: 0 },
    },
    {
      $case: "write",
      value: { partition: far, ballot, seq: 1, register: randomBytes(40), settledSeq: 0, settledRevision: 0 },
    },
    { $case: "written", value: { partition: far, ballot, seq: 5 } },
    { $case: "written", value: { partition: 1, ballot: undefined, seq: 5 } },
    { $case: "read", value: { partition: far, attempt: 1, key: none } },
    { $case: "recover", value: { partition: far, ballot, attempt: 1, key: none } },
    { $case: "recovered", value: { partition: 3, ballot: undefined, attempt: 9, register: randomBytes(9), floor: 1 } },
    { $case: "promised", value: { partition: 2, ballot: undefined, reservation: 9 } },
    { $case: "promised", value: { partition: far, ballot, reservation: 9 } },
    { $case: "reserve", value: { partition: far, ballot, attempt: 0, reservation: 0 } },
    { $case: "forwarded", value: { id: 12_345 } },
    { $case: "forward", value: { id: 1, partition: 0, groupEpoch: 1 } },
    {
      $case: "forward",
      value: {
        id: 2,
        partition: far,
        groupEpoch: 1,
        request: { $case: "get", value: { key: none } },
        deadlineMs: 1_000,
      },
    },
    {
      $case: "forward",
      value: {
        id: 4,
        partition: 64,
        groupEpoch: 9,
        request: { $case: "get", value: { key: Buffer.from("k") } },
        deadlineMs: 1_000,
      },
    },
    // The node is the writer of some of these: a register without key would make the others cut its streams forever.
    ...[5, 6, 7, 8, 9, 10].flatMap((partition): Message[] => [
      {
        $case: "forward",
        value: { id: 5, partition, groupEpoch: 1, request: { $case: "put", value: {} }, deadlineMs: 1_000 },
      },
      {
        $case: "forward",
        value: { id: 6, partition, groupEpoch: 1, request: { $case: "add", value: { delta: 1n } }, deadlineMs: 1_000 },
      },
    ]),
    {
      $case: "forward",
      value: { id: 3, partition: far, groupEpoch: 1, request: { $case: "put", value: {} }, deadlineMs: far },
    },
    { $case: "handedOver", value: { partition: 1, attempt: 77 } },
    { $case: "heartbeat", value: { round: 2 ** 53 } },
    {
      $case: "heartbeatAnswer",
      value: { round: 1, heard: [far, 0], reports: [{ partition: far, groupEpoch: 1, ready: true }] },
    },
    { $case: "nack", value: { partition: 1, ballot, promised: undefined, of: 1, attempt: 1, seq: 1 } },
    { $case: "yourTurn", value: { partition: far, ballot } },
  ];
}
