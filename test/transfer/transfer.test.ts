import { afterEach, expect, test } from "vitest";
import { bugNamed, plant } from "../planted/planted.js";
import { runTransfer, type TransferRun } from "./run.js";

const SEEDS = 30;
const TWICE = 5;

afterEach(() => plant());

const failure = ({ seed, violation }: TransferRun): string =>
  violation === null ? "" : `SEED=${seed} scripts/sim.sh ../transfer/main: ${violation.check}: ${violation.detail}`;

const first: TransferRun[] = [];

test(`${SEEDS} seeds of moves, merges and pre-copies without a violation`, { timeout: 300_000 }, () => {
  for (let seed = 1; seed <= SEEDS; seed++) first.push(runTransfer(seed));
  expect(first.map(failure).filter((text) => text !== "")).toEqual([]);
  expect(first.reduce((sum, { merges }) => sum + merges, 0)).toBeGreaterThan(SEEDS);
});

test("a seed gives one run", { timeout: 300_000 }, () => {
  for (let seed = 1; seed <= TWICE; seed++)
    expect(runTransfer(seed).hash, `seed ${seed}`).toBe(first[seed - 1]?.hash ?? runTransfer(seed).hash);
  expect(new Set(first.map(({ hash }) => hash)).size).toBe(first.length);
});

/** A copy that was not ready yet held a state, which its merge then decided otherwise: that counted as lost. */
test("a copy that is not ready has no vote on what is lost", { timeout: 120_000 }, () => {
  expect(failure(runTransfer(128))).toBe("");
});

/** Seeds that catch a planted bug, and the rule that it breaks. */
const CAUGHT: readonly (readonly [string, string, readonly number[]])[] = [
  ["V3.one-replica", "merge I1: a majority decides each key", [1]],
  ["V3.unsealed", "source I1: only a sealed replica answers a merge", [3]],
  ["V3.keeps-leftovers", "merge I2: a key that none of them holds is dropped", [144]],
  ["V3.in-doubt-settled", "merge I3: a register in doubt is not settled", [2]],
  ["V3.merged-votes", "merge I3: a merged copy has no vote", [14]],
  ["V3.bad-is-absent", "merge I4: a bad key is never absent", [4]],
  ["V3.floor-forgotten", "merge I5: the floor is there before it is ready", [15]],
  ["V3.reservation-forgotten", "merge I5: the reservation is there before it is ready", [1]],
  ["V3.promise-stays", "source I2: a stayer feeds what it holds by now, and the promise rises to it", [4]],
  ["V3.removals-not-fed", "pre-copy I2: removals are fed", [13]],
  ["V3.page-is-last", "stream: a page that is cut short is not the last", [1]],
  ["V3.cursor-past-gap", "merge: catching up goes on behind what was asked for", [16]],
  ["H20.asks-without-room", "a transfer asks for nothing without room", [1]],
];

test.each(CAUGHT)("%s is caught: %s", { timeout: 120_000 }, (bug, _rule, seeds) => {
  plant(bugNamed(bug));
  expect(seeds.filter((seed) => runTransfer(seed).violation !== null)).not.toEqual([]);
});
