import { expect, test } from "vitest";
import { KeyList } from "../../../src/core/key-list.js";
import { changeNumber, groupEpoch, partition } from "../../../src/core/model/ids.js";
import { MemoryTable } from "../../../src/core/model/table.js";
import type { ListedCopy } from "../../../src/core/partitions.js";
import { Replica } from "../../../src/core/replica/replica.js";
import { register } from "./transfer/rig.js";

const copyOf = (epoch: number, ...keys: string[]): ListedCopy => {
  const table = new MemoryTable();
  for (const [i, name] of keys.entries()) table.put(register(name, i + 1), changeNumber(i + 1));
  const replica = new Replica({ partition: partition(0), epoch: groupEpoch(epoch) }, table);
  return { epoch: groupEpoch(epoch), replica };
};

test("H11: a list ends with its group, whatever copy is there then", () => {
  let now: ListedCopy | null = copyOf(1, "a", "b");
  const list = new KeyList(() => now);
  expect(list.next(1, 1_000)).toMatchObject({ epoch: 1, keys: ["a"], last: false });
  now = copyOf(2, "a", "b", "c");
  expect(list.next(10, 1_000)).toBeNull();
  now = null;
  expect(list.next(10, 1_000)).toBeNull();
});

test("a list tells all keys once, and of the last page how far the copy is", () => {
  const list = new KeyList(() => copyOf(3, "a", "b", "c"));
  expect(list.next(2, 1_000)).toMatchObject({ keys: ["a", "b"], last: false });
  expect(list.next(2, 1_000)).toMatchObject({ epoch: 3, keys: ["c"], last: true, changes: 3 });
});
