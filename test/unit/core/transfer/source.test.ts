/** A source's answers: who may answer what, and pages that leave nothing out. */
import { expect, test } from "vitest";
import { attempt, changeNumber, groupEpoch, type Key, key, nodeId } from "../../../../src/core/model/ids.js";
import { compareKeys } from "../../../../src/core/model/key-order.js";
import type { Delta, Registers, States } from "../../../../src/core/model/transfer-message.js";
import { NEW, OLD, Outbox, P, register, Source } from "./rig.js";

const T = attempt(7);
const finals = { partition: P, groupEpoch: NEW, previous: OLD.epoch, attempt: T } as const;
const bulk = { partition: P, groupEpoch: OLD.epoch, attempt: T } as const;

const states = (source: Source, after: Key | null): States =>
  source.answer({ kind: "ask-states", ...finals, after }) as States;

function allStates(source: Source): (readonly [string, number | null])[] {
  const all: (readonly [string, number | null])[] = [];
  for (let after: Key | null = null; ; ) {
    const page = states(source, after);
    for (const { key: one, timestamp } of page.states) all.push([one, timestamp?.seq ?? null]);
    if (page.upTo === null) return all;
    after = page.upTo;
  }
}

test("pages of states tell every key once and in order, however long the keys are", () => {
  const source = new Source(nodeId(1));
  const keys: Key[] = [];
  for (let i = 0; i < 300; i++) keys.push(key(`${(i * 7919) % 1_000}`.padEnd(1 + ((i * 131) % 3_000), "-")));
  for (const [i, one] of keys.entries()) source.put(register(one, i + 1));
  const told = allStates(source).map(([one]) => one);
  expect(told).toEqual([...new Set(keys)].sort(compareKeys));
});

test("I3: keys that were inherited as bad are told as bad, in their places", () => {
  const source = new Source(nodeId(1));
  for (const name of ["b", "d"]) source.put(register(name, 1));
  for (const name of ["a", "c", "e"]) source.replica.inherited.begin(key(name), 9, new Outbox());
  expect(allStates(source)).toEqual([
    ["a", null],
    ["b", 1],
    ["c", null],
    ["d", 1],
    ["e", null],
  ]);
});

test("a register that rotted is told as bad", () => {
  const source = new Source(nodeId(1));
  source.put(register("k", 1));
  source.table.spoil(key("k"));
  expect(allStates(source)).toEqual([["k", null]]);
});

test.each([
  ["ask-states", { kind: "ask-states", ...finals, after: null }],
  ["ask-keys", { kind: "ask-keys", ...finals, keys: [key("k")] }],
] as const)(
  "I1: %s is not answered before the seal, by a copy that was not ready, or for a group that is over",
  (_, asked) => {
    const source = new Source(nodeId(1));
    expect(source.answer(asked)).not.toBe(null);
    source.sealed = false;
    expect(source.answer(asked)).toBe(null);
    source.sealed = true;
    source.ready = false;
    expect(source.answer(asked)).toBe(null);
    source.ready = true;
    source.newest = groupEpoch(3);
    expect(source.answer(asked)).toBe(null);
  },
);

test("a pre-copy is answered by a copy that still serves", () => {
  const source = new Source(nodeId(1));
  source.sealed = false;
  source.newest = OLD.epoch;
  expect(source.answer({ kind: "ask-registers", ...bulk, after: null })).not.toBe(null);
});

test("a delta tells changes and removals along one count, page by page", () => {
  const source = new Source(nodeId(1));
  for (let i = 0; i < 3_000; i++) source.put(register(`k${i}`, i + 1));
  for (let i = 0; i < 3_000; i += 2) source.remove(`k${i}`);
  for (let i = 0; i < 3_000; i += 4) source.put(register(`k${i}`, 5_000 + i));
  const held = new Map<string, number>();
  let after = changeNumber(0);
  let pages = 0;
  for (; after < source.table.lastChange; pages++) {
    const page = source.answer({ kind: "ask-delta", ...bulk, copy: groupEpoch(1), after }) as Delta;
    expect(page.known).toBe(true);
    expect(page.upTo).toBeGreaterThan(after);
    for (const one of page.removed) held.delete(one);
    for (const { register: one } of page.changed) held.set(one.key, one.timestamp.seq);
    after = page.upTo;
  }
  expect(pages).toBeGreaterThan(2);
  const truth = source.table.orderedAfter(null, 10_000).map(({ key: one }) => one);
  expect([...held.keys()].sort()).toEqual(truth.slice().sort());
});

test("who asks with a number of another copy, or beyond the last change, is told to begin anew", () => {
  const source = new Source(nodeId(1));
  source.put(register("k", 1));
  const ask = (copy: number, after: number): boolean =>
    (source.answer({ kind: "ask-delta", ...bulk, copy: groupEpoch(copy), after: changeNumber(after) }) as Delta).known;
  expect(ask(1, 1)).toBe(true);
  expect(ask(1, 0)).toBe(true);
  expect(ask(2, 0)).toBe(false);
  expect(ask(1, 2)).toBe(false);
});

test("a page has one register at least, and is otherwise bounded in bytes", () => {
  const source = new Source(nodeId(1));
  for (const name of ["a", "b"]) source.put(register(name, 1, "v".repeat(1_000_000)));
  const page = source.answer({ kind: "ask-registers", ...bulk, after: null }) as Registers;
  expect(page.registers.map(({ register: one }) => one.key)).toEqual(["a"]);
  expect(page.upTo).toBe("a");
});
