/** A word of a peer that cannot be: it is named, and changes nothing. The words of honest nodes pass. */
import { afterEach, describe, expect, test } from "vitest";
import { duration, instant } from "../../../../src/base/time.js";
import { ballot, timestamp } from "../../../../src/core/model/ballot.js";
import { CompletionRecords } from "../../../../src/core/model/completion-records.js";
import {
  attempt,
  changeNumber,
  groupEpoch,
  key,
  nodeId,
  type Partition,
  partition,
  revision,
  viewEpoch,
} from "../../../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../../../src/core/model/node-message.js";
import { Register } from "../../../../src/core/model/register.js";
import { Plausible } from "../../../../src/core/plausible/plausible.js";
import type { View } from "../../../../src/core/view/view.js";
import { plant } from "../../../planted/planted.js";
import { A, B, C, viewOf } from "../../node/cluster.js";

afterEach(() => plant());

const NOTHING = { round: 0, revision: 0 };
const MOST = Number.MAX_SAFE_INTEGER;
const P = partition(0);
const of = (round: number, node = A, epoch = 1) => ballot(groupEpoch(epoch), round, node);
const rig = (known = { round: 0, revision: 0 }): Plausible =>
  new Plausible({ view: () => viewOf(3, 3, 2), known: () => known, asked: () => P, partitionOf: null });
const at = (seconds: number) => instant(seconds * 1_000);
const prepare = (round: number): NodeMessage => ({ kind: "prepare", partition: P, ballot: of(round) });
const reserve = (reservation: number, floor = 0): NodeMessage => ({
  kind: "reserve",
  partition: P,
  ballot: of(1),
  attempt: attempt(1),
  reservation: revision(reservation),
  floor: revision(floor),
});
const bytes = (length: number): Buffer => Buffer.alloc(length);

interface Parts {
  readonly version?: number;
  readonly revision?: number;
  readonly floor?: number;
  readonly owner?: typeof A;
  readonly seq?: number;
}

function register({ version = 1, revision: decided = version, floor = 0, owner = A, seq = 1 }: Parts): Register {
  const at = timestamp(of(1, owner), seq);
  return new Register(
    key("k"),
    at,
    bytes(1),
    revision(version),
    revision(decided),
    revision(floor),
    CompletionRecords.none,
  );
}

const write = (parts: Parts): NodeMessage => ({
  kind: "write",
  partition: P,
  register: register(parts),
  settledSeq: 0,
  settledRevision: revision(0),
});

describe("a number that others go on above", () => {
  test.each<[string, NodeMessage]>([
    ["a ballot", prepare(MOST)],
    ["a reservation", reserve(MOST)],
    ["a floor", reserve(MOST, MOST)],
    ["a revision", write({ version: MOST })],
    ["a seq", write({ seq: MOST })],
    [
      "a promise in a Nack",
      { kind: "nack", partition: P, of: "write", ballot: of(1, B), attempt: 1, promised: of(MOST) },
    ],
    [
      "a floor in an answer",
      { kind: "recovered", partition: P, ballot: of(1, B), attempt: attempt(1), register: null, floor: revision(MOST) },
    ],
    [
      "an office",
      {
        kind: "heartbeat-answer",
        round: 1,
        heard: [],
        version: 1,
        since: 0,
        reports: [],
        offices: [{ partition: P, ballot: of(MOST) }],
        full: false,
      },
    ],
  ])("%s cannot be 2^53 − 1", (_, message) => {
    expect(rig().wrong(at(1), A, message)).not.toBeNull();
    plant("W6.any-leap");
    expect(rig().wrong(at(1), A, message)).toBeNull();
  });

  test("may be as far above as honest nodes get, and a leap uses up the room of the next", () => {
    const plausible = rig();
    expect(plausible.wrong(at(1), A, prepare(2 ** 30))).toBeNull();
    expect(plausible.wrong(at(1), A, prepare(2 ** 30 + 2 ** 20))).toContain("round");
    expect(plausible.wrong(at(1), A, prepare(2 ** 30))).toBeNull();
    expect(plausible.wrong(at(1_100), A, prepare(2 ** 30 + 2 ** 20))).toBeNull();
    expect(plausible.wrong(at(1_100), A, reserve(3 * 2 ** 40, 3 * 2 ** 40))).toBeNull();
  });

  test("is held against what this node knows itself, after a restart", () => {
    const known = { round: 2 ** 50, revision: 2 ** 50 };
    expect(rig(known).wrong(at(1), A, prepare(2 ** 50 + 1))).toBeNull();
    expect(rig(known).wrong(at(1), A, reserve(2 ** 50 + 1_000))).toBeNull();
  });

  test("never reaches the end: not with a leap a second for a year", () => {
    const plausible = rig();
    let high = 0;
    let leap = 2 ** 30;
    for (let second = 1; second <= 100_000; second++) {
      while (plausible.wrong(at(second), A, prepare(high + leap)) !== null && leap > 1) leap = Math.floor(leap / 2);
      if (plausible.wrong(at(second), A, prepare(high + leap)) === null) high += leap;
    }
    expect(high).toBeLessThan(2 ** 31);
  });
});

describe("a message", () => {
  test.each<[string, NodeMessage]>([
    ["of a writer comes from the owner of its ballot (P1)", { kind: "prepare", partition: P, ballot: of(1, B) }],
    ["with a register to be written, too", write({ owner: B })],
    ["has a partition that there is", { kind: "prepare", partition: partition(9), ballot: of(1) }],
    [
      "has a ballot of a replica (P2)",
      { kind: "promised", partition: P, ballot: of(1, nodeId(99)), reservation: revision(0) },
    ],
    ["has a ballot of an epoch that there is", { kind: "prepare", partition: P, ballot: of(1, A, 2 ** 30) }],
    ["has a version that was decided (P3)", write({ version: 3, revision: 2 })],
    ["has a floor that was decided", write({ version: 1, revision: 2, floor: 3 })],
    ["has a floor below its reservation", reserve(5, 6)],
  ])("%s", (_, message) => {
    expect(rig().wrong(at(1), A, message)).not.toBeNull();
  });

  test("has keys, values and request ids within the bounds of all clusters", () => {
    const forward = (keyLength: number, valueLength: number, id: string | null = null): NodeMessage => ({
      kind: "forward",
      id: 1,
      partition: P,
      groupEpoch: groupEpoch(1),
      remaining: duration(1_000),
      request: {
        kind: "write",
        write: {
          operation: { kind: "put", key: key("k".repeat(keyLength)), value: bytes(valueLength) },
          requestId: id as never,
          after: null,
          fingerprint: 0,
        },
      },
    });
    expect(rig().wrong(at(1), C, forward(65_536, 6_291_456, "i".repeat(16)))).toBeNull();
    expect(rig().wrong(at(1), C, forward(65_537, 1))).toContain("a key of 65537 bytes");
    expect(rig().wrong(at(1), C, forward(1, 16 * 1024 * 1024 - 100))).toContain("a value of");
    expect(rig().wrong(at(1), C, forward(1, 1, "i".repeat(17)))).toContain("a request id of 17 bytes");
  });
});

describe("a key of another partition (P4)", () => {
  const elsewhere = partition(1);
  const rigOf = (home: Partition): Plausible =>
    new Plausible({ view: () => viewOf(3, 3, 2), known: () => NOTHING, asked: () => P, partitionOf: () => home });
  const held = register({});
  const round = { partition: P, ballot: of(1), attempt: attempt(1) };
  const asking = { partition: P, groupEpoch: groupEpoch(1), attempt: attempt(1) };
  const forward = (request: Request): NodeMessage => ({
    kind: "forward",
    id: 1,
    partition: P,
    groupEpoch: groupEpoch(1),
    remaining: duration(1_000),
    request,
  });
  const put = { kind: "put", key: key("k"), value: bytes(1) } as const;

  test.each<NodeMessage>([
    write({}),
    { kind: "impose", partition: P, attempt: attempt(1), register: held },
    { kind: "recover", ...round, key: key("k") },
    { kind: "recovered", ...round, register: held, floor: revision(0) },
    { kind: "ask-tombstone", ...round, key: key("k"), timestamp: held.timestamp },
    { kind: "purge", ...round, key: key("k"), timestamp: held.timestamp },
    { kind: "read", ...asking, key: key("k"), holding: null },
    {
      kind: "read-answer",
      ...asking,
      timestamp: held.timestamp,
      register: held,
      settled: false,
      promised: of(1),
      settledRevision: revision(0),
    },
    { kind: "hand-over", ...asking, key: key("k") },
    { kind: "handed-over", ...asking, done: true, ballot: of(1), register: held, settledRevision: revision(0) },
    {
      kind: "changes",
      ...asking,
      copy: groupEpoch(1),
      upTo: changeNumber(1),
      more: false,
      changes: [{ timestamp: held.timestamp, register: held, settled: false }],
      taken: [],
    },
    forward({ kind: "read", read: { key: key("k"), consistency: "local" } }),
    forward({ kind: "write", write: { operation: put, requestId: null, after: null, fingerprint: 0 } }),
  ])("cannot come in a $kind", (message) => {
    expect(rigOf(P).wrong(at(1), A, message)).toBeNull();
    expect(rigOf(elsewhere).wrong(at(1), A, message)).toBe("a key of partition 1, as one of partition 0");
    plant("W9.any-key");
    expect(rigOf(elsewhere).wrong(at(1), A, message)).toBeNull();
  });
});

describe("a view that is told as decided", () => {
  const told = (over: Partial<View>): string | null => {
    const view = { ...viewOf(3, 3, 2), ...over };
    return rig().wrong(at(1), A, { kind: "view-news", decided: { view, bytes: bytes(0), digest: "" } });
  };

  test.each<[string, Partial<View>]>([
    ["of another cluster", { clusterId: "ab".repeat(16) }],
    ["of another number of partitions", { partitions: viewOf(3, 3, 4).partitions }],
    ["of an epoch that nobody has come to", { epoch: viewEpoch(2 ** 40) }],
  ])("%s is left alone", (_, over) => {
    expect(told(over)).not.toBeNull();
    plant("W4.any-news");
    expect(told(over)).toBeNull();
  });

  test("may be some epochs ahead: a node that was away learns the newest", () => {
    expect(told({ epoch: viewEpoch(1_000) })).toBeNull();
  });
});

test("a ballot that was good is judged anew in another view", () => {
  const good = of(1, C);
  let view = viewOf(3, 3, 2);
  const plausible = new Plausible({ view: () => view, known: () => NOTHING, asked: () => P, partitionOf: null });
  const told: NodeMessage = { kind: "confirmed", partition: P, ballot: good, attempt: attempt(1) };
  expect(plausible.wrong(at(0), C, told)).toBeNull();
  expect(plausible.wrong(at(0), C, told)).toBeNull();
  const [first, ...others] = view.partitions;
  if (first === undefined) throw new Error("a view has partitions");
  view = { ...view, partitions: [{ ...first, replicas: first.replicas.filter((node) => node !== C) }, ...others] };
  expect(plausible.wrong(at(0), C, told)).toContain("no replica of partition 0");
});
