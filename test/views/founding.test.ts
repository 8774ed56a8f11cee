/** Founders under faults, by seed; `SEED=7 scripts/sim.sh ../views/founding-main` replays one. */
import { afterEach, expect, test } from "vitest";
import { bugNamed, plant } from "../planted/planted.js";
import { type FoundingRun, runFounding } from "./founding.js";

const SEEDS = 200;

afterEach(() => plant());

const failure = ({ seed, violation }: FoundingRun): string =>
  violation === null
    ? ""
    : `SEED=${seed} scripts/sim.sh ../views/founding-main: ${violation.check}: ${violation.detail}`;

test(`in ${SEEDS} seeds one first view is founded at most, and every founder gets it or hears that it is outside`, {
  timeout: 300_000,
}, async () => {
  const runs: FoundingRun[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) runs.push(await runFounding(seed));
  expect(runs.map(failure).filter((text) => text !== "")).toEqual([]);
  expect(runs.filter(({ founded }) => founded).length).toBeGreaterThan(0.95 * SEEDS);
  expect(runs.filter(({ wipes }) => wipes > 0).length).toBeGreaterThan(SEEDS / 4);
  expect(runs.filter(({ refused }) => refused > 0).length).toBeGreaterThan(SEEDS / 20);
});

test("a seed gives one run", { timeout: 120_000 }, async () => {
  for (let seed = 1; seed <= 5; seed++)
    expect((await runFounding(seed)).trace).toEqual((await runFounding(seed)).trace);
});

const CAUGHT: readonly (readonly [string, readonly number[]])[] = [
  ["F4.majority", [215, 246]],
  ["F5.no-adopt", [47, 120]],
  ["F6.forgotten-votes", [8]],
];

test.each(CAUGHT)("%s is caught in one of the seeds %j", { timeout: 120_000 }, async (bug, seeds) => {
  plant(bugNamed(bug));
  const caught: number[] = [];
  for (const seed of seeds) if ((await runFounding(seed)).violation !== null) caught.push(seed);
  expect(caught).not.toEqual([]);
});
