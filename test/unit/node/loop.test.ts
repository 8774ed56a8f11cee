/** The loop: what leaves when, on a disk whose syncs the test releases by hand. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { AssertionError } from "../../../src/base/assert.js";
import { duration, type Instant, instant } from "../../../src/base/time.js";
import { ballot } from "../../../src/core/model/ballot.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { attempt, groupEpoch, type NodeId } from "../../../src/core/model/ids.js";
import type { NodeMessage } from "../../../src/core/model/node-message.js";
import { Loop } from "../../../src/node/loop.js";
import type { Verdict } from "../../../src/node/outgoing.js";
import type { Clock } from "../../../src/ports/clock.js";
import { MemoryStorage } from "../../../src/storage/memory.js";
import { keyOf, register } from "../../conformance/operations.js";
import { A, B, C, machineOf, P0, put, read, viewOf } from "./cluster.js";

class ManualClock implements Clock {
  time = 0;
  stopped = false;
  private soonCalls: (() => void)[] = [];
  private timer: { readonly when: Instant; readonly call: () => void } | null = null;

  now(): Instant {
    return instant(this.time);
  }

  soon(call: () => void): void {
    this.soonCalls.push(call);
  }

  at(when: Instant, call: () => void): void {
    this.timer = { when, call };
  }

  stop(): void {
    this.stopped = true;
  }

  /** How many turns are asked for. */
  get turns(): number {
    return this.soonCalls.length;
  }

  /** Ends the turn, and those that follow from it at once. */
  turn(): void {
    while (this.soonCalls.length > 0) this.soonCalls.shift()?.();
  }

  run(ms: number): void {
    const end = this.time + ms;
    while (this.timer !== null && this.timer.when <= end) {
      const { when, call } = this.timer;
      this.timer = null;
      this.time = Math.max(this.time, when);
      call();
      this.turn();
    }
    this.time = end;
  }
}

/** Syncs when told. */
class SlowDisk extends MemoryStorage {
  override position = 0;
  readonly batches: (readonly Entry[])[] = [];
  private readonly waiting: (() => void)[] = [];
  slow = true;

  override append(entries: readonly Entry[], durable: () => void): void {
    this.batches.push(entries);
    if (this.slow) this.waiting.push(durable);
    else durable();
  }

  get unsynced(): number {
    return this.waiting.length;
  }

  sync(count = this.waiting.length): void {
    for (const durable of this.waiting.splice(0, count)) durable();
  }
}

interface Rig {
  readonly loop: Loop;
  readonly clock: ManualClock;
  readonly disk: SlowDisk;
  /** "kind→node" of what left, with "|" where a turn's messages were flushed. */
  readonly left: string[];
  /** The log positions that left, in heartbeats. */
  readonly told: number[];
  readonly broken: Error[];
  /** Whether messages are taken. */
  readonly streams: { open: boolean };
}

function rig(self: NodeId, size: number): Rig {
  const clock = new ManualClock();
  const disk = new SlowDisk();
  const left: string[] = [];
  const broken: Error[] = [];
  const told: number[] = [];
  const streams = { open: true };
  const peers = {
    send: (to: NodeId, message: NodeMessage) => {
      left.push(`${message.kind}→${to}`);
      if (message.kind === "heartbeat") told.push(message.logPosition);
      return streams.open;
    },
    flush: () => void left.push("|"),
  };
  const machine = machineOf(self, viewOf(size));
  return {
    loop: new Loop({ machine, storage: disk, peers, clock, broken: (error) => void broken.push(error) }),
    clock,
    disk,
    left,
    told,
    broken,
    streams,
  };
}

const prepare = (round: number): NodeMessage => ({
  kind: "prepare",
  partition: P0,
  ballot: ballot(groupEpoch(1), round, A),
});
const timeout = duration(5_000);

/** B, which passes requests on to the writer A. */
function forwarding() {
  const node = rig(B, 3);
  const offices: NodeMessage = {
    kind: "heartbeat-answer",
    round: 1,
    heard: [],
    version: 1,
    since: 0,
    full: false,
    reports: [],
    offices: [{ partition: P0, ballot: ballot(groupEpoch(1), 1, A) }],
  };
  node.loop.start();
  node.clock.turn();
  node.loop.deliver({ kind: "message", from: A, message: offices });
  node.clock.run(201);
  const told: Verdict[] = [];
  const ask = (): void => void node.loop.request(P0, put("x"), timeout, (verdict) => told.push(verdict));
  const forwards = (): number => node.left.filter((item) => item.startsWith("forward→")).length;
  return { ...node, verdicts: told, ask, forwards };
}

test("a request that no stream takes is held, and leaves when one does", () => {
  const { clock, streams, verdicts, ask, forwards } = forwarding();
  streams.open = false;
  ask();
  clock.turn();
  expect(forwards()).toBe(1);
  streams.open = true;
  clock.run(100);
  expect(forwards()).toBe(2);
  expect(verdicts).toEqual([]);
});

test("a request that waits for its turn's end when the stream is lost is held: it was not sent", () => {
  const { loop, clock, streams, verdicts, ask, forwards } = forwarding();
  streams.open = false;
  ask();
  loop.deliver({ kind: "link-lost", peer: A });
  clock.turn();
  expect(verdicts).toEqual([]);
  streams.open = true;
  clock.run(100);
  expect(forwards()).toBe(2);
});

describe("durable before (R8)", () => {
  let follower: Rig;
  beforeEach(() => {
    follower = rig(B, 3);
  });

  test("a promise leaves only after its sync, and then at the end of a turn", () => {
    const { loop, clock, disk, left } = follower;
    loop.deliver({ kind: "message", from: A, message: prepare(1) });
    clock.turn();
    expect(disk.batches).toHaveLength(1);
    expect(disk.batches[0]).toMatchObject([{ kind: "promise" }]);
    expect(left).toEqual(["|"]);
    disk.sync();
    expect(left).toEqual(["|", "promised→10"]);
    clock.turn();
    expect(left).toEqual(["|", "promised→10", "|"]);
  });

  test("what needs no sync does not wait for one", () => {
    const { loop, clock, disk, left } = follower;
    loop.start();
    clock.turn();
    expect(left).toEqual(["heartbeat→10", "heartbeat→12", "|"]);
    expect(disk.unsynced).toBe(1);
  });

  test("batches are released in the order in which they were made, each by its own sync", () => {
    const { loop, clock, disk, left } = follower;
    loop.deliver({ kind: "message", from: A, message: prepare(1) });
    clock.turn();
    const older = { kind: "prepare", partition: P0, ballot: ballot(groupEpoch(1), 0, C) } as const;
    loop.deliver({ kind: "message", from: C, message: older });
    clock.turn();
    expect(left.filter((item) => item !== "|")).toEqual([]);
    disk.sync(1);
    expect(left.filter((item) => item !== "|")).toEqual(["promised→10"]);
    disk.sync(1);
    expect(left.filter((item) => item !== "|")).toEqual(["promised→10", "nack→12"]);
  });

  test("an answer that depends on an earlier batch waits for it, although it has no entries itself", () => {
    const { loop, clock, disk, left } = follower;
    loop.deliver({ kind: "message", from: A, message: prepare(1) });
    clock.turn();
    loop.deliver({
      kind: "message",
      from: C,
      message: { kind: "heartbeat", round: 1, reportsSeen: 0, logPosition: 0 },
    });
    clock.turn();
    expect(disk.batches.map((batch) => batch.length)).toEqual([1, 0]);
    expect(left.filter((item) => item !== "|")).toEqual([]);
    disk.sync();
    expect(left.filter((item) => item !== "|")).toEqual(["promised→10", "heartbeat-answer→12"]);
  });
});

describe("a disk that stands still", () => {
  const impose = (seq: number): NodeMessage => ({
    kind: "impose",
    partition: P0,
    attempt: attempt(seq),
    register: register(keyOf(1), { seq, owner: A }),
  });

  test("is given no registers any more after a while, and again when it moves: what waits for it does not grow", () => {
    const { loop, clock, disk } = rig(B, 3);
    const registers = (): number => disk.batches.flat().filter(({ kind }) => kind === "register").length;
    const deliver = (seq: number): void => {
      loop.deliver({ kind: "message", from: A, message: impose(seq) });
      clock.turn();
    };
    deliver(1);
    clock.time += 1_900;
    deliver(2);
    clock.time += 200;
    deliver(3);
    expect(registers()).toBe(2);
    disk.sync();
    clock.turn();
    deliver(4);
    expect(registers()).toBe(3);
  });
});

describe("records that are durable (R10)", () => {
  const heartbeat = (logPosition: number): NodeMessage => ({
    kind: "heartbeat",
    round: 1,
    reportsSeen: 0,
    logPosition,
  });

  test("are told with each heartbeat, as many as there are when it leaves", () => {
    const { loop, clock, disk, told } = rig(B, 3);
    disk.slow = false;
    disk.position = 41;
    loop.start();
    clock.turn();
    disk.position = 42;
    clock.run(200);
    expect(told).toEqual([41, 41, 42, 42]);
  });

  test("are remembered of a peer when its heartbeat comes, and at most as it told", () => {
    const { loop, disk } = rig(B, 3);
    for (const position of [40, 39]) loop.deliver({ kind: "message", from: A, message: heartbeat(position) });
    expect([disk.highestPosition(A), disk.highestPosition(C)]).toEqual([40, 0]);
  });
});

describe("a node alone", () => {
  /** The writer of a group of one, with everything synced so far; its disk is slow from now on. */
  const writer = (): Rig => {
    const alone = rig(A, 1);
    alone.disk.slow = false;
    alone.loop.start();
    alone.clock.turn();
    alone.clock.run(2_000);
    expect(alone.loop.machine.core.isWriter(P0)).toBe(true);
    alone.disk.slow = true;
    return alone;
  };

  test("its own votes come back after the sync: no office before the promise and the reservation are durable", () => {
    const { loop, clock, disk } = rig(A, 1);
    loop.start();
    clock.turn();
    clock.run(1_000);
    expect(disk.batches.flat()).toMatchObject([{ kind: "promise" }]);
    expect(loop.machine.core.isWriter(P0)).toBe(false);
    disk.sync();
    clock.turn();
    expect(disk.batches.flat().map((entry) => entry.kind)).toEqual(["promise", "reservation"]);
  });

  test("a client is answered after the sync of its write", () => {
    const { loop, clock, disk } = writer();
    const verdicts: Verdict[] = [];
    loop.request(P0, put("x"), timeout, (verdict) => verdicts.push(verdict));
    for (let i = 0; i < 5 && disk.batches.flat().at(-1)?.kind !== "register"; i++) {
      disk.sync();
      clock.turn();
    }
    expect(disk.batches.flat().at(-1)).toMatchObject({ kind: "register" });
    expect(verdicts).toEqual([]);
    for (let i = 0; i < 3; i++) {
      disk.sync();
      clock.turn();
    }
    expect(verdicts).toMatchObject([{ status: "done", answer: { kind: "put", version: 1 } }]);
  });

  test("a read is answered after the sync of what it shows", () => {
    const { loop, clock, disk } = writer();
    const verdicts: Verdict[] = [];
    loop.request(P0, read, timeout, (verdict) => verdicts.push(verdict));
    clock.turn();
    expect(verdicts).toEqual([]);
    disk.sync();
    expect(verdicts).toMatchObject([{ status: "done", answer: { entry: null } }]);
  });

  test("all requests of one turn go to the disk in one batch, and are synced once", () => {
    const { loop, clock, disk } = writer();
    disk.slow = false;
    loop.request(P0, put("0"), timeout, () => undefined);
    clock.turn();
    disk.slow = true;
    const before = disk.batches.length;
    for (let i = 0; i < 10; i++) loop.request(P0, put(String(i)), timeout, () => undefined);
    expect(clock.turns).toBe(1);
    clock.turn();
    expect(disk.batches).toHaveLength(before + 1);
    expect(disk.batches.at(-1)).toHaveLength(10);
  });

  test("a disk that syncs at once needs one turn for everything that follows from a request", () => {
    const { loop, clock, disk } = writer();
    disk.slow = false;
    const verdicts: Verdict[] = [];
    loop.request(P0, put("x"), timeout, (verdict) => verdicts.push(verdict));
    expect(verdicts).toEqual([]);
    clock.turn();
    expect(verdicts).toHaveLength(1);
    expect(clock.turns).toBe(0);
  });

  test("a request is answered exactly once, also by its deadline when the disk never syncs", () => {
    const { loop, clock, disk } = writer();
    const verdicts: Verdict[] = [];
    loop.request(P0, put("x"), duration(300), (verdict) => verdicts.push(verdict));
    clock.turn();
    clock.run(400);
    disk.slow = false;
    disk.sync();
    clock.turn();
    expect(verdicts).toHaveLength(1);
    // Not even what this node's own copy holds of the key is durable: nothing was decided.
    expect(verdicts[0]).toMatchObject({ status: "refused", refusal: { reason: "no-quorum" } });
  });

  test("a read that waits for the sync of this node's own copy is answered by its deadline, and not again when the disk moves", () => {
    const { clock, disk, loop } = writer();
    const verdicts: [number, Verdict][] = [];
    loop.request(P0, put("x"), timeout, () => {});
    loop.request(P0, read, duration(300), (verdict) => verdicts.push([clock.time, verdict]));
    clock.turn();
    const began = clock.time;
    clock.run(1_000);
    expect(verdicts).toEqual([[expect.any(Number), { status: "deadline", mayHaveRun: true }]]);
    expect((verdicts[0]?.[0] ?? 0) - began).toBeLessThanOrEqual(320);
    disk.sync();
    clock.turn();
    disk.sync();
    clock.turn();
    expect(verdicts).toHaveLength(1);
  });

  test("the clock is asked to wake it no later than its next deadline", () => {
    const { loop, clock } = writer();
    const rounds = vi.spyOn(loop.machine.core, "step");
    clock.run(1_000);
    expect(rounds.mock.calls.filter(([, input]) => input.kind === "wake").length).toBeGreaterThanOrEqual(5);
  });
});

describe("the end", () => {
  test("once stopped it takes nothing in, sends nothing, and tells nobody", () => {
    const { loop, clock, disk, left } = rig(B, 3);
    loop.deliver({ kind: "message", from: A, message: prepare(1) });
    clock.turn();
    loop.request(P0, read, timeout, () => expect.unreachable("answered after the stop"));
    loop.stop();
    expect(clock.stopped).toBe(true);
    left.length = 0;
    loop.deliver({ kind: "message", from: A, message: prepare(2) });
    disk.sync();
    clock.turn();
    expect(left).toEqual([]);
    expect(loop.machine.core.partitions.get(P0)?.copy.replica.promise.round).toBe(1);
  });

  /** Answers the reader's question as no correct replica does: something newer, without the register. */
  test("a broken invariant stops it: nothing of that turn leaves, and the node is told why", () => {
    const { loop, clock, disk, left, broken } = rig(B, 3);
    loop.request(P0, read, timeout, () => expect.unreachable("answered by a broken node"));
    loop.deliver({ kind: "message", from: A, message: prepare(1) });
    vi.spyOn(loop.machine, "step").mockImplementation(() => {
      throw new AssertionError("broken invariant: planted");
    });
    loop.deliver({ kind: "wake" });
    expect(broken).toMatchObject([expect.any(AssertionError)]);
    clock.turn();
    expect(disk.batches).toEqual([]);
    expect(left).toEqual([]);
    expect(clock.stopped).toBe(true);
  });

  test("also when it breaks on what a late sync released", () => {
    const { loop, clock, disk, left, broken } = rig(A, 1);
    loop.start();
    clock.turn();
    clock.run(1_000);
    vi.spyOn(loop.machine, "step").mockImplementation(() => {
      throw new AssertionError("broken invariant: planted");
    });
    left.length = 0;
    expect(() => disk.sync()).not.toThrow();
    expect(broken.map((error) => error.message)).toEqual(["broken invariant: planted"]);
    expect(clock.stopped).toBe(true);
    clock.turn();
    expect(left).toEqual([]);
  });

  test("also when the sync comes at once: not even that turn's flush happens", () => {
    const { loop, clock, disk, left, broken } = rig(A, 1);
    disk.slow = false;
    loop.start();
    clock.turn();
    const { machine } = loop;
    const step = machine.step.bind(machine);
    vi.spyOn(machine, "step").mockImplementation((now, input, out) => {
      step(now, input, out);
      if (input.kind === "message") throw new AssertionError("broken invariant: planted");
    });
    left.length = 0;
    clock.run(2_000);
    expect(broken).toHaveLength(1);
    expect(disk.batches.flat()).toMatchObject([{ kind: "promise" }]);
    const flushes = left.length;
    clock.run(2_000);
    expect(left).toHaveLength(flushes);
    expect(clock.turns).toBe(0);
  });

  test("also when it breaks on a client's request, which is not answered", () => {
    const { loop, clock, broken } = rig(A, 1);
    vi.spyOn(loop.machine, "submit").mockImplementation(() => {
      throw new AssertionError("broken invariant: planted");
    });
    expect(() => loop.request(P0, read, timeout, () => expect.unreachable("answered"))).not.toThrow();
    expect(broken).toHaveLength(1);
    expect(clock.stopped).toBe(true);
    expect(loop.request(P0, read, timeout, () => expect.unreachable("answered"))).toBe(0);
  });
});
