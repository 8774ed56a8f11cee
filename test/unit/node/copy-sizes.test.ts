import { expect, test } from "vitest";
import { CompletionRecords } from "../../../src/core/model/completion-records.js";
import {
  type ChangeNumber,
  changeNumber,
  type Key,
  key as keyOf,
  partition,
  revision,
} from "../../../src/core/model/ids.js";
import { Register } from "../../../src/core/model/register.js";
import { MemoryTable, type RegisterTable } from "../../../src/core/model/table.js";
import { CopySizes, MAX_SAMPLED, SAMPLE } from "../../../src/node/copy-sizes.js";
import { b, ts } from "../core/writer/harness.js";

/** Counts what is looked at. */
class Counted extends MemoryTable {
  gets = 0;

  override get(key: Key): ReturnType<RegisterTable["get"]> {
    this.gets++;
    return super.get(key);
  }

  override changesAfter(after: ChangeNumber, limit: number): ReturnType<RegisterTable["changesAfter"]> {
    expect(limit).toBeLessThanOrEqual(SAMPLE);
    return super.changesAfter(after, limit);
  }
}

function tableOf(keys: number, valueBytes: (i: number) => number, from = 0): Counted {
  const table = new Counted();
  for (let i = 0; i < keys; i++) fill(table, from + i, valueBytes(i));
  return table;
}

function fill(table: RegisterTable, key: number, bytes: number): void {
  const change = table.lastChange + 1;
  const at = revision(change);
  const value = Buffer.alloc(bytes);
  const register = new Register(
    keyOf(`key-${key}`),
    ts(b(1), change),
    value,
    at,
    at,
    revision(0),
    CompletionRecords.none,
  );
  table.put(register, changeNumber(change));
}

const sum = (table: MemoryTable): number =>
  table.orderedAfter(null, 1_000_000).reduce((all, { held }) => all + (held as Register).bytes, 0);

test("Z2: a small copy is counted exactly", () => {
  const table = tableOf(SAMPLE, (i) => i * 100);
  expect(new CopySizes().of(new Map([[partition(0), table]])).get(partition(0))).toEqual({
    keys: SAMPLE,
    bytes: sum(table),
  });
});

test("Z2: and anew after each change", () => {
  const table = tableOf(SAMPLE, () => 1_000);
  const tables = new Map([[partition(0), table]]);
  const sizes = new CopySizes();
  sizes.of(tables);
  fill(table, 3, 10);
  expect(sizes.of(tables).get(partition(0))?.bytes).toBe(sum(table));
});

test("a large copy is reckoned from samples of old and new keys, and looked at again after many changes", () => {
  const table = tableOf(10_000, (i) => (i % 7) * 100);
  const sizes = new CopySizes();
  const tables = new Map([[partition(3), table]]);
  const size = () => sizes.of(tables).get(partition(3)) ?? { keys: 0, bytes: 0 };
  expect(size().keys).toBe(10_000);
  expect(size().bytes / sum(table)).toBeCloseTo(1, 0);
  const { gets } = table;
  expect(gets).toBeLessThanOrEqual(SAMPLE);
  fill(table, 1, 300);
  expect(size().keys).toBe(10_000);
  expect(table.gets).toBe(gets);
  for (let i = 0; i < 30_000; i++) fill(table, i % 10_000, 3_000);
  for (let asked = 0; asked < 2; asked++) size();
  expect(table.gets).toBeGreaterThan(gets);
  expect(size().bytes / sum(table)).toBeGreaterThan(0.6);
});

test("Z1: a call looks at few copies, and the others count with the mean of those", () => {
  const tables = new Map(Array.from({ length: 20 }, (_, p) => [partition(p), tableOf(100, () => 500)] as const));
  const sizes = new CopySizes();
  const looked = (): number => [...tables.values()].filter(({ gets }) => gets > 0).length;
  const all = [...sizes.of(tables).values()];
  expect(looked()).toBe(MAX_SAMPLED);
  for (const { keys, bytes } of all) {
    expect(keys).toBe(100);
    expect(bytes / sum(tables.get(partition(0)) as Counted)).toBeCloseTo(1, 1);
  }
  sizes.of(tables);
  sizes.of(tables);
  expect(looked()).toBe(20);
});

test("another copy of the partition is looked at anew, and an empty one holds nothing", () => {
  const sizes = new CopySizes();
  const of = (table: MemoryTable) => sizes.of(new Map([[partition(0), table]])).get(partition(0));
  of(tableOf(10, () => 1_000));
  const second = tableOf(10, () => 10);
  expect(of(second)?.bytes).toBe(sum(second));
  expect(of(new MemoryTable())).toEqual({ keys: 0, bytes: 0 });
});
