/** Bad arguments are refused before any work, with the field, the bound and the value. */

import type { Condition as WireCondition } from "../../../gen/ts/onar/kv/v1/common.js";
import { Presence, type Revision as WireRevision } from "../../../gen/ts/onar/kv/v1/common.js";
import type { Limits } from "../../config/config.js";
import type { Partition } from "../../core/model/ids.js";
import { STATUS } from "../../grpc/status.js";
import { type FailedRequest, Failure, notExecuted, type Reason } from "./failure.js";

const REQUEST_ID_BYTES = 16;

type Kind = FailedRequest["kind"];

export function checkKey(key: Uint8Array, limits: Limits, kind: Kind): void {
  if (key.length === 0)
    throw invalid("KEY_EMPTY", "key must not be empty", { field: "key", bound: "1", value: "0" }, kind);
  if (key.length > limits.maxKeyBytes) {
    throw tooLong("KEY_TOO_LONG", "key", key.length, limits.maxKeyBytes, kind);
  }
}

export function checkKeySpace(keySpace: string, kind: Kind): void {
  if (keySpace === "") return;
  throw new Failure({
    code: STATUS.notFound,
    reason: "KEY_SPACE_NOT_FOUND",
    message: "key_space: there is only the default key space, whose name is empty",
    metadata: { field: "key_space", value: keySpace.slice(0, 100) },
    ...notExecuted({ kind, partition: null, hasId: false }, false),
  });
}

export function checkValue(value: Uint8Array, limits: Limits, field = "value"): void {
  if (value.length > limits.maxValueBytes)
    throw tooLong("VALUE_TOO_LONG", field, value.length, limits.maxValueBytes, "write");
}

export function checkCondition(condition: WireCondition | undefined, limits: Limits, required: boolean): void {
  if (condition === undefined && !required) return;
  const expected = condition?.expected;
  if (expected === undefined || (expected.$case === "presence" && !isPresence(expected.value))) {
    throw invalid(
      "CONDITION_MISSING",
      "condition must say what is expected: a version, a value, or presence (ABSENT or PRESENT)",
      { field: "condition" },
      "write",
    );
  }
  if (expected.$case === "version" && expected.value === 0n) {
    throw invalid(
      "VERSION_ZERO",
      "condition.version must not be 0: to expect an absent key, use presence",
      { field: "condition.version", bound: "1", value: "0" },
      "write",
    );
  }
  if (expected.$case === "value") checkValue(expected.value, limits, "condition.value");
}

export function checkRequestId(requestId: Uint8Array): void {
  if (requestId.length === 0 || requestId.length === REQUEST_ID_BYTES) return;
  throw invalid(
    "REQUEST_ID_LENGTH",
    `request_id must have ${REQUEST_ID_BYTES} bytes, or none; it has ${requestId.length}`,
    { field: "request_id", bound: String(REQUEST_ID_BYTES), value: String(requestId.length) },
    "write",
  );
}

export function checkAfter(after: WireRevision | undefined, partition: Partition): void {
  if (after === undefined || after.partition === partition) return;
  throw invalid(
    "AFTER_OTHER_PARTITION",
    `after is a revision of partition ${after.partition}, but the key is in partition ${partition}`,
    { field: "after", bound: String(partition), value: String(after.partition) },
    "write",
  );
}

/** Decoders replace what is not UTF-8 by U+FFFD: two different keys would become one. */
export function checkText(text: string, field: string, kind: Kind): void {
  if (!text.includes("\uFFFD")) return;
  throw invalid(
    "NOT_UTF8",
    `${field} is not valid UTF-8, or contains U+FFFD: use onar.kv.v1.KeyValueService for bytes`,
    { field },
    kind,
  );
}

const isPresence = (value: Presence): boolean => value === Presence.ABSENT || value === Presence.PRESENT;

const tooLong = (reason: Reason, field: string, length: number, bound: number, kind: Kind): Failure =>
  invalid(
    reason,
    `${field} must have at most ${bound} bytes; it has ${length}`,
    { field, bound: String(bound), value: String(length) },
    kind,
  );

export const invalid = (reason: Reason, message: string, metadata: Record<string, string>, kind: Kind): Failure =>
  new Failure({
    code: STATUS.invalidArgument,
    reason,
    message,
    metadata,
    ...notExecuted({ kind, partition: null, hasId: false }, false),
  });
