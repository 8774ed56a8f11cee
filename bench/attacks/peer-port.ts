/** Attacks on the peer port: by strangers, who know no secret, and by a member that has gone mad. */
import { randomBytes } from "node:crypto";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectSocket } from "node:net";
import { encodeAuthentication, encodeFrames } from "../../src/codec/peer/frame.js";
import { ballot } from "../../src/core/model/ballot.js";
import { attempt, changeNumber, groupEpoch, nodeId, partition, revision, viewEpoch } from "../../src/core/model/ids.js";
import type { NodeMessage } from "../../src/core/model/node-message.js";
import { CONNECT_PATH, FOUND_PATH } from "../../src/rpc/peers/peer-service.js";
import type { Endpoint } from "../load/options.js";
import { type Attack, framed, Session } from "./attack.js";
import { MadPeer } from "./mad-peer.js";

/** A connection is given up after this: attackers have descriptors, too. */
const KEPT_MS = 3_000;

const stranger = (name: string, what: string, everyMs: number, send: (endpoint: Endpoint) => void): Attack => ({
  name,
  what,
  port: "peer",
  everyMs,
  begin: async (endpoint) => () => send(endpoint),
});

/** A stream of frames on a connection of its own. */
function stream(endpoint: Endpoint, write: (session: ClientHttp2Session) => readonly Uint8Array[]): void {
  const session = connectHttp2(`http://${endpoint.host}:${endpoint.port}`);
  session.on("error", () => {});
  const call = session.request({
    ":method": "POST",
    ":path": CONNECT_PATH,
    "content-type": "application/grpc",
    te: "trailers",
  });
  call.on("error", () => {});
  call.resume();
  for (const bytes of write(session)) call.write(bytes);
  setTimeout(() => session.destroy(), KEPT_MS);
}

const hello = (): Buffer =>
  encodeAuthentication({
    step: {
      $case: "hello",
      value: {
        nonce: randomBytes(32),
        nodeId: 7,
        peerAddress: "stranger.example:4700",
        clusterId: randomBytes(16),
        dialedNodeId: 8,
        dialedAddress: "node.example:4700",
      },
    },
  });
const wrongProof = (): Buffer => encodeAuthentication({ step: { $case: "proof", value: { proof: randomBytes(32) } } });

const STRANGERS: readonly Attack[] = [
  stranger("half-open", "connections that say nothing, 50 a second", 20, ({ host, port }) => {
    const socket = connectSocket(port, host);
    socket.on("error", () => {});
    setTimeout(() => socket.destroy(), KEPT_MS);
  }),
  stranger("wrong-proofs", "connections that greet and prove wrongly, 20 a second", 50, (endpoint) =>
    stream(endpoint, () => [framed(hello()), framed(wrongProof())]),
  ),
  stranger("big-frames", "connections whose first frame is to have 16 MiB, and has 1, 5 a second", 200, (endpoint) => {
    const frame = framed(Buffer.alloc(1 << 20, 0xff));
    frame.writeUInt32BE(16 << 20, 1);
    stream(endpoint, () => [frame]);
  }),
  {
    name: "founding",
    what: "calls of founding of 4 KiB without a proof, 100 a second",
    port: "peer",
    everyMs: 10,
    begin: async (endpoint) => {
      const session = new Session(endpoint);
      return () => session.send(FOUND_PATH, randomBytes(4_096));
    },
  },
];

function frameOf(messages: readonly NodeMessage[]): Buffer {
  const frames: Buffer[] = [];
  encodeFrames(viewEpoch(1), messages, (frame) => void frames.push(frame));
  return frames[0] ?? Buffer.alloc(0);
}

/** Comes again when its stream is cut. */
const member = (name: string, what: string, everyMs: number, frame: (self: number) => Buffer): Attack => ({
  name,
  what,
  port: "peer",
  everyMs,
  member: true,
  begin: async (_endpoint, as) => {
    if (as === null) throw new Error("a member needs to know as whom it comes");
    const state: { peer: MadPeer | null; dialing: boolean } = { peer: await MadPeer.connect(as), dialing: false };
    return () => {
      if (state.peer !== null && !state.peer.ended) return void state.peer.send(frame(as.self.id));
      if (state.dialing) return;
      state.dialing = true;
      MadPeer.connect(as).then(
        (peer) => Object.assign(state, { peer, dialing: false }),
        () => Object.assign(state, { peer: null, dialing: false }),
      );
    };
  },
});

/** Partitions of a cluster by default. */
const PARTITIONS = 256;
const EPOCH = groupEpoch(1);
const each = (count: number, message: (i: number) => NodeMessage): Buffer =>
  frameOf(Array.from({ length: count }, (_, i) => message(i)));

const MEMBERS: readonly Attack[] = [
  member("implausible", "frames of 100 Reserves of 2^53 - 1, 100 a second", 10, (self) =>
    each(100, (i) => ({
      kind: "reserve",
      partition: partition(i % PARTITIONS),
      ballot: ballot(EPOCH, 1, nodeId(self)),
      attempt: attempt(i),
      reservation: revision(Number.MAX_SAFE_INTEGER),
      floor: revision(0),
    })),
  ),
  member("unreadable", "frames of 1,000 bytes that cannot be read, and a new stream, 20 a second", 25, () =>
    Buffer.alloc(1_000, 0x0a),
  ),
  member("asks-changes", "frames of 10 AskChanges, 100 a second", 10, () =>
    each(10, (i) => ({
      kind: "ask-changes",
      partition: partition(i % PARTITIONS),
      groupEpoch: EPOCH,
      attempt: attempt(i),
      copy: EPOCH,
      after: changeNumber(0),
      taken: [],
      whole: true,
    })),
  ),
  member("late-ballots", "frames of 100 Confirms of an old ballot, each refused by name, 100 a second", 10, (self) =>
    each(100, (i) => ({
      kind: "confirm",
      partition: partition(i % PARTITIONS),
      ballot: ballot(EPOCH, 0, nodeId(self)),
      attempt: attempt(i),
    })),
  ),
];

export const PEER_PORT_ATTACKS: readonly Attack[] = [...STRANGERS, ...MEMBERS];
