/** The replica: what it takes, what it refuses, and what is durable before it answers. */
import { beforeEach, describe, expect, test } from "vitest";
import { type Ballot, formatBallot } from "../../../../src/core/model/ballot.js";
import type { Entry } from "../../../../src/core/model/entry.js";
import { attempt, groupEpoch, revision, UNKNOWN_REVISION } from "../../../../src/core/model/ids.js";
import type { Fenced } from "../../../../src/core/model/message.js";
import type { Register } from "../../../../src/core/model/register.js";
import { MemoryTable } from "../../../../src/core/model/table.js";
import { Replica } from "../../../../src/core/replica/replica.js";
import { B, b, epoch, groupOf, heldIn, K, none, P, register, TestOutbox, text, ts } from "../writer/harness.js";

const T = attempt(77);
const NOW = revision(0);

let out: TestOutbox;
let replica: Replica;

beforeEach(() => {
  out = new TestOutbox();
  replica = new Replica(groupOf(3), new MemoryTable());
});

const write = (written: Register, settledSeq = 0): void =>
  replica.onWrite(B, { kind: "write", partition: P, register: written, settledSeq, settledRevision: NOW }, out);
const impose = (imposed: Register): void =>
  replica.onImpose(B, { kind: "impose", partition: P, attempt: T, register: imposed }, out);
const prepare = (ballot: Ballot): void => replica.onPrepare(B, { kind: "prepare", partition: P, ballot }, out);
const recover = (ballot: Ballot): void =>
  replica.onRecover(B, { kind: "recover", partition: P, ballot, attempt: T, key: K }, out);
const confirm = (ballot: Ballot): void =>
  replica.onConfirm(B, { kind: "confirm", partition: P, ballot, attempt: T }, out);
const reserve = (ballot: Ballot, upTo: number, floor = 0): void => {
  const raised = { reservation: revision(upTo), floor: revision(floor) };
  replica.onReserve(B, { kind: "reserve", partition: P, ballot, attempt: T, ...raised }, out);
};
const read = (holding: Register | null = null): void =>
  replica.onRead(
    B,
    { kind: "read", partition: P, groupEpoch: epoch, attempt: T, key: K, holding: holding?.timestamp ?? null },
    out,
  );

/** Sends one fenced message of each kind in a ballot. */
const FENCED: Record<Fenced, (ballot: Ballot) => void> = {
  prepare,
  recover,
  confirm,
  reserve: (ballot) => reserve(ballot, 50),
  write: (ballot) => write(register({ at: ts(ballot, 5), value: "late" })),
  impose: (ballot) => impose(register({ at: ts(ballot, 5), value: "late" })),
  purge: (ballot) =>
    replica.onPurge(B, { kind: "purge", partition: P, ballot, attempt: T, key: K, timestamp: ts(none, 1) }, out),
};
const ATTEMPT: Record<Fenced, number> = {
  prepare: 0,
  recover: T,
  confirm: T,
  reserve: T,
  write: 5,
  impose: T,
  purge: T,
};
const ANSWER: Record<Fenced, string> = {
  prepare: "promised",
  recover: "recovered",
  confirm: "confirmed",
  reserve: "reserved",
  write: "written",
  impose: "imposed",
  purge: "purged",
};
const KINDS = Object.keys(FENCED) as Fenced[];

const held = (): string | null => text(heldIn(replica.table)?.value);
const entries = (): string[] => out.entries.splice(0).map(show);
const show = (entry: Entry): string => {
  switch (entry.kind) {
    case "promise":
      return `promise ${formatBallot(entry.ballot)}`;
    case "reservation":
      return `reservation ${entry.reservation}`;
    case "register":
      return `register ${text(entry.register.value)}`;
    case "settled":
      return `settled ${formatBallot(entry.ballot)}/${entry.seq}`;
    case "removed":
      return `removed ${entry.key}`;
    case "floor":
      return `floor ${entry.floor}`;
    case "sealed":
      return `sealed ${entry.epoch} ${entry.stays}`;
    case "ready":
      return `ready ${entry.epoch}`;
    case "cursor":
      return `cursor ${entry.source} ${entry.copy}/${entry.change}`;
    default:
      return entry.kind;
  }
};

describe("R1: the fence", () => {
  test.each(KINDS)("a replica that promised more refuses a late %s and keeps what it has", (kind) => {
    write(register({ at: ts(b(1), 1), value: "kept" }));
    prepare(b(3));
    out.sendDurable.take();
    entries();
    FENCED[kind](b(2));
    expect(out.sendDurable.only("nack")).toEqual({
      kind: "nack",
      partition: P,
      of: kind,
      ballot: b(2),
      attempt: ATTEMPT[kind],
      promised: b(3),
    });
    expect(held()).toBe("kept");
    expect(replica.promise).toEqual(b(3));
    expect(replica.revisions.reservation).toBe(0);
    expect(entries()).toEqual([]);
  });

  test.each(KINDS)("accepting a %s of a higher ballot raises the promise, durably before the answer", (kind) => {
    prepare(b(1));
    out.sendDurable.take();
    entries();
    FENCED[kind](b(2, 1));
    expect(replica.promise).toEqual(b(2, 1));
    expect(entries()[0]).toBe(`promise ${formatBallot(b(2, 1))}`);
    expect(out.sendNow.list).toEqual([]);
    expect(out.sendDurable.kinds).toEqual([ANSWER[kind]]);
  });

  test.each(KINDS)("a %s in exactly the promised ballot is taken, and promises nothing new", (kind) => {
    prepare(b(2));
    out.sendDurable.take();
    entries();
    FENCED[kind](b(2));
    expect(out.sendDurable.kinds).toEqual([ANSWER[kind]]);
    expect(entries().filter((entry) => entry.startsWith("promise"))).toEqual([]);
  });

  test("a new replica promises anything of its epoch, and takes nothing of an earlier one", () => {
    expect(replica.promise).toEqual(none);
    const earlier = b(99, 2, groupEpoch(3));
    for (const kind of KINDS) {
      FENCED[kind](earlier);
      expect(out.sendDurable.only("nack").promised).toEqual(none);
    }
    expect(entries()).toEqual([]);
    prepare(b(1));
    expect(replica.promise).toEqual(b(1));
  });

  test("of two ballots of one round the higher node's wins", () => {
    prepare(b(1, 1));
    out.sendDurable.take();
    prepare(b(1, 0));
    expect(out.sendDurable.only("nack").promised).toEqual(b(1, 1));
    prepare(b(1, 2));
    expect(out.sendDurable.only("promised").ballot).toEqual(b(1, 2));
  });

  test("a candidate's own promise is an entry at once and must be above what it promised", () => {
    replica.promiseOwn(b(1), out);
    expect(entries()).toEqual([`promise ${formatBallot(b(1))}`]);
    expect(() => replica.promiseOwn(b(1), out)).toThrow("broken invariant");
  });

  test("a promise reports the reservation", () => {
    reserve(b(1), 40);
    out.sendDurable.take();
    prepare(b(2));
    expect(out.sendDurable.only("promised")).toEqual({
      kind: "promised",
      partition: P,
      ballot: b(2),
      reservation: revision(40),
    });
  });
});

describe("R2: acknowledgements", () => {
  test("a register that is taken is an entry before it is acknowledged", () => {
    write(register({ at: ts(b(1), 1), value: "x" }));
    expect(entries()).toEqual([`promise ${formatBallot(b(1))}`, "accepted", "register x"]);
    expect(out.sendDurable.only("written")).toEqual({ kind: "written", partition: P, ballot: b(1), seq: 1 });
  });

  test("the same register again is acknowledged again and kept once", () => {
    const same = register({ at: ts(b(1), 1), value: "x" });
    write(same);
    entries();
    out.sendDurable.take();
    write(same);
    impose(same);
    expect(out.sendDurable.kinds).toEqual(["written", "imposed"]);
    expect(entries()).toEqual([]);
  });

  test("who holds a later seq of the same ballot acknowledges the earlier one and keeps the later", () => {
    write(register({ at: ts(b(1), 5), value: "later" }));
    entries();
    out.sendDurable.take();
    write(register({ at: ts(b(1), 3), value: "earlier" }));
    impose(register({ at: ts(b(1), 4), value: "between" }));
    expect(out.sendDurable.kinds).toEqual(["written", "imposed"]);
    expect(held()).toBe("later");
    expect(entries()).toEqual([]);
  });

  test("who holds a newer ballot does not acknowledge an older one", () => {
    write(register({ at: ts(b(2), 1), value: "newer" }));
    out.sendDurable.take();
    impose(register({ at: ts(b(1), 9), value: "older" }));
    expect(out.sendDurable.only("nack").of).toBe("impose");
    expect(held()).toBe("newer");
  });

  test("a later state replaces an earlier one, whatever the ballot's round says of its seq", () => {
    write(register({ at: ts(b(1), 9), value: "old" }));
    write(register({ at: ts(b(2), 1), value: "new" }));
    expect(held()).toBe("new");
  });

  test("an impose is acknowledged by its attempt and group epoch", () => {
    impose(register({ at: ts(b(1), 1) }));
    expect(out.sendDurable.only("imposed")).toEqual({ kind: "imposed", partition: P, groupEpoch: epoch, attempt: T });
  });
});

describe("reads", () => {
  test("a read is not fenced and changes nothing", () => {
    prepare(b(9));
    out.sendDurable.take();
    entries();
    read();
    expect(out.sendDurable.only("read-answer")).toEqual({
      kind: "read-answer",
      partition: P,
      groupEpoch: epoch,
      attempt: T,
      timestamp: null,
      register: null,
      settled: false,
      promised: b(9),
      settledRevision: UNKNOWN_REVISION,
    });
    expect(entries()).toEqual([]);
  });

  test("the answer leaves with what is durable, never before", () => {
    read();
    expect(out.sendNow.list).toEqual([]);
    expect(out.sendDurable.kinds).toEqual(["read-answer"]);
  });

  test("the register is sent when it is newer than the asker's; its timestamp always", () => {
    const own = register({ at: ts(b(1), 5), value: "x" });
    write(own);
    out.sendDurable.take();
    read();
    expect(out.sendDurable.only("read-answer").register).toBe(own);
    read(register({ at: ts(b(1), 4) }));
    expect(out.sendDurable.only("read-answer").register).toBe(own);
    for (const asker of [own, register({ at: ts(b(2), 1) })]) {
      read(asker);
      const answer = out.sendDurable.only("read-answer");
      expect(answer.register).toBeNull();
      expect(answer.timestamp).toEqual(own.timestamp);
    }
  });

  test("what it holds is reported settled only when the writer said so of exactly that ballot (R14)", () => {
    write(register({ at: ts(b(1), 5) }));
    out.sendDurable.take();
    read();
    expect(out.sendDurable.only("read-answer").settled).toBe(false);
    replica.revisions.settle(b(2), 9, NOW);
    read();
    expect(out.sendDurable.only("read-answer").settled).toBe(false);
    replica.revisions.knowRevision(revision(0));
    replica.revisions.settle(b(1), 5, revision(12));
    read();
    const answer = out.sendDurable.only("read-answer");
    expect(answer.settled).toBe(true);
    expect(answer.settledRevision).toBe(12);
  });

  test("a writer asks for a key and hears of the partition's floor, too", () => {
    replica.revisions.floor = revision(6);
    recover(b(1));
    const recovered = out.sendDurable.only("recovered");
    expect(recovered).toMatchObject({ ballot: b(1), attempt: T, register: null, floor: 6 });
    const kept = register({ at: ts(b(1), 1) });
    write(kept);
    out.sendDurable.take();
    recover(b(1));
    expect(out.sendDurable.only("recovered").register).toBe(kept);
  });
});

describe("reservation and settled numbers", () => {
  test("the reservation never falls, and only a rise is written down", () => {
    reserve(b(1), 40);
    expect(entries()).toEqual([`promise ${formatBallot(b(1))}`, "accepted", "reservation 40"]);
    reserve(b(1), 30);
    expect(replica.revisions.reservation).toBe(40);
    expect(entries()).toEqual([]);
    expect(out.sendDurable.kinds).toEqual(["reserved", "reserved"]);
  });

  test("a floor that comes with a reservation never falls, is written down, and is what clients are told", () => {
    replica.revisions.knowRevision(revision(0));
    reserve(b(1), 40, 30);
    expect(entries()).toEqual([`promise ${formatBallot(b(1))}`, "accepted", "reservation 40", "floor 30"]);
    reserve(b(1), 50, 20);
    expect(entries()).toEqual(["reservation 50"]);
    expect([replica.revisions.floor, replica.revisions.settledRevision]).toEqual([30, 30]);
  });

  test("settled numbers that come with a Write are learned even when the Write is refused: they are facts", () => {
    prepare(b(3));
    out.sendDurable.take();
    write(register({ at: ts(b(2), 8) }), 7);
    expect(out.sendDurable.only("nack").of).toBe("write");
    expect(replica.revisions.settled.covers(ts(b(2), 7))).toBe(true);
    expect(replica.revisions.settled.covers(ts(b(2), 8))).toBe(false);
  });

  test("settled numbers are written down lazily, and only when they rose", () => {
    replica.revisions.settle(b(1), 3, NOW);
    replica.revisions.settle(b(1), 5, NOW);
    expect(entries()).toEqual([]);
    replica.revisions.saveSettled(out);
    expect(entries()).toEqual([`settled ${formatBallot(b(1))}/5`]);
    replica.revisions.settle(b(1), 4, NOW);
    replica.revisions.saveSettled(out);
    expect(entries()).toEqual([]);
  });

  test("the settled revision never falls", () => {
    replica.revisions.knowRevision(revision(0));
    replica.revisions.settle(b(1), 3, revision(9));
    replica.revisions.settle(b(1), 4, revision(8));
    expect(replica.revisions.settledRevision).toBe(9);
  });
});

describe("restart", () => {
  test("what its entries and messages of before say is told to nobody: more may be forgotten (R9)", () => {
    replica.restore({ kind: "floor", partition: P, floor: revision(77) });
    replica.revisions.settle(b(1), 3, revision(9));
    expect([replica.revisions.floor, replica.revisions.settledRevision]).toEqual([77, UNKNOWN_REVISION]);
  });

  test("a floor is what clients are told as the revision again: with less, all they send would be refused", () => {
    replica.restore({ kind: "floor", partition: P, floor: revision(77) });
    replica.revisions.knowRevision(revision(12));
    expect([replica.revisions.floor, replica.revisions.settledRevision]).toEqual([77, 77]);
  });

  test("its entries in their order give back promise, reservation and settled numbers", () => {
    reserve(b(1), 40);
    write(register({ at: ts(b(2), 1), value: "x" }), 0);
    prepare(b(4));
    replica.revisions.settle(b(2), 1, NOW);
    replica.revisions.saveSettled(out);
    const again = new Replica(groupOf(3), replica.table);
    for (const entry of out.entries) again.restore(entry);
    expect(again.promise).toEqual(replica.promise);
    expect(again.revisions.reservation).toBe(40);
    expect(again.revisions.settled.covers(ts(b(2), 1))).toBe(true);
    expect(text(heldIn(again.table)?.value)).toBe("x");
  });

  test("an entry that is older than what it has changes nothing", () => {
    replica.restore({ kind: "promise", partition: P, ballot: b(4) });
    replica.restore({ kind: "promise", partition: P, ballot: b(3) });
    replica.restore({ kind: "reservation", partition: P, reservation: revision(40) });
    replica.restore({ kind: "reservation", partition: P, reservation: revision(30) });
    expect(replica.promise).toEqual(b(4));
    expect(replica.revisions.reservation).toBe(40);
  });

  test("what an earlier group epoch promised does not lower the first promise of this one", () => {
    replica.restore({ kind: "promise", partition: P, ballot: b(9, 1, groupEpoch(3)) });
    expect(replica.promise).toEqual(none);
  });
});
