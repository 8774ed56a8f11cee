/** Writes under way, and what the writer remembers of a key. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Prng } from "../../../../src/base/prng.js";
import { type Instant, never } from "../../../../src/base/time.js";
import { type Key, key, revision } from "../../../../src/core/model/ids.js";
import type { Register } from "../../../../src/core/model/register.js";
import { RESEND_MS } from "../../../../src/core/quorum/patience.js";
import { Waiter } from "../../../../src/core/quorum/waiter.js";
import { Flights, MAX_UNREPLICATED } from "../../../../src/core/writer/flights.js";
import { KeyState } from "../../../../src/core/writer/key-state.js";
import { NodeLoad } from "../../../../src/core/writer/node-load.js";
import { type PlantedBug, plant } from "../../../planted/planted.js";
import { at, b, groupOf, K, PATIENCE, record, register, ts } from "./harness.js";

const ALL = 0b111;
let flights: Flights;
let load: NodeLoad;
let states: Map<Key, KeyState>;
let seq: number;

let heardBefore = 0;
beforeEach(() => {
  flights = new Flights(groupOf(3), new NodeLoad());
  heardBefore = 0;
  states = new Map();
  seq = 0;
});

const waiter = (name: number, deadline: Instant = never): Waiter =>
  new Waiter({ kind: "client", ticket: name, deadline }, null, null, revision(0), true);
/** A write of the key departs; its waiter is named by its seq. */
function depart(k: Key = K, now = 0, deadline: Instant = never): number {
  seq++;
  const state = states.get(k) ?? new KeyState(k);
  states.set(k, state);
  flights.depart(at(now), state.undone, register({ key: k, at: ts(b(1), seq), version: seq }), waiter(seq, deadline));
  return seq;
}
const stateOf = (k: Key = K): KeyState => states.get(k) ?? new KeyState(k);
/** Seqs whose waiters are told when the replica at that place acknowledges. */
function acknowledge(of: number, place: number): number[] | null {
  const landing = flights.acknowledge(of, place);
  return landing === null ? null : landing.waiters.map((w) => (w.asker.kind === "client" ? w.asker.ticket : -1));
}
/** The writes that are sent again, and to whom: seq → places. */
function resent(now: number, heard = ALL): Map<number, number> {
  const sent = new Map<number, number>();
  const patience = { ...PATIENCE, returned: heard & ~heardBefore };
  heardBefore = heard;
  flights.resend(at(now), heard, patience, (again: Register, places) => sent.set(again.timestamp.seq, places));
  return sent;
}

describe("landing", () => {
  test("a write lands when a majority of distinct replicas holds it, once", () => {
    depart();
    expect(acknowledge(1, 0)).toBeNull();
    expect(acknowledge(1, 0)).toBeNull();
    expect(acknowledge(1, 2)).toEqual([1]);
    expect(acknowledge(1, 1)).toBeNull();
    expect(flights.undone).toBe(0);
  });

  test("writes that every replica has are forgotten, however many there were", () => {
    for (let i = 0; i < 10_000; i++) {
      const last = depart();
      for (const place of [0, 1, 2]) acknowledge(last, place);
      if (i % 20 === 0) resent(RESEND_MS * i);
    }
    expect(flights.listed).toBeLessThan(100);
  });

  test("earlier writes of the key land with a later one, in their order", () => {
    for (let i = 0; i < 3; i++) depart();
    acknowledge(3, 0);
    expect(acknowledge(3, 1)).toEqual([1, 2, 3]);
    expect(acknowledge(1, 0)).toBeNull();
    expect(acknowledge(1, 1)).toBeNull();
  });

  test("a later write does not land with an earlier one", () => {
    depart();
    depart();
    acknowledge(1, 0);
    expect(acknowledge(1, 1)).toEqual([1]);
    expect(flights.undone).toBe(1);
    acknowledge(2, 0);
    expect(acknowledge(2, 1)).toEqual([2]);
  });

  test("writes of other keys do not land with it", () => {
    depart(key("a"));
    depart(key("b"));
    acknowledge(2, 0);
    expect(acknowledge(2, 1)).toEqual([2]);
    expect(flights.undone).toBe(1);
  });

  test("it says which revision landed", () => {
    depart();
    flights.acknowledge(1, 0);
    expect(flights.acknowledge(1, 1)?.revision).toBe(1);
  });

  test("an acknowledgement of what never departed, or was forgotten, is ignored", () => {
    expect(acknowledge(9, 0)).toBeNull();
  });

  test("one may wait for the latest write of a key while it is under way, and not for an earlier or a landed one", () => {
    depart();
    depart();
    expect(flights.await(stateOf().undone, 1, waiter(100))).toBe(false);
    expect(flights.await(stateOf().undone, 2, waiter(101))).toBe(true);
    acknowledge(2, 0);
    expect(acknowledge(2, 1)).toEqual([1, 2, 101]);
    expect(flights.await(stateOf().undone, 2, waiter(102))).toBe(false);
  });
});

describe("the settled seq (R14)", () => {
  test("stops below the lowest seq that is not on a majority", () => {
    depart(key("a"));
    depart(key("b"));
    depart(key("c"));
    expect(flights.settledSeq(3)).toBe(0);
    acknowledge(2, 0);
    acknowledge(2, 1);
    expect(flights.settledSeq(3)).toBe(0);
    acknowledge(1, 0);
    acknowledge(1, 1);
    expect(flights.settledSeq(3)).toBe(2);
    acknowledge(3, 0);
    acknowledge(3, 1);
    expect(flights.settledSeq(3)).toBe(3);
  });

  test("passes an unacknowledged seq once a later one of the same key is on a majority", () => {
    depart(key("a"));
    depart(key("b"));
    depart(key("a"));
    acknowledge(3, 0);
    acknowledge(3, 1);
    expect(flights.settledSeq(3)).toBe(1);
    acknowledge(2, 0);
    acknowledge(2, 1);
    expect(flights.settledSeq(3)).toBe(3);
  });

  test("stays right over thousands of writes that landed out of order", () => {
    for (let i = 0; i < 5_000; i++) depart(key(`k${i}`));
    for (let s = 5_000; s > 1; s--) for (const place of [0, 1]) acknowledge(s, place);
    expect(flights.settledSeq(5_000)).toBe(0);
    for (const place of [0, 1]) acknowledge(1, place);
    expect(flights.settledSeq(5_000)).toBe(5_000);
    depart(key("last"));
    expect(flights.settledSeq(5_001)).toBe(5_000);
  });
});

describe("a write that nobody waits for any more", () => {
  afterEach(() => plant());
  const LONG = 10_000;
  const later = at(LONG);
  const namesOf = (waiters: readonly Waiter[]): number[] =>
    waiters.map(({ asker }) => (asker.kind === "client" ? asker.ticket : -1));

  test("gives way to a later one of its key, which is under way in its place", () => {
    load = new NodeLoad();
    flights = new Flights(groupOf(3), load);
    depart(K, 0, at(100));
    const bytes = load.flightBytes;
    depart(K, 0, at(100));
    depart(key("b"), 0);
    depart(K, 0, at(LONG * 2));
    depart(K, 0, at(100));
    expect(namesOf(flights.overdue(later))).toEqual([1, 2, 5]);
    expect(flights.undone).toBe(3);
    expect(flights.deserted).toBe(1);
    expect(load.flightBytes).toBe(3 * bytes);
    expect(stateOf().undone.map(({ register: { timestamp } }) => timestamp.seq)).toEqual([4, 5]);
    // Whoever had it acknowledges in vain; the later one brings what it did.
    expect(acknowledge(1, 0)).toBeNull();
    expect(acknowledge(1, 1)).toBeNull();
    expect(acknowledge(5, 0)).toBeNull();
    expect(acknowledge(5, 1)).toEqual([4]);
    expect(flights.undone).toBe(1);
    expect(flights.deserted).toBe(1);
    flights.overdue(later);
    expect(flights.deserted).toBe(0);
  });

  test("stays when it is the last of its key: it was decided, and is sent until a majority has it", () => {
    depart(K, 0, at(100));
    flights.overdue(later);
    expect(flights.undone).toBe(1);
    expect(resent(LONG)).toEqual(new Map([[1, ALL]]));
    acknowledge(1, 0);
    expect(acknowledge(1, 1)).toEqual([]);
    expect(flights.undone).toBe(0);
  });

  function settledWhileItGivesWay(): number {
    depart(key("a"));
    depart(K, 0, at(100));
    depart(K);
    depart(key("b"));
    for (const of of [1, 4]) for (const place of [0, 1]) acknowledge(of, place);
    flights.overdue(later);
    return flights.settledSeq(4);
  }

  test("the settled seq stays below it until the later one is on a majority (R14)", () => {
    expect(settledWhileItGivesWay()).toBe(1);
    acknowledge(3, 0);
    acknowledge(3, 2);
    expect(flights.settledSeq(4)).toBe(4);
  });

  test.each<[PlantedBug, (settled: number) => void]>([
    ["R14.over-deserted", (settled) => expect(settled).toBe(2)],
    ["I3.keeps-deserted", () => expect(flights.undone).toBe(2)],
  ])("planted %s shows", (bug, shows) => {
    plant(bug);
    shows(settledWhileItGivesWay());
  });

  test("the settled seq is never above a write that no majority has, in whatever order writes, deadlines and answers come", () => {
    const random = new Prng(7);
    const KEYS = ["a", "b", "c"].map((name) => key(name));
    /** By the definition: seq by seq, what a majority has of the key since. */
    const held = new Map<number, Set<number>>();
    const keyOfSeq: Key[] = [];
    let now = 0;
    for (let i = 0; i < 4_000; i++) {
      now += 50;
      if (random.below(3) === 0) {
        const k = KEYS[random.below(KEYS.length)] as Key;
        const s = depart(k, now, at(now + random.below(3_000)));
        keyOfSeq[s] = k;
        held.set(s, new Set());
      } else if (random.below(4) > 0 && seq > 0) {
        const s = seq - random.below(Math.min(seq, 12));
        const place = random.below(3);
        held.get(s)?.add(place);
        flights.acknowledge(s, place);
      } else flights.overdue(at(now));
      let settled = seq;
      const done = new Set<Key>();
      for (let s = seq; s > 0; s--) {
        const k = keyOfSeq[s] as Key;
        if ((held.get(s)?.size ?? 0) >= 2) done.add(k);
        if (!done.has(k)) settled = s - 1;
      }
      expect(flights.settledSeq(seq)).toBeLessThanOrEqual(settled);
    }
    for (let s = 1; s <= seq; s++) for (const place of [0, 1]) flights.acknowledge(s, place);
    expect(flights.settledSeq(seq)).toBe(seq);
    expect(flights.undone).toBe(0);
  });
});

describe("sending again", () => {
  test("goes to those who did not acknowledge, after a while, and not again at once", () => {
    depart();
    acknowledge(1, 0);
    expect(resent(RESEND_MS - 1).size).toBe(0);
    expect([...resent(RESEND_MS)]).toEqual([[1, 0b110]]);
    expect(resent(RESEND_MS + 1).size).toBe(0);
    expect(resent(3 * RESEND_MS - 1).size, "patience grows").toBe(0);
    expect([...resent(3 * RESEND_MS)]).toEqual([[1, 0b110]]);
  });

  test("only the latest of a key is sent: it carries the earlier ones", () => {
    depart();
    depart();
    expect([...resent(RESEND_MS).keys()]).toEqual([2]);
  });

  test("until a majority has it everybody is sent it, afterwards only those who are heard", () => {
    depart();
    expect(resent(RESEND_MS, 0b001).get(1)).toBe(0b111);
    acknowledge(1, 0);
    acknowledge(1, 1);
    expect(resent(3 * RESEND_MS, 0b111).get(1)).toBe(0b100);
    acknowledge(1, 2);
    expect(resent(9 * RESEND_MS).size).toBe(0);
    expect(flights.unreplicated).toBe(0);
  });

  test("a replica that is not heard is left to catch up: nothing that a majority has is kept for it", () => {
    for (const k of ["a", "b", "a", "c"]) {
      depart(key(k));
      for (const place of [0, 1]) acknowledge(seq, place);
    }
    expect(flights.unreplicated).toBe(3);
    expect(resent(RESEND_MS, 0b011).size).toBe(0);
    expect(flights).toMatchObject({ unreplicated: 0, busy: false });
    expect(resent(5 * RESEND_MS, 0b111).size).toBe(0);
  });

  test("one that was never away does not wait for one that is", () => {
    depart(key("a"));
    for (const place of [0, 1]) acknowledge(1, place);
    resent(RESEND_MS, 0b011);
    depart(key("b"), 2 * RESEND_MS);
    acknowledge(2, 0);
    expect([...resent(4 * RESEND_MS, 0b011)]).toEqual([[2, 0b110]]);
  });

  test("a replica is caught up when it lacks nothing older than a while", () => {
    depart(K, 0);
    acknowledge(1, 0);
    expect(flights.caughtUp(at(RESEND_MS - 1), RESEND_MS)).toBe(0b111);
    expect(flights.caughtUp(at(RESEND_MS), RESEND_MS)).toBe(0b001);
    acknowledge(1, 1);
    expect(flights.caughtUp(at(RESEND_MS), RESEND_MS)).toBe(0b011);
  });

  test("what some replica lacks is remembered up to a bound; what is not on a majority is never forgotten", () => {
    for (let i = 0; i < MAX_UNREPLICATED; i++) {
      depart(key(`k${i}`));
      if (i % 2 === 1) for (const place of [0, 1]) acknowledge(seq, place);
    }
    for (let i = 0; i < 100; i++) depart(key(`more${i}`));
    expect(flights.unreplicated).toBe(MAX_UNREPLICATED);
    expect(flights.undone).toBe(MAX_UNREPLICATED / 2 + 100);
    // Seq 2 was the oldest that a majority held.
    expect(flights.acknowledge(2, 2)).toBeNull();
    acknowledge(1, 0);
    expect(acknowledge(1, 1)).toEqual([1]);
  });
});

describe("the end of an office", () => {
  test("gives back everybody who still waits and forgets the rest", () => {
    depart(key("a"));
    depart(key("b"));
    depart(key("b"));
    acknowledge(1, 0);
    acknowledge(1, 1);
    const waiters = flights.drain().flatMap((flight) => flight.waiters);
    expect(waiters.map((w) => (w.asker as { ticket: number }).ticket)).toEqual([2, 3]);
    expect(flights).toMatchObject({ undone: 0, unreplicated: 0 });
    expect(stateOf(key("b")).undone).toEqual([]);
    expect(acknowledge(2, 1)).toBeNull();
    expect(flights.drain()).toEqual([]);
  });
});

describe("what is remembered of a key", () => {
  const records = (count: number) => Array.from({ length: count }, (_, i) => record(`r${i}`));

  test("records count as known since they were recovered, the floor is the register's", () => {
    const state = new KeyState(K);
    state.floor = revision(2);
    state.register = register({ floor: 9, records: records(2) });
    state.recoveredAt(at(50));
    expect(state).toMatchObject({ floor: 9, knownSince: [50, 50] });
  });

  test("a key that nobody holds keeps the partition's floor", () => {
    const state = new KeyState(K);
    state.floor = revision(2);
    state.recoveredAt(at(50));
    expect(state).toMatchObject({ floor: 2, register: null });
  });

  test("each decision adds the record it made and drops those that went", () => {
    const state = new KeyState(K);
    state.register = register({ records: records(3) });
    state.recoveredAt(at(10));
    state.decided(register({ records: records(4) }), 0, at(20));
    expect(state.knownSince).toEqual([10, 10, 10, 20]);
    state.decided(register({ records: records(3) }), 2, at(30));
    expect(state.knownSince).toEqual([10, 20, 30]);
    state.decided(register({ records: records(3) }), 0, at(40));
    expect(state.knownSince).toEqual([10, 20, 30]);
  });

  test("two keys never share what they remember", () => {
    const one = new KeyState(key("one"));
    const two = new KeyState(key("two"));
    one.decided(register({ records: records(1) }), 0, at(10));
    expect(two.knownSince).toEqual([]);
  });
});
