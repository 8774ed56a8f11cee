/** One stream to one peer: what it drops, when it waits for more, what a slow peer may cost. */
import { beforeEach, describe, expect, test } from "vitest";
import { decodeFrame, messagesOf } from "../../../src/codec/peer/frame.js";
import { PEER_QUEUE_BYTES, PEER_QUEUE_SHARE_BYTES, PEER_QUEUES_BYTES } from "../../../src/core/model/bounds.js";
import { key, nodeId, revision, viewEpoch } from "../../../src/core/model/ids.js";
import type { NodeMessage } from "../../../src/core/model/node-message.js";
import type { FrameStream } from "../../../src/rpc/peers/frame-stream.js";
import { Link, type LinkCounters, newCounters, SPACING_MS } from "../../../src/rpc/peers/link.js";
import { QueueLoad } from "../../../src/rpc/peers/queue-load.js";
import { P, register } from "../core/writer/harness.js";

const HELD = { epoch: viewEpoch(1), digest: "ab".repeat(32) };
const MIB = 1024 * 1024;

class Stream implements FrameStream {
  readonly remote = "127.0.0.1:4700";
  cuts = 0;
  writable = true;
  readonly kinds: string[][] = [];
  unsentBytes = 0;

  write(frame: Buffer): void {
    const kinds: string[] = [];
    messagesOf(decodeFrame(frame), (message) => kinds.push(message.kind));
    this.kinds.push(kinds);
    this.unsentBytes += frame.length;
  }

  end(): void {}
  trust(): void {}
  ping(): void {}

  cut(): void {
    this.cuts++;
  }

  /** The peer took everything. */
  drain(): void {
    this.unsentBytes = 0;
  }
}

let stream: Stream;
let counters: LinkCounters;
let link: Link;

beforeEach(() => {
  stream = new Stream();
  counters = newCounters();
  link = new Link(nodeId(2), true, stream, counters, 0);
});

const heartbeat: NodeMessage = { kind: "heartbeat", round: 1, reportsSeen: 0, logPosition: 0 };
const value = "v".repeat(MIB);
let last = 0;
const write = (): NodeMessage => ({
  kind: "write",
  partition: P,
  register: register({ key: key(`k${++last}`), value }),
  settledSeq: 0,
  settledRevision: revision(0),
});

describe("frames", () => {
  test("all that was sent since the last flush leaves in one frame, and nothing leaves no frame", () => {
    for (let i = 0; i < 5; i++) link.send(heartbeat);
    expect(stream.kinds).toEqual([]);
    link.flush(HELD, 100, false);
    expect(stream.kinds).toEqual([new Array(5).fill("heartbeat")]);
    link.flush(HELD, 101, false);
    expect(stream.kinds).toHaveLength(1);
    expect(counters).toMatchObject({ framesSent: 1, messagesSent: 5 });
  });

  test("with time to spare every flush leaves at once; short of time frames wait to be fuller, for a moment", () => {
    for (let i = 0; i < 5; i++) {
      link.send(heartbeat);
      expect(link.flush(HELD, 100, false)).toBe(true);
    }
    expect(stream.kinds).toHaveLength(5);
    for (let i = 0; i < 20; i++) {
      link.send(heartbeat);
      expect(link.flush(HELD, 100, true)).toBe(false);
    }
    expect(link.flush(HELD, 100 + SPACING_MS, true)).toBe(true);
    expect(stream.kinds.at(-1)).toHaveLength(20);
  });

  test("what waited leaves at once when there is time again", () => {
    link.send(heartbeat);
    link.flush(HELD, 100, true);
    link.send(heartbeat);
    expect(link.flush(HELD, 100, true)).toBe(false);
    expect(link.flush(HELD, 100, false)).toBe(true);
    expect(stream.kinds).toHaveLength(2);
  });
});

describe("what was not handed to the stream", () => {
  const told: string[] = [];
  beforeEach(() => {
    told.length = 0;
    link = new Link(nodeId(2), true, stream, counters, 0, null, (message) => told.push(message.kind));
  });

  test("is told when the link closes, and what was handed to it is not", () => {
    expect(link.send(write())).toBe(true);
    link.flush(HELD, 100, false);
    link.send(heartbeat);
    link.close();
    expect(told).toEqual(["heartbeat"]);
    expect(link.send(heartbeat)).toBe(false);
  });

  test("is told when the stream is over and nobody has said so yet", () => {
    link.send(write());
    stream.writable = false;
    link.flush(HELD, 100, false);
    expect(told).toEqual(["write"]);
    expect(stream.kinds).toEqual([]);
    expect(stream.cuts).toBe(1);
  });
});

describe("a slow peer", () => {
  test("costs a bounded number of bytes: beyond it messages are dropped, but never heartbeats", () => {
    for (let i = 0; i < PEER_QUEUE_BYTES / MIB; i++) {
      link.send(write());
      link.flush(HELD, 10 * i, false);
    }
    expect(counters.messagesDropped).toBe(0);
    const frames = stream.kinds.length;
    link.send(write());
    link.send(heartbeat);
    link.flush(HELD, 10_000, false);
    expect(counters.messagesDropped).toBe(1);
    expect(stream.kinds.slice(frames)).toEqual([["heartbeat"]]);
  });

  test("costs no more for what is queued and not yet in a frame", () => {
    for (let i = 0; i < 2 * (PEER_QUEUE_BYTES / MIB); i++) link.send(write());
    expect(link.waitingBytes).toBeGreaterThan(PEER_QUEUE_BYTES);
    expect(link.waitingBytes).toBeLessThan(PEER_QUEUE_BYTES + 2 * MIB);
    expect(counters.messagesDropped).toBeGreaterThan(PEER_QUEUE_BYTES / MIB - 2);
  });

  test("that caught up is sent everything again", () => {
    for (let i = 0; i < PEER_QUEUE_BYTES / MIB; i++) {
      link.send(write());
      link.flush(HELD, 10 * i, false);
    }
    stream.drain();
    link.send(write());
    link.flush(HELD, 10_000, false);
    expect(counters.messagesDropped).toBe(0);
    expect(stream.kinds.at(-1)).toEqual(["write"]);
  });
});

describe("many slow peers", () => {
  const links = (load: QueueLoad, count: number): Link[] =>
    Array.from(
      { length: count },
      (_, i) => new Link(nodeId(i + 2), true, new Stream(), counters, 0, null, () => {}, load),
    );

  test("cost a bounded number of bytes together, and one that has little waiting is sent all", () => {
    const load = new QueueLoad();
    const [quick, ...slow] = links(load, 9) as [Link, ...Link[]];
    for (let i = 0; i < PEER_QUEUE_BYTES / MIB; i++) {
      for (const peer of slow) {
        peer.send(write());
        peer.flush(HELD, i, false);
      }
    }
    expect(load.bytes).toBeGreaterThan(PEER_QUEUES_BYTES);
    expect(load.bytes).toBeLessThan(PEER_QUEUES_BYTES + 2 * MIB);
    expect(slow.some((peer) => peer.send(write()))).toBe(false);
    expect(quick.send(write())).toBe(true);
    expect(quick.waitingBytes).toBeGreaterThan(PEER_QUEUE_SHARE_BYTES);
    expect(quick.send(write())).toBe(false);
  });

  test("give back all that waited when it is taken, and when they are cut", () => {
    const load = new QueueLoad();
    const [first, second] = links(load, 2) as [Link, Link];
    first.send(write());
    first.flush(HELD, 0, false);
    first.send(write());
    second.send(write());
    first.close();
    expect(first.waitingBytes).toBe(0);
    second.flush(HELD, 0, false);
    expect(load.bytes).toBe(second.waitingBytes);
    (second.stream as Stream).drain();
    expect([first.waitingBytes, second.waitingBytes, load.bytes]).toEqual([0, 0, 0]);
  });
});

test("a closed link sends nothing more, and is cut once", () => {
  link.send(heartbeat);
  link.close();
  link.close();
  link.send(heartbeat);
  link.flush(HELD, 100, false);
  expect(stream.kinds).toEqual([]);
  expect(stream.cuts).toBe(1);
});
