/**
 * Requests leave the writer with their deadline, one key does not use up its partition, and a reader that asks again
 * waits once.
 */
import { describe, expect, test } from "vitest";
import { instant } from "../../../../src/base/time.js";
import { key } from "../../../../src/core/model/ids.js";
import { RESEND_MS } from "../../../../src/core/quorum/patience.js";
import { MAX_FLIGHTS, MAX_OF_KEY } from "../../../../src/core/writer/writer.js";
import { casVersion, K, nodeAt, put, request } from "./harness.js";
import { Office } from "./office.js";

const OTHER = key("other");
const OVERLOADED = { status: "refused", refusal: { reason: "overloaded" } };
const UNKNOWN = { status: "unknown", unknown: { reason: "outcome-unknown" } };

describe("at its deadline", () => {
  test("a request that waits for its key leaves as not executed, and says who did not tell", () => {
    const office = new Office().elect();
    const ticket = office.submit(request(put("x")), instant(500));
    office.lose(1, 2).deliver(0);
    office.resend(499);
    expect(office.result(ticket)).toBeUndefined();
    office.resend(1);
    expect(office.result(ticket)).toEqual({
      status: "refused",
      refusal: { reason: "no-quorum", missing: [nodeAt(1), nodeAt(2)] },
    });
    expect(office.writer.waiting).toBe(0);
  });

  test("a key for which nobody waits any more is not asked for, and what it tells late decides nothing", () => {
    const office = new Office().elect();
    office.submit(request(put("x")), instant(500));
    const late = office.answersOf(0, 1, 2);
    office.resend(500);
    office.mail = [];
    office.resend(RESEND_MS);
    expect(office.waiting(1)).toEqual([]);
    office.arrive(late);
    office.settle();
    expect(office.held(1)).toBeNull();
    // The next one that asks has it recovered anew.
    office.ask(request(put("y")));
    expect(office.held(1)).not.toBeNull();
  });

  test("a request whose key is recovered after it is not decided", () => {
    const office = new Office().elect();
    const ticket = office.submit(request(put("x")), instant(500));
    const late = office.answersOf(0, 1, 2);
    office.now = instant(500);
    office.arrive(late);
    expect(office.result(ticket)).toMatchObject({ status: "refused" });
    expect(office.settle().held(1)).toBeNull();
  });

  test("a write that was decided and does not land is unknown, and goes on", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    const ticket = office.submit(request(put("y")), instant(2_000));
    office.lose(1, 2);
    office.resend(2_000).lose(1, 2);
    office.resend(RESEND_MS);
    expect(office.result(ticket)).toEqual(UNKNOWN);
    // Nobody waits, but it takes its place until it has landed.
    expect(office.writer.waiting).toBe(1);
    office.settle();
    expect(office.writer.settledSeq).toBe(2);
    office.resend(RESEND_MS);
    expect(office.writer.waiting).toBe(0);
  });

  test("a request that waits for the end of a pause leaves", () => {
    const office = new Office().elect();
    office.writer.pause();
    const ticket = office.submit(request(put("x")), instant(500));
    expect(office.writer.busy).toBe(true);
    office.resend(500);
    expect(office.result(ticket)).toMatchObject({ status: "refused" });
    expect(office.writer.waiting).toBe(0);
  });

  test("who waits to be told of a state that is not on a majority leaves, and not executed is what it did", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.submit(request(put("y")));
    const ticket = office.submit(request(casVersion(77, "z")), instant(1_500));
    office.lose(1, 2);
    office.resend(1_500);
    expect(office.result(ticket)).toMatchObject({ status: "refused", refusal: { reason: "no-quorum" } });
  });
});

describe("one key", () => {
  test("that nobody can recover takes a part of its partition, and no more", () => {
    const office = new Office().elect();
    for (let i = 0; i < MAX_OF_KEY; i++) office.submit(request(put("x")));
    expect(office.result(office.submit(request(put("one more"))))).toEqual(OVERLOADED);
    office.lose(0, 1, 2);
    office.submit(request(put("y", OTHER)));
    expect(office.waiting(1)).toEqual(["recover"]);
  });

  test("whose writes do not land neither", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    const tickets = Array.from({ length: MAX_OF_KEY + 1 }, () => office.submit(request(put("y"))));
    expect(office.result(tickets.at(-1) as number)).toEqual(OVERLOADED);
    office.lose(1, 2);
    expect(office.ask(request(put("z", OTHER)))).toMatchObject({ status: "done" });
  });

  test("and all keys together have a bound", () => {
    const office = new Office().elect();
    for (let i = 0; i < MAX_FLIGHTS; i++) office.submit(request(put("x", key(`k${i % 8}`))));
    expect(office.result(office.submit(request(put("one more", OTHER))))).toEqual(OVERLOADED);
  });
});

describe("a reader that hands over", () => {
  test("and asks again under the same attempt waits once, and is told once", () => {
    const office = new Office().elect();
    for (let i = 0; i < 100; i++) office.handOver(K, 500);
    expect(office.writer.waiting).toBe(1);
    office.settle();
    expect(office.told()).toHaveLength(1);
    office.handOver(K, 500);
    office.settle();
    expect(office.told()).toHaveLength(1);
  });

  test("is turned away after a while when its key cannot be recovered", () => {
    const office = new Office().elect();
    office.handOver();
    office.lose(1, 2).deliver(0);
    office.resend(3_000);
    expect(office.told()).toMatchObject([{ done: false }]);
    expect(office.writer.waiting).toBe(0);
  });
});
