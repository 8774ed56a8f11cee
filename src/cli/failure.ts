/**
 * What a failed call says about the write that it carried. The rule (proto/onar/kv/v1/error.proto): Onar's own errors carry an ErrorInfo of
 * domain "onar" and, for writes, an Outcome that says whether the write may have been executed. A status without them came from something
 * in between, or from a broken connection: the codes that a proxy or the library makes up for a request that may have arrived mean unknown.
 */
import { type ClientError, type Metadata, Status } from "nice-grpc-common";
import { ErrorInfo } from "../../gen/ts/google/rpc/error_details.js";
import { Status as RpcStatus } from "../../gen/ts/google/rpc/status.js";
import { Execution, Outcome } from "../../gen/ts/onar/kv/v1/error.js";

/** Why one attempt of a call has no answer. */
export interface Failure {
  /** "unknown": a write that was in this attempt may have been executed. */
  readonly execution: "not-executed" | "unknown";
  /** gRPC status by name; "" when the call itself was never answered. */
  readonly status: string;
  /** Onar's short reason, or "". */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** Another attempt, at another node or later, may succeed. */
  readonly retryable: boolean;
  /**
   * The cluster has decided this request id: the write was not and will not be executed, also by no earlier copy of it. Other refusals
   * speak for their own copy only.
   */
  readonly decided: boolean;
}

const DETAILS_TRAILER = "grpc-status-details-bin";
const DOMAIN = "onar";

const UNKNOWN_REASONS: ReadonlySet<string> = new Set(["OUTCOME_UNKNOWN", "REQUEST_EXPIRED"]);
/** The cluster has decided: no copy of the write was or will be executed. */
export const DECIDED_REASONS: ReadonlySet<string> = new Set(["NOT_A_NUMBER", "OVERFLOW"]);
export const RETRYABLE_REASONS: ReadonlySet<string> = new Set([
  "NO_WRITER",
  "MOVING",
  "NO_QUORUM",
  "DRAINING",
  "OVERLOADED",
  "OUTCOME_UNKNOWN",
]);

/** Statuses that, when they are not Onar's, can only mean that nothing was executed. */
const REFUSALS: ReadonlySet<Status> = new Set([
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.PERMISSION_DENIED,
  Status.UNAUTHENTICATED,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
  Status.UNIMPLEMENTED,
]);

export function failureOf(error: ClientError, trailer: Metadata | null): Failure {
  const status = Status[error.code] ?? String(error.code);
  const details = trailer === null ? null : detailsOf(trailer);
  if (details !== null && details.info !== null) {
    const { reason } = details.info;
    const unknown =
      details.outcome === null ? UNKNOWN_REASONS.has(reason) : details.outcome.execution !== Execution.NOT_EXECUTED;
    return {
      execution: unknown ? "unknown" : "not-executed",
      status,
      reason,
      message: `${printable(error.details)} (${reason})`,
      retryable: RETRYABLE_REASONS.has(reason) || (reason !== "REQUEST_EXPIRED" && unknown),
      decided: DECIDED_REASONS.has(reason) && !unknown,
    };
  }
  if (error.code === Status.UNIMPLEMENTED) {
    const message = `what answers there is not an Onar node, or is of another version: ${printable(error.details)}`;
    return { execution: "not-executed", status, reason: "", message, retryable: true, decided: false };
  }
  // The one bare refusal that gRPC itself makes of too long a request; our own side takes answers of any length.
  const tooLong = error.code === Status.RESOURCE_EXHAUSTED && /message larger than max/i.test(error.details);
  const refused = tooLong || REFUSALS.has(error.code);
  return {
    execution: refused ? "not-executed" : "unknown",
    status,
    reason: "",
    message: tooLong
      ? `the request is too long: ${printable(error.details)}`
      : `${status}: ${printable(error.details)}`,
    retryable: !refused,
    decided: false,
  };
}

function detailsOf(trailer: Metadata): { readonly info: ErrorInfo | null; readonly outcome: Outcome | null } | null {
  const bytes = trailer.get(DETAILS_TRAILER);
  if (!(bytes instanceof Uint8Array)) return null;
  let info: ErrorInfo | null = null;
  let outcome: Outcome | null = null;
  try {
    for (const any of RpcStatus.decode(bytes).details) {
      const name = any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);
      if (name === "google.rpc.ErrorInfo") {
        const found = ErrorInfo.decode(any.value);
        if (found.domain === DOMAIN) info = found;
      } else if (name === "onar.kv.v1.Outcome") {
        outcome = Outcome.decode(any.value);
      }
    }
  } catch {
    return null;
  }
  return { info, outcome };
}

/** A server's text on one line, without control characters that a terminal would obey. */
function printable(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, " ").trim();
  return line === "" ? "no explanation was given" : line.slice(0, 1_000);
}
