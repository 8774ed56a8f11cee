/** Writes of one key that wait for their turn (line L1, L2). */
import { afterEach, describe, expect, test } from "vitest";
import { MAX_RECORDS } from "../../../../src/base/limits.js";
import { instant } from "../../../../src/base/time.js";
import { key } from "../../../../src/core/model/ids.js";
import { MAX_UNDONE_OF_KEY } from "../../../../src/core/writer/line.js";
import { plant } from "../../../planted/planted.js";
import { add, K, put, request } from "./harness.js";
import { Office } from "./office.js";

afterEach(() => plant());

/** So many adds of nothing, each with an id of its own, known to come after revision 1. */
function submit(office: Office, count: number, name = "r"): number[] {
  return Array.from({ length: count }, (_, i) => office.submit(request(add(0n), `${name}${i}`, 1)));
}

const begun = (): Office => {
  const office = new Office().elect();
  office.ask(request(put("0")));
  return office;
};

const statuses = (office: Office, tickets: readonly number[]): (string | undefined)[] =>
  tickets.map((ticket) => office.result(ticket)?.status);

describe("many writes of one key at once", () => {
  test("are all done, though each one knew only what was settled when it came (L1)", () => {
    const office = begun();
    const tickets = submit(office, 8 * MAX_RECORDS);
    office.settle();
    expect(new Set(statuses(office, tickets))).toEqual(new Set(["done"]));
  });

  test("are decided in the order in which they came (L2)", () => {
    const office = begun();
    const first = submit(office, 3 * MAX_UNDONE_OF_KEY);
    office.deliver(0, 1, 2);
    const late = submit(office, 3 * MAX_UNDONE_OF_KEY, "late");
    office.settle();
    const versions = [...first, ...late].map((ticket) => {
      const answer = office.answer(ticket);
      return answer?.kind === "add" ? answer.version : Number.NaN;
    });
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
  });

  test("are under way so many at a time that no record goes of one that is not on a majority", () => {
    const office = begun();
    submit(office, 8 * MAX_RECORDS);
    expect(office.waitingOf(1, "write")).toHaveLength(MAX_UNDONE_OF_KEY);
    office.settle();
    expect(office.held(1)?.records).toHaveLength(MAX_RECORDS);
  });

  test("hold up nobody who writes another key, nor a write without an id before a line is there", () => {
    const office = begun();
    submit(office, MAX_UNDONE_OF_KEY);
    office.submit(request(put("x")));
    expect(office.waitingOf(1, "write")).toHaveLength(MAX_UNDONE_OF_KEY + 1);
    submit(office, 1, "lined");
    office.submit(request(put("y")));
    expect(office.waitingOf(1, "write")).toHaveLength(MAX_UNDONE_OF_KEY + 1);
    const other = office.submit(request(put("z", key("other"))));
    office.settle();
    expect(office.result(other)?.status).toBe("done");
  });

  test("a write without an id in a line does not run before its turn", () => {
    const office = begun();
    submit(office, MAX_UNDONE_OF_KEY + 1);
    const last = office.submit(request(put("last")));
    office.settle();
    expect(office.result(last)?.status).toBe("done");
    expect(new TextDecoder().decode(office.held(1, K)?.value ?? undefined)).toBe("last");
  });
});

describe("a second copy of a request", () => {
  /** Both copies wait; between them so many others that the first one's record is gone when the second's turn comes. */
  const twice = (): { office: Office; copies: number[] } => {
    const office = begun();
    submit(office, MAX_UNDONE_OF_KEY);
    const first = office.submit(request(add(1n), "one", 1));
    submit(office, 2 * MAX_RECORDS, "between");
    const second = office.submit(request(add(1n), "one", 1));
    office.settle();
    return { office, copies: [first, second] };
  };

  test("is judged when its turn comes: too late, once the record of the first is gone (L1)", () => {
    const { office, copies } = twice();
    expect(statuses(office, copies)).toEqual(["done", "unknown"]);
    expect(new TextDecoder().decode(office.held(1)?.value ?? undefined)).toBe("1");
  });

  test("runs again with the planted bug", () => {
    plant("R9.line-takes-copies");
    const { office, copies } = twice();
    expect(statuses(office, copies)).toEqual(["done", "done"]);
    expect(new TextDecoder().decode(office.held(1)?.value ?? undefined)).toBe("2");
  });

  test("is answered from the record of the first while that is there", () => {
    const office = begun();
    submit(office, MAX_UNDONE_OF_KEY);
    const copies = [1, 2].map(() => office.submit(request(add(1n), "one", 1)));
    office.settle();
    expect(statuses(office, copies)).toEqual(["done", "done"]);
    expect(office.answer(copies[0] ?? 0)).toEqual(office.answer(copies[1] ?? 0));
  });
});

describe("those who wait", () => {
  test("leave at their deadline, not executed", () => {
    const office = begun();
    submit(office, MAX_UNDONE_OF_KEY);
    const late = office.submit(request(put("x"), "late", 1), instant(500));
    office.resend(600);
    expect(office.result(late)).toMatchObject({ status: "refused", refusal: { reason: "no-quorum" } });
    office.settle();
    expect(new TextDecoder().decode(office.held(1)?.value ?? undefined)).toBe("0");
  });

  test("are turned away when the office ends, not executed", () => {
    const office = begun();
    submit(office, MAX_UNDONE_OF_KEY);
    const lined = submit(office, 2, "lined");
    office.writer.resign(office.out);
    expect(new Set(lined.map((ticket) => office.result(ticket)?.status))).toEqual(new Set(["refused"]));
    expect(office.writer.waiting).toBe(0);
  });

  test("go on when the office is kept after a pause", () => {
    const office = begun();
    submit(office, MAX_UNDONE_OF_KEY);
    const lined = submit(office, 2, "lined");
    office.writer.pause();
    office.settle();
    expect(statuses(office, lined)).toEqual([undefined, undefined]);
    office.writer.resume(office.now, office.out);
    office.settle();
    expect(statuses(office, lined)).toEqual(["done", "done"]);
  });

  test("are judged by the floor when it was raised for all keys meanwhile (L1)", () => {
    const office = begun();
    submit(office, MAX_UNDONE_OF_KEY);
    const lined = submit(office, 1, "lined");
    office.writer.pause();
    office.writer.raise(office.now, { ticket: 1, above: 5_000 as never, deadline: instant(1e6) }, office.out);
    office.settle();
    office.writer.resume(office.now, office.out);
    office.settle();
    expect(office.result(lined[0] ?? 0)?.status).toBeDefined();
  });
});
