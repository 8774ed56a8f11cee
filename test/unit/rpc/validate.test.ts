/** Bad arguments are refused with the field, the bound and the value. */
import { Status } from "nice-grpc-common";
import { describe, expect, test } from "vitest";
import { type Condition, Presence } from "../../../gen/ts/onar/kv/v1/common.js";
import { Execution } from "../../../gen/ts/onar/kv/v1/error.js";
import { DEFAULT_LIMITS } from "../../../src/config/config.js";
import { partition } from "../../../src/core/model/ids.js";
import { Failure } from "../../../src/rpc/call/failure.js";
import {
  checkAfter,
  checkCondition,
  checkKey,
  checkKeySpace,
  checkRequestId,
  checkText,
  checkValue,
} from "../../../src/rpc/call/validate.js";

const limits = { ...DEFAULT_LIMITS, maxKeyBytes: 8, maxValueBytes: 16 };
const bytes = (length: number): Buffer => Buffer.alloc(length, 1);

function failure(check: () => void): Failure {
  try {
    check();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("it was let through");
}

const presence = (value: Presence): Condition => ({ expected: { $case: "presence", value } });
const version = (value: bigint): Condition => ({ expected: { $case: "version", value } });
const value = (length: number): Condition => ({ expected: { $case: "value", value: bytes(length) } });

describe("let through", () => {
  test.each<[string, () => void]>([
    ["a key of one byte, and the longest", () => [1, 8].map((n) => checkKey(bytes(n), limits, "read"))],
    ["an empty value, and the longest", () => [0, 16].map((n) => checkValue(bytes(n), limits))],
    ["the default key space", () => checkKeySpace("", "read")],
    ["no id, and one of 16 bytes", () => [0, 16].map((n) => checkRequestId(bytes(n)))],
    [
      "no `after`, and one of the key's partition",
      () => [undefined, { partition: 3, revision: 9n }].map((a) => checkAfter(a, partition(3))),
    ],
    ["a delete without condition", () => checkCondition(undefined, limits, false)],
    [
      "every condition that says something",
      () =>
        [presence(Presence.ABSENT), presence(Presence.PRESENT), version(1n), value(0), value(16)].map((c) =>
          checkCondition(c, limits, true),
        ),
    ],
    ["text in any script", () => checkText("schlüssel 鍵 🔑 \0", "key", "read")],
  ])("%s", (_name, check) => {
    expect(check).not.toThrow();
  });
});

describe("refused", () => {
  test.each<[string, () => void, string, Record<string, string>]>([
    ["an empty key", () => checkKey(bytes(0), limits, "write"), "KEY_EMPTY", { field: "key", bound: "1", value: "0" }],
    [
      "a key that is too long",
      () => checkKey(bytes(9), limits, "write"),
      "KEY_TOO_LONG",
      { field: "key", bound: "8", value: "9" },
    ],
    [
      "a value that is too long",
      () => checkValue(bytes(17), limits),
      "VALUE_TOO_LONG",
      { field: "value", bound: "16", value: "17" },
    ],
    [
      "an expected value that is too long",
      () => checkCondition(value(17), limits, true),
      "VALUE_TOO_LONG",
      { field: "condition.value", bound: "16", value: "17" },
    ],
    [
      "a CAS without condition",
      () => checkCondition(undefined, limits, true),
      "CONDITION_MISSING",
      { field: "condition" },
    ],
    [
      "a condition that expects nothing",
      () => checkCondition({ expected: undefined }, limits, true),
      "CONDITION_MISSING",
      { field: "condition" },
    ],
    [
      "an empty condition of a delete",
      () => checkCondition({ expected: undefined }, limits, false),
      "CONDITION_MISSING",
      { field: "condition" },
    ],
    [
      "a presence that says neither",
      () => checkCondition(presence(Presence.UNSPECIFIED), limits, true),
      "CONDITION_MISSING",
      { field: "condition" },
    ],
    [
      "a presence that this version does not know",
      () => checkCondition(presence(9 as Presence), limits, true),
      "CONDITION_MISSING",
      { field: "condition" },
    ],
    [
      "version 0, which is not how to expect absence",
      () => checkCondition(version(0n), limits, true),
      "VERSION_ZERO",
      { field: "condition.version", bound: "1", value: "0" },
    ],
    [
      "an id of 15 bytes",
      () => checkRequestId(bytes(15)),
      "REQUEST_ID_LENGTH",
      { field: "request_id", bound: "16", value: "15" },
    ],
    [
      "an id of 17 bytes",
      () => checkRequestId(bytes(17)),
      "REQUEST_ID_LENGTH",
      { field: "request_id", bound: "16", value: "17" },
    ],
    [
      "`after` of another partition",
      () => checkAfter({ partition: 4, revision: 1n }, partition(3)),
      "AFTER_OTHER_PARTITION",
      { field: "after", bound: "3", value: "4" },
    ],
    ["text that was not UTF-8", () => checkText("a\uFFFDb", "key", "write"), "NOT_UTF8", { field: "key" }],
  ])("%s", (_name, check, reason, metadata) => {
    const { code, options } = failure(check);
    expect(code).toBe(Status.INVALID_ARGUMENT);
    expect(options.reason).toBe(reason);
    expect(options.metadata).toEqual(metadata);
    expect(options.message).toContain(String(metadata.field));
    expect(options.outcome).toMatchObject({ execution: Execution.NOT_EXECUTED, retryWithSameIdIsSafe: false });
  });

  test("a key space that is not there, of whose name no more than 100 characters come back", () => {
    const { code, options } = failure(() => checkKeySpace("s".repeat(5_000), "read"));
    expect(code).toBe(Status.NOT_FOUND);
    expect(options).toMatchObject({
      reason: "KEY_SPACE_NOT_FOUND",
      metadata: { field: "key_space", value: "s".repeat(100) },
    });
  });

  test("a length is told to people, too: the bound and the value", () => {
    expect(failure(() => checkKey(bytes(9), limits, "write")).message).toBe("key must have at most 8 bytes; it has 9");
    expect(failure(() => checkRequestId(bytes(15))).message).toContain("it has 15");
  });

  test("a read's refusal says nothing of an execution", () => {
    expect(failure(() => checkKey(bytes(0), limits, "read")).options.outcome).toBeUndefined();
    expect(failure(() => checkText("\uFFFD", "key", "read")).options.outcome).toBeUndefined();
  });
});
