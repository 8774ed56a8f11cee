/** Completion records: windows over lists that registers share. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CompletionRecord, CompletionRecords } from "../../../../src/core/model/completion-records.js";
import { record, rid } from "../writer/harness.js";

const named = (...names: string[]): CompletionRecords => CompletionRecords.of(names.map((name) => record(name)));
const namesOf = (records: CompletionRecords): CompletionRecord["requestId"][] =>
  [...records].map(({ requestId }) => requestId);

describe("what is made of records", () => {
  test("leaves those it was made of as they were", () => {
    const one = named("a", "b");
    const two = one.with(record("c"));
    const three = two.without(1);
    expect(namesOf(one)).toEqual([rid("a"), rid("b")]);
    expect(namesOf(two)).toEqual([rid("a"), rid("b"), rid("c")]);
    expect(namesOf(three)).toEqual([rid("b"), rid("c")]);
  });

  test("twice of the same records is twice of its own", () => {
    const one = named("a");
    const [left, right] = [one.with(record("l")), one.with(record("r"))];
    expect(namesOf(left)).toEqual([rid("a"), rid("l")]);
    expect(namesOf(right)).toEqual([rid("a"), rid("r")]);
    expect(left.find(rid("r"))).toBeNull();
  });

  test("no records stay none", () => {
    CompletionRecords.none.with(record("a"));
    expect(CompletionRecords.none).toHaveLength(0);
    expect(CompletionRecords.none.with(record("b"))).toHaveLength(1);
  });
});

test("a record is found by its id, in this window only", () => {
  const records = named("aaa1", "aaa2", "b").without(1);
  expect(records.find(rid("aaa2"))?.requestId).toBe(rid("aaa2"));
  expect(records.find(rid("aaa1"))).toBeNull();
  expect(records.find(rid("c"))).toBeNull();
});

test("counted from either end", () => {
  const records = named("a", "b", "c").without(1);
  expect([records.at(0), records.at(1), records.at(2)].map((one) => one?.requestId)).toEqual([
    rid("b"),
    rid("c"),
    undefined,
  ]);
  expect([records.at(-1), records.at(-2), records.at(-3)].map((one) => one?.requestId)).toEqual([
    rid("c"),
    rid("b"),
    undefined,
  ]);
});

test("whatever is added and forgotten, they are what an array would be, and hold at most about half as many more", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let records: CompletionRecords = CompletionRecords.none;
      let expected: CompletionRecord[] = [];
      for (const [i, forget] of steps.entries()) {
        if (forget > 0) {
          records = records.without(forget);
          expected = expected.slice(forget);
          continue;
        }
        const added = record(`r${i}`);
        records = records.with(added);
        expected = [...expected, added];
        expect(records.list.records.length).toBeLessThanOrEqual(1.5 * records.length + 1);
      }
      expect([...records]).toEqual(expected);
      for (const { requestId } of expected) expect(records.find(requestId)?.requestId).toBe(requestId);
    }),
  );
});
