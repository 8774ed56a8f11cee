/**
 * The removals that a copy on disk remembers for others that take over from it (H8): through folds, crashes, rot and
 * bounds.
 */
import { afterEach, describe, expect, test } from "vitest";
import { firstTableOf } from "../../../src/codec/disk/table-id.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { changeNumber, type Key, partition } from "../../../src/core/model/ids.js";
import { FORGOTTEN, type Removal } from "../../../src/core/model/removals.js";
import type { DiskStorage } from "../../../src/storage/disk.js";
import { MemoryCheckpoint } from "../../conformance/memory-checkpoint.js";
import { appendAll, register, removalsIn } from "../../conformance/operations.js";
import { World } from "../../conformance/world.js";
import { plant } from "../../planted/planted.js";

const P = partition(3);
const TABLE = firstTableOf(P);

afterEach(() => plant());

const put = (name: string, change: number): Entry => ({
  kind: "register",
  partition: P,
  register: register(name as Key, { seq: change }),
  change: changeNumber(change),
});
const removed = (name: string, change: number): Entry => ({
  kind: "removed",
  partition: P,
  key: name as Key,
  change: changeNumber(change),
});
const nameOf = (i: number): string => `key-${100 + i}`;

/** 60 keys; then each third is removed, and each ninth put again. */
function history(): Entry[] {
  const entries: Entry[] = [];
  for (let i = 0; i < 60; i++) entries.push(put(nameOf(i), entries.length + 1));
  for (let i = 0; i < 60; i += 3) entries.push(removed(nameOf(i), entries.length + 1));
  for (let i = 0; i < 60; i += 9) entries.push(put(nameOf(i), entries.length + 1));
  return entries;
}

function expected(entries: readonly Entry[], after = 0): string[] {
  const latest = new Map<Key, Entry>();
  for (const entry of entries)
    if (entry.kind === "register") latest.set(entry.register.key, entry);
    else if (entry.kind === "removed") latest.set(entry.key, entry);
  return [...latest]
    .flatMap(([key, entry]) =>
      entry.kind === "removed" && entry.change > after ? [{ key, change: entry.change }] : [],
    )
    .sort((a, b) => a.change - b.change)
    .map(({ key, change }) => `${change} ${key}`);
}

function opened(seed = 1): World {
  const world = new World(seed, Number.POSITIVE_INFINITY);
  expect(world.open(0)).toBeNull();
  return world;
}

const listed = (world: World, after = 0): readonly string[] | typeof FORGOTTEN =>
  removalsIn((world.storage as DiskStorage).table(P), 7, changeNumber(after));

function fold(world: World): void {
  (world.storage as DiskStorage).foldNow(() => {});
  world.finishAll();
}

function again(world: World): void {
  world.crash();
  expect(world.open(0)).toBeNull();
}

describe("removals", () => {
  test("are listed from the log, while they are folded, from the checkpoint, and after a start", () => {
    const world = opened();
    const entries = history();
    appendAll(world.storage as DiskStorage, entries);
    expect(listed(world)).toEqual(expected(entries));
    (world.storage as DiskStorage).foldNow(() => {});
    for (let n = 0; n < 60; n++) {
      world.work();
      expect(listed(world, n), `step ${n}`).toEqual(expected(entries, n));
    }
    world.finishAll();
    again(world);
    for (let after = 0; after <= entries.length; after++)
      expect(listed(world, after)).toEqual(expected(entries, after));
    // Those of a later fold come behind.
    const more = [...entries, removed(nameOf(0), entries.length + 1), put(nameOf(3), entries.length + 2)];
    appendAll(world.storage as DiskStorage, more.slice(entries.length));
    expect(listed(world)).toEqual(expected(more));
    fold(world);
    expect(listed(world)).toEqual(expected(more));
    again(world);
    expect(listed(world)).toEqual(expected(more));
  });

  test.each(Array.from({ length: 40 }, (_, i) => i))("outlive a crash within a fold, moment %i", (moment) => {
    const world = opened();
    const entries = history();
    appendAll(world.storage as DiskStorage, entries.slice(0, 75));
    world.finishAll();
    fold(world);
    appendAll(world.storage as DiskStorage, entries.slice(75));
    world.finishAll();
    const { commits } = world.checkpoint;
    (world.storage as DiskStorage).foldNow(() => {});
    for (let n = 0; n < 10_000 && world.checkpoint.commits < commits + moment / 4; n++) world.work();
    again(world);
    expect(listed(world)).toEqual(expected(entries));
    fold(world);
    expect(listed(world)).toEqual(expected(entries));
    again(world);
    expect(listed(world)).toEqual(expected(entries));
  });

  test("of a copy are none of the next one's, and go with it", () => {
    const world = opened();
    appendAll(world.storage as DiskStorage, history());
    world.finishAll();
    fold(world);
    expect(world.checkpoint.blocksOf("removed").length).toBeGreaterThan(0);
    const copies = [
      { kind: "begun", partition: P, copy: 5 },
      { kind: "dropped", partition: P, copy: 1 },
    ] as never[];
    appendAll(world.storage as DiskStorage, copies);
    world.finishAll();
    expect(listed(world)).toEqual([]);
    expect(world.checkpoint.blocksOf("removed")).toEqual([]);
    again(world);
    expect(listed(world)).toEqual([]);
  });
});

/** Folds removals with these changes, some at a time. */
function folded(checkpoint: MemoryCheckpoint, first: number, count: number, portion = 10, keyBytes = 10): void {
  for (let change = first; change < first + count; change += portion) {
    const removals: Removal[] = [];
    for (let i = change; i < Math.min(change + portion, first + count); i++)
      removals.push({ key: `${i}`.padStart(keyBytes, "k") as Key, change: changeNumber(i) });
    const tallies = [{ table: TABLE, count: 0, lastChange: changeNumber(change) }];
    checkpoint.commit(
      { items: [], removed: [{ table: TABLE, removals, forgotten: changeNumber(0) }], tallies, end: null },
      (error) => expect(error).toBeNull(),
    );
  }
}

const page = (checkpoint: MemoryCheckpoint, after: number): number[] | typeof FORGOTTEN => {
  const found = checkpoint.removals(TABLE, changeNumber(after), 1_000, 1_000_000);
  return found === FORGOTTEN ? found : found.found.map(({ change }) => change);
};

describe("of the removals in a checkpoint", () => {
  test.each([
    ["number", { count: 40, bytes: 1_000_000 }],
    ["bytes", { count: 1_000_000, bytes: 400 }],
  ])("the oldest are forgotten beyond a bound in %s, and that is told", (_what, bounds) => {
    const checkpoint = new MemoryCheckpoint(undefined, undefined, bounds);
    folded(checkpoint, 1, 500);
    expect(page(checkpoint, 460)).toEqual(Array.from({ length: 40 }, (_, i) => 461 + i));
    expect(page(checkpoint, 459)).toBe(FORGOTTEN);
    expect(page(checkpoint, 0)).toBe(FORGOTTEN);
    expect(page(checkpoint, 500)).toEqual([]);
    expect(checkpoint.bytes).toBeLessThan(2_500);
  });

  test("those that a rotten block held are known to be missing", () => {
    const found = (planted: boolean): (number | typeof FORGOTTEN)[] => {
      plant(...(planted ? (["H8.gap-unseen"] as const) : []));
      const checkpoint = new MemoryCheckpoint();
      folded(checkpoint, 1, 200);
      const block = checkpoint.blockOf("removed", TABLE, changeNumber(100));
      block[20] = (block[20] as number) ^ 4;
      return Array.from({ length: 200 }, (_, after) => {
        const changes = page(checkpoint, after);
        return changes === FORGOTTEN ? changes : changes.length;
      });
    };
    const told = found(false);
    for (let after = 0; after < 200; after++) {
      const right = 200 - after;
      // From behind the rotten block on, all are there.
      if (after < 100) expect(told[after]).toBe(FORGOTTEN);
      else expect([right, FORGOTTEN]).toContain(told[after]);
    }
    expect(told.at(-1)).toBe(1);
    expect(told.filter((one) => one === FORGOTTEN).length).toBeLessThan(125);
    expect(found(true)[0]).toBeLessThan(200);
  });

  test("a fold over a rotten block does not hide that they are missing", () => {
    const checkpoint = new MemoryCheckpoint();
    folded(checkpoint, 1, 200);
    const block = checkpoint.blockOf("removed", TABLE, changeNumber(195));
    block[20] = (block[20] as number) ^ 4;
    folded(checkpoint, 201, 50);
    expect(page(checkpoint, 150)).toBe(FORGOTTEN);
    expect(page(checkpoint, 200)).toHaveLength(50);
  });
});

test("each planted bug shows: a fold leaves removals behind", () => {
  const after = (planted: boolean): readonly string[] | typeof FORGOTTEN => {
    plant(...(planted ? (["H8.not-folded"] as const) : []));
    const world = opened();
    appendAll(world.storage as DiskStorage, history());
    world.finishAll();
    fold(world);
    return listed(world);
  };
  expect(after(false)).toEqual(expected(history()));
  expect(after(true)).toEqual([]);
});
