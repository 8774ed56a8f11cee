/** Arbitrary messages of every kind, for round trips. */
import fc from "fast-check";
import { duration } from "../../../src/base/time.js";
import { fingerprintOf } from "../../../src/codec/api/fingerprint.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { ballot } from "../../../src/core/model/ballot.js";
import { type CompletionRecord, CompletionRecords } from "../../../src/core/model/completion-records.js";
import {
  attempt,
  changeNumber,
  groupEpoch,
  key,
  nodeId,
  partition,
  revision,
  UNKNOWN_REVISION,
  viewEpoch,
} from "../../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../../src/core/model/node-message.js";
import type {
  Answer,
  Condition,
  Refusal,
  RequestId,
  Result,
  WriteOperation,
  WriteRequest,
} from "../../../src/core/model/operation.js";
import { Register } from "../../../src/core/model/register.js";
import type { EncodedView } from "../../../src/core/view/encoded-view.js";
import type { ViewOperation } from "../../../src/core/view/operation.js";
import type { Member } from "../../../src/core/view/view.js";

const u32 = fc.nat({ max: 2 ** 32 - 1 });
const u53 = fc.maxSafeNat();
const latin1 = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes).toString("latin1"));

const anyKey = latin1(1, 40).map(key);
const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
const anyNode = u32.map(nodeId);
const anyPartition = fc.nat({ max: 65_535 }).map(partition);
const anyEpoch = u53.map(groupEpoch);
const anyRevision = u53.map(revision);
const anyTold = fc.oneof(anyRevision, fc.constant(UNKNOWN_REVISION));
const anyChange = u53.map(changeNumber);
const anyAttempt = u53.map(attempt);
const anyBallot = fc.tuple(anyEpoch, u53, anyNode).map(([epoch, round, node]) => ballot(epoch, round, node));
const anyTimestamp = fc.record({ ballot: anyBallot, seq: u53 });
const anyRequestId = latin1(16, 16).map((id) => id as RequestId);
const orNull = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null });

const anyRecord: fc.Arbitrary<CompletionRecord> = fc.record({
  requestId: anyRequestId,
  fingerprint: u32,
  revision: anyRevision,
  outcome: fc.constantFrom("applied", "condition-failed", "absent", "not-a-number", "overflow"),
  version: anyRevision,
});

export const anyRegister: fc.Arbitrary<Register> = fc
  .tuple(
    anyKey,
    anyTimestamp,
    orNull(anyBytes),
    anyRevision,
    anyRevision,
    anyRevision,
    fc.array(anyRecord, { maxLength: 4 }),
  )
  .map(([k, at, value, version, decided, floor, records]) => {
    // None of a request that was not decided yet.
    const past = records.map((one) => ({ ...one, revision: revision(Math.min(one.revision, decided)) }));
    return new Register(k, at, value, version, decided, floor, CompletionRecords.of(past));
  });

const anyCondition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constantFrom<Condition>({ kind: "absent" }, { kind: "present" }),
  fc.record({ kind: fc.constant("version" as const), version: anyRevision }),
  fc.record({ kind: fc.constant("value" as const), value: anyBytes }),
);

export const anyOperation: fc.Arbitrary<WriteOperation> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), key: anyKey, value: anyBytes }),
  fc.record({ kind: fc.constant("cas" as const), key: anyKey, condition: anyCondition, value: anyBytes }),
  fc.record({ kind: fc.constant("delete" as const), key: anyKey, condition: orNull(anyCondition) }),
  fc.record({
    kind: fc.constant("add" as const),
    key: anyKey,
    delta: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }),
);

const anyWrite: fc.Arbitrary<WriteRequest> = fc
  .tuple(anyOperation, orNull(anyRequestId), orNull(anyRevision))
  .map(([operation, requestId, after]) =>
    requestId === null
      ? { operation, requestId, after: null, fingerprint: 0 }
      : { operation, requestId, after, fingerprint: fingerprintOf(operation) },
  );

const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  anyWrite.map((write): Request => ({ kind: "write", write })),
  fc
    .tuple(anyKey, fc.constantFrom("linearizable" as const, "local" as const))
    .map(([k, consistency]): Request => ({ kind: "read", read: { key: k, consistency } })),
);

const anyEntry = orNull(fc.record({ value: anyBytes, version: anyRevision }));
const anyAnswer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({
    kind: fc.constant("get" as const),
    entry: anyEntry,
    consistency: fc.constantFrom("linearizable" as const, "local" as const),
  }),
  fc.record({ kind: fc.constant("put" as const), version: anyRevision }),
  fc.record({ kind: fc.constant("cas" as const), swapped: fc.boolean(), version: anyRevision, found: anyEntry }),
  fc.record({
    kind: fc.constant("delete" as const),
    deleted: fc.boolean(),
    versionFound: anyRevision,
    found: anyEntry,
  }),
  fc.record({
    kind: fc.constant("add" as const),
    version: anyRevision,
    number: orNull(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  }),
);

const anyRefusal: fc.Arbitrary<Refusal> = fc.oneof(
  anyNode.map((hint): Refusal => ({ reason: "not-writer", hint })),
  fc.array(anyNode, { maxLength: 4 }).map((missing): Refusal => ({ reason: "no-quorum", missing })),
  anyRevision.map((of): Refusal => ({ reason: "after-in-future", revision: of })),
  fc.constantFrom<Refusal>(
    { reason: "not-replica" },
    { reason: "not-a-number" },
    { reason: "overflow" },
    { reason: "request-id-reused" },
    { reason: "overloaded" },
    { reason: "disk-full" },
  ),
);

const anyResult: fc.Arbitrary<Result> = fc.oneof(
  fc
    .tuple(anyAnswer, fc.record({ revision: anyTold, groupEpoch: anyEpoch, writer: anyNode }))
    .map(([answer, standing]): Result => ({ status: "done", answer, standing })),
  anyRefusal.map((refusal): Result => ({ status: "refused", refusal })),
  anyRevision.map((of): Result => ({ status: "unknown", unknown: { reason: "request-expired", revision: of } })),
  fc.constant<Result>({ status: "unknown", unknown: { reason: "outcome-unknown" } }),
);

const inRound = { partition: anyPartition, ballot: anyBallot, attempt: anyAttempt };
const inBallot = fc.record({ partition: anyPartition, ballot: anyBallot, attempt: anyAttempt });
const anyTombstone = fc.record({
  partition: anyPartition,
  ballot: anyBallot,
  attempt: anyAttempt,
  key: anyKey,
  timestamp: anyTimestamp,
});
const inGroup = { partition: anyPartition, groupEpoch: anyEpoch, attempt: anyAttempt };

const hexOf = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((some) => Buffer.from(some).toString("hex"));
const anyDigest = hexOf(32);
const anyOperationId = hexOf(16);
const anyViewEpoch = u53.map(viewEpoch);
const anyAddress = fc.constantFrom("127.0.0.1:4600", "n1.example:7", "[::1]:9");
const anyMember: fc.Arbitrary<Member> = fc.record({
  id: fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(nodeId),
  clientAddress: anyAddress,
  peerAddress: anyAddress,
  zone: fc.constantFrom("", "a"),
});
const anyViewOperation: fc.Arbitrary<ViewOperation> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("leave" as const, "drain" as const, "remove" as const, "rebalance" as const),
    id: anyOperationId,
    epoch: anyViewEpoch,
    node: anyNode,
  }),
  fc.record({
    kind: fc.constant("set-replication" as const),
    id: anyOperationId,
    epoch: anyViewEpoch,
    node: anyNode,
    replicas: fc.integer({ min: 1, max: 31 }),
  }),
  fc.record({
    kind: fc.constant("change-settings" as const),
    id: anyOperationId,
    epoch: anyViewEpoch,
    node: anyNode,
    settings: fc.constantFrom({}, { movesPerNode: 1, replaceAfterMs: 0 }, { transferRateMib: 10_000 }),
    unset: fc.constantFrom([], ["movesPerCluster" as const, "transferPartitions" as const]),
  }),
  fc.record({
    kind: fc.constant("replace" as const),
    id: anyOperationId,
    epoch: anyViewEpoch,
    node: anyNode,
    by: anyNode,
  }),
  fc.record({
    kind: fc.constant("transfer-writer" as const),
    id: anyOperationId,
    epoch: anyViewEpoch,
    node: anyNode,
    partitions: fc.option(fc.array(anyPartition, { minLength: 1, maxLength: 5 })),
  }),
);
const anyView: fc.Arbitrary<EncodedView> = fc
  .record({
    epoch: fc.integer({ min: 1, max: 1_000 }),
    clusterId: hexOf(16),
    digest: anyDigest,
    id: hexOf(16),
    member: anyMember,
  })
  .map(({ epoch, clusterId, digest, id, member }) =>
    encodedView({
      epoch: viewEpoch(epoch),
      clusterId,
      previousDigest: digest,
      operationId: id,
      replicationFactor: 1,
      members: [member],
      partitions: [{ replicas: [member.id], groupEpoch: groupEpoch(1) }],
      voters: [member.id],
    }),
  );
const anyRanges = fc.array(
  fc.record({
    ballot: anyBallot,
    ranges: fc
      .uniqueArray(u53, { maxLength: 6 })
      .map((bounds) => bounds.slice(bounds.length % 2).sort((a, b) => a - b)),
  }),
  { maxLength: 3 },
);
const anyListed = fc.oneof(
  fc.record({ timestamp: anyTimestamp, register: fc.constant(null), settled: fc.boolean() }),
  fc
    .record({ register: anyRegister, settled: fc.boolean() })
    .map((listed) => ({ ...listed, timestamp: listed.register.timestamp })),
);

type Kinds = {
  readonly [Kind in NodeMessage["kind"]]: fc.Arbitrary<Omit<Extract<NodeMessage, { kind: Kind }>, "kind">>;
};

const inMerge = { ...inGroup, previous: anyEpoch };
const anySource = fc.record({ copy: anyEpoch, lastChange: anyChange, size: u53 });
const anySealed = fc.record({
  votes: fc.boolean(),
  floor: anyRevision,
  reservation: anyRevision,
  settled: fc.array(anyTimestamp, { maxLength: 3 }),
});

const bodies: Kinds = {
  prepare: fc.record({ partition: anyPartition, ballot: anyBallot }),
  promised: fc.record({ partition: anyPartition, ballot: anyBallot, reservation: anyRevision }),
  recover: fc.record({ ...inRound, key: anyKey }),
  recovered: fc.record({ ...inRound, register: orNull(anyRegister), floor: anyRevision }),
  reserve: fc.record({ ...inRound, reservation: anyRevision, floor: anyRevision }),
  reserved: fc.record(inRound),
  confirm: fc.record(inRound),
  confirmed: fc.record(inRound),
  write: fc.record({ partition: anyPartition, register: anyRegister, settledSeq: u53, settledRevision: anyRevision }),
  written: fc.record({ partition: anyPartition, ballot: anyBallot, seq: u53 }),
  nack: fc.record({
    partition: anyPartition,
    of: fc.constantFrom("prepare", "recover", "reserve", "confirm", "write", "impose", "purge"),
    ballot: anyBallot,
    attempt: u53,
    promised: anyBallot,
  }),
  read: fc.record({ ...inGroup, key: anyKey, holding: orNull(anyTimestamp) }),
  "read-answer": fc.record({
    ...inGroup,
    timestamp: orNull(anyTimestamp),
    register: orNull(anyRegister),
    settled: fc.boolean(),
    promised: anyBallot,
    settledRevision: anyRevision,
  }),
  impose: fc.record({ partition: anyPartition, attempt: anyAttempt, register: anyRegister }),
  imposed: fc.record(inGroup),
  "hand-over": fc.record({ ...inGroup, key: anyKey }),
  "handed-over": fc.record({
    ...inGroup,
    done: fc.boolean(),
    ballot: orNull(anyBallot),
    register: orNull(anyRegister),
    settledRevision: anyRevision,
  }),
  "ask-changes": fc.record({
    ...inGroup,
    copy: anyEpoch,
    after: anyChange,
    taken: anyRanges,
    whole: fc.boolean(),
  }),
  changes: fc.record({
    ...inGroup,
    copy: anyEpoch,
    upTo: anyChange,
    more: fc.boolean(),
    changes: fc.array(anyListed, { maxLength: 3 }),
    taken: anyRanges,
  }),
  "ask-states": fc.record({ ...inMerge, after: orNull(anyKey) }),
  states: fc.record({
    ...inMerge,
    source: anySource,
    sealed: anySealed,
    states: fc.array(fc.record({ key: anyKey, timestamp: orNull(anyTimestamp), settled: fc.boolean() }), {
      maxLength: 3,
    }),
    upTo: orNull(anyKey),
  }),
  "ask-keys": fc.record({ ...inMerge, keys: fc.array(anyKey, { maxLength: 3 }) }),
  "keys-held": fc.record({
    ...inMerge,
    source: anySource,
    sealed: anySealed,
    held: fc.array(
      fc.record({ key: anyKey, register: orNull(anyRegister), bad: fc.boolean(), settled: fc.boolean() }),
      { maxLength: 3 },
    ),
  }),
  "ask-tombstone": anyTombstone,
  "tombstone-held": inBallot,
  purge: anyTombstone,
  purged: inBallot,
  "your-turn": fc.record({ partition: anyPartition, ballot: anyBallot }),
  heartbeat: fc.record({ round: u53, reportsSeen: u53, logPosition: u53 }),
  "heartbeat-answer": fc.record({
    round: u53,
    heard: fc.array(anyNode, { maxLength: 4 }),
    version: u53,
    since: u53,
    full: fc.boolean(),
    reports: fc.array(
      fc.record({
        partition: anyPartition,
        groupEpoch: anyEpoch,
        ready: fc.boolean(),
        promise: anyBallot,
        live: fc.boolean(),
        settled: orNull(anyTimestamp),
        settledRevision: anyTold,
        lastChange: anyChange,
        lagging: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
    offices: fc.array(fc.record({ partition: anyPartition, ballot: orNull(anyBallot) }), { maxLength: 3 }),
  }),
  forward: fc.record({
    id: u53,
    partition: anyPartition,
    groupEpoch: anyEpoch,
    request: anyRequest,
    remaining: fc.nat({ max: 100_000 }).map(duration),
  }),
  forwarded: fc.record({ id: u53, result: anyResult }),
  "view-prepare": fc.record({ ballot: anyBallot, digest: anyDigest }),
  "view-promised": fc.record({ ballot: anyBallot, vote: orNull(fc.record({ ballot: anyBallot, next: anyView })) }),
  "view-accept": fc.record({ ballot: anyBallot, digest: anyDigest, next: anyView }),
  "view-accepted": fc.record({ ballot: anyBallot }),
  "view-refused": fc.record({ ballot: anyBallot, promised: anyBallot }),
  "view-wanted": fc.record({ epoch: anyViewEpoch }),
  "view-news": fc.record({ decided: anyView }),
  "view-held": fc.record({ epoch: anyViewEpoch, digest: anyDigest }),
  "join-wish": fc.record(
    {
      member: anyMember,
      operation: anyOperationId,
      share: fc.constant(true as const),
      epoch: anyViewEpoch,
      digest: anyDigest,
    },
    { requiredKeys: ["member", "operation", "epoch", "digest"] },
  ),
  "operation-wish": fc.record({ operation: anyViewOperation, digest: anyDigest }),
  "copies-ready": fc.record({
    epoch: anyViewEpoch,
    ready: fc.array(fc.record({ partition: anyPartition, groupEpoch: anyEpoch, bad: u53 }), { maxLength: 3 }),
    vouched: fc.array(fc.record({ partition: anyPartition, groupEpoch: anyEpoch }), { maxLength: 3 }),
  }),
};

export const KINDS = Object.keys(bodies) as NodeMessage["kind"][];

export const anyOfKind = (kind: NodeMessage["kind"]): fc.Arbitrary<NodeMessage> =>
  (bodies[kind] as fc.Arbitrary<object>).map((body) => ({ kind, ...body }) as NodeMessage);

export const anyMessage: fc.Arbitrary<NodeMessage> = fc.oneof(...KINDS.map(anyOfKind));

/** The same message with registers as if they had never been encoded, so that two can be compared. */
export function bare(message: NodeMessage): NodeMessage {
  if (message.kind === "changes") {
    const changes = message.changes.map((one) => ({ ...one, register: bareRegister(one.register) }));
    return { ...message, changes };
  }
  if (message.kind === "keys-held") {
    const held = message.held.map((one) => ({ ...one, register: bareRegister(one.register) }));
    return { ...message, held };
  }
  if (!("register" in message) || message.register === null) return message;
  return { ...message, register: bareRegister(message.register) } as NodeMessage;
}

function bareRegister(register: Register | null): Register | null {
  if (register === null) return null;
  const { key: k, timestamp, value, version, revision: r, floor, records } = register;
  return new Register(k, timestamp, value === null ? null : Buffer.from(value), version, r, floor, records);
}
