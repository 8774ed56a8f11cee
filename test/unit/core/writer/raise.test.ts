/**
 * A backup is restored: the writer's revisions go on above those of the old cluster, and requests of before are
 * refused, not run.
 */
import { afterEach, describe, expect, test } from "vitest";
import { instant } from "../../../../src/base/time.js";
import { revision } from "../../../../src/core/model/ids.js";
import { MAX_RAISES, RESERVATION_WINDOW } from "../../../../src/core/writer/revisions.js";
import { plant } from "../../../planted/planted.js";
import { casVersion, put, request, text } from "./harness.js";
import { Office } from "./office.js";

const ABOVE = 2 ** 40;

let lastTicket = 0;
const raise = (office: Office, above = ABOVE, deadline = instant(10_000)): Office => {
  lastTicket++;
  office.writer.raise(office.now, { ticket: lastTicket, above: revision(above), deadline }, office.out);
  return office;
};
/** Outcomes of raises told since the last look, in order. */
const told = (office: Office) => office.out.raised.splice(0).map(({ done }) => done);
const reserves = (office: Office) =>
  office.waitingOf(1, "reserve").map(({ reservation, floor }) => [reservation, floor]);

afterEach(() => plant());

describe("raising revisions", () => {
  test("first a majority reserves beyond them, then its floors rise; only then it is done", () => {
    const office = raise(new Office().elect());
    expect(reserves(office)).toEqual([[ABOVE + RESERVATION_WINDOW, 0]]);
    office.deliver(0, 1);
    expect(office.writer.raisedAbove).toBe(0);
    expect(office.replica(1).revisions.floor).toBe(0);
    expect(reserves(office).at(-1)?.[1]).toBe(ABOVE);
    office.deliver(0);
    expect(office.writer.raisedAbove).toBe(0);
    expect(told(office)).toEqual([]);
    office.deliver(1);
    expect(office.writer.raisedAbove).toBe(ABOVE);
    expect(told(office)).toEqual([true]);
    expect(office.replicas.map(({ revisions }) => revisions.floor)).toEqual([ABOVE, ABOVE, 0]);
  });

  test("the next version lies above, also of a key that is known already", () => {
    const office = new Office().elect();
    office.ask(request(put("before")));
    raise(office).settle();
    expect(office.ask(request(put("x")))).toMatchObject({ answer: { version: ABOVE + 1 } });
  });

  test("no revision is handed out before a majority has reserved beyond it (R13)", () => {
    const office = new Office().elect();
    office.ask(request(put("before")));
    raise(office).lose(0, 1, 2);
    const ticket = office.submit(request(put("x")));
    office.deliver(0, 1, 2);
    expect(office.result(ticket)).toBeUndefined();
    office.resend(100).settle();
    expect(office.answer(ticket)).toMatchObject({ version: ABOVE + 1 });
  });

  test("a request that knows of lower revisions only is expired, whether its key is known to be absent or not", () => {
    const office = new Office().elect();
    // Known to be absent in this office.
    office.ask(request(casVersion(5, "x")));
    raise(office).settle();
    expect(office.ask(request(put("x"), "old", 7))).toMatchObject({ unknown: { reason: "request-expired" } });
    const next = new Office().elect();
    raise(next).settle();
    expect(next.ask(request(put("x"), "old", ABOVE - 1))).toMatchObject({ unknown: { reason: "request-expired" } });
    expect(next.ask(request(put("y"), "new", ABOVE))).toMatchObject({ status: "done" });
    expect(text(next.held(1)?.value)).toBe("y");
  });

  test("the next writer goes on above, and finds the floor", () => {
    const office = raise(new Office().elect()).settle();
    office.depose(2, 0, 1, 2);
    office.campaign(3).settle();
    expect(office.ask(request(put("x"), "old", 7))).toMatchObject({ unknown: { reason: "request-expired" } });
    const answer = office.ask(request(put("x")));
    expect(answer).toMatchObject({ status: "done" });
    expect(office.held(1)?.version).toBeGreaterThan(ABOVE);
    expect(office.held(1)?.floor).toBe(ABOVE);
  });

  test("doing it again, or with less, lowers nothing", () => {
    const office = raise(new Office().elect()).settle();
    raise(office, 5).settle();
    raise(office).settle();
    expect(told(office)).toEqual([true, true, true]);
    expect(office.writer.raisedAbove).toBe(ABOVE);
    expect(office.ask(request(put("x")))).toMatchObject({ answer: { version: ABOVE + 1 } });
  });

  test("whoever is not the writer says so at once, and does nothing", () => {
    const office = raise(new Office());
    expect(told(office)).toEqual([false]);
    expect(office.waiting(1)).toEqual([]);
    expect(office.writer.raisedAbove).toBe(0);
  });

  test("a raise is told at its deadline, or when the office ends: never left without an outcome", () => {
    const late = raise(new Office().elect(), ABOVE, instant(50)).lose(0, 1, 2);
    late.resend(40);
    expect(told(late)).toEqual([]);
    late.resend(20);
    expect(told(late)).toEqual([false]);
    const deposed = raise(new Office().elect());
    deposed.writer.resign(deposed.out);
    expect(told(deposed)).toEqual([false]);
    expect(deposed.writer.busy).toBe(false);
  });

  test("so many may wait; further ones are turned away, and all are told when a majority has it", () => {
    const office = new Office().elect();
    for (let i = 0; i < MAX_RAISES; i++) raise(office);
    expect(told(office)).toEqual([]);
    raise(office);
    expect(told(office)).toEqual([false]);
    office.settle();
    expect(told(office)).toEqual(Array.from({ length: MAX_RAISES }, () => true));
  });

  test("the planted bug that tells too early shows", () => {
    plant("R9.raise-told-early");
    const office = raise(new Office().elect());
    office.deliver(0, 1);
    expect(told(office)).toEqual([true]);
    expect(office.writer.raisedAbove).toBe(0);
  });
});
