/** Mending: whom a replica asks for a copy that it cannot trust or may not take, and which answers it believes. */
import { beforeEach, describe, expect, test } from "vitest";
import { type Instant, instant } from "../../../../src/base/time.js";
import { MENDING_BYTES, NODE_MENDING_BYTES } from "../../../../src/core/model/bounds.js";
import { type Attempt, attempt, changeNumber, type Key, key, revision } from "../../../../src/core/model/ids.js";
import type { CoreMessage } from "../../../../src/core/model/message.js";
import type { Register } from "../../../../src/core/model/register.js";
import { BAD, MemoryTable } from "../../../../src/core/model/table.js";
import { Attempts } from "../../../../src/core/quorum/attempts.js";
import { RESEND_MS } from "../../../../src/core/quorum/patience.js";
import { Mending } from "../../../../src/core/replica/mending.js";
import { MendingLoad } from "../../../../src/core/replica/mending-load.js";
import { Replica } from "../../../../src/core/replica/replica.js";
import { plant } from "../../../planted/planted.js";
import {
  B,
  b,
  epoch,
  groupOf,
  heldIn,
  hold,
  K,
  type KindOf,
  P,
  PATIENCE,
  record,
  register,
  TestOutbox,
  text,
  ts,
} from "../writer/harness.js";

const WRITER = 1;

let out: TestOutbox;
let table: MemoryTable;
let replica: Replica;
let load: MendingLoad;
let mending: Mending;
let now: Instant;
let writerPlace: number;
let sent: { places: number; message: CoreMessage }[];
let removals: number;
let full: boolean;

beforeEach(() => {
  out = new TestOutbox();
  table = new MemoryTable();
  load = new MendingLoad();
  replica = new Replica(groupOf(3), table, load);
  now = instant(1_000);
  writerPlace = WRITER;
  sent = [];
  removals = 0;
  full = false;
  mending = new Mending({
    group: groupOf(3),
    replica,
    load,
    attempts: new Attempts(100),
    multicast: { send: (places, message) => sent.push({ places, message }) },
    writerPlace: () => writerPlace,
    removed: () => removals++,
    full: () => full,
  });
  replica.onPrepare(B, { kind: "prepare", partition: P, ballot: b(2, WRITER) }, new TestOutbox());
});

/** The copy goes bad, and somebody looks. */
const spoil = (k: Key = K): void => {
  table.spoil(k);
  replica.look(k);
};

const resend = (afterMs = RESEND_MS): Attempt[] => {
  now = instant(now + afterMs);
  sent = [];
  mending.resend(now, PATIENCE, out);
  return sent.map(({ message }) => (message as KindOf<"hand-over">).attempt);
};

const answer = (of: Attempt, told: Register | null, ballot = b(2, WRITER), done = true): boolean =>
  mending.onHandedOver(
    {
      kind: "handed-over",
      partition: P,
      groupEpoch: epoch,
      attempt: of,
      done,
      ballot: done ? ballot : null,
      register: told,
      settledRevision: revision(0),
    },
    out,
  );

const only = (attempts: readonly Attempt[]): Attempt => {
  expect(attempts).toHaveLength(1);
  return attempts[0] as Attempt;
};

const newer = register({ at: ts(b(2, WRITER), 1), value: "mended" });

test("however many keys the writer cannot tell, the others have their turns (I3)", () => {
  const keys = Array.from({ length: 70 }, (_, i) => key(`k${i}`));
  for (const k of keys) {
    hold(table, register({ key: k, value: "v" }));
    spoil(k);
  }
  const asked = new Set<Key>();
  for (let round = 0; round < 4; round++) {
    const attempts = resend(1_000);
    for (const { message } of sent) asked.add((message as KindOf<"hand-over">).key);
    for (const of of attempts) answer(of, null, undefined, false);
  }
  expect(asked.size).toBe(keys.length);
});

test("keys that wait in all partitions of a node are bounded in bytes, and each partition has one at least", () => {
  const long = 64 * 1_024;
  const replicas = Array.from({ length: 40 }, () => new Replica(groupOf(3), new MemoryTable(), load));
  for (const each of replicas) {
    for (let i = 0; i < MENDING_BYTES / long + 5; i++) {
      const k = key(`${i}`.padEnd(long, "k"));
      const held = each.table as MemoryTable;
      hold(held, register({ key: k, value: "v" }));
      held.spoil(k);
      expect(each.look(k)).toBe(BAD);
    }
  }
  const counts = replicas.map((each) => each.bad.size);
  expect(Math.max(...counts)).toBe(MENDING_BYTES / long);
  expect(Math.min(...counts)).toBe(1);
  expect(load.bytes).toBeLessThanOrEqual(NODE_MENDING_BYTES + replicas.length * long);
  const [first] = replicas as [Replica, ...Replica[]];
  for (const k of [...first.bad.keys()]) {
    hold(first.table as MemoryTable, register({ key: k, value: "w" }));
    first.look(k);
  }
  expect(load.bytes).toBe(replicas.slice(1).reduce((sum, each) => sum + each.bad.size * long, 0));
});

describe("R11: a bad register", () => {
  beforeEach(() => {
    hold(table, register({ value: "v" }));
    spoil();
  });

  test("what the writer tells waits while the disk is full, unless it takes no room", () => {
    full = true;
    const asked = only(resend());
    expect(answer(asked, newer)).toBe(true);
    expect(replica.bad.has(K)).toBe(true);
    full = false;
    expect(answer(only(resend(1_000)), newer)).toBe(true);
    expect(text(heldIn(table)?.value)).toBe("mended");
    full = true;
    spoil();
    answer(only(resend()), null);
    expect(table.get(K)).toBeNull();
  });

  test("the writer is asked for it, as a reader asks", () => {
    resend();
    expect(sent).toEqual([
      {
        places: 2 ** WRITER,
        message: { kind: "hand-over", partition: P, groupEpoch: epoch, attempt: attempt(101), key: K },
      },
    ]);
  });

  test("nobody is asked while no writer is known", () => {
    writerPlace = -1;
    expect(resend()).toEqual([]);
    expect(mending.busy).toBe(true);
  });

  test("what the writer tells takes its place, durably", () => {
    expect(answer(only(resend()), newer)).toBe(true);
    expect(text(heldIn(table)?.value)).toBe("mended");
    expect(out.entries.map(({ kind }) => kind)).toEqual(["accepted", "register"]);
    expect(mending.mended).toBe(1);
    expect(mending.busy).toBe(false);
    expect(resend()).toEqual([]);
  });

  test("that it is absent, too", () => {
    answer(only(resend()), null);
    expect(table.get(K)).toBeNull();
    expect(out.entries.map(({ kind }) => kind)).toEqual(["accepted", "removed"]);
    expect(mending.busy).toBe(false);
  });

  test("an answer of a higher ballot raises the promise first", () => {
    answer(only(resend()), register({ at: ts(b(3), 1) }), b(3));
    expect(replica.promise).toEqual(b(3));
    expect(out.entries.map(({ kind }) => kind)).toEqual(["promise", "accepted", "register"]);
  });

  test("a writer below the promise is not believed", () => {
    const asked = only(resend());
    replica.onPrepare(B, { kind: "prepare", partition: P, ballot: b(3) }, new TestOutbox());
    expect(answer(asked, newer)).toBe(true);
    expect(table.get(K)).toBe(BAD);
    expect(resend()).toHaveLength(1);
  });

  test("nor is who says that it is not the writer; it is asked again", () => {
    answer(only(resend()), null, b(2, WRITER), false);
    expect(table.get(K)).toBe(BAD);
    expect(resend()).toHaveLength(1);
  });

  test("it is asked for again under the same attempt, with growing patience, and a late answer counts (I1)", () => {
    const first = only(resend());
    expect(only(resend())).toBe(first);
    expect(resend()).toEqual([]);
    expect(only(resend())).toBe(first);
    expect(answer(first, newer)).toBe(true);
    expect(text(heldIn(table)?.value)).toBe("mended");
  });

  test("an answer to a question that was answered does not count: more may have been acknowledged since (R11)", () => {
    const first = only(resend());
    answer(first, newer);
    spoil();
    const second = only(resend());
    expect(second).not.toBe(first);
    expect(answer(first, newer)).toBe(false);
    expect(table.get(K)).toBe(BAD);
    expect(answer(second, newer)).toBe(true);
  });

  test("R7.void-attempt shows in that", () => {
    plant("R7.void-attempt");
    const first = only(resend());
    answer(first, newer);
    spoil();
    expect(answer(first, newer)).toBe(true);
    plant();
    expect(table.get(K)).not.toBe(BAD);
  });

  test("what was asked is void when the copy was sound in between (I2)", () => {
    const first = only(resend());
    table.put(newer, changeNumber(table.lastChange + 1));
    replica.look(K);
    expect(resend(10 * RESEND_MS), "a sound copy is not asked for").toEqual([]);
    spoil();
    expect(answer(first, newer)).toBe(true);
    expect(table.get(K)).toBe(BAD);
    const second = only(resend(0));
    expect(second).not.toBe(first);
  });

  test("it is not asked for again before a resend is due", () => {
    resend();
    expect(resend(RESEND_MS - 1)).toEqual([]);
  });

  test("an ordinary Write does not take its place, and is not acknowledged (replica I3)", () => {
    const late = { register: register({ at: ts(b(2, WRITER), 1), value: "late" }), settledSeq: 0 };
    replica.onWrite(B, { kind: "write", partition: P, ...late, settledRevision: revision(0) }, out);
    expect(table.get(K)).toBe(BAD);
    expect(out.sendDurable.kinds).toEqual([]);
  });
});

describe("R1: a register that the fence refused", () => {
  test("what the writer tells is taken", () => {
    hold(table, register({ value: "old" }));
    expect(mending.want(K)).toBe(true);
    expect(mending.wants(K)).toBe(true);
    answer(only(resend()), newer);
    expect(text(heldIn(table)?.value)).toBe("mended");
    expect(mending.wants(K)).toBe(false);
    expect(mending.mended).toBe(0);
  });

  test("unless this copy has something newer by then", () => {
    mending.want(K);
    const asked = only(resend());
    hold(table, register({ at: ts(b(2, WRITER), 5), value: "newer" }));
    answer(asked, newer);
    expect(text(heldIn(table)?.value)).toBe("newer");
    expect(mending.busy).toBe(false);
  });

  test("that nothing of it counts changes nothing here, and settles it", () => {
    mending.want(K);
    answer(only(resend()), null);
    expect(table.get(K)).toBeNull();
    expect(out.entries).toEqual([]);
    expect(mending.busy).toBe(false);
  });

  test("an answer asked for before the copy was known to be bad does not mend it: it may be older than what was acknowledged since", () => {
    hold(table, register({ value: "old" }));
    mending.want(K);
    const asked = only(resend());
    hold(table, register({ at: ts(b(2, WRITER), 7), value: "acknowledged since" }));
    spoil();
    expect(answer(asked, newer)).toBe(true);
    expect(table.get(K)).toBe(BAD);
    answer(only(resend()), register({ at: ts(b(2, WRITER), 7), value: "acknowledged since" }));
    expect(text(heldIn(table)?.value)).toBe("acknowledged since");
  });
});

test("what was asked for by somebody else is not taken for an answer", () => {
  expect(answer(attempt(7), newer)).toBe(false);
  expect(table.get(K)).toBeNull();
});

test("no more than a few keys are asked for at a time; the others follow", () => {
  for (let i = 0; i < 40; i++) mending.want(key(`k${i}`));
  const asked = resend();
  expect(asked).toHaveLength(32);
  for (const one of asked) answer(one, null);
  expect(resend()).toHaveLength(8);
});

describe("R12: a tombstone that passes left behind", () => {
  const tombstone = register({
    at: ts(b(1), 7),
    value: null,
    version: 3,
    records: [record("x", { revision: revision(9) })],
  });
  beforeEach(() => {
    hold(table, tombstone);
    mending.want(K);
  });

  test("is removed when the writer says that the key is absent, with its floor first, and transfers are dropped", () => {
    answer(only(resend()), null);
    expect(table.get(K)).toBeNull();
    expect(out.entries.map(({ kind }) => kind)).toEqual(["floor", "accepted", "removed"]);
    expect(replica.revisions.floor).toBe(9);
    expect([mending.cleared, mending.mended, removals]).toEqual([1, 0, 1]);
    expect(mending.busy).toBe(false);
  });

  test("gives way to what the writer wrote again in its own ballot, for the next pass to find everywhere", () => {
    const again = register({ at: ts(b(2, WRITER), 1), value: null, version: 3 });
    answer(only(resend()), again);
    expect(heldIn(table)).toBe(again);
    expect(removals).toBe(0);
  });

  test("stays when it is of the ballot of the answer, or of a higher one: it came after", () => {
    const of = only(resend());
    const later = register({ at: ts(b(2, WRITER), 4), value: null, version: 5 });
    hold(table, later);
    answer(of, null);
    expect(heldIn(table)).toBe(later);
    expect(removals).toBe(0);
  });

  test("stays when the answer is of a ballot below the promise", () => {
    answer(only(resend()), null, b(1, WRITER));
    expect(heldIn(table)).toBe(tombstone);
    expect(mending.busy).toBe(true);
  });

  test("a value is not removed: that it is absent says what counts, not that this must go", () => {
    const value = register({ at: ts(b(1), 8), value: "v" });
    hold(table, value);
    answer(only(resend()), null);
    expect(heldIn(table)).toBe(value);
  });
});
