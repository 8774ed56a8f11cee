/** The recorded seeds of the planted bugs, written by `RECORD=1 scripts/sim.sh mutants`. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { bugNamed, plant, plantedBugs } from "../planted/planted.js";
import { drawMoving, drawWorld } from "./moving.js";
import type { Recorded } from "./mutants.js";
import { run } from "./run.js";

const recorded = JSON.parse(readFileSync(new URL("recorded.json", import.meta.url), "utf8")) as Recorded[];

afterEach(() => plant());

test.each(recorded)(
  "$bug is caught in one of the seeds $seeds, which pass without it",
  { timeout: 60_000 },
  ({ bug, seeds, moving }) => {
    const violation = (seed: number) =>
      run({ seed, swarm: moving === true ? drawMoving(seed) : drawWorld(seed) }).violation;
    plant(bugNamed(bug));
    // Any change of the core changes what a seed does: more than one is recorded where they are found quickly.
    const caught = seeds.filter((seed) => violation(seed) !== null);
    expect(caught).not.toEqual([]);
    plant();
    for (const seed of seeds) expect(violation(seed), `seed ${seed}`).toBeNull();
  },
);

test("an unknown planted bug is an error that names the known ones", () => {
  expect(() => plant("R99")).toThrow(/unknown planted bug "R99"; known: R1\.write, .*R14/);
  expect(plantedBugs()).toContain("R6");
});
