/** The writer deciding: office, first touch, pipelining, what it reveals and when. */
import { describe, expect, test } from "vitest";
import { key, UNKNOWN_REVISION } from "../../../../src/core/model/ids.js";
import { RESERVATION_WINDOW } from "../../../../src/core/writer/revisions.js";
import { MAX_FLIGHTS } from "../../../../src/core/writer/writer.js";
import { add, b, casAbsent, casVersion, K, put, register, remove, request, text, ts } from "./harness.js";
import { Office } from "./office.js";

const NOT_WRITER = { status: "refused", refusal: { reason: "not-writer", hint: 0 } };
const UNKNOWN = { status: "unknown", unknown: { reason: "outcome-unknown" } };
const done = (answer: object) => ({ status: "done", answer });
const settled = { version: 3, revision: 3, value: "old", at: ts(b(1, 2), 3) };

describe("winning an office", () => {
  test("takes a majority of promises from distinct replicas, the own one included", () => {
    const office = new Office(5).campaign();
    office.deliver(1);
    expect(office.writer.elected).toBe(false);
    office.writer.prepare(0b00010, office.out);
    office.deliver(1);
    expect(office.writer.elected).toBe(false);
    office.deliver(2);
    expect(office.writer.elected).toBe(true);
  });

  test("the own promise is durable before a Prepare leaves", () => {
    const office = new Office().campaign();
    expect(office.out.entries.map((entry) => entry.kind)).toEqual(["promise"]);
    expect(office.out.sendNow.list).toEqual([]);
    expect(office.out.sendDurable.kinds).toEqual(["promised", "prepare", "prepare"]);
  });

  test("promises of another ballot do not count", () => {
    const office = new Office().campaign(1);
    const late = office.answersOf(1, 2);
    office.campaign(2);
    office.arrive(late);
    expect(office.writer.elected).toBe(false);
    office.deliver(1);
    expect(office.writer.elected).toBe(true);
  });

  test("no revision is handed out before a majority holds the reservation (R13)", () => {
    const office = new Office().campaign();
    office.deliver(1, 2);
    expect(office.waiting(1)).toEqual(["reserve"]);
    office.submit(request(put("x")));
    for (const place of [0, 1, 2]) {
      const others = office.mail.filter((letter) => letter.place === place && letter.message.kind === "recover");
      expect(others).toHaveLength(1);
    }
    const reserves = office.mail.filter(({ message }) => message.kind === "reserve");
    office.mail = office.mail.filter(({ message }) => message.kind !== "reserve");
    office.deliver(0, 1, 2);
    expect(office.waiting(1)).toEqual([]);
    office.mail = reserves;
    office.deliver(1);
    expect(office.waiting(1)).toEqual([]);
    office.deliver(2);
    expect(office.waiting(1)).toEqual(["write"]);
  });

  test("revisions begin above the highest reservation that a majority reported", () => {
    const office = new Office().elect(1);
    office.ask(request(put("x")));
    expect(office.held(1)?.version).toBe(1);
    office.depose(2, 0, 1, 2);
    office.campaign(3).settle();
    office.ask(request(put("y")));
    expect(office.held(1)?.version).toBe(RESERVATION_WINDOW + 1);
  });

  test("the reservation is renewed ahead of need", () => {
    const office = new Office().elect();
    office.ask(request(put("0")));
    for (let i = 2; i <= RESERVATION_WINDOW / 2; i++) office.ask(request(put("x")));
    expect(office.replica(1).revisions.reservation).toBe(RESERVATION_WINDOW);
    office.submit(request(put("x")));
    expect(office.waiting(1).sort()).toEqual(["reserve", "write"]);
    office.settle();
    expect(office.replica(1).revisions.reservation).toBe(2 * RESERVATION_WINDOW);
  });
});

describe("the first touch of a key (R4)", () => {
  test.each([
    [0, 1],
    [1, 0],
  ])("decides on the highest that a majority holds, whichever answers first (%i, %i)", (first, second) => {
    const office = new Office().reservedBefore(3).elect(2);
    office.plant(register({ value: "older", version: 1, at: ts(b(1), 1) }), 0, 2).plant(register(settled), 1);
    const ticket = office.submit(request(casVersion(3, "new")));
    office.deliver(first);
    expect(office.waiting(second)).toEqual(["recover"]);
    office.deliver(second);
    office.settle();
    expect(office.answer(ticket)).toMatchObject({ swapped: true });
  });

  test("asks once, and every request on the key meanwhile waits for it in order", () => {
    const office = new Office().elect();
    const tickets = [1, 2, 3].map((n) => office.submit(request(add(BigInt(n)))));
    expect(office.waiting(1)).toEqual(["recover"]);
    office.settle();
    expect(tickets.map((ticket) => office.answer(ticket))).toMatchObject([
      { number: 1n },
      { number: 3n },
      { number: 6n },
    ]);
  });

  test("afterwards a write takes one round trip to a majority", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    const ticket = office.submit(request(put("y")));
    expect(office.waiting(2)).toEqual(["write"]);
    office.deliver(0);
    expect(office.result(ticket)).toBeUndefined();
    office.deliver(2);
    expect(office.answer(ticket)).toEqual({ kind: "put", version: 2 });
  });

  test("answers of distinct replicas count, never one replica's twice (R7)", () => {
    const office = new Office().elect();
    office.submit(request(put("x")));
    const twice = office.answersOf(0);
    office.arrive([...twice, ...twice]);
    expect(office.mail.some(({ message }) => message.kind === "write")).toBe(false);
  });

  test("late answers of an earlier office do not count in the next", () => {
    const office = new Office().elect(1);
    office.submit(request(put("x")));
    const late = office.answersOf(0, 1, 2);
    office.elect(2);
    office.submit(request(put("y")));
    office.arrive(late);
    expect(office.waiting(1)).toEqual(["recover"]);
  });
});

describe("pipelining", () => {
  test("each write is decided on the one before, complete or not, and carries the whole register", () => {
    const office = new Office().elect();
    office.ask(request(put("0")));
    for (let i = 0; i < 3; i++) office.submit(request(add(5n)));
    expect(office.waitingOf(1, "write").map(({ register: r }) => text(r.value))).toEqual(["5", "10", "15"]);
    expect(office.waitingOf(1, "write").map(({ register: r }) => r.timestamp.seq)).toEqual([2, 3, 4]);
    // So whoever sends them need not look which of them go without saying.
    expect(office.waitingOf(1, "write").map(({ crowded = false }) => crowded)).toEqual([false, true, true]);
  });

  test("earlier writes land with a later one, each with its own answer", () => {
    const office = new Office().elect();
    office.ask(request(put("0")));
    const tickets = [office.submit(request(add(5n))), office.submit(request(add(5n)))];
    for (const place of [0, 1, 2]) {
      // The first of the two is lost on the way to everybody.
      const lost = office.mail.findIndex((letter) => letter.place === place);
      office.mail.splice(lost, 1);
    }
    office.deliver(0, 1);
    expect(tickets.map((ticket) => office.answer(ticket))).toMatchObject([{ number: 5n }, { number: 10n }]);
    expect(office.writer.settledSeq).toBe(3);
  });

  test("a Write tells how far this ballot is settled, below what is not acknowledged (R14)", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.submit(request(put("slow", key("slow"))));
    office.deliver(0, 1);
    office.lose(0, 1, 2);
    office.submit(request(put("y")));
    office.submit(request(put("z")));
    expect(office.waitingOf(1, "write").map((write) => write.settledSeq)).toEqual([1, 1]);
  });

  test("an office tells where it began once that is reserved: what was forgotten before lies below (R9)", () => {
    const office = new Office().reservedBefore(RESERVATION_WINDOW).campaign();
    office.deliver(1);
    expect(office.writer.elected).toBe(true);
    expect(office.replica(0).revisions.settledRevision).toBe(UNKNOWN_REVISION);
    office.settle();
    expect(office.replica(0).revisions.settledRevision).toBe(RESERVATION_WINDOW);
  });

  test("what is told of before the office's first reservation comes without a revision (R9)", () => {
    const office = new Office().reservedBefore(RESERVATION_WINDOW).campaign();
    office.deliver(1);
    office.mail = office.mail.filter(({ message }) => message.kind !== "reserve");
    const result = office.ask(request(casVersion(7, "x")));
    expect(result).toMatchObject({ status: "done", standing: { revision: UNKNOWN_REVISION } });
  });

  test("an answer names a revision that covers its own write", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.ask(request(put("y", key("other"))));
    const result = office.ask(request(put("z")));
    expect(result).toMatchObject({ status: "done", standing: { revision: 3 } });
  });

  test("beyond its bound of writes in flight it refuses as overloaded, and nothing is decided", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    for (let i = 0; i < MAX_FLIGHTS; i++) office.submit(request(put("x")));
    office.mail = [];
    const ticket = office.submit(request(put("one more")));
    expect(office.result(ticket)).toEqual({ status: "refused", refusal: { reason: "overloaded" } });
    expect(office.mail).toEqual([]);
  });
});

describe("what it reveals (R5)", () => {
  test("a failed CAS without an id is answered after a confirming round, and writes nothing", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    const ticket = office.submit(request(casAbsent("y")));
    expect(office.waiting(1)).toEqual(["confirm"]);
    expect(office.result(ticket)).toBeUndefined();
    office.deliver(0);
    expect(office.result(ticket)).toBeUndefined();
    office.deliver(1);
    expect(office.answer(ticket)).toMatchObject({ swapped: false, version: 1 });
    expect(office.writer.settledSeq).toBe(1);
  });

  test("a failed CAS without an id on an absent key makes no tombstone", () => {
    const office = new Office().elect();
    expect(office.ask(request(casVersion(5, "y")))).toMatchObject(done({ swapped: false, version: 0 }));
    expect(office.held(1)).toBeNull();
  });

  test("a round begun before the request does not count: it waits for the next", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    const first = office.submit(request(casAbsent("y")));
    const early = office.answersOf(0, 1, 2);
    const second = office.submit(request(casAbsent("z")));
    office.arrive(early);
    expect(office.answer(first)).toBeDefined();
    expect(office.result(second)).toBeUndefined();
    expect(office.waiting(1)).toEqual(["confirm"]);
    office.settle();
    expect(office.answer(second)).toBeDefined();
  });

  test("it waits, too, until the state it reveals is on a majority", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.submit(request(put("under way")));
    office.lose(0, 1, 2);
    const ticket = office.submit(request(casAbsent("y")));
    office.settle();
    expect(office.result(ticket)).toBeUndefined();
    office.resend(1_000).settle();
    expect(office.answer(ticket)).toMatchObject({ swapped: false, found: { version: 2 } });
  });

  test("a deposed writer that does not know it reveals nothing", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.depose(2, 1, 2);
    const ticket = office.submit(request(casAbsent("y")));
    office.handOver();
    office.settle();
    expect(office.result(ticket)).toBeUndefined();
    expect(office.told()).toEqual([]);
    office.writer.resign(office.out);
    expect(office.result(ticket)).toEqual(NOT_WRITER);
    expect(office.told()).toMatchObject([{ done: false, register: null }]);
  });

  test("a state of an older ballot is written again in this one, unchanged but for its timestamp", () => {
    const office = new Office().reservedBefore(3).elect(2);
    office.plant(register({ ...settled, floor: 2 }), 0, 1, 2);
    const ticket = office.submit(request(casVersion(9, "y")));
    office.deliver(0, 1, 2);
    const [again] = office.waitingOf(1, "write");
    expect(again?.register).toMatchObject({ timestamp: ts(b(2), 1), version: 3, revision: 3, floor: 2 });
    expect(text(again?.register.value)).toBe("old");
    expect(office.result(ticket)).toBeUndefined();
    office.deliver(1, 2);
    expect(office.answer(ticket)).toMatchObject({ swapped: false, version: 3 });
  });

  test("the same state is written again only once: the next asker waits for that and for a round", () => {
    const office = new Office().reservedBefore(3).elect(2);
    office.plant(register(settled), 0, 1, 2);
    office.handOver(K, 500);
    office.deliver(0, 1, 2);
    office.handOver(K, 501);
    expect(office.waiting(1)).toEqual(["write", "confirm"]);
    office.settle();
    expect(office.told().map((told) => [told.attempt, told.done, text(told.register?.value)])).toEqual([
      [500, true, "old"],
      [501, true, "old"],
    ]);
  });

  test("a read handed over of an absent key is answered after a round, with nothing", () => {
    const office = new Office().elect();
    office.handOver();
    office.deliver(0, 1, 2);
    expect(office.told()).toEqual([]);
    office.settle();
    expect(office.told()).toMatchObject([{ done: true, register: null }]);
  });

  test("a read handed over to who is no writer is not done", () => {
    const office = new Office();
    office.handOver();
    expect(office.told()).toMatchObject([{ done: false }]);
  });

  test("a delete of nothing without an id is answered after a round", () => {
    const office = new Office().elect();
    const ticket = office.submit(request(remove()));
    office.deliver(0, 1, 2);
    expect(office.waiting(1)).toEqual(["confirm"]);
    office.settle();
    expect(office.answer(ticket)).toEqual({ kind: "delete", deleted: false, versionFound: 0, found: null });
  });
});

describe("who is not the writer", () => {
  test("refuses with the owner of its promise as a hint, and never with itself", () => {
    const office = new Office();
    expect(office.ask(request(put("x")))).toEqual(NOT_WRITER);
    office.depose(4, 0);
    expect(office.ask(request(put("x")))).toEqual({ status: "refused", refusal: { reason: "not-writer", hint: 11 } });
    office.campaign(5);
    const candidate = office.submit(request(put("x")));
    expect(office.result(candidate)).toEqual(NOT_WRITER);
  });

  test("an acknowledged write stays acknowledged, a decided one that is not is unknown", () => {
    const office = new Office().elect();
    const acknowledged = office.submit(request(put("x")));
    office.settle();
    const underWay = office.submit(request(put("y")));
    office.deliver(0);
    office.writer.resign(office.out);
    expect(office.answer(acknowledged)).toBeDefined();
    expect(office.result(underWay)).toEqual(UNKNOWN);
  });
});
