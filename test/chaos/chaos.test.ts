/** A short run of what `make chaos` does for as long as one likes: real processes under faults. */
import { expect, test } from "vitest";
import { runChaos } from "./chaos.js";
import { CLOCK_KINDS, KINDS } from "./tally.js";

const SEED = 1;
const SECONDS = 100;

test("a real cluster under cuts, delays, resets, pauses, kills, drains and wrong clocks stays linearizable, and serves again within ten seconds", async () => {
  const { problems, summary, faults } = await runChaos({
    seed: SEED,
    seconds: SECONDS,
    say: () => {},
    signal: new AbortController().signal,
  });
  console.log([summary, ...problems].join("\n"));
  expect(problems).toEqual([]);
  const tried = KINDS.filter((kind) => faults.tried.has(kind) || !CLOCK_KINDS.has(kind));
  expect(tried.filter((kind) => !faults.seen.has(kind))).toEqual([]);
}, 150_000);
