/**
 * A valid frame of every kind, as the nodes of rig.ts could send them: what mutations begin with, besides the frames
 * that are under way. The types make the list complete for the code, corpus.test.ts for the contract.
 */
import {
  type Authentication,
  Frame,
  type Handshake,
  type Refusal,
} from "../../../gen/ts/onar/replication/v1/replication.js";
import { duration } from "../../../src/base/time.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { encodeAuthentication, encodeFrames, encodeHandshake, encodeRefusal } from "../../../src/codec/peer/frame.js";
import { ballot, type SeqRanges, timestamp } from "../../../src/core/model/ballot.js";
import { type CompletionRecord, CompletionRecords } from "../../../src/core/model/completion-records.js";
import {
  attempt,
  changeNumber,
  groupEpoch,
  key,
  type NodeId,
  nodeId,
  partition,
  revision,
  viewEpoch,
} from "../../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../../src/core/model/node-message.js";
import type {
  Answer,
  Condition,
  Refusal as Refused,
  RequestId,
  Result,
  WriteOperation,
} from "../../../src/core/model/operation.js";
import { Register } from "../../../src/core/model/register.js";
import type { Member } from "../../../src/core/view/view.js";

export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
}

const EPOCH = groupEpoch(1);
const [A, B, C] = [nodeId(10), nodeId(11), nodeId(12)];
const P = partition(0);
/** Lies in partition 0 of 4 and of 16. */
const K = key("k18");
const OURS = ballot(EPOCH, 3, B);
const AT = timestamp(OURS, 5);
const ID = "0123456789abcdef" as RequestId;
const value = (text: string): Buffer => Buffer.from(text);

const record = (outcome: CompletionRecord["outcome"], of: number): CompletionRecord => ({
  requestId: `${ID.slice(1)}${of % 10}` as RequestId,
  fingerprint: 0x12345678,
  revision: revision(of),
  outcome,
  version: revision(of - 1),
});
const RECORDS = CompletionRecords.of([
  ...(["applied", "condition-failed", "absent", "not-a-number", "overflow"] as const).map((one, i) =>
    record(one, i + 2),
  ),
]);

const register = (what: Buffer | null, records = CompletionRecords.none): Register =>
  new Register(K, AT, what, revision(6), revision(7), revision(1), records);
const VALUED = register(value("a value"), RECORDS);
const TOMBSTONE = register(null);
const HAD: readonly SeqRanges[] = [
  { ballot: OURS, ranges: [1, 3, 5, 5] },
  { ballot: ballot(EPOCH, 1, A), ranges: [2, 70_000] },
];

const memberOf = (id: NodeId): Member => ({
  id,
  clientAddress: `127.0.0.1:46${id}`,
  peerAddress: `127.0.0.1:47${id}`,
  zone: "z",
});
const FIRST = encodedView({
  epoch: viewEpoch(1),
  clusterId: "0123456789abcdef".repeat(2),
  previousDigest: "",
  operationId: "ef".repeat(16),
  replicationFactor: 3,
  members: [A, B, C].map(memberOf),
  partitions: [0, 1, 2, 3].map(() => ({ replicas: [A, B, C], groupEpoch: EPOCH })),
  voters: [A, B, C],
});
const NEWCOMER = memberOf(nodeId(14));
const SECOND = encodedView({
  ...FIRST.view,
  epoch: viewEpoch(2),
  previousDigest: FIRST.digest,
  members: [...FIRST.view.members, NEWCOMER],
});

const round = { partition: P, ballot: OURS, attempt: attempt(11_000_005) };
const inGroup = { partition: P, groupEpoch: EPOCH, attempt: attempt(11_000_006) };

const inMerge = { ...inGroup, groupEpoch: groupEpoch(EPOCH + 1), previous: EPOCH };
const SOURCE = { copy: EPOCH, lastChange: changeNumber(40), size: 12 };
const SEALED = { votes: true, floor: revision(3), reservation: revision(1_000), settled: [AT] };

const CONDITIONS: readonly Condition[] = [
  { kind: "version", version: revision(6) },
  { kind: "value", value: value("5") },
  { kind: "absent" },
  { kind: "present" },
];
const OPERATIONS: readonly WriteOperation[] = [
  { kind: "put", key: K, value: value("a value") },
  ...CONDITIONS.map((condition): WriteOperation => ({ kind: "cas", key: K, condition, value: value("7") })),
  { kind: "delete", key: K, condition: null },
  ...CONDITIONS.map((condition): WriteOperation => ({ kind: "delete", key: K, condition })),
  { kind: "add", key: K, delta: -3n },
];
const REQUESTS: readonly Request[] = [
  { kind: "read", read: { key: K, consistency: "linearizable" } },
  { kind: "read", read: { key: K, consistency: "local" } },
  ...OPERATIONS.flatMap((operation): Request[] => [
    { kind: "write", write: { operation, requestId: null, after: null, fingerprint: 0 } },
    { kind: "write", write: { operation, requestId: ID, after: revision(4), fingerprint: 1 } },
  ]),
];

const found = { value: value("5"), version: revision(6) };
const ANSWERS: readonly Answer[] = [
  { kind: "get", entry: found, consistency: "linearizable" },
  { kind: "get", entry: null, consistency: "local" },
  { kind: "put", version: revision(8) },
  { kind: "cas", swapped: false, version: revision(6), found },
  { kind: "delete", deleted: true, versionFound: revision(6), found: null },
  { kind: "add", version: revision(8), number: 9n },
];
const REFUSALS: readonly Refused[] = [
  { reason: "not-writer", hint: C },
  { reason: "no-quorum", missing: [A, C] },
  { reason: "after-in-future", revision: revision(9) },
  { reason: "overloaded" },
  { reason: "disk-full" },
];
const RESULTS: readonly Result[] = [
  ...ANSWERS.map(
    (answer): Result => ({
      status: "done",
      answer,
      standing: { revision: revision(8), groupEpoch: EPOCH, writer: B },
    }),
  ),
  ...REFUSALS.map((refusal): Result => ({ status: "refused", refusal })),
  { status: "unknown", unknown: { reason: "request-expired", revision: revision(9) } },
  { status: "unknown", unknown: { reason: "outcome-unknown" } },
];

type Kinds = { readonly [Kind in NodeMessage["kind"]]: readonly Omit<Extract<NodeMessage, { kind: Kind }>, "kind">[] };

const MESSAGES: Kinds = {
  write: [
    { partition: P, register: VALUED, settledSeq: 4, settledRevision: revision(6) },
    { partition: P, register: TOMBSTONE, settledSeq: 0, settledRevision: revision(0) },
  ],
  written: [{ partition: P, ballot: OURS, seq: 5 }],
  read: [
    { ...inGroup, key: K, holding: AT },
    { ...inGroup, key: K, holding: null },
  ],
  "read-answer": [
    { ...inGroup, timestamp: AT, register: VALUED, settled: true, promised: OURS, settledRevision: revision(6) },
    { ...inGroup, timestamp: null, register: null, settled: false, promised: OURS, settledRevision: revision(6) },
  ],
  forward: REQUESTS.map((request, i) => ({
    id: 11_000_100 + i,
    partition: P,
    groupEpoch: EPOCH,
    request,
    remaining: duration(4_000),
  })),
  forwarded: RESULTS.map((result) => ({ id: 10_000_001, result })),
  impose: [{ partition: P, attempt: attempt(11_000_007), register: VALUED }],
  imposed: [inGroup],
  recover: [{ ...round, key: K }],
  recovered: [
    { ...round, register: VALUED, floor: revision(1) },
    { ...round, register: null, floor: revision(0) },
  ],
  confirm: [round],
  confirmed: [round],
  nack: (["prepare", "recover", "reserve", "confirm", "write", "impose", "purge"] as const).map((of) => ({
    partition: P,
    of,
    ballot: ballot(EPOCH, 2, A),
    attempt: 10_000_003,
    promised: OURS,
  })),
  heartbeat: [{ round: 7, reportsSeen: 3, logPosition: 40, positionProof: "0123456789abcdef" }],
  "heartbeat-answer": [
    {
      round: 7,
      heard: [A, C],
      version: 9,
      since: 3,
      full: false,
      reports: [0, 1, 2, 3].map((p) => ({
        partition: partition(p),
        groupEpoch: EPOCH,
        ready: true,
        promise: OURS,
        live: true,
        settled: AT,
        settledRevision: revision(6),
        lastChange: changeNumber(12),
        lagging: true,
      })),
      offices: [
        { partition: P, ballot: OURS },
        { partition: partition(2), ballot: null },
      ],
    },
    { round: 8, heard: [], version: 10, since: 9, full: true, reports: [], offices: [] },
  ],
  "view-prepare": [{ ballot: OURS, digest: FIRST.digest }],
  "view-promised": [
    { ballot: ballot(EPOCH, 2, A), vote: null },
    { ballot: ballot(EPOCH, 2, A), vote: { ballot: OURS, next: SECOND } },
  ],
  "view-accept": [{ ballot: OURS, digest: FIRST.digest, next: SECOND }],
  "view-accepted": [{ ballot: ballot(EPOCH, 2, A) }],
  "view-refused": [{ ballot: ballot(EPOCH, 2, A), promised: OURS }],
  "view-wanted": [{ epoch: viewEpoch(0) }],
  "view-news": [{ decided: FIRST }],
  "view-held": [{ epoch: viewEpoch(1), digest: FIRST.digest }],
  "join-wish": [
    { member: NEWCOMER, operation: "ab".repeat(16), epoch: viewEpoch(1), digest: FIRST.digest },
    { member: NEWCOMER, operation: "ac".repeat(16), share: true, epoch: viewEpoch(1), digest: FIRST.digest },
  ],
  "operation-wish": [
    { operation: { kind: "leave", id: "cd".repeat(16), epoch: viewEpoch(1), node: B }, digest: FIRST.digest },
    { operation: { kind: "rebalance", id: "c9".repeat(16), epoch: viewEpoch(1), node: B }, digest: FIRST.digest },
    { operation: { kind: "drain", id: "cb".repeat(16), epoch: viewEpoch(1), node: B }, digest: FIRST.digest },
    { operation: { kind: "remove", id: "cc".repeat(16), epoch: viewEpoch(1), node: B }, digest: FIRST.digest },
    { operation: { kind: "replace", id: "ca".repeat(16), epoch: viewEpoch(1), node: B, by: C }, digest: FIRST.digest },
    {
      operation: { kind: "set-replication", id: "c8".repeat(16), epoch: viewEpoch(1), node: B, replicas: 3 },
      digest: FIRST.digest,
    },
    {
      operation: {
        kind: "change-settings",
        id: "c7".repeat(16),
        epoch: viewEpoch(1),
        node: B,
        settings: { movesPerNode: 4, replaceAfterMs: 0 },
        unset: ["transferRateMib"],
      },
      digest: FIRST.digest,
    },
    {
      operation: { kind: "transfer-writer", id: "ce".repeat(16), epoch: viewEpoch(1), node: B, partitions: null },
      digest: FIRST.digest,
    },
  ],
  "copies-ready": [
    {
      epoch: viewEpoch(1),
      ready: [{ partition: P, groupEpoch: EPOCH, bad: 2 }],
      vouched: [{ partition: P, groupEpoch: EPOCH }],
    },
  ],
  prepare: [{ partition: P, ballot: OURS }],
  promised: [{ partition: P, ballot: ballot(EPOCH, 2, A), reservation: revision(1_000) }],
  reserve: [{ ...round, reservation: revision(2_000), floor: revision(3) }],
  reserved: [round],
  "hand-over": [{ ...inGroup, key: K }],
  "handed-over": [
    { ...inGroup, done: true, ballot: OURS, register: VALUED, settledRevision: revision(7) },
    { ...inGroup, done: false, ballot: null, register: null, settledRevision: revision(0) },
  ],
  "your-turn": [{ partition: P, ballot: OURS }],
  "ask-changes": [
    { ...inGroup, copy: EPOCH, after: changeNumber(3), taken: HAD, whole: true },
    { ...inGroup, copy: EPOCH, after: changeNumber(0), taken: [], whole: false },
  ],
  changes: [
    {
      ...inGroup,
      copy: EPOCH,
      upTo: changeNumber(12),
      more: true,
      changes: [
        { timestamp: VALUED.timestamp, register: VALUED, settled: true },
        { timestamp: timestamp(OURS, 4), register: null, settled: false },
      ],
      taken: HAD,
    },
  ],
  "ask-states": [
    { ...inMerge, after: null },
    { ...inMerge, after: K },
  ],
  states: [
    {
      ...inMerge,
      source: SOURCE,
      sealed: SEALED,
      states: [{ key: K, timestamp: AT, settled: true }],
      upTo: K,
    },
    { ...inMerge, source: SOURCE, sealed: SEALED, states: [{ key: K, timestamp: null, settled: false }], upTo: null },
    { ...inMerge, source: SOURCE, sealed: { ...SEALED, votes: false, settled: [] }, states: [], upTo: null },
  ],
  "ask-keys": [{ ...inMerge, keys: [K] }],
  "keys-held": [
    {
      ...inMerge,
      source: SOURCE,
      sealed: SEALED,
      held: [
        { key: K, register: VALUED, bad: false, settled: true },
        { key: K, register: null, bad: true, settled: false },
      ],
    },
  ],
  "ask-tombstone": [{ ...round, key: K, timestamp: AT }],
  "tombstone-held": [round],
  purge: [{ ...round, key: K, timestamp: AT }],
  purged: [round],
};

const HANDSHAKE: Handshake = {
  protocolVersion: 2,
  clusterId: Buffer.from("00112233445566778899aabbccddeeff", "hex"),
  nodeId: B,
  viewEpoch: 1,
  viewDigest: Buffer.alloc(32, 3),
  logPosition: 40,
  clientAddress: "c11:1",
  peerAddress: "p11:2",
  zone: "a",
  storage: 2,
  uptimeMs: 1_000,
  softwareVersion: "0.1.0",
  meantNodeId: A,
  positionProof: Buffer.alloc(16, 4),
  seenPosition: 3,
  seenProof: Buffer.alloc(16, 5),
};
const REFUSAL: Refusal = { reason: 1, text: "another cluster", expected: "00112233445566778899aabbccddeeff" };
const HELLO = {
  nonce: Buffer.alloc(32, 1),
  nodeId: B,
  peerAddress: "p11:2",
  clusterId: HANDSHAKE.clusterId,
  dialedNodeId: A,
  dialedAddress: "p10:2",
};
const STEPS: readonly NonNullable<Authentication["step"]>[] = [
  { $case: "hello", value: HELLO },
  { $case: "challenge", value: { nonce: Buffer.alloc(32, 2) } },
  { $case: "proof", value: { proof: Buffer.alloc(32, 3) } },
  { $case: "welcome", value: { nodeId: A, peerAddress: "p10:2", clusterId: HELLO.clusterId, proof: HELLO.nonce } },
];

const TRACE = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };

export function frameOf(messages: readonly NodeMessage[], traced = false): Buffer {
  const frames: Buffer[] = [];
  encodeFrames(viewEpoch(1), messages, (frame) => void frames.push(frame), traced ? () => TRACE : null);
  return frames[0] ?? Buffer.alloc(0);
}

const messages = Object.entries(MESSAGES).flatMap(([kind, list]) =>
  (list as readonly object[]).map((body) => ({ ...body, kind }) as NodeMessage),
);

/** Messages that only earlier versions send. */
const EARLIER: readonly Seed[] = [
  {
    name: "leave-wish",
    bytes: Buffer.from(
      Frame.encode(
        Frame.fromPartial({
          viewEpoch: 1,
          messages: [
            {
              message: {
                $case: "leaveWish",
                value: {
                  nodeId: B,
                  operationId: Buffer.alloc(16, 0xcd),
                  epoch: 1,
                  digest: Buffer.from(FIRST.digest, "hex"),
                },
              },
            },
          ],
        }),
      ).finish(),
    ),
  },
];

/** Frames with messages. */
export const CORPUS: readonly Seed[] = [
  ...EARLIER,
  ...messages.map((message, i) => ({ name: `${message.kind} ${i}`, bytes: frameOf([message], i % 7 === 0) })),
  { name: "many messages", bytes: frameOf(messages.filter((_, i) => i % 9 === 0)) },
  { name: "no message", bytes: frameOf([]) },
];

/** Frames of what comes before. */
export const GREETINGS: readonly Seed[] = [
  { name: "handshake", bytes: encodeHandshake(HANDSHAKE) },
  { name: "refusal", bytes: encodeRefusal(REFUSAL) },
  ...STEPS.map((step) => ({ name: step.$case, bytes: encodeAuthentication({ step }) })),
];
