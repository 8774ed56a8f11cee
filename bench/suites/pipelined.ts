/**
 * The TypeScript client: calls on a stream against calls of their own and over grpc-js, and going straight to the right
 * node against any node.
 */

import type { ClientReport } from "../client-load.js";
import { endpointText } from "../cluster.js";
import { runChild } from "../process/child.js";
import { cpuSecondsOf } from "../process/procfs.js";
import { median } from "../stats/summary.js";
import { progress, type SuiteOptions, type SuiteResult, type Target, withCluster } from "./context.js";
import { type Column, tableOf } from "./table.js";

/** CPU of the client for a call on a stream, µs, at the usual number in flight. */
const GOALS: Readonly<Record<Call, number>> = { put: 30, get: 15 };
/** Many calls in flight, as a stream takes at most. */
const MANY_IN_FLIGHT = 1_024;

type Mode = "stream" | "unary" | "grpc-js" | "pipeline" | "random";
export type Call = "put" | "get";
const CALLS: readonly Call[] = ["put", "get"];

export interface Report extends ClientReport {
  /** Sums over all nodes together, for each call. */
  readonly serverMicros: number;
}

export interface Load {
  readonly name: string;
  readonly mode: Mode;
  readonly inFlight: number;
}

const loadsOf = (inFlight: number): readonly Load[] => [
  { name: "over grpc-js", mode: "grpc-js", inFlight },
  { name: "calls of their own", mode: "unary", inFlight },
  { name: "on a stream", mode: "stream", inFlight },
  { name: "pipeline", mode: "pipeline", inFlight },
  { name: "on a stream, any node", mode: "random", inFlight },
  { name: "over grpc-js", mode: "grpc-js", inFlight: MANY_IN_FLIGHT },
  { name: "calls of their own", mode: "unary", inFlight: MANY_IN_FLIGHT },
  { name: "on a stream", mode: "stream", inFlight: MANY_IN_FLIGHT },
];

export async function pipelined(options: SuiteOptions): Promise<SuiteResult> {
  const { inFlight, rounds, seconds } = options;
  const found = await withCluster(options, (_cluster, nodes) => measure(options, nodes));
  const rows = CALLS.flatMap((call) => loadsOf(inFlight).map((load) => summarize(call, load, found)));
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  const reached = (call: Call): string => verdict(found, call, inFlight);
  const worth = (call: Call): string => straight(found, call, inFlight);
  return {
    tables: [
      tableOf(
        `the TypeScript client, one process: medians of ${rounds} rounds of ${seconds} s; ratio of client CPU to calls over grpc-js, as many in flight`,
        rows,
        COLUMNS,
      ),
    ],
    notes: [
      `goal at ${inFlight} in flight: client CPU of a call on a stream; PUT ${reached("put")}, GET ${reached("get")}`,
      `straight to the node that serves the key, against any node: PUT ${worth("put")}; GET ${worth("get")}`,
    ],
    figures: rows,
    problems: failed === 0 ? [] : [`${failed} calls failed`],
  };
}

/** The reports of all rounds by call, way and calls in flight. */
class Found {
  private readonly reports = new Map<string, Report[]>();

  add(call: Call, load: Load, report: Report): void {
    const name = nameOf(call, load.mode, load.inFlight);
    this.reports.set(name, [...(this.reports.get(name) ?? []), report]);
  }

  of(call: Call, mode: Mode, inFlight: number): readonly Report[] {
    return this.reports.get(nameOf(call, mode, inFlight)) ?? [];
  }
}

const nameOf = (call: Call, mode: Mode, inFlight: number): string => `${call} ${mode} ${inFlight}`;

async function measure(options: SuiteOptions, nodes: Target): Promise<Found> {
  const { inFlight, rounds, seconds } = options;
  // Every key is there, and the servers are warm.
  await run(options, nodes, { name: "", mode: "pipeline", inFlight: MANY_IN_FLIGHT }, "put", 3);
  const found = new Found();
  for (let i = 0; i < rounds; i++) {
    progress(`pipelined: round ${i + 1} of ${rounds}`);
    for (const call of CALLS) {
      for (const load of loadsOf(inFlight)) found.add(call, load, await run(options, nodes, load, call, seconds));
    }
  }
  return found;
}

/** One load of the TypeScript client, with what it costs at the servers. */
export async function run(
  options: SuiteOptions,
  nodes: Target,
  load: Load,
  call: Call,
  seconds: number,
): Promise<Report> {
  const serverSeconds = (): number => nodes.pids.reduce((sum, pid) => sum + (cpuSecondsOf(pid) ?? 0), 0);
  const args = [load.mode, call, `${load.inFlight}`, `${seconds}`, ...nodes.endpoints.map(endpointText)];
  const before = serverSeconds();
  const { output, exit } = await runChild([`${options.scripts}/client-load.js`, ...args], (seconds + 60) * 1_000);
  if (exit.code !== 0) throw new Error(`the client ended with ${exit.signal ?? exit.code}`);
  const report: ClientReport = JSON.parse(output);
  return { ...report, serverMicros: ((serverSeconds() - before) * 1e6) / report.total };
}

function summarize(call: Call, load: Load, found: Found) {
  const reports = found.of(call, load.mode, load.inFlight);
  const middle = (pick: (report: Report) => number): number => median(reports.map(pick));
  return {
    call: call.toUpperCase(),
    ...load,
    rate: middle((r) => r.operationsPerSecond),
    ratio: cpuRatio(reports, found.of(call, "grpc-js", load.inFlight)),
    p50Ms: middle((r) => r.p50Ms),
    p99Ms: middle((r) => r.p99Ms),
    clientMicros: middle((r) => r.cpuMicros),
    serverMicros: middle((r) => r.serverMicros),
    failed: reports.reduce((sum, r) => sum + r.failed, 0),
  };
}

const COLUMNS: readonly Column<ReturnType<typeof summarize>>[] = [
  ["", (row) => `${row.call}, ${row.name}`],
  ["in flight", (row) => `${row.inFlight}`],
  ["calls/s", (row) => row.rate.toFixed(0)],
  ["ratio", (row) => row.ratio.toFixed(2)],
  ["p50 ms", (row) => row.p50Ms.toFixed(2)],
  ["p99 ms", (row) => row.p99Ms.toFixed(2)],
  ["client CPU µs/call", (row) => row.clientMicros.toFixed(0)],
  ["server CPU µs/call", (row) => row.serverMicros.toFixed(0)],
  ["failed", (row) => `${row.failed}`],
];

function cpuRatio(reports: readonly Report[], others: readonly Report[]): number {
  return median(reports.map(({ cpuMicros }, i) => cpuMicros / (others[i]?.cpuMicros ?? Number.NaN)));
}

function verdict(found: Found, call: Call, inFlight: number): string {
  const micros = median(found.of(call, "stream", inFlight).map(({ cpuMicros }) => cpuMicros));
  return `${micros.toFixed(0)} µs, at most ${GOALS[call]} (${micros <= GOALS[call] ? "reached" : "missed"})`;
}

/**
 * The gain of going straight to the node that serves a key, against any node: on streams, as many in flight, round by
 * round.
 */
function straight(found: Found, call: Call, inFlight: number): string {
  const anywhere = found.of(call, "random", inFlight);
  const change = (pick: (report: Report) => number): string => {
    const ratio = median(found.of(call, "stream", inFlight).map((r, i) => pick(r) / pick(anywhere[i] as Report)));
    return `${ratio < 1 ? "−" : "+"}${Math.abs((ratio - 1) * 100).toFixed(0)} %`;
  };
  const rate = change((r) => r.operationsPerSecond);
  return `calls/s ${rate}, p50 ${change((r) => r.p50Ms)}, server CPU ${change((r) => r.serverMicros)}`;
}
