/** A short run of what `make chaos` does for as long as one likes: real processes under faults. */
import { expect, test } from "vitest";
import { runChaos } from "./chaos.js";

const SEED = 1;
/** Two minutes in CI; people who run all tests wait less. */
const SECONDS = process.env.CI === "true" ? 120 : 45;

test("a real cluster under cuts, delays, resets, pauses, kills, drains and wrong clocks stays linearizable, and serves again within ten seconds", async () => {
  const { problems, undecided, summary } = await runChaos({
    seed: SEED,
    seconds: SECONDS,
    say: () => {},
    signal: new AbortController().signal,
  });
  console.log([summary, ...problems].join("\n"));
  expect(problems).toEqual([]);
  // Deciding a history can take forever, above all of additions of unknown outcome; more than one such key would be no
  // accident.
  expect(undecided.length, undecided.join(", ")).toBeLessThanOrEqual(1);
}, 300_000);
