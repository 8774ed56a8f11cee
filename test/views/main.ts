/**
 * Runs seeds of the world of views: SEED=7 for one with its trace, or N=2000 from FROM on. BUG=V1.no-adopt plants that
 * bug, and PLANNED=1 takes proposers that plan by themselves. DELAY=120: each message travels for so many milliseconds
 * at least.
 */
import { bugNamed, plant } from "../planted/planted.js";
import { runViews } from "./run.js";

const numberFrom = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);

function main(): boolean {
  const bugs = (process.env.BUG ?? "").split(",").filter((name) => name !== "");
  plant(...bugs.map((name) => bugNamed(name)));
  const seed = process.env.SEED;
  const { PLANNED, DELAY } = process.env;
  const plan = { planned: PLANNED !== undefined, ...(DELAY === undefined ? {} : { delayMs: Number(DELAY) }) };
  if (seed !== undefined) {
    const report = runViews(Number(seed), numberFrom("TRACE", 400), plan);
    for (const line of report.trace) console.log(line);
    console.log(JSON.stringify({ ...report, trace: undefined }));
    return report.violation === null;
  }
  const count = numberFrom("N", 200);
  const from = numberFrom("FROM", 1);
  const started = performance.now();
  const checks = new Map<string, number>();
  let failed = 0;
  let views = 0;
  let left = 0;
  let successors = 0;
  for (let one = from; one < from + count; one++) {
    const report = runViews(one, 0, plan);
    views += report.views - 1;
    left += report.left;
    successors += report.successors;
    if (report.violation === null) continue;
    failed++;
    const { check, detail } = report.violation;
    checks.set(check, (checks.get(check) ?? 0) + 1);
    if (failed <= 10) console.log(`SEED=${one} ${check}: ${detail}`);
    if (process.env.FIRST !== undefined) break;
  }
  const seconds = (performance.now() - started) / 1_000;
  for (const [check, times] of checks) console.log(`${String(times).padStart(6)}  ${check}`);
  console.log(
    `${count} seeds, ${views} views, ${left} nodes left, ${successors} in the place of a lost one, ${seconds.toFixed(1)} s: ${failed} failed`,
  );
  return failed === 0;
}

process.exitCode = main() ? 0 : 1;
