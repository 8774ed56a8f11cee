import { afterEach, expect, test } from "vitest";
import { plant } from "../planted/planted.js";
import { drawAsked, drawFew, drawMoving, drawResizing } from "./moving.js";
import { type RunReport, run } from "./run.js";
import type { Swarm } from "./swarm.js";

const SEEDS = 30;
const RESIZING_SEEDS = 15;
const ASKED_SEEDS = 20;
const FEW_SEEDS = 20;

afterEach(() => plant());

const failure = ({ seed, violation }: RunReport): string =>
  violation === null ? "" : `MOVING=1 SEED=${seed} scripts/sim.sh main: ${violation.check}: ${violation.detail}`;

function failures(count: number, draw: (seed: number) => Swarm): string[] {
  const reports: RunReport[] = [];
  for (let seed = 1; seed <= count; seed++) reports.push(run({ seed, swarm: draw(seed) }));
  return reports.map(failure).filter((text) => text !== "");
}

test(`${SEEDS} seeds in which partitions move, without a violation`, { timeout: 300_000 }, () => {
  expect(failures(SEEDS, drawMoving)).toEqual([]);
});

test(`${RESIZING_SEEDS} seeds in which groups grow and shrink, without a violation`, { timeout: 300_000 }, () => {
  expect(failures(RESIZING_SEEDS, drawResizing)).toEqual([]);
});

test(`${ASKED_SEEDS} seeds in which people ask for moves by operations, without a violation`, {
  timeout: 300_000,
}, () => {
  // In the last, a replacement never ended: by a rebalance, the member that was to get the replicas had got one before.
  const seeds = [...Array.from({ length: ASKED_SEEDS - 1 }, (_, i) => i + 1), 85];
  const reports = seeds.map((seed) => run({ seed, swarm: drawAsked(seed) }));
  expect(reports.map(failure).filter((text) => text !== "")).toEqual([]);
  for (const kind of ["drain", "replace", "rebalance"] as const)
    expect(reports.some(({ sometimes }) => (sometimes[`a ${kind} was done`] ?? 0) > 0)).toBe(true);
});

test(`${FEW_SEEDS} seeds in which groups of one or two heal, though newcomers that they wait for are lost`, {
  timeout: 300_000,
}, () => {
  const seeds = Array.from({ length: FEW_SEEDS }, (_, i) => i + 1);
  const reports = seeds.map((seed) => run({ seed, swarm: drawFew(seed, false, true) }));
  expect(reports.map(failure).filter((text) => text !== "")).toEqual([]);
  expect(reports.some(({ sometimes }) => (sometimes["an epoch was void"] ?? 0) > 0)).toBe(true);
});
