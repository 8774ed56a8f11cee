/** The core as a whole: which partition a message reaches, when it wants to be woken, and rounds that came late. */
import { describe, expect, test } from "vitest";
import { duration, type Instant, instant, never } from "../../../src/base/time.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { Core } from "../../../src/core/core.js";
import type { CoreInput } from "../../../src/core/input.js";
import { type Ballot, ballot } from "../../../src/core/model/ballot.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { changeNumber, groupEpoch, type NodeId, nodeId, partition, revision } from "../../../src/core/model/ids.js";
import type { CoreMessage } from "../../../src/core/model/message.js";
import { MemoryTable } from "../../../src/core/model/table.js";
import { DEFAULT_PURGE_AFTER, DEFAULT_ROUND } from "../../../src/core/options.js";
import { RECORD_RETENTION_MS } from "../../../src/core/writer/decide.js";
import { A, B, C, viewOf } from "../node/cluster.js";
import { K, put, request, TestOutbox } from "./writer/harness.js";

const E = groupEpoch(1);
const p = partition;
const b = (round: number, node: NodeId, epoch = E): Ballot => ballot(epoch, round, node);
const prepare = (of: number, promised: Ballot): CoreMessage => ({
  kind: "prepare",
  partition: p(of),
  ballot: promised,
});

class Rig {
  readonly core: Core;
  readonly out = new TestOutbox();
  now: Instant = instant(0);

  /** Three nodes, two replicas of each of four partitions: A keeps 0, 2, 3. */
  constructor(size = 3, delta = 2, restored: readonly Entry[] = []) {
    const tables = new Map<number, MemoryTable>();
    const table = (of: number): MemoryTable => {
      const known = tables.get(of) ?? new MemoryTable();
      tables.set(of, known);
      return known;
    };
    this.core = new Core({
      self: A,
      newest: encodedView(viewOf(size, delta, 4)),
      table,
      restored,
      firstAttempt: 0,
      now: this.now,
    });
  }

  step(input: CoreInput): void {
    this.core.step(this.now, input, this.out);
  }

  receive(from: NodeId, message: CoreMessage): void {
    this.step({ kind: "message", from, message });
  }

  wake(at: number): void {
    this.now = instant(at);
    this.step({ kind: "wake" });
  }

  /** Answers the heartbeats of this round. */
  answerAs(...nodes: NodeId[]): void {
    const { round } = this.core.detector;
    for (const from of nodes) {
      this.receive(from, {
        kind: "heartbeat-answer",
        round,
        heard: [A],
        version: 1,
        since: 0,
        full: false,
        reports: [],
        offices: [],
      });
    }
  }

  get answers(): string[] {
    return this.out.sendDurable.take().map(({ to, message }) => `${message.kind}→${to}`);
  }
}

describe("routing", () => {
  test("a message reaches the partition that it names, and no other", () => {
    const rig = new Rig();
    rig.receive(C, prepare(2, b(3, C)));
    expect(rig.answers).toEqual([`promised→${C}`]);
    const rounds = [...rig.core.partitions].map(([of, served]) => [of, served.copy.replica.promise.round]);
    expect(rounds).toEqual([
      [0, 0],
      [2, 3],
      [3, 0],
    ]);
  });

  test("a message about a partition that is not kept here is ignored", () => {
    const rig = new Rig();
    rig.receive(B, prepare(1, b(3, B)));
    rig.receive(B, prepare(9, b(3, B)));
    expect(rig.answers).toEqual([]);
    expect(rig.out.entries).toEqual([]);
  });

  test("a message of another group epoch is ignored, older or newer, whatever carries the epoch", () => {
    const rig = new Rig();
    for (const epoch of [groupEpoch(0), groupEpoch(2)]) {
      rig.receive(B, prepare(0, b(3, B, epoch)));
      rig.receive(B, { kind: "read", partition: p(0), groupEpoch: epoch, attempt: 1 as never, key: K, holding: null });
    }
    expect(rig.answers).toEqual([]);
    expect(rig.out.entries).toEqual([]);
    rig.receive(B, { kind: "read", partition: p(0), groupEpoch: E, attempt: 1 as never, key: K, holding: null });
    expect(rig.answers).toEqual([`read-answer→${B}`]);
  });

  test("a message from a node outside the group is ignored", () => {
    const rig = new Rig();
    rig.receive(C, prepare(0, b(3, C)));
    rig.receive(nodeId(99), prepare(0, b(3, nodeId(99))));
    expect(rig.answers).toEqual([]);
    expect(rig.out.entries).toEqual([]);
  });

  test("what a client asks of a partition that is not kept here is refused", () => {
    const rig = new Rig();
    const deadline = instant(1_000);
    rig.step({ kind: "write", ticket: 1, partition: p(1), request: request(put("x")), deadline: never });
    rig.step({ kind: "read", ticket: 2, partition: p(1), request: { key: K, consistency: "local" }, deadline });
    const refused = { status: "refused", refusal: { reason: "not-replica" } };
    expect(rig.out.outcomes).toEqual([
      { ticket: 1, result: refused, afterSync: false },
      { ticket: 2, result: refused, afterSync: false },
    ]);
  });

  test("an answer to a heartbeat waits for the sync, as what it reports may be of this very batch (R8)", () => {
    const rig = new Rig();
    rig.receive(B, { kind: "heartbeat", round: 1, reportsSeen: 0, logPosition: 0 });
    expect(rig.out.sendNow.list).toEqual([]);
    expect(rig.answers).toEqual([`heartbeat-answer→${B}`]);
  });

  test("entries of an earlier life reach their partition, and those of partitions that went are skipped", () => {
    const entries: Entry[] = [
      { kind: "promise", partition: p(2), ballot: b(7, C) },
      { kind: "reservation", partition: p(0), reservation: revision(50) },
      { kind: "promise", partition: p(1), ballot: b(9, B) },
    ];
    const { core } = new Rig(3, 2, entries);
    expect(core.partitions.get(p(2))?.copy.replica.promise).toEqual(b(7, C));
    const { replica } = core.partitions.get(p(0))?.copy ?? expect.unreachable();
    expect(replica).toMatchObject({ revisions: { reservation: 50 }, promise: { round: 0 } });
    expect(core.partitions.has(p(1))).toBe(false);
  });
});

describe("deadlines", () => {
  test("the first round begins at once, the next a round later", () => {
    const rig = new Rig();
    expect(rig.core.nextDeadline()).toBe(0);
    rig.wake(0);
    expect(rig.out.sendNow.kinds).toEqual(["heartbeat", "heartbeat"]);
    expect(rig.core.nextDeadline()).toBe(DEFAULT_ROUND);
  });

  test("a wake before its time does nothing", () => {
    const rig = new Rig();
    rig.wake(0);
    rig.out.sendNow.take();
    rig.wake(DEFAULT_ROUND - 1);
    expect(rig.out.sendNow.list).toEqual([]);
    expect(rig.core.detector.round).toBe(1);
  });

  test("while something may have to be asked again it wants to be woken sooner, and no longer afterwards", () => {
    const rig = new Rig();
    rig.wake(0);
    const deadline = instant(50);
    rig.step({ kind: "read", ticket: 1, partition: p(0), request: { key: K, consistency: "linearizable" }, deadline });
    expect(rig.core.nextDeadline()).toBeLessThanOrEqual(20);
    rig.wake(60);
    expect(rig.out.outcomes).toMatchObject([{ ticket: 1, result: { refusal: { reason: "no-quorum" } } }]);
    expect(rig.core.nextDeadline()).toBe(DEFAULT_ROUND);
  });

  test("a round may be chosen", () => {
    const core = new Core({
      self: A,
      newest: encodedView(viewOf(1)),
      table: () => new MemoryTable(),
      firstAttempt: 0,
      round: duration(50),
      now: instant(7),
    });
    core.step(instant(7), { kind: "wake" }, new TestOutbox());
    expect(core.nextDeadline()).toBe(57);
  });
});

describe("rounds", () => {
  /** Hears B and C; the next round ends at the time returned. */
  const heard = (): { rig: Rig; at: number } => {
    const rig = new Rig();
    let at = 0;
    for (let i = 0; i < 3; i++, at += DEFAULT_ROUND) {
      rig.wake(at);
      rig.answerAs(B, C);
    }
    expect(rig.core.hears(B)).toBe(true);
    return { rig, at };
  };

  test("who does not answer is given up after two rounds", () => {
    const { rig, at } = heard();
    for (let i = 0; i < 3; i++) {
      rig.wake(at + i * DEFAULT_ROUND);
      rig.answerAs(C);
    }
    expect(rig.core.hears(B)).toBe(false);
    expect(rig.core.hears(C)).toBe(true);
  });

  test("a round that ended far too late blames nobody: this node stood still", () => {
    const { rig } = heard();
    for (let i = 1; i <= 5; i++) rig.wake(i * 10_000);
    expect(rig.core.hears(B)).toBe(true);
    expect(rig.core.hears(C)).toBe(true);
  });

  test("a little late is not late", () => {
    const { rig, at } = heard();
    for (let i = 0; i < 3; i++) rig.wake(at + i * (2 * DEFAULT_ROUND));
    expect(rig.core.hears(B)).toBe(false);
  });

  test("a peer that restarted is told everything anew", () => {
    const { rig, at } = heard();
    const seen = (): number => {
      for (const { to, message } of rig.out.sendNow.take())
        if (to === B && message.kind === "heartbeat") return message.reportsSeen;
      return -1;
    };
    rig.out.sendNow.take();
    rig.wake(at);
    expect(seen()).toBe(1);
    rig.step({ kind: "peer-restarted", peer: B });
    rig.wake(at + DEFAULT_ROUND);
    expect(seen()).toBe(0);
  });
});

test("what is known to be settled is written down once a second, as it rises all the time", () => {
  const rig = new Rig(1, 1);
  const { replica } = rig.core.partitions.get(p(0))?.copy ?? expect.fail();
  const written: number[] = [];
  for (let at = 0; at <= 3_000; at += DEFAULT_ROUND) {
    replica.revisions.settle(b(1, A), 1 + at, revision(1));
    rig.wake(at);
    for (const entry of rig.out.entries) if (entry.kind === "settled" && entry.partition === 0) written.push(entry.seq);
    rig.out.entries.length = 0;
  }
  expect(written).toEqual([1_001, 2_001, 3_001]);
});

describe("how far behind this node's copy is", () => {
  /** Three replicas of one partition; B has told of seven changes, C of nine. */
  const told = (): Rig => {
    const rig = new Rig(3, 3);
    rig.wake(0);
    const report = (lastChange: number) => ({
      partition: p(0),
      groupEpoch: E,
      ready: true,
      promise: b(0, B),
      live: false,
      settled: null,
      settledRevision: revision(0),
      lastChange: changeNumber(lastChange),
      lagging: false,
    });
    for (const [from, lastChange] of [
      [B, 7],
      [C, 9],
    ] as const) {
      const { round } = rig.core.detector;
      const answer = {
        kind: "heartbeat-answer",
        round,
        heard: [A],
        version: 1,
        since: 0,
        full: false,
        offices: [],
      } as const;
      rig.receive(from, { ...answer, reports: [report(lastChange)] });
    }
    return rig;
  };
  const behind = (rig: Rig): number | null | undefined => rig.core.partitions.get(p(0))?.behind;
  const pass = (rig: Rig, ...answering: NodeId[]): void => {
    for (let i = 1; i <= 8; i++) {
      rig.wake(i * DEFAULT_ROUND);
      rig.answerAs(...answering);
    }
  };

  test("is by those whom it hears", () => {
    const rig = told();
    pass(rig, B, C);
    expect(behind(rig)).toBe(9);
  });

  test("does not count for ever what a replica told that is gone", () => {
    const rig = told();
    pass(rig, B);
    expect(rig.core.hears(C)).toBe(false);
    expect(behind(rig)).toBe(7);
  });

  test("is unknown while no majority is heard", () => {
    const rig = told();
    pass(rig);
    expect(behind(rig)).toBeNull();
  });
});

test("tombstones rest far longer than the records of requests are kept", () => {
  expect(DEFAULT_PURGE_AFTER).toBeGreaterThanOrEqual(10 * RECORD_RETENTION_MS);
});

describe("the writer", () => {
  test("a node alone becomes the writer of all it keeps; of what it does not keep it knows none", () => {
    const rig = new Rig(1, 1);
    for (let at = 0; at <= 1_000; at += DEFAULT_ROUND) {
      rig.wake(at);
      for (let sent = rig.out.sendDurable.take(); sent.length > 0; sent = rig.out.sendDurable.take()) {
        for (const { message } of sent) rig.receive(A, message);
      }
    }
    for (const of of [0, 1, 2, 3]) {
      expect(rig.core.isWriter(p(of))).toBe(true);
      expect(rig.core.writerOf(p(of))).toBe(A);
    }
    expect(rig.core.isWriter(p(9))).toBe(false);
    expect(rig.core.writerOf(p(9))).toBeNull();
  });
});
