import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { type PlantedBug, plant } from "../planted/planted.js";
import { drawWorld } from "./moving.js";
import type { Recorded } from "./mutants.js";
import { planOf, Recorder, Replayer } from "./plan.js";
import { run } from "./run.js";
import { shrink, tell } from "./shrink.js";

const recorded = JSON.parse(readFileSync(new URL("recorded.json", import.meta.url), "utf8")) as Recorded[];

afterEach(() => plant());

test("a run that is written down, and one by that plan, is the run that the seed draws", { timeout: 60_000 }, () => {
  for (let seed = 1; seed <= 4; seed++) {
    const { hash } = run({ seed });
    const recorder = new Recorder();
    expect(run({ seed, source: recorder }).hash, `seed ${seed} written down`).toBe(hash);
    const plan = planOf(seed, drawWorld(seed), recorder);
    expect(run({ seed, source: new Replayer(plan) }).hash, `seed ${seed} by plan`).toBe(hash);
  }
});

test("a seed that does not fail is not made smaller", () => {
  expect(shrink(1)).toBeNull();
});

const SMALL: readonly PlantedBug[] = ["R4.earlier-office", "R6", "R9.forget-failed-cas"];

test.each(SMALL)(
  "what remains of a run that catches %s is much smaller, fails by the same check, and passes without the bug",
  {
    timeout: 60_000,
  },
  (bug) => {
    plant(bug);
    const seeds = recorded.find((entry) => entry.bug === bug)?.seeds ?? [];
    const seed = seeds.find((candidate) => run({ seed: candidate }).violation !== null) ?? 0;
    const shrunk = shrink(seed, 300);
    if (shrunk === null) throw new Error(`none of the recorded seeds of ${bug} catches it`);
    const { before, after, plan } = shrunk;
    expect(after.violation?.check).toBe(before.violation?.check);
    expect(after.operations * 3).toBeLessThanOrEqual(before.operations);
    expect(run({ seed, swarm: plan.swarm, everybodyUp: plan.everybodyUp, source: new Replayer(plan) }).hash).toBe(
      after.hash,
    );
    const told = tell(shrunk);
    expect(told).toMatch(/^# Seed \d+, made smaller .*\n# It ends with: .*\n(# .*\n)*nodes \d replicas \d\n/);
    expect(told).toMatch(/\n---\nn\d → n\d /);
    expect(told).toMatch(/\nn\d: .* ⇒ .*/);
    plant();
    expect(
      run({ seed, swarm: plan.swarm, everybodyUp: plan.everybodyUp, source: new Replayer(plan) }).violation,
    ).toBeNull();
  },
);
