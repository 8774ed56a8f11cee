/**
 * Requests and results of the key-value service, between the wire and the core. Validation is the edge's
 * (rpc/call/validate.ts).
 */
import {
  type Header,
  Presence,
  type Condition as WireCondition,
  Consistency as WireConsistency,
  type Entry as WireEntry,
} from "../../../gen/ts/onar/kv/v1/common.js";
import type {
  AddResponse,
  CompareAndSetResponse,
  DeleteResponse,
  GetResponse,
  PutResponse,
} from "../../../gen/ts/onar/kv/v1/kv.js";
import type {
  Forward as WireForward,
  Forwarded as WireForwarded,
} from "../../../gen/ts/onar/replication/v1/replication.js";
import { RefusedReason, UnknownReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { unreachable } from "../../base/assert.js";
import {
  groupEpoch,
  type Key,
  nodeId,
  type Partition,
  type Revision,
  revision,
  UNKNOWN_REVISION,
} from "../../core/model/ids.js";
import type { Request } from "../../core/model/node-message.js";
import type {
  Answer,
  Condition,
  Consistency,
  KeyEntry,
  Refusal,
  RequestId,
  Result,
  Standing,
  Unknown,
  WriteOperation,
  WriteRequest,
} from "../../core/model/operation.js";
import { toBuffer } from "../../wire/bytes.js";
import { bytesOf, NO_BYTES, textOf } from "../bytes/bytes.js";
import { fingerprintOf } from "./fingerprint.js";
import { unreadToWire, withUnread } from "./unread.js";

// ---- requests

type WireRequest = NonNullable<WireForward["request"]>;

export function requestToWire(request: Request, partition: Partition): WireRequest {
  if (request.kind === "read") {
    const { key, consistency } = request.read;
    const value = { key: bytesOf(key), consistency: consistencyToWire(consistency), keySpace: "" };
    return { $case: "get", value: { ...value, ...unreadToWire(request) } };
  }
  const { operation, requestId, after } = request.write;
  const common = {
    key: bytesOf(operation.key),
    requestId: requestId === null ? NO_BYTES : bytesOf(requestId),
    after: after === null ? undefined : { partition, revision: BigInt(after) },
    keySpace: "",
    ...unreadToWire(request),
  };
  switch (operation.kind) {
    case "put":
      return { $case: "put", value: { ...common, value: toBuffer(operation.value) } };
    case "cas":
      return {
        $case: "compareAndSet",
        value: { ...common, value: toBuffer(operation.value), condition: conditionToWire(operation.condition) },
      };
    case "delete":
      return {
        $case: "delete",
        value: {
          ...common,
          condition: operation.condition === null ? undefined : conditionToWire(operation.condition),
        },
      };
    case "add":
      return { $case: "add", value: { ...common, delta: operation.delta } };
    default:
      return unreachable(operation);
  }
}

export function requestFromWire(wire: WireRequest): Request {
  if (wire.$case === "get") {
    const read = { key: keyFrom(textOf(wire.value.key)), consistency: consistencyFromWire(wire.value.consistency) };
    return withUnread({ kind: "read", read }, wire.value);
  }
  const { requestId, after } = wire.value;
  const known = after === undefined ? null : revisionFromWire(after.revision);
  const write = writeRequest(operationFromWire(wire), requestId, known);
  return withUnread({ kind: "write", write }, wire.value);
}

function operationFromWire(wire: Exclude<WireRequest, { $case: "get" }>): WriteOperation {
  const key = keyFrom(textOf(wire.value.key));
  switch (wire.$case) {
    case "put":
      return { kind: "put", key, value: wire.value.value };
    case "compareAndSet":
      return { kind: "cas", key, condition: conditionFromWire(wire.value.condition), value: wire.value.value };
    case "delete":
      return {
        kind: "delete",
        key,
        condition: wire.value.condition === undefined ? null : conditionFromWire(wire.value.condition),
      };
    case "add":
      return { kind: "add", key, delta: wire.value.delta };
    default:
      return unreachable(wire);
  }
}

/**
 * Clients' keys are checked where they come in; this is of a request that another node passes on. Its register could
 * not be read by anybody, and its sender would be cut off forever.
 */
export function keyFrom(text: string): Key {
  if (text === "") throw new Error("a request without key");
  return text as Key;
}

export function writeRequest(operation: WriteOperation, requestId: Uint8Array, after: Revision | null): WriteRequest {
  if (requestId.length === 0) return { operation, requestId: null, after: null, fingerprint: 0 };
  return { operation, requestId: textOf<RequestId>(requestId), after, fingerprint: fingerprintOf(operation) };
}

export function conditionFromWire(wire: WireCondition | undefined): Condition {
  const expected = wire?.expected;
  switch (expected?.$case) {
    case "version":
      return { kind: "version", version: revisionFromWire(expected.value) };
    case "value":
      return { kind: "value", value: expected.value };
    case "presence":
      return expected.value === Presence.ABSENT ? { kind: "absent" } : { kind: "present" };
    case undefined:
      throw new Error("a condition that expects nothing");
    default:
      return unreachable(expected);
  }
}

function conditionToWire(condition: Condition): WireCondition {
  switch (condition.kind) {
    case "version":
      return { expected: { $case: "version", value: BigInt(condition.version) } };
    case "value":
      return { expected: { $case: "value", value: toBuffer(condition.value) } };
    case "absent":
      return { expected: { $case: "presence", value: Presence.ABSENT } };
    case "present":
      return { expected: { $case: "presence", value: Presence.PRESENT } };
    default:
      return unreachable(condition);
  }
}

export const consistencyFromWire = (wire: WireConsistency): Consistency =>
  wire === WireConsistency.LOCAL ? "local" : "linearizable";

const consistencyToWire = (consistency: Consistency): WireConsistency =>
  consistency === "local" ? WireConsistency.LOCAL : WireConsistency.LINEARIZABLE;

/** Versions and revisions stay below 2^53; a larger one from outside is above every revision there is, and stays so. */
export const revisionFromWire = (wire: bigint): Revision =>
  revision(wire > MAX_REVISION ? Number.MAX_SAFE_INTEGER : Number(wire));

const MAX_REVISION = BigInt(Number.MAX_SAFE_INTEGER);

// ---- answers

const entryToWire = (entry: KeyEntry | null): WireEntry | undefined =>
  entry === null ? undefined : { value: toBuffer(entry.value), version: BigInt(entry.version) };

const entryFromWire = (wire: WireEntry | undefined): KeyEntry | null =>
  wire === undefined ? null : { value: wire.value, version: revisionFromWire(wire.version) };

type AnswerOf<Kind extends Answer["kind"]> = Extract<Answer, { kind: Kind }>;

export const getResponse = (answer: AnswerOf<"get">, header: Header): GetResponse => ({
  header,
  entry: entryToWire(answer.entry),
  consistency: consistencyToWire(answer.consistency),
});

export const putResponse = (answer: AnswerOf<"put">, header: Header): PutResponse => ({
  header,
  version: BigInt(answer.version),
});

export const casResponse = (answer: AnswerOf<"cas">, header: Header): CompareAndSetResponse => ({
  header,
  swapped: answer.swapped,
  version: BigInt(answer.version),
  found: entryToWire(answer.found),
});

export const deleteResponse = (answer: AnswerOf<"delete">, header: Header): DeleteResponse => ({
  header,
  deleted: answer.deleted,
  version: BigInt(answer.versionFound),
  found: entryToWire(answer.found),
});

export const addResponse = (answer: AnswerOf<"add">, header: Header): AddResponse =>
  answer.number === null
    ? { header, version: BigInt(answer.version) }
    : { header, version: BigInt(answer.version), number: answer.number };

// ---- results passed back to the entry node

type WireResult = NonNullable<WireForwarded["result"]>;

export function resultToWire(result: Result): WireResult {
  switch (result.status) {
    case "refused":
      return { $case: "refused", value: refusalToWire(result.refusal) };
    case "unknown":
      return {
        $case: "unknown",
        value:
          result.unknown.reason === "request-expired"
            ? { reason: UnknownReason.REQUEST_EXPIRED, revision: result.unknown.revision }
            : { reason: UnknownReason.OUTCOME_UNKNOWN, revision: 0 },
      };
    case "done": {
      const header = standingToWire(result.standing);
      const { answer } = result;
      switch (answer.kind) {
        case "get":
          return { $case: "get", value: getResponse(answer, header) };
        case "put":
          return { $case: "put", value: putResponse(answer, header) };
        case "cas":
          return { $case: "compareAndSet", value: casResponse(answer, header) };
        case "delete":
          return { $case: "delete", value: deleteResponse(answer, header) };
        case "add":
          return { $case: "add", value: addResponse(answer, header) };
        default:
          return unreachable(answer);
      }
    }
    default:
      return unreachable(result);
  }
}

export function resultFromWire(wire: WireResult | undefined): Result {
  if (wire === undefined) throw new Error("a forwarded answer without result");
  if (wire.$case === "refused") return { status: "refused", refusal: refusalFromWire(wire.value) };
  if (wire.$case === "unknown") {
    const unknown: Unknown =
      wire.value.reason === UnknownReason.REQUEST_EXPIRED
        ? { reason: "request-expired", revision: revision(wire.value.revision) }
        : { reason: "outcome-unknown" };
    return { status: "unknown", unknown };
  }
  return { status: "done", answer: answerFromWire(wire), standing: standingFromWire(wire.value.header) };
}

function answerFromWire(wire: Exclude<WireResult, { $case: "refused" | "unknown" }>): Answer {
  switch (wire.$case) {
    case "get":
      return {
        kind: "get",
        entry: entryFromWire(wire.value.entry),
        consistency: consistencyFromWire(wire.value.consistency),
      };
    case "put":
      return { kind: "put", version: revisionFromWire(wire.value.version) };
    case "compareAndSet":
      return {
        kind: "cas",
        swapped: wire.value.swapped,
        version: revisionFromWire(wire.value.version),
        found: entryFromWire(wire.value.found),
      };
    case "delete":
      return {
        kind: "delete",
        deleted: wire.value.deleted,
        versionFound: revisionFromWire(wire.value.version),
        found: entryFromWire(wire.value.found),
      };
    case "add":
      return { kind: "add", version: revisionFromWire(wire.value.version), number: wire.value.number ?? null };
    default:
      return unreachable(wire);
  }
}

/** Between nodes a header carries the standing only; the entry node fills in the rest. */
const standingToWire = (standing: Standing): Header => ({
  clusterId: NO_BYTES,
  nodeId: 0,
  viewEpoch: 0n,
  revision: standing.revision === UNKNOWN_REVISION ? undefined : { partition: 0, revision: BigInt(standing.revision) },
  groupEpoch: BigInt(standing.groupEpoch),
  writerNodeId: standing.writer,
});

const standingFromWire = (header: Header | undefined): Standing => ({
  revision: header?.revision === undefined ? UNKNOWN_REVISION : revisionFromWire(header.revision.revision),
  groupEpoch: groupEpoch(Number(header?.groupEpoch ?? 0n)),
  writer: nodeId(header?.writerNodeId ?? 0),
});

const REFUSALS: Record<Refusal["reason"], RefusedReason> = {
  "not-writer": RefusedReason.NOT_WRITER,
  "not-replica": RefusedReason.NOT_REPLICA,
  "no-quorum": RefusedReason.NO_QUORUM,
  "not-a-number": RefusedReason.NOT_A_NUMBER,
  overflow: RefusedReason.OVERFLOW,
  "request-id-reused": RefusedReason.REQUEST_ID_REUSED,
  "after-in-future": RefusedReason.AFTER_IN_FUTURE,
  overloaded: RefusedReason.OVERLOADED,
  "disk-full": RefusedReason.DISK_FULL,
};

function refusalToWire(refusal: Refusal): Extract<WireResult, { $case: "refused" }>["value"] {
  return {
    reason: REFUSALS[refusal.reason],
    writerNodeId: refusal.reason === "not-writer" ? refusal.hint : 0,
    revision: refusal.reason === "after-in-future" ? refusal.revision : 0,
    missing: refusal.reason === "no-quorum" ? refusal.missing.slice() : [],
  };
}

function refusalFromWire(wire: Extract<WireResult, { $case: "refused" }>["value"]): Refusal {
  switch (wire.reason) {
    case RefusedReason.NO_QUORUM:
      return { reason: "no-quorum", missing: wire.missing.map(nodeId) };
    case RefusedReason.NOT_A_NUMBER:
      return { reason: "not-a-number" };
    case RefusedReason.OVERFLOW:
      return { reason: "overflow" };
    case RefusedReason.REQUEST_ID_REUSED:
      return { reason: "request-id-reused" };
    case RefusedReason.AFTER_IN_FUTURE:
      return { reason: "after-in-future", revision: revision(wire.revision) };
    case RefusedReason.OVERLOADED:
      return { reason: "overloaded" };
    case RefusedReason.DISK_FULL:
      return { reason: "disk-full" };
    case RefusedReason.NOT_WRITER:
      return { reason: "not-writer", hint: nodeId(wire.writerNodeId) };
    default:
      // Also what a newer node may say: it was not executed there.
      return { reason: "not-replica" };
  }
}
