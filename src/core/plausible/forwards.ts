/** Whether a request that is passed on, and the answer to one, can be. */
import { unreachable } from "../../base/assert.js";
import { REQUEST_ID_BYTES } from "../../base/limits.js";
import type { Instant } from "../../base/time.js";
import type { Key, Partition, Revision } from "../model/ids.js";
import type { Forward, Forwarded, Request } from "../model/node-message.js";
import type { Answer, KeyEntry } from "../model/operation.js";
import { type Values, value } from "./values.js";
import { first, listed, type Wrong } from "./wrong.js";

const MAX_REMAINING_MS = 120_000;

export function forward(values: Values, message: Forward): Wrong {
  return (
    values.partition(message.partition) ??
    remaining(message.remaining) ??
    request(message.request) ??
    values.key(message.partition, keyOf(message.request))
  );
}

/** `partition`: that of the request. */
export function forwarded(values: Values, now: Instant, partition: Partition, { result: told }: Forwarded): Wrong {
  switch (told.status) {
    case "done": {
      const { revision, writer } = told.standing;
      return (
        answered(told.answer) ??
        values.member(writer) ??
        values.revision(now, partition, revision) ??
        first(versionsIn(told.answer), (version) => values.revision(now, partition, version))
      );
    }
    case "refused": {
      const { refusal } = told;
      if (refusal.reason === "not-writer") return values.member(refusal.hint);
      if (refusal.reason === "after-in-future") return values.revision(now, partition, refusal.revision);
      if (refusal.reason !== "no-quorum") return null;
      return (
        listed(refusal.missing.length, values.view.members.length, "nodes") ??
        first(refusal.missing, (node) => values.member(node))
      );
    }
    case "unknown":
      return told.unknown.reason === "request-expired" ? values.revision(now, partition, told.unknown.revision) : null;
    default:
      return unreachable(told);
  }
}

const remaining = (ms: number): Wrong => (ms <= MAX_REMAINING_MS ? null : `a request with ${ms} ms to go`);

const entry = (found: KeyEntry | null): Wrong => (found === null ? null : value(found.value));

const keyOf = (asked: Request): Key => (asked.kind === "read" ? asked.read.key : asked.write.operation.key);

function request(asked: Request): Wrong {
  if (asked.kind === "read") return null;
  const { operation, requestId } = asked.write;
  if (requestId !== null && requestId.length !== REQUEST_ID_BYTES) return `a request id of ${requestId.length} bytes`;
  const condition = "condition" in operation ? operation.condition : null;
  return (
    ("value" in operation ? value(operation.value) : null) ??
    (condition?.kind === "value" ? value(condition.value) : null)
  );
}

function answered(answer: Answer): Wrong {
  if (answer.kind === "get") return entry(answer.entry);
  return "found" in answer ? entry(answer.found) : null;
}

function versionsIn(answer: Answer): readonly Revision[] {
  switch (answer.kind) {
    case "get":
      return answer.entry === null ? [] : [answer.entry.version];
    case "cas":
      return answer.found === null ? [answer.version] : [answer.version, answer.found.version];
    case "delete":
      return answer.found === null ? [answer.versionFound] : [answer.versionFound, answer.found.version];
    case "put":
    case "add":
      return [answer.version];
    default:
      return unreachable(answer);
  }
}
