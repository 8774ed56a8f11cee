import { describe, expect, test } from "vitest";
import { SettledSeqs } from "../../../../src/core/replica/settled.js";
import { b, ts } from "../writer/harness.js";

describe("what is settled", () => {
  test("a settled seq covers itself and everything before it in its ballot", () => {
    const settled = new SettledSeqs();
    settled.learn(b(1), 5);
    expect(settled.covers(ts(b(1), 5))).toBe(true);
    expect(settled.covers(ts(b(1), 1))).toBe(true);
    expect(settled.covers(ts(b(1), 6))).toBe(false);
  });

  test("a number of one ballot says nothing of another's, higher or lower (R14)", () => {
    const settled = new SettledSeqs();
    settled.learn(b(2), 100);
    expect(settled.covers(ts(b(1), 1))).toBe(false);
    expect(settled.covers(ts(b(3), 1))).toBe(false);
    expect(settled.covers(ts(b(2, 1), 1))).toBe(false);
  });

  test("numbers never fall, and only a rise is news", () => {
    const settled = new SettledSeqs();
    expect(settled.learn(b(1), 5)).toBe(true);
    expect(settled.learn(b(1), 5)).toBe(false);
    expect(settled.learn(b(1), 3)).toBe(false);
    expect(settled.seqOf(b(1))).toBe(5);
    expect(settled.learn(b(1), 6)).toBe(true);
    expect(settled.seqOf(b(1))).toBe(6);
  });

  test("seq 0 settles nothing", () => {
    const settled = new SettledSeqs();
    expect(settled.learn(b(1), 0)).toBe(false);
    expect(settled.highest).toBeNull();
    expect(settled.seqOf(b(1))).toBe(0);
  });

  test("the highest is of the newest ballot, in whatever order they were learned", () => {
    const settled = new SettledSeqs();
    for (const round of [2, 5, 1, 3]) settled.learn(b(round), round * 10);
    expect(settled.highest).toEqual(ts(b(5), 50));
    for (const round of [1, 2, 3, 5]) expect(settled.seqOf(b(round))).toBe(round * 10);
  });

  test("of more than 64 ballots the oldest are forgotten, the newest kept", () => {
    const settled = new SettledSeqs();
    for (let round = 1; round <= 100; round++) settled.learn(b(round), 1);
    expect(settled.covers(ts(b(36), 1))).toBe(false);
    expect(settled.covers(ts(b(37), 1))).toBe(true);
    expect(settled.covers(ts(b(100), 1))).toBe(true);
    settled.learn(b(1), 9);
    expect(settled.covers(ts(b(1), 1))).toBe(false);
  });
});
