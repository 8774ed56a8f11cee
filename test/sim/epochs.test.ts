import { afterEach, expect, test } from "vitest";
import { plant } from "../planted/planted.js";
import { drawMoving } from "./moving.js";
import { type RunReport, run } from "./run.js";

const SEEDS = 30;

afterEach(() => plant());

const failure = ({ seed, violation }: RunReport): string =>
  violation === null ? "" : `MOVING=1 SEED=${seed} scripts/sim.sh main: ${violation.check}: ${violation.detail}`;

test(`${SEEDS} seeds in which partitions move, without a violation`, { timeout: 300_000 }, () => {
  const reports: RunReport[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) reports.push(run({ seed, swarm: drawMoving(seed) }));
  expect(reports.map(failure).filter((text) => text !== "")).toEqual([]);
});
