/** The rules of who may talk to whom. */
import { afterEach, describe, expect, test } from "vitest";
import { type Handshake, RefusalReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { digestOf } from "../../../src/codec/api/view.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { checkHandshake, type HandshakeContext } from "../../../src/rpc/peers/handshake.js";
import { PROTOCOL_VERSION } from "../../../src/rpc/peers/peer-service.js";
import { plant } from "../../planted/planted.js";
import { A, B, C, viewOf } from "../node/cluster.js";

afterEach(() => plant());

const view = viewOf(3);
const digest = digestOf(view);
const OTHER_DIGEST = Buffer.alloc(32, 1);

/** Node B is asked by A, unless said otherwise. */
const good: Handshake = {
  protocolVersion: PROTOCOL_VERSION,
  clusterId: Buffer.from(view.clusterId, "hex"),
  nodeId: A,
  viewEpoch: view.epoch,
  viewDigest: digest,
  logPosition: 0,
  clientAddress: "a:1",
  peerAddress: "a:2",
  zone: "",
  storage: 1,
  uptimeMs: 5,
  softwareVersion: "0.1.0",
  meantNodeId: 0,
  positionProof: Buffer.alloc(0),
  seenPosition: 0,
  seenProof: Buffer.alloc(0),
};
const context: HandshakeContext = { self: B, newest: encodedView(view), dialed: false };
const check = (parts: Partial<Handshake> = {}, other: Partial<HandshakeContext> = {}) =>
  checkHandshake({ ...good, ...parts }, { ...context, ...other });

describe("welcome", () => {
  test("a member of the cluster with the same view, from the side that dials", () => {
    expect(check()).toBeNull();
    expect(check({ nodeId: C }, { dialed: true })).toBeNull();
  });

  test("one that holds another epoch, older or newer: views are exchanged later", () => {
    expect(check({ viewEpoch: 0, viewDigest: Buffer.alloc(0) })).toBeNull();
    expect(check({ viewEpoch: 9, viewDigest: OTHER_DIGEST })).toBeNull();
  });
});

describe("refused", () => {
  test("another version of the protocol, and told which would do", () => {
    expect(check({ protocolVersion: 1 })).toEqual({
      reason: RefusalReason.OTHER_PROTOCOL_VERSION,
      text: "node 10 speaks version 1 of the protocol between nodes, this node version 2",
      expected: "2",
    });
  });

  test("another cluster, and one that belongs to none", () => {
    const other = check({ clusterId: Buffer.alloc(16, 1) });
    expect(other).toMatchObject({ reason: RefusalReason.OTHER_CLUSTER, expected: view.clusterId });
    expect(other?.text).toContain("01".repeat(16));
    expect(check({ clusterId: Buffer.alloc(0) })?.text).toContain("(none)");
    expect(check({ clusterId: Buffer.from(view.clusterId, "hex").subarray(0, 8) })?.reason).toBe(
      RefusalReason.OTHER_CLUSTER,
    );
  });

  test("itself", () => {
    expect(check({ nodeId: B })?.reason).toBe(RefusalReason.SELF);
  });

  test("who is not a member of the view, by name", () => {
    expect(check({ nodeId: 99 })).toMatchObject({
      reason: RefusalReason.NOT_A_MEMBER,
      text: expect.stringContaining("node 99"),
    });
    expect(check({ nodeId: 0 })?.reason).toBe(RefusalReason.NOT_A_MEMBER);
  });

  test("the same epoch with another digest: two successors were decided", () => {
    expect(check({ viewDigest: OTHER_DIGEST })).toMatchObject({
      reason: RefusalReason.OTHER_VIEW,
      expected: digest.toString("hex"),
    });
    expect(check({ viewDigest: Buffer.alloc(0) })?.reason).toBe(RefusalReason.OTHER_VIEW);
    plant("W4.any-digest");
    expect(check({ viewDigest: OTHER_DIGEST })).toBeNull();
  });

  test("the side with the higher id that dials: the other one does", () => {
    expect(check({ nodeId: C })).toMatchObject({
      reason: RefusalReason.OTHER_SIDE_DIALS,
      text: expect.stringContaining("node 11"),
    });
  });

  test("a foreign version before anything else is looked at, and a foreign cluster before its members", () => {
    const foreign = { clusterId: Buffer.alloc(16), nodeId: 99, viewDigest: OTHER_DIGEST };
    expect(check({ ...foreign, protocolVersion: 1 })?.reason).toBe(RefusalReason.OTHER_PROTOCOL_VERSION);
    expect(check(foreign)?.reason).toBe(RefusalReason.OTHER_CLUSTER);
  });
});

describe("a peer that has lost records (R10)", () => {
  test("is refused for good when it holds fewer than it has told of, whichever side dialed", () => {
    const refused = check({ logPosition: 41 }, { highestPosition: 42 });
    expect(refused).toMatchObject({ reason: RefusalReason.ROLLED_BACK, expected: "42" });
    expect(refused?.text).toContain("comes back with 41 records, and 42 of it were durable");
    expect(check({ nodeId: C, logPosition: 41 }, { highestPosition: 42, dialed: true })?.reason).toBe(
      RefusalReason.ROLLED_BACK,
    );
  });

  test("is welcome with as many, or more", () => {
    expect(check({ logPosition: 42 }, { highestPosition: 42 })).toBeNull();
    expect(check({ logPosition: 43 }, { highestPosition: 42 })).toBeNull();
  });
});
