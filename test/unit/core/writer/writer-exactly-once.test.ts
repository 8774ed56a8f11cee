/**
 * Requests with an id at the writer (R9): duplicates, expiry, what the client has seen, and how long records are kept.
 */
import { afterEach, describe, expect, test } from "vitest";
import { MAX_RECORDS } from "../../../../src/base/limits.js";
import { instant } from "../../../../src/base/time.js";
import { revision } from "../../../../src/core/model/ids.js";
import type { WriteOperation } from "../../../../src/core/model/operation.js";
import { MIN_RECORDS, RECORD_RETENTION_MS } from "../../../../src/core/writer/decide.js";
import { plant } from "../../../planted/planted.js";
import {
  add,
  b,
  bytes,
  casAbsent,
  casVersion,
  hold,
  K,
  put,
  record,
  register,
  remove,
  request,
  text,
  ts,
} from "./harness.js";
import { Office } from "./office.js";

afterEach(() => plant());

const removeVersion = (version: number): WriteOperation => ({
  kind: "delete",
  key: K,
  condition: { kind: "version", version: revision(version) },
});

describe("duplicates", () => {
  const cases: [string, string | null, WriteOperation][] = [
    ["a put", "v", put("x")],
    ["a CAS that swapped", "v", casVersion(1, "x")],
    ["a CAS that failed", "v", casVersion(9, "x")],
    ["a CAS that found no key", null, casVersion(9, "x")],
    ["a delete", "v", remove()],
    ["a delete of nothing", null, remove()],
    ["a conditional delete that failed", "v", removeVersion(9)],
    ["an add", "41", add(1n)],
    ["an add to no number", "v", add(1n)],
    ["an add that is too large", String(2n ** 63n - 1n), add(1n)],
  ];

  test.each(cases)("%s is answered the same again, and applied once", (_name, before, operation) => {
    const office = new Office().elect();
    if (before !== null) office.ask(request(put(before)));
    const first = office.ask(request(operation, "id"));
    const held = office.held(1);
    const again = office.ask(request(operation, "id"));
    expect(first).toBeDefined();
    expect(again?.status === "done" ? again.answer : again).toEqual(first?.status === "done" ? first.answer : first);
    expect(office.held(1)).toBe(held);
  });

  test.each(cases)("%s is answered the same by the next writer", (_name, before, operation) => {
    const office = new Office().elect(1);
    if (before !== null) office.ask(request(put(before)));
    const first = office.ask(request(operation, "id"));
    const version = office.held(1)?.version;
    const record = office.held(1)?.records.at(-1);
    office.elect(2);
    const again = office.ask(request(operation, "id"));
    expect(again?.status === "done" ? again.answer : again).toEqual(first?.status === "done" ? first.answer : first);
    expect(office.held(1)).toMatchObject({ version });
    expect([...(office.held(1)?.records ?? [])]).toEqual([record]);
    expect(office.held(1)?.timestamp.ballot).toEqual(b(2));
  });

  test("a duplicate of a write under way is answered no sooner than the write itself", () => {
    const office = new Office().elect();
    office.ask(request(put("v")));
    const first = office.submit(request(add(1n, K), "id"));
    office.lose(0, 1, 2);
    const second = office.submit(request(add(1n, K), "id"));
    office.settle();
    expect(office.result(second)).toBeUndefined();
    office.resend(1_000).settle();
    expect(office.result(first)).toEqual({ status: "refused", refusal: { reason: "not-a-number" } });
    expect(office.result(second)).toEqual(office.result(first));
    expect(office.held(1)?.records).toHaveLength(1);
  });

  test("an id that was used with other arguments is refused", () => {
    const office = new Office().elect();
    office.ask(request(put("x"), "id", undefined, 1));
    expect(office.ask(request(put("y"), "id", undefined, 2))).toEqual({
      status: "refused",
      refusal: { reason: "request-id-reused" },
    });
    expect(text(office.held(1)?.value)).toBe("x");
  });

  test("when the office is lost first, the outcome of both is unknown: the second copy did not run, the request may have", () => {
    const office = new Office().elect();
    office.ask(request(put("v")));
    const copies = [office.submit(request(put("x"), "id")), office.submit(request(put("x"), "id"))];
    office.lose(0, 1, 2);
    office.writer.resign(office.out);
    const unknown = { status: "unknown", unknown: { reason: "outcome-unknown" } };
    expect(copies.map((ticket) => office.result(ticket))).toEqual([unknown, unknown]);
  });

  test("requests without an id are never taken for duplicates", () => {
    const office = new Office().elect();
    office.ask(request(add(1n)));
    office.ask(request(add(1n)));
    expect(text(office.held(1)?.value)).toBe("2");
    expect(office.held(1)?.records).toHaveLength(0);
  });

  test("a failed CAS whose answer was lost still finds itself after others wrote", () => {
    const office = new Office().elect();
    office.ask(request(put("v")));
    const first = office.ask(request(casVersion(9, "mine"), "id"));
    office.ask(request(remove()));
    const again = office.ask(request(casVersion(9, "mine"), "id"));
    expect(first).toMatchObject({ answer: { swapped: false, version: 1, found: { version: 1, value: bytes("v") } } });
    expect(again).toMatchObject({ answer: { swapped: false, version: 1, found: null } });
  });
});

describe("what the client has seen", () => {
  test("an id not found with `after` below the key's floor is expired, and says a revision of at least that floor", () => {
    const office = new Office().reservedBefore(50).elect(2);
    office.plant(register({ at: ts(b(1, 2), 3), version: 40, floor: 30 }), 0, 1, 2);
    const result = office.ask(request(put("x"), "id", 29));
    expect(result).toMatchObject({ status: "unknown", unknown: { reason: "request-expired" } });
    const told =
      result?.status === "unknown" && result.unknown.reason === "request-expired" ? result.unknown.revision : 0;
    expect(told).toBeGreaterThanOrEqual(30);
    expect(text(office.held(0)?.value)).toBe("v");
  });

  test("`after` at the floor runs, as does a request without `after`", () => {
    const office = new Office().reservedBefore(50).elect(2);
    office.plant(register({ at: ts(b(1, 2), 3), version: 40, floor: 30 }), 0, 1, 2);
    expect(office.ask(request(put("x"), "one", 30))).toMatchObject({ status: "done" });
    expect(office.ask(request(put("y"), "two"))).toMatchObject({ status: "done" });
    expect(office.held(1)?.floor).toBe(30);
  });

  test("a request whose record is there is answered from it, however old its `after`", () => {
    const office = new Office().reservedBefore(50).elect(2);
    const kept = record("id", { revision: revision(40), version: revision(40) });
    office.plant(register({ at: ts(b(1, 2), 3), version: 40, floor: 30, records: [kept] }), 0, 1, 2);
    expect(office.ask(request(put("x"), "id", 3))).toMatchObject({ status: "done", answer: { version: 40 } });
  });

  test.each([
    [0, 1],
    [1, 0],
  ])("of a key that nobody holds the highest partition floor counts, whichever answers first (%i, %i)", (...order) => {
    const office = new Office().reservedBefore(25).elect();
    office.replica(1).revisions.floor = revision(25);
    const ticket = office.submit(request(put("x"), "id", 24));
    for (const place of order) office.deliver(place);
    expect(office.result(ticket)).toMatchObject({ unknown: { reason: "request-expired", revision: 25 } });
    office.submit(request(put("y")));
    expect(office.waitingOf(1, "write")[0]?.register.floor).toBe(25);
  });

  test("`after` above the writer's own revision is refused only after a confirmed round", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    const ticket = office.submit(request(put("y"), "id", 2));
    expect(office.waiting(1)).toEqual(["confirm"]);
    expect(office.result(ticket)).toBeUndefined();
    office.settle();
    expect(office.result(ticket)).toEqual({ status: "refused", refusal: { reason: "after-in-future", revision: 1 } });
    expect(text(office.held(1)?.value)).toBe("x");
    expect(office.ask(request(put("y"), "id", 1))).toMatchObject({ status: "done" });
  });

  test("what peers told of wrongly is passed over, once a round has shown that nobody has come to it", () => {
    const told = (): Office => {
      const office = new Office().elect();
      office.ask(request(put("x"), "id"));
      office.replica(0).revisions.learnRevision(revision(20_000));
      return office;
    };
    const office = told();
    const ticket = office.submit(request(put("y"), "id2", 20_000));
    expect(office.waiting(1)).toEqual(["confirm"]);
    office.settle();
    expect(office.result(ticket)).toMatchObject({ status: "done", answer: { version: 20_001 } });
    plant("R13.told-too-much");
    expect(told().ask(request(put("y"), "id2", 20_000))).toMatchObject({ refusal: { reason: "after-in-future" } });
  });

  test("a deposed writer does not pass over what it was told: it knows less than others", () => {
    const office = new Office().elect();
    office.replica(0).revisions.learnRevision(revision(20_000));
    office.depose(2, 1, 2);
    const ticket = office.submit(request(put("y"), "id", 20_000));
    office.settle();
    expect(office.result(ticket)).toBeUndefined();
    office.writer.resign(office.out);
    expect(office.result(ticket)).toMatchObject({ refusal: { reason: "not-writer" } });
  });

  test("a deposed writer does not refuse it: it is told to go elsewhere", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.depose(2, 1, 2);
    const ticket = office.submit(request(put("y"), "id", 50));
    office.settle();
    expect(office.result(ticket)).toBeUndefined();
    office.writer.resign(office.out);
    expect(office.result(ticket)).toMatchObject({ refusal: { reason: "not-writer" } });
  });

  test("without an id nothing is compared: there is no record to miss", () => {
    const office = new Office().elect();
    expect(office.ask({ ...request(put("x")), after: revision(99) })).toMatchObject({ status: "done" });
  });
});

describe("what a replica makes up", () => {
  test.each([
    ["a floor", null, 41],
    ["a register", 41, 0],
  ])("of %s beyond all that was ever reserved is not recovered", (_, version, floor) => {
    const recovering = (): Office => {
      const office = new Office().reservedBefore(40).elect(2);
      if (version !== null) hold(office.replica(1).table, register({ at: ts(b(1, 2), 3), version }));
      office.replica(1).revisions.floor = revision(floor);
      return office;
    };
    const decided = (office: Office, ticket: number): boolean => {
      office.deliver(1);
      office.deliver(0);
      return office.waiting(0).includes("write") || office.result(ticket) !== undefined;
    };
    const office = recovering();
    const ticket = office.submit(request(put("x"), "id", 40));
    expect(decided(office, ticket)).toBe(false);
    office.settle();
    expect(office.result(ticket)).toMatchObject({ status: "done", answer: { version: 41 } });
    plant("R13.recovers-beyond");
    const believing = recovering();
    expect(decided(believing, believing.submit(request(put("x"), "id", 40)))).toBe(true);
  });
});

describe("how long records are kept", () => {
  const fill = (office: Office, count: number): void => {
    for (let i = 0; i < count; i++) office.ask(request(put("x"), `r${i}`));
  };

  test("all of the last ten seconds, and 128 at most", () => {
    const office = new Office().elect();
    fill(office, MAX_RECORDS);
    expect(office.held(1)).toMatchObject({ floor: 0, records: { length: MAX_RECORDS } });
    fill(office, MAX_RECORDS + 5);
    expect(office.held(1)).toMatchObject({ floor: 5, records: { length: MAX_RECORDS } });
  });

  test("after ten seconds the next write of the key leaves sixteen, and the floor tells what went", () => {
    const office = new Office().elect();
    fill(office, 40);
    office.now = instant(RECORD_RETENTION_MS);
    office.ask(request(put("x"), "late"));
    expect(office.held(1)).toMatchObject({ floor: 41 - MIN_RECORDS, records: { length: MIN_RECORDS } });
    expect(office.ask(request(put("x"), "r0", 10))).toMatchObject({ unknown: { reason: "request-expired" } });
  });

  test("a write without an id leaves sixteen as well", () => {
    const office = new Office().elect();
    fill(office, 40);
    office.now = instant(RECORD_RETENTION_MS);
    office.ask(request(put("x")));
    expect(office.held(1)?.records).toHaveLength(MIN_RECORDS);
  });

  test("a new writer keeps what it recovered for ten seconds of its own", () => {
    const office = new Office().elect(1);
    fill(office, 40);
    office.now = instant(RECORD_RETENTION_MS);
    office.elect(2);
    office.ask(request(put("x"), "one"));
    expect(office.held(1)?.records).toHaveLength(41);
    office.now = instant(2 * RECORD_RETENTION_MS);
    office.ask(request(put("x"), "two"));
    expect(office.held(1)?.records).toHaveLength(MIN_RECORDS);
  });

  test("writing a recovered state again keeps its records and its floor", () => {
    const office = new Office().elect(1);
    fill(office, 3);
    office.elect(2);
    office.ask(request(casAbsent("no")));
    expect(office.held(1)?.timestamp.ballot).toEqual(b(2));
    expect(office.held(1)?.records).toHaveLength(3);
  });
});
