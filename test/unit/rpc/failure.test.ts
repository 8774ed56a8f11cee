/** Every verdict that is no answer, as a status: what a mesh may retry by itself was definitely not executed. */
import { Status } from "nice-grpc-common";
import { describe, expect, test } from "vitest";
import { ErrorInfo, RetryInfo } from "../../../gen/ts/google/rpc/error_details.js";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { Execution, Outcome } from "../../../gen/ts/onar/kv/v1/error.js";
import { nodeId, partition, revision } from "../../../src/core/model/ids.js";
import type { Member } from "../../../src/core/view/view.js";
import type { Verdict } from "../../../src/node/outgoing.js";
import { draining, ERROR_DOMAIN, type FailedRequest, failureOf, starting } from "../../../src/rpc/call/failure.js";
import type { Awaited } from "../../../src/rpc/naming/node-names.js";

type Failed = Exclude<Verdict, { status: "done" }>;

const plainWrite: FailedRequest = { kind: "write", partition: partition(3), hasId: false };
const writeWithId: FailedRequest = { kind: "write", partition: partition(3), hasId: true };
const read: FailedRequest = { kind: "read", partition: partition(3), hasId: false };
const MEMBERS: readonly Member[] = [11, 12].map((id) => ({
  id: nodeId(id),
  clientAddress: `10.0.0.${id}:4600`,
  peerAddress: `10.0.0.${id}:4700`,
  zone: "",
}));
const REQUESTS = [plainWrite, writeWithId, read];
const refused = (reason: string, more: object = {}): Failed =>
  ({ status: "refused", refusal: { reason, ...more } }) as Failed;

const NOT = Execution.NOT_EXECUTED;
const MAYBE = Execution.UNKNOWN;

/** verdict, status, reason, what became of a write, retry is safe with an id */
const TABLE: [string, Failed, Status, string, Execution, boolean][] = [
  ["not-writer", refused("not-writer", { hint: nodeId(0) }), Status.UNAVAILABLE, "NO_WRITER", NOT, true],
  ["not-replica", refused("not-replica"), Status.UNAVAILABLE, "NO_WRITER", NOT, true],
  [
    "no-quorum",
    refused("no-quorum", { missing: [nodeId(11), nodeId(12)] }),
    Status.UNAVAILABLE,
    "NO_QUORUM",
    NOT,
    true,
  ],
  ["not-a-number", refused("not-a-number"), Status.FAILED_PRECONDITION, "NOT_A_NUMBER", NOT, false],
  ["overflow", refused("overflow"), Status.OUT_OF_RANGE, "OVERFLOW", NOT, false],
  ["request-id-reused", refused("request-id-reused"), Status.INVALID_ARGUMENT, "REQUEST_ID_REUSED", NOT, false],
  [
    "after-in-future",
    refused("after-in-future", { revision: revision(8) }),
    Status.INVALID_ARGUMENT,
    "AFTER_IN_FUTURE",
    NOT,
    false,
  ],
  ["overloaded", refused("overloaded"), Status.RESOURCE_EXHAUSTED, "OVERLOADED", NOT, true],
  ["disk full", refused("disk-full"), Status.RESOURCE_EXHAUSTED, "DISK_FULL", NOT, true],
  [
    "unserved, no writer",
    { status: "unserved", reason: "no-writer", missing: [] },
    Status.UNAVAILABLE,
    "NO_WRITER",
    NOT,
    true,
  ],
  [
    "unserved, no quorum",
    { status: "unserved", reason: "no-quorum", missing: [nodeId(11)] },
    Status.UNAVAILABLE,
    "NO_QUORUM",
    NOT,
    true,
  ],
  [
    "deadline before it was sent",
    { status: "deadline", mayHaveRun: false },
    Status.DEADLINE_EXCEEDED,
    "NO_WRITER",
    NOT,
    true,
  ],
  [
    "deadline under way",
    { status: "deadline", mayHaveRun: true },
    Status.DEADLINE_EXCEEDED,
    "OUTCOME_UNKNOWN",
    MAYBE,
    true,
  ],
  [
    "unknown",
    { status: "unknown", unknown: { reason: "outcome-unknown" } },
    Status.UNKNOWN,
    "OUTCOME_UNKNOWN",
    MAYBE,
    true,
  ],
  [
    "expired",
    { status: "unknown", unknown: { reason: "request-expired", revision: revision(8) } },
    Status.FAILED_PRECONDITION,
    "REQUEST_EXPIRED",
    MAYBE,
    false,
  ],
];

describe.each(TABLE)("%s", (_name, verdict, code, reason, execution, retrySafe) => {
  const failure = failureOf(verdict, writeWithId, MEMBERS);

  test("has its status and reason", () => {
    expect(failure.code).toBe(code);
    expect(failure.options.reason).toBe(reason);
  });

  test("says what became of the write, and whether it may be repeated under its id", () => {
    expect(failure.options.outcome).toMatchObject({ execution, retryWithSameIdIsSafe: retrySafe });
  });

  test("of a read it says nothing of an execution", () => {
    expect(failureOf(verdict, read, MEMBERS).options.outcome).toBeUndefined();
  });

  test("its google.rpc.Status has the code and the very message of the gRPC status", () => {
    for (const request of REQUESTS) {
      const failed = failureOf(verdict, request, MEMBERS);
      const status = RpcStatus.decode(failed.details ?? Buffer.alloc(0));
      expect(status).toMatchObject({ code: failed.code, message: failed.message });
      expect(failed.message).not.toBe("");
    }
  });

  test("its details are ErrorInfo, RetryInfo where it is worth trying again, and Outcome", () => {
    const status = failure.toStatus();
    const detail = (type: string): Buffer | undefined =>
      status.details.find((d) => d.typeUrl === `type.googleapis.com/${type}`)?.value;
    const info = detail("google.rpc.ErrorInfo");
    expect(ErrorInfo.decode(info ?? Buffer.alloc(0))).toMatchObject({ reason, domain: ERROR_DOMAIN });
    const retry = detail("google.rpc.RetryInfo");
    const mayTryAgain = code === Status.UNAVAILABLE || (code === Status.RESOURCE_EXHAUSTED && reason !== "DISK_FULL");
    expect(retry !== undefined).toBe(mayTryAgain);
    if (retry !== undefined) expect(RetryInfo.decode(retry).retryDelay?.nanos).toBeGreaterThan(0);
    expect(Outcome.decode(detail("onar.kv.v1.Outcome") ?? Buffer.alloc(0)).execution).toBe(execution);
  });
});

describe("the rule that meshes rest on", () => {
  test("UNAVAILABLE is told only of what was definitely not executed, CANCELLED and ABORTED never", () => {
    for (const [, verdict] of TABLE) {
      for (const request of [plainWrite, writeWithId]) {
        const { code, options } = failureOf(verdict, request, MEMBERS);
        expect([Status.CANCELLED, Status.ABORTED]).not.toContain(code);
        if (code === Status.UNAVAILABLE) expect(options.outcome?.execution).toBe(NOT);
        if (options.outcome?.execution === MAYBE) expect(code).not.toBe(Status.UNAVAILABLE);
      }
    }
    for (const failure of [draining(plainWrite), starting(plainWrite, [])]) {
      expect(failure.code).toBe(Status.UNAVAILABLE);
      expect(failure.options.outcome?.execution).toBe(NOT);
    }
  });

  test("every write's failure says what became of it", () => {
    for (const [, verdict] of TABLE) expect(failureOf(verdict, plainWrite, MEMBERS).options.outcome).toBeDefined();
  });

  test("without an id an unknown outcome is not safe to repeat, with one it is", () => {
    for (const verdict of [
      { status: "unknown", unknown: { reason: "outcome-unknown" } },
      { status: "deadline", mayHaveRun: true },
    ] satisfies Failed[]) {
      expect(failureOf(verdict, plainWrite, MEMBERS).options.outcome?.retryWithSameIdIsSafe).toBe(false);
      expect(failureOf(verdict, writeWithId, MEMBERS).options.outcome?.retryWithSameIdIsSafe).toBe(true);
    }
  });

  test("a read whose deadline came was not executed, whatever was sent", () => {
    const failure = failureOf({ status: "deadline", mayHaveRun: true }, read, MEMBERS);
    expect(failure.options.reason).toBe("NO_QUORUM");
    expect(failure.message).toContain("not executed");
  });
});

describe("what a client can act on", () => {
  test("an expired request names the partition's revision", () => {
    const expired: Failed = { status: "unknown", unknown: { reason: "request-expired", revision: revision(8) } };
    expect(failureOf(expired, writeWithId, MEMBERS).options.outcome?.revision).toMatchObject({
      partition: 3,
      revision: 8n,
    });
  });

  test("no quorum names the nodes that are not heard, by their addresses, too", () => {
    const missing = { status: "unserved", reason: "no-quorum", missing: [nodeId(11), nodeId(12)] } satisfies Failed;
    const { options } = failureOf(missing, plainWrite, MEMBERS);
    expect(options.metadata).toEqual({ missing: "11,12", missing_addresses: "10.0.0.11:4600,10.0.0.12:4600" });
    expect(options.message).toContain("not heard: 10.0.0.11:4600 (node 11), 10.0.0.12:4600 (node 12)");
    expect(failureOf(refused("no-quorum", { missing: missing.missing }), plainWrite, MEMBERS).message).toBe(
      options.message,
    );
    const healed = failureOf({ ...missing, missing: [] }, plainWrite, MEMBERS);
    expect(healed.message).toContain("all are heard again");
  });

  test("a node that no view names is called by its id, and its address is empty", () => {
    const stranger: Failed = { status: "unserved", reason: "no-quorum", missing: [nodeId(13), nodeId(12)] };
    const { options } = failureOf(stranger, read, MEMBERS);
    expect(options.message).toContain("not heard: node 13, 10.0.0.12:4600 (node 12)");
    expect(options.metadata).toEqual({ missing: "13,12", missing_addresses: ",10.0.0.12:4600" });
  });

  test("a node that waits for its cluster names the founders that it has not met, the first eight of many", () => {
    const awaited = (...addresses: string[]): Awaited[] =>
      addresses.map((peerAddress) => ({ peerAddress, member: null, why: "connection refused" }));
    const [met] = MEMBERS as [Member];
    const some = [...awaited("b:4700"), { peerAddress: met.peerAddress, member: met, why: "" }, ...awaited("c:4700")];
    expect(starting(read, some).message).toMatch(/; not met yet: b:4700, c:4700$/);
    expect(starting(read, []).message).toMatch(/other nodes of its cluster$/);
    const many = awaited(...Array.from({ length: 20 }, (_, i) => `n${i}:4700`));
    expect(starting(read, many).message).toMatch(/n7:4700, and 12 more$/);
  });

  test("an `after` in the future names the bound", () => {
    const verdict = refused("after-in-future", { revision: revision(8) });
    expect(failureOf(verdict, writeWithId, MEMBERS).options.metadata).toEqual({ field: "after", bound: "8" });
  });
});
