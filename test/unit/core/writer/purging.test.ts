/** Purging: which tombstones go, which stay, and what is left of them. */
import { afterEach, describe, expect, test } from "vitest";
import { NODE_PURGE_BYTES, PURGE_BYTES } from "../../../../src/core/model/bounds.js";
import { attempt, changeNumber, key, revision } from "../../../../src/core/model/ids.js";
import type { Register } from "../../../../src/core/model/register.js";
import { BAD, type Change, MemoryTable } from "../../../../src/core/model/table.js";
import { RESEND_MS } from "../../../../src/core/quorum/patience.js";
import { Replica } from "../../../../src/core/replica/replica.js";
import { NodeLoad } from "../../../../src/core/writer/node-load.js";
import { ANSWER_WITHIN_MS } from "../../../../src/core/writer/purging.js";
import { plant } from "../../../planted/planted.js";
import { B, b, groupOf, heldIn, hold, K, P, put, record, register, request, TestOutbox, text, ts } from "./harness.js";
import { Office } from "./office.js";

const OLD = key("old");
const T = register({ at: ts(b(1), 1), value: null, version: 3 });

afterEach(() => plant());

const change = (of: Register): Change => ({ change: changeNumber(1), key: of.key, timestamp: of.timestamp });

/** Everybody holds the tombstone and has promised a ballot above it. */
const passOver = (tombstone = T, size = 3): Office => {
  const office = new Office(size);
  office.plant(tombstone, ...office.replicas.keys());
  return office.elect(2);
};

const begin = (office: Office, ...tombstones: Register[]): Office => {
  office.writer.purge(office.now, (tombstones.length === 0 ? [T] : tombstones).map(change), office.out);
  return office;
};

const copies = (office: Office): (string | null)[] =>
  [...office.replicas.keys()].map((place) => {
    const held = office.held(place);
    return held === null ? "absent" : (text(held.value) ?? "⌫");
  });

describe("R12: what goes", () => {
  test("a tombstone that every replica holds in a new ballot is removed everywhere", () => {
    const office = begin(passOver()).settle();
    expect(copies(office)).toEqual(["absent", "absent", "absent"]);
    expect(office.writer.purged).toBe(1);
    expect(office.writer.busy).toBe(false);
  });

  test("a group of one purges by itself", () => {
    expect(copies(begin(passOver(T, 1)).settle())).toEqual(["absent"]);
  });

  test("a majority is not enough: nothing is removed before the last replica has confirmed", () => {
    const office = begin(passOver());
    office.deliver(0, 1);
    office.deliver(0, 1);
    expect(copies(office)).toEqual(["⌫", "⌫", "⌫"]);
    office.settle();
    expect(copies(office)).toEqual(["absent", "absent", "absent"]);
  });

  test.each([
    ["an older state", register({ at: ts(b(1), 0), value: "v" })],
    ["another tombstone", register({ at: ts(b(1), 2), value: null })],
    ["a later state", register({ at: ts(b(1), 2), value: "v" })],
  ])("a replica that holds %s does not confirm", (_, other) => {
    const office = new Office().plant(T, 0, 1).plant(other, 2).elect(2);
    begin(office).settle();
    expect(copies(office).slice(0, 2)).toEqual(["⌫", "⌫"]);
  });

  test("a replica whose copy is bad does not confirm", () => {
    const office = passOver();
    (office.replica(2).table as MemoryTable).spoil(K);
    begin(office).settle();
    expect(text(office.held(0)?.value ?? null)).toBeNull();
    expect(office.held(0)).not.toBeNull();
  });

  test("a replica counts once, however often it confirms (R7)", () => {
    const office = begin(passOver());
    const answers = office.answersOf(0, 1);
    office.arrive(answers);
    office.arrive(answers);
    expect(office.waiting(0)).toEqual([]);
  });

  test("a tombstone of the ballot itself is not purged: Writes of it may be on their way", () => {
    const office = new Office().elect(1);
    office.ask(request(put("v")));
    const own = register({ at: ts(b(1), 9), value: null });
    office.plant(own, 0, 1, 2);
    begin(office, own);
    expect(office.waiting(1)).toEqual([]);
  });
});

describe("keys in use", () => {
  test("a key that the office knows is not purged (I2)", () => {
    const office = passOver();
    office.ask(request(put("v")));
    begin(office);
    expect(office.waiting(1)).toEqual([]);
  });

  test("nor one that it is recovering", () => {
    const office = passOver();
    office.submit(request(put("v")));
    begin(office);
    expect(office.waiting(1)).toEqual(["recover"]);
  });

  test("a request for a key that is being asked about takes it out of the pass", () => {
    const office = begin(passOver());
    const asked = office.answersOf(0, 1, 2);
    const ticket = office.submit(request(put("v")));
    office.arrive(asked);
    expect(office.waiting(1)).toEqual(["recover"]);
    office.settle();
    expect(office.answer(ticket)).toMatchObject({ kind: "put" });
    expect(copies(office)).toEqual(["v", "v", "v"]);
  });

  test("once it is being removed, a key is created again beside it: the purge takes the tombstone and nothing else", () => {
    const office = begin(passOver()).deliver(0, 1, 2);
    const purges = office.answersOf(0);
    office.submit(request(put("v")));
    office.settle();
    office.arrive(purges);
    office.settle();
    expect(copies(office)).toEqual(["v", "v", "v"]);
  });
});

describe("the end of a pass", () => {
  test("it ends with the office: what is confirmed later counts for nothing", () => {
    const office = begin(passOver());
    const confirmed = office.answersOf(0, 1, 2);
    office.writer.resign(office.out);
    office.arrive(confirmed);
    expect(office.waiting(1)).toEqual([]);
    expect(office.writer.busy).toBe(false);
  });

  test("who does not answer is asked again in the same attempt, and in the end the pass is given up", () => {
    const office = begin(passOver());
    office.deliver(0, 1);
    const [first] = office.waitingOf(2, "ask-tombstone");
    office.resend(RESEND_MS);
    expect(office.waiting(0)).toEqual([]);
    expect(office.waitingOf(2, "ask-tombstone").at(-1)?.attempt).toBe(first?.attempt);
    for (let i = 0; i < 10; i++) office.resend(ANSWER_WITHIN_MS / 2);
    expect(office.writer.busy).toBe(false);
    office.settle();
    expect(copies(office)).toEqual(["⌫", "⌫", "⌫"]);
  });

  test("a replica that has removed it is not told again; one that has not is", () => {
    const office = begin(passOver()).deliver(0, 1, 2).deliver(0, 1).lose(2);
    expect(copies(office)).toEqual(["absent", "absent", "⌫"]);
    office.resend(RESEND_MS);
    expect(office.waiting(1)).toEqual([]);
    expect(office.waiting(2)).toEqual(["purge"]);
    office.settle();
    expect(copies(office)).toEqual(["absent", "absent", "absent"]);
    expect(office.writer.busy).toBe(false);
  });

  test("several keys go in one pass", () => {
    const other = register({ key: OLD, at: ts(b(1), 2), value: null });
    const office = passOver().plant(other, 0, 1, 2);
    begin(office, T, other).settle();
    expect([office.held(0), office.held(0, OLD)]).toEqual([null, null]);
    expect(office.writer.purged).toBe(2);
  });
});

describe("the bytes of a pass's keys", () => {
  const three = ["a", "b", "c"].map((name, i) =>
    register({ key: key(name.repeat(1_000)), at: ts(b(1), i + 1), value: null }),
  );
  const office = (): Office => {
    const made = new Office();
    for (const tombstone of three) made.plant(tombstone, 0, 1, 2);
    return made.elect(2);
  };

  test("count for the node until the pass is through", () => {
    const made = begin(office(), ...three);
    expect(made.writer.load.purgeBytes).toBe(3_000);
    expect(made.writer.load.purgeRoom).toBe(PURGE_BYTES);
    made.settle();
    expect(copies(made)).toEqual(["absent", "absent", "absent"]);
    expect(made.writer.load.purgeBytes).toBe(0);
  });

  test("or until it ends", () => {
    const made = begin(office(), ...three);
    made.writer.resign(made.out);
    expect(made.writer.load.purgeBytes).toBe(0);
  });

  test("leave less room for another pass of the node", () => {
    const load = new NodeLoad();
    load.purgeBytes = NODE_PURGE_BYTES - 10;
    expect(load.purgeRoom).toBe(10);
    load.purgeBytes = NODE_PURGE_BYTES + 10;
    expect(load.purgeRoom).toBe(0);
  });
});

describe("R9: what a purge leaves", () => {
  const purged = (tombstone: Register): { replica: Replica; out: TestOutbox } => {
    const out = new TestOutbox();
    const replica = new Replica(groupOf(3), new MemoryTable());
    hold(replica.table, tombstone);
    replica.onPurge(
      B,
      { kind: "purge", partition: P, ballot: b(2), attempt: attempt(7), key: K, timestamp: tombstone.timestamp },
      out,
    );
    return { replica, out };
  };
  const withRecord = register({
    value: null,
    revision: 9,
    floor: 4,
    records: [record("x", { revision: revision(9) })],
  });
  const withFloor = register({ value: null, floor: 4 });

  test("the partition's floor rises to the register's records, durably with the removal", () => {
    const { replica, out } = purged(withRecord);
    expect(replica.revisions.floor).toBe(9);
    expect(out.entries.map(({ kind }) => kind)).toEqual(["promise", "accepted", "floor", "removed"]);
    expect(out.sendDurable.kinds).toEqual(["purged"]);
    expect(heldIn(replica.table)).toBeNull();
  });

  test("S9: and to the register's own floor", () => {
    expect(purged(withFloor).replica.revisions.floor).toBe(4);
  });

  test("it never falls", () => {
    const { replica } = purged(withRecord);
    hold(replica.table, withFloor);
    const purge = { partition: P, ballot: b(2), attempt: attempt(8), key: K, timestamp: withFloor.timestamp };
    replica.onPurge(B, { kind: "purge", ...purge }, new TestOutbox());
    expect(replica.revisions.floor).toBe(9);
  });

  test("the planted bugs show: a purge without floor, and one that forgets the register's own", () => {
    plant("R9.purge-without-floor");
    expect(purged(withRecord).replica.revisions.floor).toBe(0);
    plant("R9.purge-forgets-floor");
    expect(purged(withRecord).replica.revisions.floor).toBe(9);
    expect(purged(withFloor).replica.revisions.floor).toBe(0);
  });

  test("a key created after the purge starts with that floor, whichever replicas answer its recovery", () => {
    const office = passOver(withRecord);
    begin(office, withRecord).settle();
    const ticket = office.submit(request(put("again"), "x", 3));
    office.settle();
    expect(office.result(ticket)).toMatchObject({ status: "unknown", unknown: { reason: "request-expired" } });
    expect(office.held(0)).toBeNull();
  });
});

describe("the replica", () => {
  const held = (value: string | null): Replica => {
    const replica = new Replica(groupOf(3), new MemoryTable());
    hold(replica.table, register({ at: ts(b(1), 1), value }));
    return replica;
  };
  const purge = (replica: Replica, at = ts(b(1), 1)): { removed: boolean; out: TestOutbox } => {
    const out = new TestOutbox();
    const message = { partition: P, ballot: b(2), attempt: attempt(7), key: K, timestamp: at };
    return { removed: replica.onPurge(B, { kind: "purge", ...message }, out), out };
  };

  test("a Purge of another timestamp removes nothing, and is answered: that tombstone is not held", () => {
    const replica = held(null);
    const { removed, out } = purge(replica, ts(b(1), 2));
    expect(removed).toBe(false);
    expect(out.sendDurable.kinds).toEqual(["purged"]);
    expect(heldIn(replica.table)).not.toBeNull();
  });

  test("a register with a value is never removed", () => {
    const replica = held("v");
    expect(purge(replica).removed).toBe(false);
    expect(text(heldIn(replica.table)?.value)).toBe("v");
  });

  test("of a bad register nothing is removed and nothing said (R11)", () => {
    const replica = held(null);
    (replica.table as MemoryTable).spoil(K);
    const { removed, out } = purge(replica);
    expect(removed).toBe(false);
    expect(out.sendDurable.kinds).toEqual([]);
    expect(replica.table.get(K)).toBe(BAD);
  });

  test("a second Purge finds nothing and says so", () => {
    const replica = held(null);
    expect(purge(replica).removed).toBe(true);
    const again = purge(replica);
    expect(again.removed).toBe(false);
    expect(again.out.entries).toEqual([]);
    expect(again.out.sendDurable.kinds).toEqual(["purged"]);
  });
});
