/**
 * The cost of durability: PUTs against three nodes on disk and three in memory. They take turns, so that a machine that
 * slows down slows both, and each round gives its own ratio.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadReport } from "../load/report.js";
import { median } from "../stats/summary.js";
import {
  errorsOf,
  errorsText,
  load,
  progress,
  ratiosOf,
  type SuiteOptions,
  type SuiteResult,
  serverMicros,
  type Target,
  withCluster,
} from "./context.js";
import { type Column, tableOf } from "./table.js";

const IN_FLIGHT = [64, 1_024] as const;
const GOAL = 0.7;
/**
 * Code that runs seldom, such as a fold every few seconds, is compiled late: before that the nodes on disk are busy
 * with it.
 */
const WARM_UP_SECONDS = 20;

export async function durable(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "onar-bench-"));
  const storage = ["--data", folder];
  try {
    return await withCluster(options, (_memory, inMemory) =>
      withCluster(options, (_disk, onDisk) => measure(options, inMemory, onDisk), storage),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(options: SuiteOptions, inMemory: Target, onDisk: Target): Promise<SuiteResult> {
  const rows = [];
  for (const inFlight of IN_FLIGHT) {
    const common = { inFlight, seconds: options.seconds, gets: 0, keys: options.keys };
    for (const target of [inMemory, onDisk])
      await load(options, target, { ...common, seconds: WARM_UP_SECONDS, preload: true });
    const memory: LoadReport[] = [];
    const disk: LoadReport[] = [];
    for (let i = 0; i < options.rounds; i++) {
      // By turns the one and the other first.
      const targets = [inMemory, onDisk];
      if (i % 2 === 1) targets.reverse();
      for (const target of targets) (target === inMemory ? memory : disk).push(await load(options, target, common));
      const [ofMemory, ofDisk] = [memory[i] as LoadReport, disk[i] as LoadReport];
      const rates = [ofDisk, ofMemory].map((r) => r.operationsPerSecond.toFixed(0)).join(" of ");
      const ratio = ratiosOf([ofDisk], [ofMemory])[0]?.toFixed(2);
      progress(`durable: ${inFlight} in flight, round ${i + 1} of ${options.rounds}: ${rates} per second, ${ratio}`);
    }
    rows.push(summarize(inFlight, memory, disk));
  }
  return {
    tables: [
      tableOf(
        `durable PUT, ${options.nodes} nodes on disk and in memory in turns; medians of ${options.rounds} rounds of ${options.seconds} s`,
        rows,
        COLUMNS,
      ),
    ],
    notes: [`goal: at least ${GOAL} of the rate in memory`],
    figures: rows,
  };
}

const COLUMNS: readonly Column<ReturnType<typeof summarize>>[] = [
  ["in flight", (r) => `${r.inFlight}`],
  ["memory/s", (r) => r.memory.toFixed(0)],
  ["disk/s", (r) => r.disk.toFixed(0)],
  ["ratio", (r) => r.ratio.toFixed(2)],
  ["(min–max)", (r) => `${r.least.toFixed(2)}–${r.most.toFixed(2)}`],
  ["disk p50 ms", (r) => r.p50Ms.toFixed(2)],
  ["p99 ms", (r) => r.p99Ms.toFixed(2)],
  ["CPU µs/call memory", (r) => r.memoryMicros.toFixed(1)],
  ["disk", (r) => r.diskMicros.toFixed(1)],
  ["errors", (r) => errorsText(r.errors)],
];

function summarize(inFlight: number, memory: readonly LoadReport[], disk: readonly LoadReport[]) {
  const ratios = ratiosOf(disk, memory);
  const rate = (reports: readonly LoadReport[]): number => median(reports.map((r) => r.operationsPerSecond));
  return {
    inFlight,
    memory: rate(memory),
    disk: rate(disk),
    ratio: median(ratios),
    least: Math.min(...ratios),
    most: Math.max(...ratios),
    p50Ms: median(disk.map((r) => r.latency.p50Ms)),
    p99Ms: median(disk.map((r) => r.latency.p99Ms)),
    memoryMicros: median(memory.map(serverMicros)),
    diskMicros: median(disk.map(serverMicros)),
    errors: errorsOf(disk),
  };
}
