/** Frames: cut where they grow too long, heartbeats first. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { duration } from "../../../src/base/time.js";
import {
  decodeFrame,
  encodeFrames,
  encodeHandshake,
  encodeRefusal,
  FRAME_BYTES,
  messagesOf,
} from "../../../src/codec/peer/frame.js";
import {
  attempt,
  changeNumber,
  groupEpoch,
  key,
  nodeId,
  partition,
  revision,
  viewEpoch,
} from "../../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../../src/core/model/node-message.js";
import { b, register, ts } from "../core/writer/harness.js";
import { anyMessage, bare } from "./arbitraries.js";

const EPOCH = viewEpoch(7);
const framesOf = (messages: readonly NodeMessage[]): { frames: Buffer[]; counts: number[] } => {
  const frames: Buffer[] = [];
  const counts: number[] = [];
  encodeFrames(EPOCH, messages, (frame, count) => {
    frames.push(Buffer.from(frame));
    counts.push(count);
  });
  return { frames, counts };
};
const received = (frames: readonly Buffer[]): NodeMessage[] => {
  const messages: NodeMessage[] = [];
  for (const frame of frames) messagesOf(decodeFrame(frame), (message) => messages.push(message));
  return messages;
};

const P = partition(1);
const long = "x".repeat(4_000);
const value = Buffer.alloc(100_000, 1);
const heartbeat = (round: number): NodeMessage => ({ kind: "heartbeat", round, reportsSeen: 0, logPosition: 0 });
let lastKey = 0;
const write = (bytes: number, k = key(`k${++lastKey}`), seq = 1): NodeMessage => ({
  kind: "write",
  partition: P,
  register: register({ key: k, value: "v".repeat(bytes), at: ts(b(1), seq) }),
  settledSeq: 0,
  settledRevision: revision(0),
});
const forward = (request: Request): NodeMessage => ({
  kind: "forward",
  id: 1,
  partition: P,
  groupEpoch: groupEpoch(1),
  request,
  remaining: duration(1_000),
});
const forwardWrite = (operation: Extract<Request, { kind: "write" }>["write"]["operation"]): NodeMessage =>
  forward({ kind: "write", write: { operation, requestId: null, after: null, fingerprint: 0 } });
const forwarded = (result: Extract<NodeMessage, { kind: "forwarded" }>["result"]): NodeMessage => ({
  kind: "forwarded",
  id: 1,
  result,
});
const standing = { revision: revision(1), groupEpoch: groupEpoch(1), writer: nodeId(1) };
const inGroup = { partition: P, groupEpoch: groupEpoch(1), attempt: attempt(1) };
const report = { partition: P, groupEpoch: groupEpoch(2 ** 50), ready: true, promise: b(2 ** 50), live: true };

/** One message of every kind that can be long. */
const LONG: Record<string, NodeMessage> = {
  write: write(100_000),
  impose: { kind: "impose", partition: P, attempt: attempt(1), register: register({ value: "v".repeat(100_000) }) },
  recovered: {
    kind: "recovered",
    partition: P,
    ballot: b(1),
    attempt: attempt(1),
    register: register({ value: long }),
    floor: revision(0),
  },
  "read-answer": {
    kind: "read-answer",
    ...inGroup,
    timestamp: null,
    register: register({ value: long }),
    settled: true,
    promised: b(1),
    settledRevision: revision(0),
  },
  "handed-over": {
    kind: "handed-over",
    ...inGroup,
    done: true,
    ballot: b(1),
    register: register({ value: long }),
    settledRevision: revision(0),
  },
  recover: { kind: "recover", partition: P, ballot: b(1), attempt: attempt(1), key: key(long) },
  read: { kind: "read", ...inGroup, key: key(long), holding: null },
  "hand-over": { kind: "hand-over", ...inGroup, key: key(long) },
  "forward of a get": forward({ kind: "read", read: { key: key(long), consistency: "linearizable" } }),
  "forward of a put": forwardWrite({ kind: "put", key: key("k"), value }),
  "forward of a CAS by value": forwardWrite({
    kind: "cas",
    key: key("k"),
    condition: { kind: "value", value },
    value: Buffer.alloc(1),
  }),
  "forward of a delete by value": forwardWrite({ kind: "delete", key: key("k"), condition: { kind: "value", value } }),
  "forwarded get": forwarded({
    status: "done",
    answer: { kind: "get", entry: { value, version: revision(1) }, consistency: "local" },
    standing,
  }),
  "forwarded failed CAS": forwarded({
    status: "done",
    answer: { kind: "cas", swapped: false, version: revision(1), found: { value, version: revision(1) } },
    standing,
  }),
  "heartbeat-answer": {
    kind: "heartbeat-answer",
    round: 1,
    heard: [],
    version: 1,
    since: 0,
    full: false,
    reports: Array.from({ length: 256 }, () => ({
      ...report,
      settled: { ballot: b(2 ** 50), seq: 2 ** 50 },
      settledRevision: revision(2 ** 50),
      lastChange: changeNumber(2 ** 50),
      lagging: false,
    })),
    offices: Array.from({ length: 256 }, () => ({ partition: P, ballot: b(2 ** 50) })),
  },
};

describe("cutting", () => {
  test("a turn's messages go in one frame, in order, with the view epoch", () => {
    const messages = [write(10), write(20), write(30)];
    const { frames, counts } = framesOf(messages);
    expect(counts).toEqual([3]);
    expect(decodeFrame(frames[0] as Buffer).viewEpoch).toBe(EPOCH);
    expect(received(frames).map(bare)).toEqual(messages.map(bare));
  });

  test("nothing makes no frame", () => {
    expect(framesOf([]).frames).toEqual([]);
  });

  test.each(Object.keys(LONG))("many of %s are cut at about 256 KiB, each frame with its view epoch", (name) => {
    const message = LONG[name] as NodeMessage;
    const [alone] = framesOf([message]).frames;
    const many = Math.ceil((3 * FRAME_BYTES) / (alone?.length ?? 1));
    // Only the last of the writes of one key would travel.
    const messages =
      name === "write" ? Array.from({ length: many }, () => write(100_000)) : new Array(many).fill(message);
    const { frames, counts } = framesOf(messages);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(many);
    for (const frame of frames) {
      expect(frame.length).toBeLessThan(FRAME_BYTES + (alone?.length ?? 0) + 4_096);
      expect(decodeFrame(frame).viewEpoch).toBe(EPOCH);
    }
  });

  test("a frame is not cut much before it is full", () => {
    const { frames } = framesOf(Array.from({ length: 10_000 }, () => write(100)));
    for (const frame of frames.slice(0, -1)) expect(frame.length).toBeGreaterThan(FRAME_BYTES / 2);
  });

  test("a single message that is longer goes whole", () => {
    const messages = [write(1), write(1_000_000), write(2)];
    const { frames, counts } = framesOf(messages);
    expect(counts).toEqual([2, 1]);
    const lengths = received(frames).map((message) => (message.kind === "write" ? message.register.value?.length : -1));
    expect(lengths).toEqual([1, 1_000_000, 2]);
  });

  test("whatever is sent arrives, once and in order but for heartbeats", () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 12 }), (messages) => {
        const beats = messages.filter(({ kind }) => kind.startsWith("heartbeat"));
        // Only the last of the writes of one key may travel; that has a test of its own.
        const keys = messages.flatMap((m) => (m.kind === "write" ? [m.register.key] : []));
        fc.pre(new Set(keys).size === keys.length);
        const rest = messages.filter(({ kind }) => !kind.startsWith("heartbeat"));
        expect(received(framesOf(messages).frames).map(bare)).toEqual([...beats, ...rest].map(bare));
      }),
      { numRuns: 100 },
    );
  });
});

describe("writes of one key in one turn", () => {
  const k = key("hot");

  /** As the writer says it of a key of which more than one may be waiting. */
  const crowded = (message: NodeMessage): NodeMessage => ({ ...message, crowded: true }) as NodeMessage;

  test("only the last travels: it carries what the earlier ones said", () => {
    const [one, two, other, three] = [write(1, k, 1), write(2, k, 2), write(9), write(3, k, 3)];
    const sent = received(framesOf([one, crowded(two), other, crowded(three)]).frames);
    expect(sent.map(bare)).toEqual([other, three].map(bare));
  });

  test("an earlier one that is sent again later does not take the place of a later one", () => {
    const messages = [write(2, k, 2), crowded(write(1, k, 1))];
    expect(received(framesOf(messages).frames)).toContainEqual(expect.objectContaining({ kind: "write" }));
    const seqs = received(framesOf(messages).frames).map((m) => (m.kind === "write" ? m.register.timestamp.seq : 0));
    expect(seqs).toContain(2);
  });
});

test("heartbeats go ahead of data, so that large values do not silence a node", () => {
  const { frames } = framesOf([write(300_000), heartbeat(1), write(300_000), heartbeat(2)]);
  const kinds = frames.map((frame) => received([frame]).map((message) => message.kind));
  expect(kinds).toEqual([["heartbeat", "heartbeat", "write"], ["write"]]);
});

describe("first and last frames", () => {
  test("a handshake arrives as it was sent, and is no message", () => {
    const handshake = {
      protocolVersion: 1,
      clusterId: Buffer.alloc(16, 7),
      nodeId: 10,
      viewEpoch: 3,
      viewDigest: Buffer.alloc(32, 9),
      logPosition: 5,
      clientAddress: "a:1",
      peerAddress: "b:2",
      zone: "z",
      storage: 1,
      uptimeMs: 99,
      softwareVersion: "0.1.0",
      meantNodeId: 0,
      positionProof: Buffer.alloc(0),
      seenPosition: 0,
      seenProof: Buffer.alloc(0),
    };
    const frame = decodeFrame(encodeHandshake(handshake));
    expect(frame.handshake).toMatchObject(handshake);
    expect(frame.refusal).toBeUndefined();
    expect(frame.messages).toEqual([]);
  });

  test("so does a refusal", () => {
    const refusal = { reason: 1, text: "no", expected: "1" };
    expect(decodeFrame(encodeRefusal(refusal)).refusal).toMatchObject(refusal);
  });
});
