/** The writer's office over time: how it ends, what is asked again, handing over, forgetting keys. */
import { describe, expect, test } from "vitest";
import { instant } from "../../../../src/base/time.js";
import { key } from "../../../../src/core/model/ids.js";
import { RESEND_MS } from "../../../../src/core/quorum/patience.js";
import { MAX_KEYS } from "../../../../src/core/writer/keys.js";
import { add, b, casAbsent, K, put, register, request, text, ts } from "./harness.js";
import { Office } from "./office.js";

const NOT_WRITER = { status: "refused", refusal: { reason: "not-writer" } };
const UNKNOWN = { status: "unknown", unknown: { reason: "outcome-unknown" } };

describe("resigning", () => {
  test("what was decided and not acknowledged is unknown, also when nobody was sent it", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    const tickets = [office.submit(request(put("y"))), office.submit(request(put("z"), "id"))];
    office.lose(0, 1, 2);
    office.writer.resign(office.out);
    expect(tickets.map((ticket) => office.result(ticket))).toEqual([UNKNOWN, UNKNOWN]);
  });

  test("what was not decided is not executed: waiting for a recovery, for a round, for the end of a pause", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    const recovering = office.submit(request(put("y", key("untouched"))));
    const confirming = office.submit(request(casAbsent("y")));
    const nextRound = office.submit(request(casAbsent("y")));
    office.writer.pause();
    const paused = office.submit(request(put("y")));
    office.writer.resign(office.out);
    for (const ticket of [recovering, confirming, nextRound, paused])
      expect(office.result(ticket)).toMatchObject(NOT_WRITER);
  });

  test("everybody is told exactly once, also who waited for two things", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.submit(request(put("y")));
    office.lose(0, 1, 2);
    office.submit(request(casAbsent("z")));
    office.writer.resign(office.out);
    office.writer.resign(office.out);
    const tickets = office.out.outcomes.map((outcome) => outcome.ticket);
    expect(new Set(tickets).size).toBe(tickets.length);
    expect(tickets).toHaveLength(3);
  });

  test("nothing is remembered in the next office: a key is recovered anew (R4)", () => {
    const office = new Office().elect(1);
    office.ask(request(put("mine")));
    office.submit(request(put("reached nobody")));
    office.lose(0, 1, 2);
    office.plant(register({ value: "theirs", version: 20_001, at: ts(b(2, 1), 1) }), 1, 2).depose(2, 0, 1, 2);
    office.elect(3);
    const ticket = office.submit(request(casAbsent("x")));
    expect(office.waiting(1)).toEqual(["recover"]);
    office.settle();
    expect(office.answer(ticket)).toMatchObject({ swapped: false, version: 20_001 });
    expect(text(office.held(0)?.value)).toBe("theirs");
  });

  test("late acknowledgements of an earlier office change nothing", () => {
    const office = new Office().elect(1);
    office.ask(request(put("x")));
    office.submit(request(put("y")));
    const late = office.answersOf(0, 1, 2);
    office.elect(2);
    const ticket = office.submit(request(put("z")));
    office.arrive(late);
    expect(office.result(ticket)).toBeUndefined();
    expect(office.writer.settledSeq).toBe(0);
  });

  test("a new office begins its seqs anew, in a ballot of its own", () => {
    const office = new Office().elect(1);
    office.ask(request(put("x")));
    office.elect(2);
    office.ask(request(put("y")));
    expect(office.held(1)?.timestamp).toEqual(ts(b(2), 1));
  });
});

describe("asking again (R6, R7)", () => {
  test("a lost recovery is asked again in the same attempt, of those who did not answer", () => {
    const office = new Office(5).elect();
    office.submit(request(put("x")));
    const [asked] = office.waitingOf(1, "recover");
    office.deliver(0, 1).lose(2, 3, 4);
    expect(office.resend(RESEND_MS - 1).mail).toEqual([]);
    office.resend(1);
    for (const place of [2, 3, 4]) expect(office.waitingOf(place, "recover")).toEqual([asked]);
    expect([...office.waiting(0), ...office.waiting(1)]).toEqual([]);
  });

  test("so is a lost confirming round, and a lost reservation", () => {
    const office = new Office().campaign().deliver(1, 2);
    const [reserve] = office.waitingOf(2, "reserve");
    office.lose(0, 1, 2).resend(RESEND_MS);
    expect(office.waitingOf(2, "reserve")).toEqual([reserve]);
    office.settle();
    office.ask(request(put("x")));
    office.submit(request(casAbsent("y")));
    const [confirm] = office.waitingOf(2, "confirm");
    office.deliver(0).lose(1, 2).resend(RESEND_MS);
    expect(office.waitingOf(2, "confirm")).toEqual([confirm]);
    expect(office.waiting(0)).toEqual([]);
  });

  test("a lost Write is sent again as the very same register", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.submit(request(put("y")));
    const [write] = office.waitingOf(1, "write");
    office.lose(0, 1, 2).resend(RESEND_MS);
    expect(office.waitingOf(1, "write")[0]?.register).toBe(write?.register);
  });

  test("a replica that lags gets what it lacks while it is heard", () => {
    const office = new Office().elect();
    office.submit(request(put("x")));
    office.deliver(0, 1, 2);
    office.deliver(0, 1).lose(2);
    expect(office.writer.busy).toBe(true);
    office.resend(RESEND_MS, 0b111);
    expect(office.waiting(2)).toEqual(["write"]);
    office.settle();
    expect(text(office.held(2)?.value)).toBe("x");
    expect(office.resend(RESEND_MS).waiting(2)).toEqual([]);
    expect(office.writer.busy).toBe(false);
  });

  test("one that is not heard is left to catch up", () => {
    const office = new Office().elect();
    office.submit(request(put("x")));
    office.deliver(0, 1, 2);
    office.deliver(0, 1).lose(2);
    office.resend(RESEND_MS, 0b011);
    expect(office.writer.busy).toBe(false);
    expect(office.resend(RESEND_MS, 0b111).waiting(2)).toEqual([]);
  });

  test("an unacknowledged write holds the settled seq below it, and no other write of its key is rolled back", () => {
    const office = new Office().elect();
    office.ask(request(put("x")));
    office.submit(request(add(1n, key("slow"))));
    office.settle();
    office.submit(request(put("lost", key("slow"))));
    office.lose(0, 1, 2);
    for (let i = 0; i < 3; i++) office.ask(request(put("y")));
    expect(office.writer.settledSeq).toBe(2);
    expect(office.replica(0).revisions.settled.highest).toEqual(ts(b(1), 2));
    office.resend(RESEND_MS).settle();
    expect(office.writer.settledSeq).toBe(6);
    expect(text(office.held(2, key("slow"))?.value)).toBe("lost");
  });

  test("who holds no office asks nothing again", () => {
    const office = new Office().elect();
    office.submit(request(put("x")));
    office.lose(0, 1, 2);
    office.writer.resign(office.out);
    expect(office.resend(10 * RESEND_MS).mail).toEqual([]);
    expect(office.writer.busy).toBe(false);
  });
});

describe("handing the office over", () => {
  test("while paused requests wait, and are decided in order when the office goes on", () => {
    const office = new Office().elect();
    office.ask(request(put("1")));
    office.writer.pause();
    const tickets = [office.submit(request(add(1n))), office.submit(request(add(1n)))];
    office.settle();
    expect(tickets.map((ticket) => office.result(ticket))).toEqual([undefined, undefined]);
    office.writer.resume(office.now, office.out);
    office.settle();
    expect(tickets.map((ticket) => office.answer(ticket))).toMatchObject([{ number: 2n }, { number: 3n }]);
  });

  test("it is quiet once every decision is on a majority and no round is under way", () => {
    const office = new Office().elect();
    office.ask(request(put("1")));
    expect(office.writer.quiet).toBe(true);
    office.submit(request(put("2")));
    office.writer.pause();
    expect(office.writer.quiet).toBe(false);
    office.settle();
    expect(office.writer.quiet).toBe(true);
  });

  test("a recovery that ends during the pause decides nothing: who waited for it waits on", () => {
    const office = new Office().elect();
    const ticket = office.submit(request(put("x")));
    office.writer.pause();
    office.settle();
    expect(office.result(ticket)).toBeUndefined();
    expect(office.held(1)).toBeNull();
    office.writer.resume(office.now, office.out);
    office.settle();
    expect(office.answer(ticket)).toEqual({ kind: "put", version: 1 });
  });

  test("who is caught up lacks nothing older than a batch", () => {
    const office = new Office().elect();
    office.submit(request(put("x")));
    office.deliver(0, 1, 2);
    office.deliver(0, 1).lose(2);
    expect(office.writer.caughtUp(office.now, RESEND_MS)).toBe(0b111);
    expect(office.writer.caughtUp(instant(RESEND_MS), RESEND_MS)).toBe(0b011);
  });
});

describe("forgetting keys", () => {
  test("beyond its bound it forgets settled keys and recovers them at the next touch; one under way it keeps", () => {
    const office = new Office(1).elect();
    office.submit(request(put("under way", key("k0"))));
    office.deliver(0);
    const stuck = office.mail.splice(0);
    for (let i = 1; i < MAX_KEYS; i++) office.submit(request(put("x", key(`k${i}`))));
    office.settle();
    expect(office.waiting(0)).toEqual([]);
    office.ask(request(put("x", key("one more"))));
    office.submit(request(put("again", key("k1"))));
    office.submit(request(put("again", key("k0"))));
    office.submit(request(put("again", key(`k${MAX_KEYS - 1}`))));
    expect(office.waiting(0)).toEqual(["recover", "write", "write"]);
    expect(stuck.map((letter) => letter.message.kind)).toEqual(["write"]);
  });

  test("a key that is remembered is not recovered again", () => {
    const office = new Office().elect();
    office.ask(request(casAbsent("x", K)));
    office.submit(request(put("y", K)));
    expect(office.waiting(1)).toEqual(["write"]);
  });
});

describe("a group of one", () => {
  test("needs nobody else, and still waits for its own disk", () => {
    const office = new Office(1).elect();
    const ticket = office.submit(request(put("x")));
    expect(office.result(ticket)).toBeUndefined();
    office.deliver(0);
    office.deliver(0);
    expect(office.answer(ticket)).toEqual({ kind: "put", version: 1 });
    expect(office.ask(request(casAbsent("y")))).toMatchObject({ answer: { swapped: false } });
  });
});
