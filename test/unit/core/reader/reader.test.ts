/** The reader: when it answers at once, when it imposes, when it hands over. */
import { describe, expect, test } from "vitest";
import { attempt, groupEpoch, NO_REVISION, UNKNOWN_REVISION } from "../../../../src/core/model/ids.js";
import { RESEND_MS } from "../../../../src/core/quorum/patience.js";
import { ASK_ALL_MS } from "../../../../src/core/reader/reader.js";
import { Desk } from "../writer/desk.js";
import { b, heldIn, hold, register, text, ts } from "../writer/harness.js";

const old = register({ value: "old", version: 1, at: ts(b(1, 1), 1) });
const fresh = register({ value: "fresh", version: 2, at: ts(b(1, 1), 2) });
const newer = register({ value: "newer", version: 3, at: ts(b(2, 1), 1) });
const moved = register({ value: "moved", version: 1, at: ts(b(7, 1, groupEpoch(3)), 4) });
const gone = register({ value: null, version: 5, at: ts(b(1, 1), 5) });

describe("answers at once", () => {
  test("when a majority says absent", () => {
    const desk = new Desk();
    const ticket = desk.read();
    expect(desk.value(ticket)).toBeUndefined();
    desk.deliver(1, 2);
    expect(desk.value(ticket)).toBeNull();
    expect(desk.result(ticket)).toMatchObject({ answer: { kind: "get", consistency: "linearizable" } });
  });

  test("when a majority holds the same native state", () => {
    const desk = new Desk().hold(fresh, 0, 1, 2);
    const ticket = desk.read();
    desk.deliver(1, 2);
    expect(desk.value(ticket)).toBe("fresh");
    expect(desk.entry(ticket)?.version).toBe(2);
    expect(desk.waiting).toEqual([]);
  });

  test("a tombstone on a majority is an absent key", () => {
    const desk = new Desk().hold(gone, 0, 1, 2);
    for (const replica of desk.replicas) replica.revisions.knowRevision(NO_REVISION);
    const ticket = desk.read();
    desk.deliver(1, 2);
    expect(desk.value(ticket)).toBeNull();
    expect(desk.result(ticket)).toMatchObject({ status: "done", standing: { revision: 5 } });
  });

  test("a replica that cannot tell the partition's revision yet tells none, not that of what it shows (R9)", () => {
    const desk = new Desk().hold(fresh, 0, 1, 2);
    const ticket = desk.read();
    desk.deliver(1, 2);
    expect(desk.result(ticket)).toMatchObject({ status: "done", standing: { revision: UNKNOWN_REVISION } });
  });

  test("when all hold the key and the highest is settled, though they differ", () => {
    const desk = new Desk().hold(old, 0).hold(fresh, 1, 2).settled(fresh, 1);
    const ticket = desk.read();
    desk.deliver(1);
    expect(desk.value(ticket)).toBe("fresh");
  });

  test("also a settled state of an older epoch", () => {
    const desk = new Desk().hold(moved, 0);
    for (const replica of desk.replicas) hold(replica.table, moved);
    desk.settled(moved, 0);
    const ticket = desk.read();
    desk.deliver(1, 2);
    expect(desk.value(ticket)).toBe("moved");
  });

  test("at the only replica of a key, without asking anybody (δ = 1)", () => {
    const desk = new Desk(1).hold(fresh, 0);
    const ticket = desk.read();
    expect(desk.value(ticket)).toBe("fresh");
    expect(desk.mail).toEqual([]);
  });
});

describe("imposes (R3)", () => {
  test("two different states: the highest must reach a majority before it is shown", () => {
    const desk = new Desk().hold(old, 0).hold(fresh, 1);
    const ticket = desk.read();
    desk.deliver(1);
    expect(desk.value(ticket)).toBeUndefined();
    expect(desk.waiting).toEqual(["impose→0", "impose→2"]);
    desk.deliver(2);
    expect(desk.value(ticket)).toBe("fresh");
    expect(text(heldIn(desk.replica(2).table, fresh.key)?.value)).toBe("fresh");
  });

  test("the reader's own newer copy is imposed, too", () => {
    const desk = new Desk().hold(fresh, 0).hold(old, 1, 2);
    const ticket = desk.read();
    desk.deliver(1, 2);
    expect(desk.waiting).toEqual(["impose→1", "impose→2"]);
    desk.deliver(1);
    expect(desk.value(ticket)).toBe("fresh");
  });

  test("settled, but somebody said absent: it is imposed nevertheless", () => {
    const desk = new Desk().hold(fresh, 1).settled(fresh, 0, 1, 2);
    const ticket = desk.read();
    desk.deliver(1);
    expect(desk.value(ticket)).toBeUndefined();
    expect(desk.waiting).toContain("impose→0");
  });

  test("one that holds it and one that is absent are not unanimous", () => {
    const desk = new Desk().hold(fresh, 0);
    const ticket = desk.read();
    desk.deliver(1);
    expect(desk.value(ticket)).toBeUndefined();
    expect(desk.waiting).toEqual(["impose→1", "impose→2"]);
  });

  test("whoever held it when it was read counts as having it; one acknowledgement twice counts once (R7)", () => {
    const desk = new Desk(5).hold(old, 0, 2, 3, 4).hold(fresh, 1);
    const ticket = desk.read();
    desk.resend(ASK_ALL_MS).deliver(1, 2);
    desk.mail = desk.mail.filter(({ message }) => message.kind === "impose");
    const [answer] = desk.answersOf(2);
    if (answer === undefined) throw new Error("no answer");
    desk.arrive([answer, answer, answer]);
    expect(desk.value(ticket)).toBeUndefined();
    desk.deliver(3);
    expect(desk.value(ticket)).toBe("fresh");
  });

  test("an impose that got lost is repeated in the same attempt to those who lack it", () => {
    const desk = new Desk().hold(old, 0).hold(fresh, 1);
    const ticket = desk.read();
    desk.deliver(1);
    const lost = desk.mail.splice(0);
    desk.resend(RESEND_MS - 1);
    expect(desk.mail).toEqual([]);
    desk.resend(1);
    expect(desk.mail).toEqual(lost);
    desk.deliver(0);
    expect(desk.value(ticket)).toBe("fresh");
  });

  test("a late answer to the question is no acknowledgement of the impose", () => {
    const desk = new Desk(5).hold(old, 0, 2, 3, 4).hold(fresh, 1);
    const ticket = desk.read();
    desk.resend(ASK_ALL_MS);
    const late = desk.answersOf(3, 4);
    desk.deliver(1, 2);
    desk.arrive(late);
    expect(desk.value(ticket)).toBeUndefined();
  });
});

describe("hands over", () => {
  test("when enough replicas promised more for the impose to be impossible", () => {
    const desk = new Desk().hold(old, 0).hold(fresh, 1).promise(3, 0, 2);
    const ticket = desk.read();
    desk.deliver(1);
    desk.writerPlace = 2;
    desk.deliver(2);
    expect(desk.waiting).toEqual(["impose→0"]);
    desk.deliver(0);
    expect(desk.waiting).toEqual(["hand-over→2"]);
    desk.handedOver(desk.handOvers[0] ?? attempt(0), newer);
    expect(desk.value(ticket)).toBe("newer");
  });

  test("one refusal of three is not enough, and one replica's twice is one", () => {
    const desk = new Desk().hold(old, 0).hold(fresh, 1).promise(3, 2);
    const ticket = desk.read();
    desk.deliver(1);
    desk.writerPlace = 2;
    const [nack] = desk.answersOf(2);
    if (nack === undefined) throw new Error("no answer");
    desk.arrive([nack, nack]);
    expect(desk.handOvers).toEqual([]);
    desk.deliver(0);
    expect(desk.value(ticket)).toBe("fresh");
  });

  test("after one refusal, when the others stay silent and there is a writer", () => {
    const desk = new Desk().hold(old, 0).hold(fresh, 1).promise(3, 2);
    desk.read();
    desk.deliver(1).deliver(2);
    desk.mail = [];
    desk.resend(RESEND_MS);
    expect(desk.handOvers).toEqual([]);
    desk.writerPlace = 2;
    desk.resend(RESEND_MS);
    expect(desk.waiting).toContain("hand-over→2");
  });

  test("a state of an older epoch that is not known to be settled, although all hold it: it is in doubt", () => {
    const desk = new Desk();
    for (const replica of desk.replicas) hold(replica.table, moved);
    desk.writerPlace = 1;
    const ticket = desk.read();
    desk.deliver(1, 2);
    expect(desk.value(ticket)).toBeUndefined();
    expect(desk.waiting).toEqual(["hand-over→1"]);
  });

  test("asks again while there is no writer, or the one asked was none", () => {
    const desk = new Desk();
    for (const replica of desk.replicas) hold(replica.table, moved);
    const ticket = desk.read();
    desk.deliver(1, 2);
    expect(desk.waiting).toEqual([]);
    desk.writerPlace = 2;
    desk.resend(RESEND_MS);
    expect(desk.waiting).toEqual(["hand-over→2"]);
    const asked = desk.handOvers[0] ?? attempt(0);
    desk.mail = [];
    desk.handedOver(asked, null, false);
    expect(desk.value(ticket)).toBeUndefined();
    desk.resend(RESEND_MS);
    expect(desk.handOvers).toEqual([asked]);
    desk.handedOver(asked, newer);
    expect(desk.value(ticket)).toBe("newer");
  });

  test("an absent key is a good answer of the writer; a second answer changes nothing", () => {
    const desk = new Desk();
    for (const replica of desk.replicas) hold(replica.table, moved);
    desk.writerPlace = 1;
    const ticket = desk.read();
    desk.deliver(1, 2);
    const asked = desk.handOvers[0] ?? attempt(0);
    desk.handedOver(asked, null);
    desk.handedOver(asked, newer);
    expect(desk.value(ticket)).toBeNull();
    expect(desk.out.outcomes).toHaveLength(1);
  });
});

describe("attempts (R7)", () => {
  test("answers count for their own attempt only", () => {
    const desk = new Desk();
    const first = desk.read();
    const late = desk.answersOf(1, 2);
    desk.arrive(late);
    expect(desk.value(first)).toBeNull();
    desk.hold(fresh, 0, 1, 2);
    const second = desk.read();
    desk.lose(1, 2);
    desk.arrive(late);
    expect(desk.value(second)).toBeUndefined();
  });

  test("the same replica twice is no majority", () => {
    const desk = new Desk(5);
    const ticket = desk.read();
    const [answer] = desk.answersOf(1, 2, 3, 4);
    if (answer === undefined) throw new Error("no answer");
    desk.arrive([answer, answer, answer]);
    expect(desk.value(ticket)).toBeUndefined();
  });

  test("no two attempts have the same number, imposes and hand-overs included", () => {
    const desk = new Desk().hold(old, 0).hold(fresh, 1).promise(3, 0, 2);
    const seen = new Map<number, string>();
    const note = (): void => {
      for (const { message } of desk.mail) if ("attempt" in message) seen.set(message.attempt as number, message.kind);
    };
    desk.read();
    note();
    desk.deliver(1);
    note();
    desk.writerPlace = 2;
    desk.deliver(0, 2);
    note();
    expect([...seen.values()]).toEqual(["read", "impose", "hand-over"]);
  });
});

describe("whom it asks", () => {
  test("just a majority first, everybody else after a moment", () => {
    const desk = new Desk(5);
    desk.read();
    expect(desk.mail).toHaveLength(2);
    desk.resend(ASK_ALL_MS - 1);
    expect(desk.mail).toHaveLength(2);
    desk.mail = [];
    desk.resend(1);
    expect(desk.waiting).toEqual(["read→3", "read→4"]);
    desk.deliver(3);
    desk.resend(RESEND_MS - ASK_ALL_MS);
    expect(desk.waiting).toEqual(["read→4", "read→1", "read→2", "read→4"]);
  });

  test("the writer first, then others in turn, and not those who are not heard", () => {
    const desk = new Desk(5);
    desk.writerPlace = 4;
    desk.heard = 0b11011;
    const asked = new Set<string>();
    for (let i = 0; i < 10; i++) {
      desk.mail = [];
      desk.read();
      expect(desk.waiting).toContain("read→4");
      for (const place of desk.waiting) asked.add(place);
    }
    expect([...asked].sort()).toEqual(["read→1", "read→3", "read→4"]);
  });

  test("everybody at once when too few are heard", () => {
    const desk = new Desk(5);
    desk.heard = 0b00011;
    desk.read();
    expect(desk.mail).toHaveLength(4);
  });

  test("a value crosses the wire only when it is newer than the reader's", () => {
    const desk = new Desk().hold(fresh, 0, 1).hold(old, 2);
    desk.read();
    desk.resend(ASK_ALL_MS);
    const answers = desk.answersOf(1, 2);
    expect(answers.length).toBeGreaterThan(1);
    for (const { message } of answers) expect(message).toMatchObject({ register: null });
  });
});

describe("local reads (R14)", () => {
  test("show this replica's copy at once when it is settled", () => {
    const desk = new Desk().hold(fresh, 0).settled(fresh, 0);
    const ticket = desk.read("local");
    expect(desk.value(ticket)).toBe("fresh");
    expect(desk.result(ticket)).toMatchObject({ answer: { consistency: "local" } });
    expect(desk.mail).toEqual([]);
  });

  test("never show what is merely accepted: they become ordinary reads", () => {
    const desk = new Desk().hold(fresh, 0, 1, 2);
    const ticket = desk.read("local");
    expect(desk.value(ticket)).toBeUndefined();
    desk.deliver(1, 2);
    expect(desk.result(ticket)).toMatchObject({ answer: { consistency: "linearizable" } });
  });

  test("never say that a key is absent without a round trip, not even of a settled tombstone", () => {
    const desk = new Desk();
    expect(desk.result(desk.read("local"))).toBeUndefined();
    desk.hold(gone, 0).settled(gone, 0);
    const ticket = desk.read("local");
    expect(desk.result(ticket)).toBeUndefined();
    desk.hold(gone, 1, 2).deliver(1, 2);
    expect(desk.value(ticket)).toBeNull();
  });
});

describe("deadlines", () => {
  test("a read that finds no majority says so, and who is missing", () => {
    const desk = new Desk();
    desk.heard = 0b001;
    const ticket = desk.read("linearizable", 500);
    desk.resend(499);
    expect(desk.result(ticket)).toBeUndefined();
    desk.resend(1);
    expect(desk.result(ticket)).toEqual({ status: "refused", refusal: { reason: "no-quorum", missing: [11, 12] } });
    expect(desk.reader.running).toBe(0);
  });

  test("in whatever phase it is; one that was handed over lacks a writer, not a majority", () => {
    const imposing = new Desk().hold(old, 0).hold(fresh, 1);
    imposing.read("linearizable", 500);
    imposing.deliver(1, 2);
    const handing = new Desk();
    for (const replica of handing.replicas) hold(replica.table, moved);
    handing.read("linearizable", 500);
    handing.deliver(1, 2);
    for (const [desk, reason] of [
      [imposing, "no-quorum"],
      [handing, "not-writer"],
    ] as const) {
      expect(desk.reader.running).toBe(1);
      desk.mail = [];
      desk.resend(500);
      expect(desk.out.outcomes).toMatchObject([{ result: { refusal: { reason } } }]);
    }
  });

  test("answers after the deadline change nothing", () => {
    const desk = new Desk();
    desk.read("linearizable", 500);
    const late = desk.answersOf(1, 2);
    desk.resend(500);
    desk.arrive(late);
    expect(desk.out.outcomes).toHaveLength(1);
  });
});

describe("what a reader learns", () => {
  test("the answer's revision covers what is shown and what peers know to be settled", () => {
    const desk = new Desk().hold(fresh, 0, 1, 2);
    for (const replica of desk.replicas) replica.revisions.knowRevision(NO_REVISION);
    desk.replica(1).revisions.settle(b(1, 1), 9, newer.revision);
    desk.replica(2).revisions.settle(b(1, 1), 9, newer.revision);
    const ticket = desk.read();
    desk.writerPlace = 1;
    desk.deliver(1, 2);
    expect(desk.result(ticket)).toMatchObject({ standing: { revision: 3, writer: 11 } });
  });
});
