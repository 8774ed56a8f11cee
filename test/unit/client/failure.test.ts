/** The meaning of a failed attempt for the call: by Onar's details, or by the status alone. */
import { status as Status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { failureOf } from "../../../src/client/failure.js";
import { statusOf } from "../../clients/fake/answer.js";
import type { ScriptedAnswer } from "../../clients/fake/case.js";

const failure = (answer: ScriptedAnswer) => failureOf(statusOf(answer));

describe("an error of Onar's own", () => {
  test("not executed may be sent again, unless it would fail again", () => {
    const of = (error: string, status: string) => failure({ error, status, execution: "not_executed" });
    expect(of("NO_WRITER", "UNAVAILABLE")).toMatchObject({ execution: "notExecuted", retryable: true });
    expect(of("OVERLOADED", "RESOURCE_EXHAUSTED")).toMatchObject({ execution: "notExecuted", retryable: true });
    expect(of("DISK_FULL", "RESOURCE_EXHAUSTED")).toMatchObject({ execution: "notExecuted", retryable: false });
    expect(of("VALUE_TOO_LONG", "INVALID_ARGUMENT")).toMatchObject({ execution: "notExecuted", retryable: false });
    expect(of("DRAINING", "UNAVAILABLE")).toMatchObject({ retryable: true, nodeUnwell: true });
  });

  test("an execution that is unknown or not told is unknown", () => {
    for (const execution of ["unknown", "unspecified"] as const) {
      const told = failure({ error: "OUTCOME_UNKNOWN", status: "UNKNOWN", execution });
      expect(told).toMatchObject({ execution: "unknown", retryable: true, decided: false });
    }
  });

  test("an expired request is unknown and not sent again", () => {
    const told = failure({ error: "REQUEST_EXPIRED", status: "FAILED_PRECONDITION", execution: "unknown" });
    expect(told).toMatchObject({ execution: "unknown", retryable: false, decided: false });
  });

  test("only the cluster's decision on the id decides", () => {
    const of = (error: string) => failure({ error, status: "FAILED_PRECONDITION", execution: "not_executed" });
    expect(of("NOT_A_NUMBER").decided).toBe(true);
    expect(of("OVERFLOW").decided).toBe(true);
    expect(of("KEY_SPACE_NOT_FOUND").decided).toBe(false);
  });

  test("says how long to wait", () => {
    const told = failure({ error: "NO_WRITER", status: "UNAVAILABLE", execution: "not_executed", retry_ms: 1_250 });
    expect(told.retryAfterMs).toBe(1_250);
  });
});

describe("a bare status", () => {
  test("that a proxy makes up for a request that may have arrived is unknown", () => {
    for (const bare of ["UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"]) {
      expect(failure({ bare }), bare).toMatchObject({ execution: "unknown", retryable: true, reason: bare });
    }
  });

  test("that refuses is not executed", () => {
    for (const bare of ["PERMISSION_DENIED", "UNAUTHENTICATED", "INVALID_ARGUMENT", "UNIMPLEMENTED"]) {
      expect(failure({ bare }), bare).toMatchObject({ execution: "notExecuted", retryable: false, reason: bare });
    }
  });

  test("of another domain is a proxy's, whatever its reason", () => {
    const told = failure({ error: "NO_WRITER", status: "UNAVAILABLE", execution: "not_executed", domain: "mesh" });
    expect(told).toMatchObject({ execution: "unknown", reason: "UNAVAILABLE" });
  });

  test("about a message that is too long is not executed", () => {
    const message = "Received message larger than max (5000000 vs 4194304)";
    const told = failureOf({ code: Status.RESOURCE_EXHAUSTED, message, details: [] });
    expect(told).toMatchObject({ execution: "notExecuted", retryable: false });
  });

  test("a message of several lines with control characters becomes one line", () => {
    const told = failureOf({ code: Status.INTERNAL, message: "a\u001b[31m\nb", details: [] });
    expect(told.message).toBe("INTERNAL: a\\x1b[31m b");
  });
});
