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

/** The order in which calls arrive decides, too, how much a run reaches. */
const reached = (): boolean =>
  tally.answered > 100 && tally.votes > 3 && tally.founded > 1 && tally.wishes > 10 && tally.believed > 5;

test("and some of it was believed as far as it may be", { timeout: 120_000 }, async () => {
  for (let seed = 7; !reached() && seed <= 30; seed++) await fuzzFounding(seed, tally);
  expect(tally).toSatisfy(reached);
});
