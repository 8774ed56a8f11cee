import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AssertionError, assert, present, unreachable } from "../../../src/base/assert.js";
import { byteText } from "../../../src/base/byte-text.js";
import { duration, instant, after as instantAfter, never, since } from "../../../src/base/time.js";
import { countVotes, MAX_REPLICAS, majorityOf, voteOf } from "../../../src/base/votes.js";

const maskOf = (places: readonly number[]): number => places.reduce((mask, place) => mask | voteOf(place), 0);
const place = fc.nat({ max: MAX_REPLICAS - 1 });

describe("votes", () => {
  test("a mask counts distinct replicas, however often one of them answers", () => {
    fc.assert(fc.property(fc.array(place), (places) => countVotes(maskOf(places)) === new Set(places).size));
  });

  test("the largest group fits a mask", () => {
    const all = Array.from({ length: MAX_REPLICAS }, (_, i) => i);
    expect(countVotes(maskOf(all))).toBe(MAX_REPLICAS);
    expect(maskOf(all)).toBe(2 ** MAX_REPLICAS - 1);
  });

  test("two majorities of a group always have a replica in common, and no smaller number would do", () => {
    for (let size = 1; size <= MAX_REPLICAS; size++) {
      const majority = majorityOf(size);
      expect(2 * majority).toBeGreaterThan(size);
      expect(2 * (majority - 1)).toBeLessThanOrEqual(size);
    }
    expect([1, 2, 3, 4, 5].map(majorityOf)).toEqual([1, 2, 2, 3, 3]);
  });
});

describe("time", () => {
  test("instants move by durations, and never is after all of them", () => {
    const start = instant(100);
    const later = instantAfter(start, duration(20));
    expect(later).toBe(120);
    expect(since(later, start)).toBe(20);
    expect(instantAfter(never, duration(1))).toBe(never);
    expect(never > later).toBe(true);
  });
});

describe("assertions", () => {
  test("a broken invariant names itself and is told apart from every other error", () => {
    expect(() => assert(false, "the promise never falls")).toThrow(AssertionError);
    expect(() => assert(false, "the promise never falls")).toThrow("broken invariant: the promise never falls");
    expect(() => assert(true, "")).not.toThrow();
  });

  test("what is proved to be there is given back, 0 and the empty string included", () => {
    expect(present(0, "number")).toBe(0);
    expect(present("", "text")).toBe("");
    expect(() => present(undefined, "answer")).toThrow("missing: answer");
    expect(() => present(null, "answer")).toThrow(AssertionError);
  });

  test("a kind that no switch knows is a broken invariant", () => {
    expect(() => unreachable({ kind: "other" } as never)).toThrow('unreachable: {"kind":"other"}');
  });
});

test("bytes are told to people in one unit", () => {
  const told = [0, 1_023, 1_024, 3_565_158, 2 ** 40 * 5_000].map(byteText);
  expect(told).toEqual(["0 B", "1023 B", "1.0 KiB", "3.4 MiB", "5000 TiB"]);
});
