/**
 * Runs seeds of the world of transfers: SEED=7 for one with its trace, or N=2000 from FROM on; BUG=V3.unsealed with
 * that bug planted.
 */
import { bugNamed, plant } from "../planted/planted.js";
import { runTransfer } from "./run.js";

const numberFrom = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);

function main(): boolean {
  const bugs = (process.env.BUG ?? "").split(",").filter((name) => name !== "");
  plant(...bugs.map((name) => bugNamed(name)));
  const seed = process.env.SEED;
  if (seed !== undefined) {
    const report = runTransfer(Number(seed), numberFrom("TRACE", 400));
    for (const line of report.trace) console.log(line);
    console.log(JSON.stringify({ ...report, trace: undefined }));
    return report.violation === null;
  }
  const count = numberFrom("N", 200);
  const from = numberFrom("FROM", 1);
  const started = performance.now();
  const checks = new Map<string, number>();
  const sums = { groups: 0, merges: 0, inherited: 0, failed: 0 };
  for (let one = from; one < from + count; one++) {
    const report = runTransfer(one);
    sums.groups += report.groups - 1;
    sums.merges += report.merges;
    sums.inherited += report.inherited;
    if (report.violation === null) continue;
    sums.failed++;
    const { check, detail } = report.violation;
    checks.set(check, (checks.get(check) ?? 0) + 1);
    if (sums.failed <= 10) console.log(`SEED=${one} ${check}: ${detail}`);
    if (process.env.FIRST !== undefined) break;
  }
  const seconds = (performance.now() - started) / 1_000;
  for (const [check, times] of checks) console.log(`${String(times).padStart(6)}  ${check}`);
  console.log(
    `${count} seeds, ${sums.groups} moves, ${sums.merges} merges, ${sums.inherited} inherited, ${seconds.toFixed(1)} s: ${sums.failed} failed`,
  );
  return sums.failed === 0;
}

process.exitCode = main() ? 0 : 1;
