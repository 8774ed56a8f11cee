/**
 * The calls of founding by somebody who has gone mad: some mutations, in process. `make fuzz` goes on for as long as it
 * is told to.
 */
import { expect, test } from "vitest";
import { fuzzFounding, newFoundingTally } from "./fuzz.js";

const tally = newFoundingTally();

test.each([1, 2, 3, 4, 5, 6])("founders go on, and found their cluster: SEED=%d", { timeout: 60_000 }, async (seed) => {
  await fuzzFounding(seed, tally);
});

test("and some of it was believed as far as it may be", () => {
  expect(tally.answered).toBeGreaterThan(100);
  expect(tally.votes).toBeGreaterThan(3);
  expect(tally.founded).toBeGreaterThan(1);
  expect(tally.wishes).toBeGreaterThan(10);
  expect(tally.believed).toBeGreaterThan(5);
});
