/**
 * The meaning of a failed attempt for the call that it carried. The rule (proto/onar/kv/v1/error.proto): Onar's own
 * errors carry an ErrorInfo of domain "onar". For writes they also carry an Outcome that says whether the write may
 * have been executed. A status without them came from something in between, or from a broken connection. The codes that
 * these make up for a request that may have arrived mean unknown.
 */

import type { Any } from "../../gen/ts/google/protobuf/any.js";
import { ErrorInfo, RetryInfo } from "../../gen/ts/google/rpc/error_details.js";
import { Status as RpcStatus } from "../../gen/ts/google/rpc/status.js";
import { Execution, Outcome } from "../../gen/ts/onar/kv/v1/error.js";
import { unreachable } from "../base/assert.js";
import { printable } from "../base/printable.js";
import type { GrpcError } from "../grpc/status.js";
import { statusName } from "../grpc/status-name.js";
import type { Reason } from "./outcome.js";

/** Why one attempt of a call has no answer. */
export interface Failure {
  readonly $case: "failure";
  /** "unknown": a write that was in this attempt may have been executed. */
  readonly execution: "notExecuted" | "unknown";
  readonly reason: Reason;
  /** gRPC status by name; "" when no server has told it. */
  readonly status: string;
  /** For people. */
  readonly message: string;
  /** Another attempt, at another node or later, may succeed. */
  readonly retryable: boolean;
  /**
   * The cluster has decided this request id: no copy of the write was or will be executed. Other refusals speak for
   * their own copy.
   */
  readonly decided: boolean;
  /** The server's wish. */
  readonly retryAfterMs: number;
  /** The node is not to be asked for a while. */
  readonly nodeUnwell: boolean;
  /** A revision that the error told, of REQUEST_EXPIRED above all. */
  readonly told: Outcome["revision"];
}

const DOMAIN = "onar";
/** Reasons that are unknown even where the Outcome got lost on the way. */
const UNKNOWN: ReadonlySet<string> = new Set(["OUTCOME_UNKNOWN", "REQUEST_EXPIRED"]);
const DECIDED: ReadonlySet<string> = new Set(["NOT_A_NUMBER", "OVERFLOW"]);
/** Statuses after which the same call fails again, whoever says so. */
const FINAL: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "DATA_LOSS",
]);
/** The reasons of RESOURCE_EXHAUSTED that waiting does not help. */
const FULL: ReadonlySet<string> = new Set(["DISK_FULL", "QUOTA_EXCEEDED"]);

/** The gRPC status, by name, that fits a reason which no server has told. */
const CODES: Readonly<Record<string, string>> = {
  DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
  CANCELLED: "CANCELLED",
  CLOSED: "CANCELLED",
  UNREACHABLE: "UNAVAILABLE",
  UNAVAILABLE: "UNAVAILABLE",
  NO_WRITER: "UNAVAILABLE",
  WRONG_CLUSTER: "FAILED_PRECONDITION",
  INTERNAL: "INTERNAL",
};
export const codeOf = (reason: Reason): string => CODES[reason] ?? "UNKNOWN";

/** A failure that no server has told. */
export const ownFailure = (
  execution: Failure["execution"],
  reason: Reason,
  message: string,
  retryable = true,
): Failure => ({
  $case: "failure",
  execution,
  reason,
  status: "",
  message,
  retryable,
  decided: false,
  retryAfterMs: 0,
  nodeUnwell: false,
  told: undefined,
});

/** Takes the end of a call of our own gRPC, which says itself what became of it. */
export function failureOfError({ code, details, message, outcome }: GrpcError): Failure {
  const failure = failureWith(code, message, details ?? null);
  switch (outcome) {
    case "answered":
      return failure;
    case "unprocessed":
      return { ...failure, execution: "notExecuted" };
    case "unknown":
      return { ...failure, execution: "unknown" };
    default:
      return unreachable(outcome);
  }
}

/** Takes a status with an encoded google.rpc.Status, or without. */
export function failureWith(code: number, message: string, encoded: Uint8Array | null): Failure {
  let details: readonly Any[] = [];
  try {
    if (encoded !== null) details = RpcStatus.decode(encoded).details;
  } catch {
    // Not what Onar sends.
  }
  return failureOf({ code, message, details });
}

export function failureOf(status: {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Any[];
}): Failure {
  const { code } = status;
  const message = explanation(status.message);
  const name = statusName(code);
  const { info, outcome, retryAfterMs } = read(status.details);
  if (info !== null) {
    const reason = printable(info.reason);
    const unknown =
      outcome === null ? name === "UNKNOWN" || UNKNOWN.has(reason) : outcome.execution !== Execution.NOT_EXECUTED;
    return {
      $case: "failure",
      execution: unknown ? "unknown" : "notExecuted",
      reason,
      status: name,
      message: `${message} (${reason})`,
      retryable: !FINAL.has(name) && !FULL.has(reason),
      decided: DECIDED.has(reason) && !unknown,
      retryAfterMs,
      nodeUnwell: reason === "DRAINING",
      told: outcome?.revision,
    };
  }
  const told = (execution: Failure["execution"], text: string, retryable: boolean): Failure => ({
    ...ownFailure(execution, name, text, retryable),
    status: name,
  });
  if (name === "UNIMPLEMENTED") {
    return told("notExecuted", `what answers is no Onar node, or of another version: ${message}`, false);
  }
  // The one bare refusal that gRPC itself makes of too long a request; our own side takes answers of any length.
  const tooLong = name === "RESOURCE_EXHAUSTED" && /message larger than max/i.test(message);
  if (tooLong) return told("notExecuted", `the request is too long: ${message}`, false);
  const final = FINAL.has(name);
  const bare = told(final ? "notExecuted" : "unknown", `${name}: ${message}`, !final);
  return { ...bare, nodeUnwell: name === "UNAVAILABLE" || name === "DEADLINE_EXCEEDED" };
}

interface Details {
  readonly info: ErrorInfo | null;
  readonly outcome: Outcome | null;
  readonly retryAfterMs: number;
}

function read(details: readonly Any[]): Details {
  let info: ErrorInfo | null = null;
  let outcome: Outcome | null = null;
  let retryAfterMs = 0;
  try {
    for (const { typeUrl, value } of details) {
      const name = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
      if (name === "google.rpc.ErrorInfo") {
        const found = ErrorInfo.decode(value);
        if (found.domain === DOMAIN) info = found;
      } else if (name === "onar.kv.v1.Outcome") {
        outcome = Outcome.decode(value);
      } else if (name === "google.rpc.RetryInfo") {
        const delay = RetryInfo.decode(value).retryDelay;
        if (delay !== undefined) retryAfterMs = Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
      }
    }
  } catch {
    return { info: null, outcome: null, retryAfterMs: 0 };
  }
  return { info, outcome, retryAfterMs };
}

/** A server's text on one line, without control characters. */
function explanation(text: string): string {
  const line = printable(text).trim();
  return line === "" ? "no explanation was given" : line;
}
