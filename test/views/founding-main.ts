/**
 * Runs seeds of the world of founding: SEED=7 for one with its trace, or N=2000 from FROM on; BUG=F4.majority with that
 * bug planted.
 */
import { bugNamed, plant } from "../planted/planted.js";
import { runFounding } from "./founding.js";

const numberFrom = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);

async function main(): Promise<boolean> {
  const bugs = (process.env.BUG ?? "").split(",").filter((name) => name !== "");
  plant(...bugs.map((name) => bugNamed(name)));
  const seed = process.env.SEED;
  if (seed !== undefined) {
    const report = await runFounding(Number(seed));
    for (const line of report.trace) console.log(line);
    console.log(JSON.stringify({ ...report, trace: undefined }));
    return report.violation === null;
  }
  const count = numberFrom("N", 1_000);
  const from = numberFrom("FROM", 1);
  const started = performance.now();
  const failed: string[] = [];
  let wipes = 0;
  let refused = 0;
  let undecided = 0;
  for (let one = from; one < from + count; one++) {
    const report = await runFounding(one);
    wipes += report.wipes;
    refused += report.refused;
    if (!report.founded) undecided++;
    if (report.violation === null) continue;
    failed.push(`SEED=${one} ${report.violation.check}: ${report.violation.detail}`);
    if (process.env.FIRST !== undefined) break;
  }
  for (const line of failed.slice(0, 10)) console.log(line);
  const seconds = (performance.now() - started) / 1_000;
  console.log(
    `${count} seeds, ${wipes} directories lost, ${refused} nodes outside, ${undecided} not founded, ${seconds.toFixed(1)} s: ${failed.length} failed`,
  );
  return failed.length === 0;
}

process.exitCode = (await main()) ? 0 : 1;
