/**
 * Two versions of the program side by side: a cluster of each, the same calls by turns, and the ratio of each round.
 * Both are warm before anything counts. One after the other on a machine that drifts, they differ by up to a factor of
 * two.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../stats/summary.js";
import { progress, type SuiteOptions, type SuiteResult, type Target, withCluster } from "./context.js";
import { type Call, type Load, type Report, run } from "./pipelined.js";
import { type Column, tableOf } from "./table.js";

/** Code that runs seldom is compiled late. */
const WARM_UP_SECONDS = 6;
const STORAGES = ["memory", "disk"] as const;
type Storage = (typeof STORAGES)[number];
const CALLS: readonly Call[] = ["put", "get"];

const loadsOf = (inFlight: number): readonly Load[] => [
  { name: "unary", mode: "unary", inFlight },
  { name: "pipeline", mode: "pipeline", inFlight },
];

interface Row {
  readonly storage: Storage;
  readonly call: Call;
  readonly load: Load;
  readonly ours: readonly Report[];
  readonly others: readonly Report[];
}

export async function pairs(options: SuiteOptions): Promise<SuiteResult> {
  if (options.against === undefined) throw new Error("it needs --against PATH, the program of the other version");
  const rows: Row[] = [];
  for (const storage of STORAGES) rows.push(...(await measure(options, options.against, storage)));
  const failed = rows.flatMap(({ ours, others }) => [...ours, ...others]).reduce((sum, r) => sum + r.failed, 0);
  return {
    tables: [
      tableOf(
        `--program against --against: medians of the ratios of ${options.rounds} rounds of ${options.seconds} s, in brackets the least and the most`,
        rows,
        COLUMNS,
      ),
    ],
    notes: [],
    figures: rows,
    problems: failed === 0 ? [] : [`${failed} calls failed`],
  };
}

async function measure(options: SuiteOptions, against: string, storage: Storage): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "onar-bench-"));
  const argsOf = (name: string): string[] => (storage === "memory" ? ["--memory"] : ["--data", join(folder, name)]);
  try {
    return await withCluster(
      options,
      (_ours, ours) =>
        withCluster(
          { ...options, program: against },
          (_others, others) => inTurns(options, storage, ours, others),
          argsOf("others"),
        ),
      argsOf("ours"),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inTurns(options: SuiteOptions, storage: Storage, ours: Target, others: Target): Promise<Row[]> {
  const rows: Row[] = [];
  for (const call of CALLS) {
    for (const load of loadsOf(options.inFlight)) {
      const found = new Map<Target, Report[]>([ours, others].map((target) => [target, []]));
      // Writes first: every key is there for the reads.
      for (const target of found.keys()) await run(options, target, load, call, WARM_UP_SECONDS);
      for (let i = 0; i < options.rounds; i++) {
        const turns = i % 2 === 0 ? [ours, others] : [others, ours];
        for (const target of turns) found.get(target)?.push(await run(options, target, load, call, options.seconds));
      }
      const row = { storage, call, load, ours: found.get(ours) ?? [], others: found.get(others) ?? [] };
      progress(`pairs: ${storage}, ${call}, ${load.name}: rate ${ratios(row, (r) => r.operationsPerSecond)}`);
      rows.push(row);
    }
  }
  return rows;
}

/** The median of the rounds' ratios, with the least and the most. */
function ratios({ ours, others }: Row, pick: (report: Report) => number): string {
  const found = ours.map((report, i) => pick(report) / pick(others[i] as Report));
  const [least, most] = [Math.min(...found), Math.max(...found)];
  return `${median(found).toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
}

const COLUMNS: readonly Column<Row>[] = [
  ["", ({ storage, call, load }) => `${storage}, ${call.toUpperCase()}, ${load.name}`],
  ["in flight", ({ load }) => `${load.inFlight}`],
  ["calls/s", (row) => ratios(row, (r) => r.operationsPerSecond)],
  ["p50", (row) => ratios(row, (r) => r.p50Ms)],
  ["server CPU", (row) => ratios(row, (r) => r.serverMicros)],
  ["client CPU", (row) => ratios(row, (r) => r.cpuMicros)],
];
