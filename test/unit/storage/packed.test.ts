/** The packed trees of the checkpoint: what they hold, how full their blocks are, and what is known when blocks rot. */
import { describe, expect, test } from "vitest";
import { Prng } from "../../../src/base/prng.js";
import { Block } from "../../../src/codec/disk/block.js";
import { tableId } from "../../../src/codec/disk/table-id.js";
import { type ChangeNumber, changeNumber, type Key } from "../../../src/core/model/ids.js";
import type { Register } from "../../../src/core/model/register.js";
import { BAD } from "../../../src/core/model/table.js";
import { type FoldItem, NONE_BELOW } from "../../../src/storage/checkpoint/checkpoint.js";
import { FIRST_TREES, TREES, type TreeName } from "../../../src/storage/checkpoint/packed.js";
import { type BlockSizes, LMDB_BLOCKS } from "../../../src/storage/checkpoint/packed-tree.js";
import { MemoryCheckpoint } from "../../conformance/memory-checkpoint.js";
import { keyOf, register } from "../../conformance/operations.js";

const P = tableId(3);
const NEIGHBOUR = tableId(4);

/** A checkpoint, and what should be in it. */
class Pair {
  readonly checkpoint: MemoryCheckpoint;
  readonly right = new Map<Key, { readonly change: ChangeNumber; readonly value: string | null }>();
  private change = 0;

  constructor(sizes?: BlockSizes) {
    this.checkpoint = new MemoryCheckpoint(undefined, sizes);
    // Tables do not run into each other.
    for (const table of [tableId(2), NEIGHBOUR]) this.commit([["neighbour", "here"]], table);
  }

  /** Values; null = a tombstone, undefined = it goes. Returns what went wrong. */
  commit(changes: readonly (readonly [string, string | null | undefined])[], table = P): Error | null {
    const items: FoldItem[] = [];
    for (const [name, value] of changes) {
      const key = name as Key;
      const change = changeNumber(++this.change);
      const put = value === undefined ? null : register(key, { value, seq: change });
      items.push({ table, key, register: put, change, settled: false, below: this.checkpoint.below(table, key) });
      if (table !== P) continue;
      if (value === undefined) this.right.delete(key);
      else this.right.set(key, { change, value });
    }
    items.sort((a, b) => (a.key < b.key ? -1 : 1));
    let failed: Error | null = null;
    this.checkpoint.commit({ items, removed: [], tallies: [], end: null }, (error) => {
      failed = error;
    });
    return failed;
  }

  /** Throws unless all is right. */
  check(): void {
    const { checkpoint, right } = this;
    const byChange = [...right].sort(([, a], [, b]) => a.change - b.change);
    const listed = checkpoint.changes(P, changeNumber(0), 10_000, () => false);
    expect(listed.map(({ key, change }) => [key, change])).toEqual(byChange.map(([key, { change }]) => [key, change]));
    const deleted = byChange.filter(([, { value }]) => value === null).map(([key]) => key);
    expect(checkpoint.tombstones(P, 10_000, () => false).map(({ key }) => key)).toEqual(deleted);
    for (const [key, { change, value }] of right) {
      const stored = checkpoint.get(P, key);
      expect(stored?.change).toBe(change);
      expect(textOf(stored?.register)).toBe(value);
      expect(checkpoint.below(P, key)).toEqual({ change, tombstone: value === null });
    }
    expect(checkpoint.get(P, "never written" as Key)).toBeNull();
    expect(checkpoint.below(P, "never written" as Key)).toEqual(NONE_BELOW);
    expect(
      this.scanned()
        .map(({ key }) => key)
        .sort(),
    ).toEqual([...right.keys()].sort());
    expect(textOf(checkpoint.get(NEIGHBOUR, "neighbour" as Key)?.register)).toBe("here");
  }

  scanned() {
    const found = [];
    let from: Buffer | null = null;
    do {
      const { records, next } = this.checkpoint.scan(from, 5, () => false);
      found.push(...records.filter(({ table }) => table === P));
      from = next;
    } while (from !== null);
    return found;
  }
}

const textOf = (found: Register | typeof BAD | undefined): string | null | undefined =>
  found === undefined || found === BAD ? undefined : found.value === null ? null : Buffer.from(found.value).toString();

/** Sections lie side by side, from the first key to the end of the table, and what is small is so for a reason. */
function checkShape(checkpoint: MemoryCheckpoint): void {
  for (const tree of TREES) {
    let expected: Buffer | null = Buffer.alloc(0);
    const own = checkpoint.blocksOf(tree).map(([name, bytes]) => [Buffer.from(name, "latin1"), bytes] as const);
    const blocks = own.filter(([name]) => name.readUInt32BE(0) === P).sort(([a], [b]) => a.compare(b));
    for (const [name, bytes] of blocks) {
      expect(name.subarray(4)).toEqual(expected);
      const block = Block.read(name, bytes) as Block;
      expect(block.count === 1 || bytes.length <= 3 * 256 - 16 + 64, `${block.count} in ${bytes.length}`).toBe(true);
      for (let i = 0; i < block.count; i++) {
        expect(block.key(i).compare(expected as Buffer)).toBeGreaterThanOrEqual(0);
        if (block.end !== null) expect(block.key(i).compare(block.end)).toBeLessThan(0);
      }
      expected = block.end;
    }
    if (blocks.length > 0) expect(expected).toBeNull();
  }
}

const pagesOf = (checkpoint: MemoryCheckpoint, tree: TreeName) => {
  const bytes = checkpoint.blocksOf(tree).map(([, block]) => block.length);
  return {
    content: bytes.reduce((sum, length) => sum + length, 0),
    taken: bytes.reduce((sum, length) => sum + 4_096 * Math.ceil((length + 16) / 4_096), 0),
  };
};

const SHUFFLED = new Prng(1).shuffle(Array.from({ length: 4_000 }, (_, i) => 100_000 + i));

describe("packed trees", () => {
  test.each([1, 2, 3, 4])("hold what was put, whatever comes and goes, seed %i", { timeout: 60_000 }, (seed) => {
    const chance = new Prng(seed);
    const pair = new Pair();
    // From one time to the next mostly growing, or mostly shrinking.
    for (let round = 0; round < 40; round++) {
      const going = round % 20 < 10 ? 0.1 : 0.8;
      const names = new Set(Array.from({ length: 1 + chance.below(12) }, () => nameFrom(chance)));
      const change = (name: string): [string, string | null | undefined] => {
        if (pair.right.has(name as Key) && chance.chance(going)) return [name, chance.chance(0.3) ? null : undefined];
        return [name, "v".repeat(chance.chance(0.05) ? 1_500 : chance.below(90))];
      };
      expect(pair.commit([...names].map(change))).toBeNull();
      if (round % 10 === 9) pair.check();
      checkShape(pair.checkpoint);
    }
    pair.commit([...pair.right.keys()].map((key) => [key, undefined]));
    pair.check();
    expect(pair.checkpoint.blocksOf("records").filter(([name]) => name.charCodeAt(3) === P)).toEqual([]);
  });

  test.each([
    ["in ascending order", (i: number) => String(i).padStart(6, "0"), 0.92],
    ["in descending order", (i: number) => String(999_999 - i), 0.8],
    ["in any order", (i: number) => String(SHUFFLED[i]), 0.74],
  ])("are filled well by keys that come %s", { timeout: 60_000 }, (_, name, least) => {
    const pair = new Pair(LMDB_BLOCKS);
    for (let i = 0; i < 4_000; i += 20)
      pair.commit(Array.from({ length: 20 }, (_unused, n) => [name(i + n), "v".repeat(100)]));
    const { content, taken } = pagesOf(pair.checkpoint, "records");
    expect(content / taken).toBeGreaterThan(least);
  });
});

const nameFrom = (chance: Prng): string =>
  chance.chance(0.05) ? keyOf(0) : `${"k".repeat(chance.below(3))}${chance.below(150)}`;

describe("a rotten block", () => {
  const filled = (): Pair => {
    const pair = new Pair();
    for (let i = 0; i < 60; i += 6)
      pair.commit(Array.from({ length: 6 }, (_, n) => [`key ${100 + i + n}`, n === 3 ? null : `value ${i + n}`]));
    pair.check();
    return pair;
  };
  const ruin = (block: Buffer): void => {
    block[20] = (block[20] as number) ^ 4;
  };
  const badOf = (pair: Pair): Key[] =>
    [...pair.right.keys()].filter((key) => pair.checkpoint.get(P, key)?.register === BAD).sort();

  test("of records makes its keys bad, and no others: the index knows them", () => {
    const pair = filled();
    const block = pair.checkpoint.blockOf("records", P, "key 130" as Key);
    ruin(block);
    const bad = badOf(pair);
    expect(bad).toContain("key 130");
    expect(bad.length).toBeGreaterThan(2);
    expect(bad.length).toBeLessThan(20);
    expect(pair.checkpoint.get(P, "key 130x" as Key), "was never there").toBeNull();
    expect(
      pair
        .scanned()
        .filter(({ sound }) => !sound)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(bad);
    // Their changes are listed still, and what they were is known.
    expect(pair.checkpoint.changes(P, changeNumber(0), 1_000, () => false)).toHaveLength(pair.right.size);
    for (const [key, { change, value }] of pair.right)
      expect(pair.checkpoint.below(P, key)).toEqual({ change, tombstone: value === null });
    // A register that is written there makes the block whole again, and the others stay bad until they are mended.
    const [first, second, ...others] = bad as [Key, Key, ...Key[]];
    pair.commit([
      [first, "mended"],
      [second, undefined],
    ]);
    expect(badOf(pair)).toEqual(others);
    pair.commit(others.map((key) => [key, "mended"]));
    pair.check();
    checkShape(pair.checkpoint);
  });

  test.each(["changes", "deleted"] as const)("of %s is filled again from the records", (tree) => {
    const pair = filled();
    const tombstone = [...pair.right.values()].find(({ value }) => value === null)?.change as ChangeNumber;
    ruin(pair.checkpoint.blockOf(tree, P, tombstone));
    pair.check();
    const [key] = [...pair.right].find(([, { change }]) => change === tombstone) as [Key, unknown];
    pair.commit([[key, "again"]]);
    pair.check();
    checkShape(pair.checkpoint);
  });

  test.each(["records", "changes"] as const)("of %s that is gone is known to be missing", (tree) => {
    const pair = filled();
    const blocks = pair.checkpoint.blocksOf(tree).filter(([name]) => name.charCodeAt(3) === P);
    expect(blocks.length).toBeGreaterThan(1);
    pair.checkpoint.remove(tree, (blocks.at(-1) as (typeof blocks)[number])[0]);
    if (tree !== "records") return pair.check();
    const bad = badOf(pair);
    expect(bad.length).toBeGreaterThan(0);
    pair.commit(bad.map((key) => [key, "mended"]));
    pair.check();
    checkShape(pair.checkpoint);
  });

  test("of records and one of their index: every key that may have been there is bad, and nothing is written over it", () => {
    const pair = filled();
    ruin(pair.checkpoint.blockOf("records", P, "key 130" as Key));
    ruin(pair.checkpoint.blockOf("changes", P, pair.right.get("key 130" as Key)?.change as ChangeNumber));
    expect(pair.checkpoint.get(P, "key 130" as Key)?.register).toBe(BAD);
    expect(pair.checkpoint.get(P, "key 130x" as Key)?.register).toBe(BAD);
    expect(pair.checkpoint.below(P, "key 130x" as Key)).toBeNull();
    expect(pair.commit([["key 130", "x"]])?.message).toContain("This node counts as lost");
  });

  test.each(Array.from({ length: 30 }, (_, i) => i + 1))(
    "any byte of any block: what is there is right or bad, never wrong and never missing, seed %i",
    { timeout: 60_000 },
    (seed) => {
      const chance = new Prng(seed);
      const pair = filled();
      const tree = chance.pick(FIRST_TREES);
      const [, block] = chance.pick(pair.checkpoint.blocksOf(tree).filter(([name]) => name.charCodeAt(3) === P));
      const at = chance.below(block.length);
      block[at] = (block[at] as number) ^ (1 << chance.below(8));
      if (tree !== "records") return pair.check();
      const bad = badOf(pair);
      expect(bad.length).toBeGreaterThan(0);
      for (const [key, { value }] of pair.right)
        if (!bad.includes(key)) expect(textOf(pair.checkpoint.get(P, key)?.register)).toBe(value);
      pair.commit(bad.map((key) => [key, "mended"]));
      pair.check();
    },
  );
});
