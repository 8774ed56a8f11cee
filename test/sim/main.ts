/**
 * The simulator's command:
 *
 *   SEED=7        one seed, with its trace if it fails (TRACE=lines to keep; 400 by default)
 *   SHRINK=1      with SEED: takes out of its run what can go while the same check fails, and tells what remains
 *   N=2000        so many seeds, from FROM (1 by default) on, on all cores
 *   BUG=R2        with that bug planted; several: separated by commas
 *   MOVING=1      in worlds in which partitions move
 *   ASKED=1       with MOVING: as people ask for it by drain, replace, remove, rebalance and transfer-writer
 *   HEALING=1     with MOVING: and in which others get the replicas of members that are not heard for a while
 *   FEW=1         with MOVING, perhaps ASKED or HEALING: with one or two replicas. With HEALING alone, newcomers that groups wait for are lost
 *   RESIZING=1    with MOVING: and in which partitions get another number of replicas
 *   COVERAGE=1    how often every rare path was taken; one that never was is a failure
 */
import { bugNamed, plant } from "../planted/planted.js";
import { drawWorld } from "./moving.js";
import { coverage, numberFrom, runPool } from "./pool.js";
import { run } from "./run.js";
import { shrink, tell } from "./shrink.js";
import type { RangeReport } from "./worker.js";

/** With so many seeds every rare path must have been taken. */
const NIGHTLY = 20_000;

function replay(seed: number, bugs: readonly string[]): boolean {
  plant(...bugs);
  const report = run({ seed, keep: numberFrom("TRACE", 400) });
  console.log(JSON.stringify(drawWorld(seed)));
  if (report.violation === null) {
    if (process.env.TRACE !== undefined) console.log(report.trace);
    console.log(
      `seed ${seed}: ok, ${report.operations} operations in ${Math.round(report.virtualMs)} ms of virtual time, hash ${report.hash}`,
    );
    return true;
  }
  console.log(report.trace);
  console.log(report.history);
  console.log(
    `seed ${seed}: ${report.violation.check} at ${report.violation.at.toFixed(2)} ms: ${report.violation.detail}`,
  );
  return false;
}

function shrunk(seed: number, bugs: readonly string[]): boolean {
  plant(...bugs);
  const smaller = shrink(seed);
  console.log(smaller === null ? `seed ${seed}: ok, there is nothing to make smaller` : tell(smaller));
  return smaller === null;
}

async function many(count: number, bugs: readonly string[]): Promise<boolean> {
  const started = performance.now();
  const reports: RangeReport[] = [];
  let ran = 0;
  await runPool({
    from: numberFrom("FROM", 1),
    count,
    bugs,
    progress: (report) => {
      reports.push(report);
      ran += report.ran;
      for (const { seed, violation } of report.failures)
        console.log(`SEED=${seed} ${violation.check}: ${violation.detail.slice(0, 300)}`);
      if (process.stdout.isTTY) process.stdout.write(`\r${ran} of ${count} seeds `);
      return true;
    },
  });
  const seconds = (performance.now() - started) / 1_000;
  const failed = reports.reduce((sum, { failures }) => sum + failures.length, 0);
  const operations = reports.reduce((sum, report) => sum + report.operations, 0);
  const outOfTime = reports.reduce((sum, report) => sum + report.outOfTime, 0);
  const points = coverage(reports);
  const missed = points.filter(({ runs }) => runs === 0);
  if (process.env.COVERAGE !== undefined)
    for (const { point, runs } of points) console.log(`${`${runs}`.padStart(8)}  ${point}`);
  console.log(
    `${ran} seeds, ${operations} operations, ${seconds.toFixed(1)} s, ${(ran / seconds).toFixed(1)} seeds/s: ${failed} failed, ${outOfTime} searches out of time`,
  );
  const uncovered = missed.length > 0 && (count >= NIGHTLY || process.env.COVERAGE !== undefined);
  if (uncovered) console.log(`never reached: ${missed.map(({ point }) => point).join("; ")}`);
  return failed === 0 && !uncovered;
}

async function main(): Promise<void> {
  const bugs = (process.env.BUG ?? "").split(",").filter((name) => name !== "");
  for (const bug of bugs) bugNamed(bug);
  const seed = numberFrom("SEED", 0);
  const shrinks = (process.env.SHRINK ?? "") !== "";
  if (shrinks && seed === 0) throw new Error("SHRINK needs the SEED of a run that fails");
  const ok = seed > 0 ? (shrinks ? shrunk(seed, bugs) : replay(seed, bugs)) : await many(numberFrom("N", 200), bugs);
  process.exitCode = ok ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
