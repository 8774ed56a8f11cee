/**
 * One machine with one node and with two (`onar start --processes 2`), on disk, a replica of each key: what a second
 * process costs and gains. Half of the calls come to the other node and are passed on, as from clients that do not know
 * where a key is served. The client libraries do.
 *
 * The generator needs a core of its own, so that on two cores the rate of two processes says little. CPU per call does.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freeBasePort } from "../cluster.js";
import type { LoadReport } from "../load/report.js";
import { startChild } from "../process/child.js";
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
} from "./context.js";
import { type Column, tableOf } from "./table.js";

const HOST = "127.0.0.1";
const PEER_OFFSET = 100;
const START_LIMIT_MS = 30_000;
const CONNECTIONS = 8;
const WARM_UP_SECONDS = 5;
const SHAPES = ["PUT", "GET"] as const;
const WAYS = ["one node", "two, shared port"] as const;

type Way = (typeof WAYS)[number];
type Shape = (typeof SHAPES)[number];

export async function processes(options: SuiteOptions): Promise<SuiteResult> {
  return withMachine(options, 1, (one) =>
    withMachine(options, 2, (two) =>
      measure(
        options,
        new Map<Way, Target>([
          ["one node", one],
          ["two, shared port", two],
        ]),
      ),
    ),
  );
}

async function withMachine<T>(
  { program }: SuiteOptions,
  count: number,
  use: (target: Target) => Promise<T>,
): Promise<T> {
  const data = mkdtempSync(join(tmpdir(), "onar-bench-processes-"));
  const base = await freeBasePort(count + 1);
  const child = await startChild(
    [
      ...[program, "start", "--listen", `${HOST}:${base}`, "--peer-listen", `${HOST}:${base + PEER_OFFSET}`],
      ...["--processes", `${count}`, "--expect", `${count}`, "--replication-factor", "1"],
      ...["--data", data, "--log-format", "text"],
    ],
    START_LIMIT_MS,
  );
  try {
    // The supervisor's own time counts, too.
    const pids = [child.pid, ...(count === 1 ? [] : childrenOf(child.pid))];
    return await use({ endpoints: [{ host: HOST, port: base }], pids, connections: CONNECTIONS });
  } finally {
    await child.stop(30_000);
    rmSync(data, { recursive: true, force: true });
  }
}

const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(/\s+/).map(Number);

async function measure(options: SuiteOptions, targets: ReadonlyMap<Way, Target>): Promise<SuiteResult> {
  const { inFlight, seconds, keys } = options;
  for (const target of targets.values())
    await load(options, target, { inFlight, keys, gets: 0.5, seconds: WARM_UP_SECONDS, preload: true });
  const reports = new Map<string, LoadReport[]>();
  for (let i = 0; i < options.rounds; i++) {
    // By turns the one and the other first.
    const turns = i % 2 === 0 ? [...targets] : [...targets].reverse();
    for (const shape of SHAPES) {
      for (const [way, target] of turns) {
        const report = await load(options, target, { inFlight, keys, seconds, gets: shape === "GET" ? 1 : 0 });
        const all = reports.get(`${shape} ${way}`) ?? [];
        all.push(report);
        reports.set(`${shape} ${way}`, all);
      }
    }
    progress(`processes: round ${i + 1} of ${options.rounds}`);
  }
  const rows = SHAPES.flatMap((shape) => WAYS.map((way) => summarize(shape, way, reports)));
  return {
    tables: [
      tableOf(
        `one node and two on one machine, on disk, ${inFlight} in flight by ${CONNECTIONS} connections; medians of ${options.rounds} rounds of ${seconds} s`,
        rows,
        COLUMNS,
      ),
    ],
    notes: ["CPU is that of all processes of the servers, the supervisor's included"],
    figures: rows,
  };
}

const COLUMNS: readonly Column<ReturnType<typeof summarize>>[] = [
  ["", (r) => `${r.shape} ${r.way}`],
  ["calls/s", (r) => r.rate.toFixed(0)],
  ["of one", (r) => r.ratio.toFixed(2)],
  ["server CPU µs/call", (r) => r.micros.toFixed(1)],
  ["of one", (r) => r.microsRatio.toFixed(2)],
  ["p99 ms", (r) => r.p99Ms.toFixed(2)],
  ["errors", (r) => errorsText(r.errors)],
];

function summarize(shape: Shape, way: Way, reports: ReadonlyMap<string, readonly LoadReport[]>) {
  const own = reports.get(`${shape} ${way}`) ?? [];
  const bases = reports.get(`${shape} one node`) ?? [];
  return {
    shape,
    way,
    rate: median(own.map((r) => r.operationsPerSecond)),
    ratio: median(ratiosOf(own, bases)),
    micros: median(own.map(serverMicros)),
    microsRatio: median(own.map((report, i) => serverMicros(report) / serverMicros(bases[i] ?? report))),
    p99Ms: median(own.map((r) => r.latency.p99Ms)),
    errors: errorsOf(own),
  };
}
