/**
 * The mark of a register that is known to be settled (H10). It outlives the ballots that a copy remembers, and is set
 * only where it is true.
 */
import { afterEach, describe, expect, test } from "vitest";
import { decodeRegister, encodeRegister } from "../../../src/codec/register/register.js";
import type { Ballot } from "../../../src/core/model/ballot.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { changeNumber, groupEpoch, type Key } from "../../../src/core/model/ids.js";
import { isCopyEntry, isViewEntry } from "../../../src/core/model/node-entry.js";
import type { Register } from "../../../src/core/model/register.js";
import { BAD, type RegisterTable } from "../../../src/core/model/table.js";
import { Replica } from "../../../src/core/replica/replica.js";
import { appendAll } from "../../conformance/operations.js";
import type { CopySubject } from "../../conformance/storage-suite.js";
import { diskSubject, LARGE, memorySubject, virtualSubject } from "../../conformance/subjects.js";
import { plant } from "../../planted/planted.js";
import { Desk } from "../core/writer/desk.js";
import { b, groupOf, P, register, TestOutbox, ts } from "../core/writer/harness.js";

afterEach(() => plant());

/** Before the partition moved. */
const EARLIER = groupEpoch(3);
const ballotOf = (round: number): Ballot => b(round, 1, EARLIER);
const COLD = register({ value: "cold", version: 1, at: ts(ballotOf(1), 1) });

const put = (held: Register, change: number): Entry => ({
  kind: "register",
  partition: P,
  register: held,
  change: changeNumber(change),
});
const settled = (round: number): Entry => ({ kind: "settled", partition: P, ballot: ballotOf(round), seq: 1 });
/** Another key, written in a ballot of its own. */
const warm = (round: number): Register =>
  register({ key: `warm ${round % 7}` as Key, value: "warm", version: round, at: ts(ballotOf(round), 1) });

interface Life {
  /** Ballots between two folds; 0: none. */
  readonly folds: number;
  readonly restarts: boolean;
  /** null: the cold key was merely accepted. "late": known to be settled only after it was folded. */
  readonly cold: "settled" | "late" | null;
}

/** A cold key, then 100 ballots with a write each. */
async function lived(subject: CopySubject, { folds, restarts, cold }: Life): Promise<void> {
  const append = (...entries: Entry[]): void => appendAll(subject.storage, entries);
  append(put(COLD, 1));
  if (cold === "settled") append(settled(1));
  if (folds > 0) await subject.fold?.();
  if (cold === "late") append(settled(1));
  for (let round = 2; round <= 101; round++) {
    append(put(warm(round), round), settled(round));
    if (folds > 0 && round % folds === 0) await subject.fold?.();
    // Else folds that storage wants by itself go on at the next append.
    await subject.settle();
  }
  if (folds > 0) await subject.fold?.();
  await new Promise((turn) => setTimeout(turn, 5));
  await subject.settle();
  if (restarts) await subject.restart?.();
}

interface Seen {
  readonly value: string | null | undefined;
  /** Messages that the read sent after its first answers. */
  readonly later: readonly string[];
}

/** The first read of the cold key after the move, of three replicas on such storage. */
function read(subjects: readonly CopySubject[]): Seen {
  const tables = subjects.map(({ storage }) => storage.table(P));
  const desk = new Desk(3, (place) => tables[place] as RegisterTable);
  subjects.forEach(({ storage }, place) => {
    for (const entry of storage.restored())
      if (!isViewEntry(entry) && !isCopyEntry(entry)) desk.replica(place).restore(entry);
  });
  desk.writerPlace = 1;
  const ticket = desk.read();
  desk.deliver(1, 2);
  return { value: desk.value(ticket), later: desk.mail.map(({ message }) => message.kind) };
}

async function seenAfter(life: Life, open: () => Promise<CopySubject>): Promise<Seen> {
  const subjects = [await open(), await open(), await open()];
  for (const subject of subjects) await lived(subject, life);
  const seen = read(subjects);
  for (const subject of subjects) await subject.end();
  return seen;
}

const onFiles = (): Promise<CopySubject> => virtualSubject(LARGE);
const AT_ONCE: Seen = { value: "cold", later: [] };

describe("100 ballots later, the first read of a cold key costs no Write (H10)", () => {
  test.each([
    ["folded often", { folds: 10, restarts: true, cold: "settled" }],
    ["folded once, before it was known", { folds: 200, restarts: true, cold: "late" }],
    ["never folded by anybody's wish", { folds: 0, restarts: true, cold: "settled" }],
    ["without a restart", { folds: 30, restarts: false, cold: "late" }],
    ["in the log alone, without a restart", { folds: 0, restarts: false, cold: "settled" }],
  ] as const)("%s", async (_name, life) => {
    expect(await seenAfter(life, onFiles)).toEqual(AT_ONCE);
  });

  test("on disk with LMDB", { timeout: 60_000 }, async () => {
    expect(await seenAfter({ folds: 25, restarts: true, cold: "late" }, () => diskSubject(LARGE))).toEqual(AT_ONCE);
  });

  test("in memory", async () => {
    expect(await seenAfter({ folds: 0, restarts: false, cold: "settled" }, memorySubject)).toEqual(AT_ONCE);
  });

  test("one that was merely accepted is handed over to the writer, as ever", async () => {
    const seen = await seenAfter({ folds: 10, restarts: true, cold: null }, onFiles);
    expect(seen).toEqual({ value: undefined, later: ["hand-over"] });
  });
});

describe("a mark", () => {
  test("goes with the register that it was set on", async () => {
    const subject = await onFiles();
    await lived(subject, { folds: 10, restarts: true, cold: "settled" });
    const table = subject.storage.table(P);
    expect(table.isSettled(COLD)).toBe(true);
    const next = register({ value: "next", version: 2, at: ts(ballotOf(500), 1) });
    appendAll(subject.storage, [put(next, 102)]);
    expect(table.isSettled(next)).toBe(false);
    expect(table.isSettled(COLD)).toBe(false);
    await subject.fold?.();
    await subject.restart?.();
    expect(subject.storage.table(P).isSettled(next)).toBe(false);
    await subject.end();
  });

  test.each([
    ["from the log", false],
    ["from the checkpoint", true],
  ])("that came with a register of another copy is there after a start, %s", async (_where, folds) => {
    const subject = await onFiles();
    const out = new TestOutbox();
    const replica = new Replica(groupOf(3), subject.storage.table(P));
    const came = decodeRegister(encodeRegister(COLD));
    expect(replica.takeOver(came, true, out)).toBe(true);
    subject.storage.append(out.entries, () => {});
    if (folds) await subject.fold?.();
    await subject.settle();
    await subject.restart?.();
    expect(subject.storage.table(P).isSettled(COLD)).toBe(true);
    const [held] = subject.storage.table(P).orderedAfter(null, 1);
    expect(held).toMatchObject({ key: COLD.key, settled: true });
    await subject.end();
  });

  test("is told in the order of keys, from every layer", async () => {
    const subject = await onFiles();
    appendAll(subject.storage, [put(warm(2), 1), put(warm(3), 2), settled(2)]);
    await subject.fold?.();
    appendAll(subject.storage, [put(warm(4), 3), put(warm(5), 4), settled(4)]);
    const held = subject.storage.table(P).orderedAfter(null, 10);
    const told = held.map((one) => [one.held === BAD ? 0 : one.held.timestamp.ballot.round, one.settled]);
    expect(told).toEqual([
      [2, true],
      [3, false],
      [4, true],
      [5, false],
    ]);
    await subject.end();
  });
});

describe("each planted bug shows", () => {
  test("a fold marks what was merely accepted", async () => {
    plant("H10.mark-accepted");
    expect(await seenAfter({ folds: 10, restarts: true, cold: null }, onFiles)).toEqual(AT_ONCE);
  });

  test("a register is taken over without its mark", async () => {
    plant("H10.mark-dropped");
    const subject = await onFiles();
    const replica = new Replica(groupOf(3), subject.storage.table(P));
    replica.takeOver(COLD, true, new TestOutbox());
    expect(subject.storage.table(P).isSettled(COLD)).toBe(false);
    await subject.end();
  });
});
