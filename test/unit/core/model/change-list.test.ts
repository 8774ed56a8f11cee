/** The order of changes that replicas are asked for by number. */
import { expect, test } from "vitest";
import { ChangeList } from "../../../../src/core/model/change-list.js";
import { type ChangeNumber, changeNumber, key } from "../../../../src/core/model/ids.js";

type Latest = Map<ReturnType<typeof key>, { readonly change: ChangeNumber }>;

function change(list: ChangeList, latest: Latest, name: string, number: number): void {
  latest.set(key(name), { change: changeNumber(number) });
  list.add(key(name), changeNumber(number));
}

test("a key stands where it changed last, and is gone once its owner has dropped it", () => {
  const latest: Latest = new Map();
  const list = new ChangeList(latest);
  change(list, latest, "a", 1);
  change(list, latest, "b", 2);
  change(list, latest, "c", 5);
  change(list, latest, "a", 6);
  latest.delete(key("b"));
  expect([...list.keysAfter(changeNumber(0))]).toEqual([key("c"), key("a")]);
  expect([...list.keysAfter(changeNumber(5))]).toEqual([key("a")]);
  expect([...list.keysAfter(changeNumber(6))]).toEqual([]);
});

test("sweeping loses nothing that is up to date", () => {
  const latest: Latest = new Map();
  const list = new ChangeList(latest);
  change(list, latest, "seldom", 1);
  for (let number = 2; number < 10_000; number++) change(list, latest, "often", number);
  expect([...list.keysAfter(changeNumber(0))]).toEqual([key("seldom"), key("often")]);
});

test("a copy goes its own way", () => {
  const latest: Latest = new Map();
  const list = new ChangeList(latest);
  change(list, latest, "a", 1);
  const others: Latest = new Map(latest);
  const copy = list.copy(others);
  change(copy, others, "b", 2);
  expect([...list.keysAfter(changeNumber(0))]).toEqual([key("a")]);
  expect([...copy.keysAfter(changeNumber(0))]).toEqual([key("a"), key("b")]);
});
