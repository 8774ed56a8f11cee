/**
 * Everything that can go wrong for a client, in one table: status, reason, message and details. Only this file maps to
 * gRPC statuses.
 *
 * UNAVAILABLE and CANCELLED are retried by meshes by themselves: neither ever covers a write that may have been
 * executed.
 */

import type { Any } from "../../../gen/ts/google/protobuf/any.js";
import { ErrorInfo, RetryInfo } from "../../../gen/ts/google/rpc/error_details.js";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { type ErrorReason, Execution, Outcome } from "../../../gen/ts/onar/kv/v1/error.js";
import { unreachable } from "../../base/assert.js";
import type { NodeId, Partition, Revision } from "../../core/model/ids.js";
import type { Refusal } from "../../core/model/operation.js";
import type { Member } from "../../core/view/view.js";
import { GrpcError, STATUS, type StatusCode } from "../../grpc/status.js";
import type { Verdict } from "../../node/outgoing.js";
import { type Awaited, clientAddressOf, clientsNamed, missingNamed } from "../naming/node-names.js";

export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED" | "UNRECOGNIZED">;

export const ERROR_DOMAIN = "onar";
const RETRY_AFTER_MS = 100;

export interface FailureOptions {
  readonly code: StatusCode;
  /** null: a plain gRPC error that is not Onar's own. */
  readonly reason: Reason | null;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retry?: boolean;
  readonly outcome?: Outcome;
}

/** An answer that is an error. Not a defect: carries no stack trace to anybody. */
export class Failure extends GrpcError {
  declare readonly code: StatusCode;

  constructor(readonly options: FailureOptions) {
    super(options.code, options.message, { details: () => this.encodedStatus() });
    this.name = "Failure";
  }

  /** google.rpc.Status with the details; its message is the gRPC message. */
  toStatus(): RpcStatus {
    const { code, reason, message, metadata, retry, outcome } = this.options;
    const details: Any[] = [];
    if (reason !== null) {
      const info = ErrorInfo.encode({ reason, domain: ERROR_DOMAIN, metadata: { ...metadata } }).finish();
      details.push(anyOf("google.rpc.ErrorInfo", info));
    }
    if (retry === true) {
      const delay = { seconds: 0n, nanos: RETRY_AFTER_MS * 1_000_000 };
      details.push(anyOf("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay: delay }).finish()));
    }
    if (outcome !== undefined) details.push(anyOf("onar.kv.v1.Outcome", Outcome.encode(outcome).finish()));
    return { code, message, details };
  }

  encodedStatus(): Buffer {
    return Buffer.from(RpcStatus.encode(this.toStatus()).finish());
  }
}

/** A write's error says what became of it; a read's does not. */
export interface FailedRequest {
  readonly kind: "read" | "write";
  readonly partition: Partition | null;
  readonly hasId: boolean;
}

export function notExecuted(request: FailedRequest, retrySafe = true): { outcome?: Outcome } {
  if (request.kind === "read") return {};
  return { outcome: { execution: Execution.NOT_EXECUTED, retryWithSameIdIsSafe: retrySafe, revision: undefined } };
}

function mayHaveRun(request: FailedRequest, revision: Revision | null, retrySafe: boolean): { outcome?: Outcome } {
  if (request.kind === "read") return {};
  return {
    outcome: {
      execution: Execution.UNKNOWN,
      retryWithSameIdIsSafe: retrySafe,
      revision:
        revision === null || request.partition === null
          ? undefined
          : { partition: request.partition, revision: BigInt(revision) },
    },
  };
}

/** The failure of a verdict that is not an answer. `members`: so that nodes are named by their addresses. */
export function failureOf(
  verdict: Exclude<Verdict, { status: "done" }>,
  request: FailedRequest,
  members: readonly Member[],
): Failure {
  switch (verdict.status) {
    case "refused":
      return refusalOf(verdict.refusal, request, members);
    case "unserved":
      return verdict.reason === "no-quorum" ? noQuorum(verdict.missing, request, members) : noWriter(request);
    case "unknown":
      if (verdict.unknown.reason === "request-expired") {
        return new Failure({
          code: STATUS.failedPrecondition,
          reason: "REQUEST_EXPIRED",
          message:
            "the record of this request id may have been forgotten: this copy was not executed, an earlier one may have been",
          ...mayHaveRun(request, verdict.unknown.revision, false),
        });
      }
      return new Failure({
        code: STATUS.unknown,
        reason: "OUTCOME_UNKNOWN",
        message: "the writer changed before a majority had the write: it may have been executed, or may still be",
        ...mayHaveRun(request, null, request.hasId),
      });
    case "deadline":
      if (request.kind === "read" || !verdict.mayHaveRun) {
        return new Failure({
          code: STATUS.deadlineExceeded,
          reason: request.kind === "read" ? "NO_QUORUM" : "NO_WRITER",
          message: "the deadline came before the request could be answered; it was not executed",
          ...notExecuted(request),
        });
      }
      return new Failure({
        code: STATUS.deadlineExceeded,
        reason: "OUTCOME_UNKNOWN",
        message: "the deadline came before the outcome was known: the write may have been executed, or may still be",
        ...mayHaveRun(request, null, request.hasId),
      });
    default:
      return unreachable(verdict);
  }
}

function refusalOf(refusal: Refusal, request: FailedRequest, members: readonly Member[]): Failure {
  switch (refusal.reason) {
    case "not-a-number":
      return new Failure({
        code: STATUS.failedPrecondition,
        reason: "NOT_A_NUMBER",
        message: "the value is not a decimal signed 64-bit number",
        ...notExecuted(request, false),
      });
    case "overflow":
      return new Failure({
        code: STATUS.outOfRange,
        reason: "OVERFLOW",
        message: "the sum is beyond a signed 64-bit number",
        ...notExecuted(request, false),
      });
    case "request-id-reused":
      return new Failure({
        code: STATUS.invalidArgument,
        reason: "REQUEST_ID_REUSED",
        message: "request_id was used on this key by a request with other arguments",
        metadata: { field: "request_id" },
        ...notExecuted(request, false),
      });
    case "after-in-future":
      return new Failure({
        code: STATUS.invalidArgument,
        reason: "AFTER_IN_FUTURE",
        message: `after is above the partition's revision, which is ${refusal.revision}`,
        metadata: { field: "after", bound: String(refusal.revision) },
        ...notExecuted(request, false),
      });
    case "overloaded":
      return new Failure({
        code: STATUS.resourceExhausted,
        reason: "OVERLOADED",
        message: "too many requests are waiting",
        retry: true,
        ...notExecuted(request),
      });
    case "disk-full":
      return diskFull(request);
    case "no-quorum":
      return noQuorum(refusal.missing, request, members);
    case "not-writer":
    case "not-replica":
      return noWriter(request);
    default:
      return unreachable(refusal);
  }
}

const noWriter = (request: FailedRequest): Failure =>
  new Failure({
    code: STATUS.unavailable,
    reason: "NO_WRITER",
    message: "the key's partition has no writer at the moment",
    retry: true,
    ...notExecuted(request),
  });

const moving = (message: string): Failure =>
  new Failure({ code: STATUS.unavailable, reason: "MOVING", message, retry: true });

/** Asked of this node's own copy, which it does not keep or which takes over still: the view may be out of date. */
export const noCopy = (partition: Partition): Failure =>
  moving(`this node keeps no copy of partition ${partition} that is complete`);

/** A list that began is worth nothing any more. */
export const copyMoved = (partition: Partition): Failure =>
  moving(`partition ${partition} has got another group while its keys were listed: begin again`);

const noQuorum = (missing: readonly NodeId[], request: FailedRequest, members: readonly Member[]): Failure =>
  new Failure({
    code: STATUS.unavailable,
    reason: "NO_QUORUM",
    message: `no majority of the key's replicas can be reached; not heard: ${clientsNamed(members, missing) || "(all are heard again)"}`,
    metadata: {
      missing: missing.join(","),
      missing_addresses: missing.map((id) => clientAddressOf(members, id)).join(","),
    },
    retry: true,
    ...notExecuted(request),
  });

/** Reads go on, and so do writes of keys of which a majority of the replicas has space. */
const diskFull = (request: FailedRequest): Failure =>
  new Failure({
    code: STATUS.resourceExhausted,
    reason: "DISK_FULL",
    message: "the disks of too many of the key's replicas are full: writes are refused until a majority has space",
    ...notExecuted(request),
  });

/** Whoever reaches the port could list all keys and use up revisions. */
export const backupOff = (): Failure =>
  new Failure({
    code: STATUS.permissionDenied,
    reason: "BACKUP_OFF",
    message: "this node does not offer the calls of backups and restores at this port: start it with --backup",
  });

/** This node has no view yet, or is stopping. */
export const draining = (request: FailedRequest): Failure =>
  new Failure({
    code: STATUS.unavailable,
    reason: "DRAINING",
    message: "this node is stopping",
    retry: true,
    ...notExecuted(request),
  });

/** `awaited`: the founders, as far as this node knows them. */
export const starting = (request: FailedRequest, awaited: readonly Awaited[]): Failure =>
  new Failure({
    code: STATUS.unavailable,
    reason: "NO_WRITER",
    message: startingText(awaited),
    retry: true,
    ...notExecuted(request),
  });

export function startingText(awaited: readonly Awaited[]): string {
  const missing = missingNamed(awaited);
  return `this node waits for the other nodes of its cluster${missing === "" ? "" : `; not met yet: ${missing}`}`;
}

const anyOf = (type: string, value: Uint8Array): Any => ({
  typeUrl: `type.googleapis.com/${type}`,
  value: Buffer.from(value.buffer, value.byteOffset, value.length),
});
