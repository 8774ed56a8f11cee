/** The section of the last look-up: blocks are read once for keys in their order, and never kept beyond a write. */
import { expect, test } from "vitest";
import { Prng } from "../../../src/base/prng.js";
import type { BlockEntry } from "../../../src/codec/disk/block.js";
import { tableId } from "../../../src/codec/disk/table-id.js";
import { LastSection } from "../../../src/storage/checkpoint/last-section.js";
import { type BlockStore, LMDB_BLOCKS, PackedTree } from "../../../src/storage/checkpoint/packed-tree.js";

const TABLE = tableId(1);
const OTHER = tableId(2);
const KEYS = Array.from({ length: 2_000 }, (_, i) => Buffer.from(`key-${String(i).padStart(5, "0")}`));

/** Blocks by name, and how often they were read. */
class Blocks implements BlockStore {
  readonly blocks = new Map<string, Buffer>();
  reads = 0;
  kept = 0;

  floor(name: Buffer, keep: boolean): { name: Buffer; bytes: Buffer } | null {
    this.reads++;
    if (keep) this.kept++;
    const found = this.names.findLast((one) => one.compare(name) <= 0);
    return found === undefined ? null : { name: found, bytes: this.blocks.get(found.toString("latin1")) as Buffer };
  }

  above(name: Buffer): Buffer | null {
    return this.names.find((one) => one.compare(name) > 0) ?? null;
  }

  private get names(): Buffer[] {
    return [...this.blocks.keys()].map((name) => Buffer.from(name, "latin1")).sort((a, b) => a.compare(b));
  }
}

function setUp() {
  const store = new Blocks();
  const tree = new PackedTree(store, LMDB_BLOCKS, () => []);
  const write = (keys: readonly Buffer[], value: string, table = TABLE): void => {
    const edits = keys.map((key): { key: Buffer; entry: BlockEntry } => {
      return { key, entry: { key, meta: Buffer.alloc(240), value: Buffer.from(value) } };
    });
    for (const { name, bytes } of [...tree.edit(table, edits)])
      if (bytes === null) store.blocks.delete(name.toString("latin1"));
      else store.blocks.set(name.toString("latin1"), bytes);
  };
  write(KEYS, "first");
  write(KEYS.slice(0, 10), "other", OTHER);
  const last = new LastSection(tree);
  const lookUp = (key: Buffer, table = TABLE): string | null => {
    const { block } = last.at(table, key);
    const i = block?.search(key) ?? 0;
    return block?.has(i, key) === true ? block.value(i).toString() : null;
  };
  store.reads = 0;
  return { store, write, last, lookUp };
}

test("keys in their order read each block twice at most", () => {
  const { store, lookUp } = setUp();
  for (const key of KEYS) expect(lookUp(key)).toBe("first");
  expect(store.blocks.size).toBeGreaterThan(10);
  expect(store.reads).toBeLessThanOrEqual(2 * store.blocks.size);
});

test("keys without an order are found, and few blocks are copied for them", () => {
  const { store, lookUp } = setUp();
  const prng = new Prng(7);
  for (let i = 0; i < 500; i++) expect(lookUp(KEYS[prng.below(KEYS.length)] as Buffer)).toBe("first");
  expect(store.kept).toBeLessThan(50);
});

test("tables are told apart, and a key that is not there is not found", () => {
  const { lookUp } = setUp();
  for (const key of KEYS.slice(0, 10)) {
    expect(lookUp(key)).toBe("first");
    expect(lookUp(key, OTHER)).toBe("other");
    expect(lookUp(Buffer.concat([key, Buffer.from("+")]), OTHER)).toBeNull();
  }
  expect(lookUp(KEYS[10] as Buffer, OTHER)).toBeNull();
});

test("what was written since is seen once the last section is forgotten", () => {
  const { write, last, lookUp } = setUp();
  for (const key of KEYS.slice(0, 3)) lookUp(key);
  write(KEYS.slice(0, 3), "second");
  last.forget();
  for (const key of KEYS.slice(0, 3)) expect(lookUp(key)).toBe("second");
});
