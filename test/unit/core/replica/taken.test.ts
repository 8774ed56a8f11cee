/** Which states a copy has had: ranges of seqs, compared with a set of all of them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SeqRanges } from "../../../../src/core/model/ballot.js";
import { MAX_RANGES, Taken } from "../../../../src/core/replica/taken.js";
import { b, ts } from "../writer/harness.js";

const ranges = (taken: Taken): readonly (readonly number[])[] => taken.list().map((of) => of.ranges);

describe("what a copy has had", () => {
  test("in order is one range", () => {
    const taken = new Taken();
    for (let seq = 1; seq <= 10_000; seq++) taken.add(ts(b(1), seq));
    expect(ranges(taken)).toEqual([[1, 10_000]]);
  });

  test("is told apart by ballots, the newest first", () => {
    const taken = new Taken();
    taken.add(ts(b(1), 7));
    taken.add(ts(b(2), 1));
    expect(taken.list().map(({ ballot }) => ballot.round)).toEqual([2, 1]);
    expect([taken.has(ts(b(1), 1)), taken.has(ts(b(1), 7)), taken.has(ts(b(2), 7)), taken.has(ts(b(3), 7))]).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  test("is what was added, in whatever order and however often, and ranges never touch (I1)", () => {
    const piece = fc.record({ round: fc.integer({ min: 1, max: 3 }), from: fc.nat(60), length: fc.nat(6) });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const taken = new Taken();
        const all = new Set<string>();
        for (const { round, from, length } of pieces) {
          taken.addAll([{ ballot: b(round), ranges: [from, from + length] }]);
          for (let seq = from; seq <= from + length; seq++) all.add(`${round}/${seq}`);
        }
        for (let round = 1; round <= 3; round++) {
          for (let seq = 0; seq < 70; seq++) expect(taken.has(ts(b(round), seq))).toBe(all.has(`${round}/${seq}`));
        }
        for (const { ranges: of } of taken.list()) {
          for (let i = 1; i < of.length; i++) {
            const step = (of[i] as number) - (of[i - 1] as number);
            expect(step).toBeGreaterThanOrEqual(i % 2 === 0 ? 2 : 0);
          }
        }
        const again = Taken.of(taken.list());
        expect(again.list()).toEqual(taken.list());
      }),
    );
  });

  test("is remembered up to a bound: the oldest goes, and nothing is made up", () => {
    const taken = new Taken();
    for (let seq = 2; seq <= 2 * MAX_RANGES; seq += 2) taken.add(ts(b(1), seq));
    for (let seq = 2; seq <= 20; seq += 2) taken.add(ts(b(2), seq));
    const count = (list: readonly SeqRanges[]): number => list.reduce((sum, of) => sum + of.ranges.length / 2, 0);
    expect(count(taken.list())).toBeLessThanOrEqual(MAX_RANGES);
    expect(taken.has(ts(b(1), 2))).toBe(false);
    expect(taken.has(ts(b(1), 2 * MAX_RANGES))).toBe(true);
    expect(taken.has(ts(b(2), 20))).toBe(true);
    expect(taken.has(ts(b(2), 19))).toBe(false);
  });

  test("of another copy counts as far as this one knows of the ballot: what is written later cannot be kept from it", () => {
    const taken = new Taken();
    taken.add(ts(b(1), 2));
    taken.add(ts(b(1), 9));
    taken.learn([
      { ballot: b(2), ranges: [1, 2 ** 40] },
      { ballot: b(1), ranges: [1, 4, 6, 2 ** 40, 2 ** 41, 2 ** 41] },
    ]);
    expect(ranges(taken)).toEqual([[1, 4, 6, 9]]);
  });

  test("that was told does not change afterwards", () => {
    const taken = new Taken();
    taken.add(ts(b(1), 1));
    const told = taken.list();
    expect(taken.list()).toBe(told);
    taken.add(ts(b(1), 2));
    expect(told).toEqual([{ ballot: b(1), ranges: [1, 1] }]);
  });
});
