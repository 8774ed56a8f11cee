/** The order of keys, sets of keys in it, and the removals that a copy remembers. */
import { describe, expect, test } from "vitest";
import { Prng } from "../../../../src/base/prng.js";
import { entryKeyOf } from "../../../../src/codec/disk/checkpoint-record.js";
import { type ChangeNumber, changeNumber, type Key } from "../../../../src/core/model/ids.js";
import { compareKeys, MAX_PLAIN_KEY_BYTES } from "../../../../src/core/model/key-order.js";
import { FORGOTTEN, Removals } from "../../../../src/core/model/removals.js";
import { SortedKeys } from "../../../../src/core/model/sorted-keys.js";
import { BAD, MemoryTable, orderedPage } from "../../../../src/core/model/table.js";
import { register } from "../../../conformance/operations.js";

const key = (text: string): Key => text as Key;
const change = (n: number): ChangeNumber => changeNumber(n);

function randomKey(chance: Prng): Key {
  const length = chance.chance(0.2) ? MAX_PLAIN_KEY_BYTES - 2 + chance.below(5) : 1 + chance.below(4);
  return key(String.fromCharCode(...Array.from({ length }, () => chance.below(256))));
}

describe("the order of keys", () => {
  test("is that of the checkpoint", () => {
    const chance = new Prng(1);
    const keys = Array.from({ length: 300 }, () => randomKey(chance));
    const byName = [...keys].sort((a, b) => entryKeyOf(a).compare(entryKeyOf(b)));
    expect([...keys].sort(compareKeys)).toEqual(byName);
    for (const one of keys) expect(compareKeys(one, one)).toBe(0);
  });

  test.each([1, 2, 3])("is kept by a set of keys that come and go, seed %i", (seed) => {
    const chance = new Prng(seed);
    const sorted = new SortedKeys();
    const plain = new Set<Key>();
    const pool = Array.from({ length: 3_000 }, (_, i) => (seed === 1 ? key(`k${10_000 + i}`) : randomKey(chance)));
    for (let n = 0; n < 9_000; n++) {
      const one = pool[seed === 1 && n < 3_000 ? n : chance.below(pool.length)] as Key;
      const goes = n >= 6_000 ? 0.9 : 0.2;
      if (chance.chance(goes)) {
        sorted.delete(one);
        plain.delete(one);
      } else {
        sorted.add(one);
        plain.add(one);
      }
      if (n % 1_500 !== 0) continue;
      const expected = [...plain].sort(compareKeys);
      expect([...sorted.after(null)]).toEqual(expected);
      const from = randomKey(chance);
      expect([...sorted.after(from)]).toEqual(expected.filter((other) => compareKeys(other, from) > 0));
    }
  });
});

describe("removals", () => {
  const numbers = (removals: Removals, after: number): number[] | typeof FORGOTTEN => {
    const page = removals.page(change(after), 1_000, 1_000_000, change(1_000));
    return page === FORGOTTEN ? page : page.found.map((removal) => removal.change);
  };

  test("beyond the bound in number are forgotten, and who asks from before is told so", () => {
    const removals = new Removals(32, 1_000_000);
    for (let n = 1; n <= 1_000; n++) removals.add(key(`k${n}`), change(n));
    expect(numbers(removals, 900)).toBe(FORGOTTEN);
    expect(numbers(removals, 968)).toEqual(Array.from({ length: 32 }, (_, i) => 969 + i));
    expect(numbers(removals.copy(), 998)).toEqual([999, 1_000]);
    expect(numbers(removals.copy(), 900)).toBe(FORGOTTEN);
  });

  test("beyond the bound in bytes are forgotten", () => {
    const removals = new Removals(1_000, 4_000);
    for (let n = 1; n <= 100; n++) removals.add(key(`${"k".repeat(395)}${10_000 + n}`), change(n));
    expect(numbers(removals, 85)).toBe(FORGOTTEN);
    expect(numbers(removals, 90)).toHaveLength(10);
  });

  test("of a key that is held again are none", () => {
    const removals = new Removals();
    removals.add(key("a"), change(1));
    removals.add(key("b"), change(2));
    removals.takeBack(key("a"));
    removals.add(key("b"), change(5));
    expect(numbers(removals, 0)).toEqual([5]);
  });
});

describe("a table in memory", () => {
  test("gives its registers in order, page by page, bad ones included", () => {
    const table = new MemoryTable();
    const names = ["c", "a", "x".repeat(3_000), "b", "d"].map(key);
    names.forEach((name, i) => {
      table.put(register(name, { seq: i + 1 }), change(i + 1), name === "b");
    });
    table.spoil(key("c"));
    table.remove(key("d"), change(6));
    const first = table.orderedAfter(null, 3);
    expect(first.map((held) => [held.key, held.change, held.settled, held.held === BAD])).toEqual([
      ["a", 2, false, false],
      ["b", 4, true, false],
      ["c", 1, false, true],
    ]);
    expect(table.orderedAfter(key("c"), 9).map((held) => held.key)).toEqual([names[2]]);
    expect(table.copy().orderedAfter(key("aa"), 1)[0]?.key).toBe("b");
    expect(table.removalsAfter(change(0), 9)).toEqual({ found: [{ key: "d", change: 6 }], upTo: 6, more: false });
  });

  test("cuts a page of registers, and one of removals, where they are too long together", () => {
    const table = new MemoryTable();
    for (let n = 1; n <= 30; n++) table.put(register(key(`k${100 + n}`), { value: "v".repeat(1_000) }), change(n));
    expect(orderedPage(table, null, 100, 5_000)).toMatchObject({ found: { length: 3 }, more: true });
    expect(orderedPage(table, null, 100, 1)).toMatchObject({ found: { length: 1 }, more: true });
    expect(orderedPage(table, key("k128"), 100, 5_000)).toMatchObject({ found: { length: 2 }, more: false });
    expect(orderedPage(table, null, 30, 1e9)).toMatchObject({ found: { length: 30 }, more: true });
    for (let n = 1; n <= 30; n++) table.remove(key(`k${100 + n}`), change(30 + n));
    expect(table.removalsAfter(change(0), 100, 40)).toMatchObject({ found: { length: 10 }, upTo: 40, more: true });
    expect(table.removalsAfter(change(58), 100, 40)).toMatchObject({ found: { length: 2 }, upTo: 60, more: false });
  });
});
