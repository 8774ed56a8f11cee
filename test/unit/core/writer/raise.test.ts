/** A backup is restored: the writer's revisions go on above those of the old cluster, and requests of before are refused, not run. */
import { describe, expect, test } from "vitest";
import { instant } from "../../../../src/base/time.js";
import { revision } from "../../../../src/core/model/ids.js";
import { RESERVATION_WINDOW } from "../../../../src/core/writer/revisions.js";
import { casVersion, put, request, text } from "./harness.js";
import { Office } from "./office.js";

const ABOVE = 2 ** 40;

const raise = (office: Office, above = ABOVE): Office => {
  office.writer.raise(office.now, revision(above), office.out);
  return office;
};
const reserves = (office: Office) =>
  office.waitingOf(1, "reserve").map(({ reservation, floor }) => [reservation, floor]);

describe("raising revisions", () => {
  test("first a majority reserves beyond them, then its floors rise; only then it is done", () => {
    const office = raise(new Office().elect());
    expect(reserves(office)).toEqual([[ABOVE + RESERVATION_WINDOW, 0]]);
    office.deliver(0, 1);
    expect(office.writer.raisedAbove).toBe(0);
    expect(office.replica(1).floor).toBe(0);
    expect(reserves(office).at(-1)?.[1]).toBe(ABOVE);
    office.deliver(0);
    expect(office.writer.raisedAbove).toBe(0);
    office.deliver(1);
    expect(office.writer.raisedAbove).toBe(ABOVE);
    expect(office.replicas.map(({ floor }) => floor)).toEqual([ABOVE, ABOVE, 0]);
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
    expect(office.writer.raisedAbove).toBe(ABOVE);
    expect(office.ask(request(put("x")))).toMatchObject({ answer: { version: ABOVE + 1 } });
  });

  test("who is not the writer does nothing", () => {
    const office = new Office();
    office.writer.raise(instant(0), revision(ABOVE), office.out);
    expect(office.waiting(1)).toEqual([]);
    expect(office.writer.raisedAbove).toBe(0);
  });
});
