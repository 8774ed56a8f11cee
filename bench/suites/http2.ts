/**
 * Measures the cost of a unary call for a server on each transport. The same echo is on src/http2, on src/grpc above
 * it, on node:http2, on grpc-js, and on nice-grpc above that.
 *
 * Intuition: the transports take turns under the same load, 8 connections with as many calls in flight on each. A
 * round's ratio is taken within the round. CPU time of the server per call is the figure: it hardly depends on what
 * else the machine does.
 */

import { parseEndpoint } from "../load/options.js";
import type { LoadReport } from "../load/report.js";
import { type Child, startChild } from "../process/child.js";
import { median } from "../stats/summary.js";
import {
  errorsOf,
  errorsText,
  load,
  progress,
  type SuiteOptions,
  type SuiteResult,
  serverMicros,
  type Target,
} from "./context.js";
import { type Column, tableOf } from "./table.js";

const TRANSPORTS = ["http2", "grpc", "node", "grpc-js", "nice-grpc"] as const;
type Transport = (typeof TRANSPORTS)[number];
const NAMES: Readonly<Record<Transport, string>> = {
  http2: "src/http2",
  grpc: "src/grpc",
  node: "node:http2",
  "grpc-js": "grpc-js",
  "nice-grpc": "nice-grpc",
};
const CONNECTIONS = 8;

export async function http2(options: SuiteOptions): Promise<SuiteResult> {
  const children: Child[] = [];
  try {
    const targets = new Map<Transport, Target>();
    for (const transport of TRANSPORTS) {
      const child = await startChild([`${options.scripts}/http2-echo.js`, transport], 15_000);
      children.push(child);
      const endpoint = parseEndpoint(child.lines.at(-1)?.split(" ")[1] ?? "");
      targets.set(transport, { endpoints: [endpoint], pids: [child.pid], connections: CONNECTIONS });
    }
    return await measure(options, targets);
  } finally {
    for (const child of children) await child.stop();
  }
}

async function measure(options: SuiteOptions, targets: ReadonlyMap<Transport, Target>): Promise<SuiteResult> {
  const { inFlight, seconds } = options;
  const once = (transport: Transport, length: number): Promise<LoadReport> => {
    const target = targets.get(transport);
    if (target === undefined) throw new Error(`no server of ${transport}`);
    return load(options, target, { inFlight, seconds: length, keys: 1, gets: 0 });
  };
  progress("http2: warming up");
  for (const transport of TRANSPORTS) await once(transport, 2);
  const rounds: Record<Transport, LoadReport>[] = [];
  for (let i = 0; i < options.rounds; i++) {
    const round = {
      http2: await once("http2", seconds),
      grpc: await once("grpc", seconds),
      node: await once("node", seconds),
      "grpc-js": await once("grpc-js", seconds),
      "nice-grpc": await once("nice-grpc", seconds),
    };
    rounds.push(round);
    const each = TRANSPORTS.map((transport) => `${NAMES[transport]} ${serverMicros(round[transport]).toFixed(1)}`);
    progress(`http2: round ${i + 1} of ${options.rounds}: ${each.join(", ")} µs`);
  }
  const rows = TRANSPORTS.map((transport) => summarize(transport, rounds));
  return {
    tables: [
      tableOf(
        `unary echo, 100 B, ${CONNECTIONS} connections, ${inFlight} calls in flight; medians of ${options.rounds} rounds of ${seconds} s`,
        rows,
        COLUMNS,
      ),
    ],
    notes: ["goal: src/http2 at most 6 µs a call; nice-grpc at least 8 times src/grpc"],
    problems: rows.flatMap(({ name, errors }) =>
      Object.keys(errors).length === 0 ? [] : [`${name}: errors: ${errorsText(errors)}`],
    ),
    figures: { rows },
  };
}

const COLUMNS: readonly Column<ReturnType<typeof summarize>>[] = [
  ["", (r) => r.name],
  ["server CPU µs/call", (r) => r.micros.toFixed(1)],
  ["times src/http2", (r) => r.http2.ratio.toFixed(1)],
  ["(min–max)", (r) => rangeText(r.http2)],
  ["times src/grpc", (r) => r.grpc.ratio.toFixed(1)],
  ["(min–max)", (r) => rangeText(r.grpc)],
  ["calls/s", (r) => r.rate.toFixed(0)],
  ["p50 ms", (r) => r.p50Ms.toFixed(2)],
  ["p99 ms", (r) => r.p99Ms.toFixed(2)],
  ["generator CPU µs/call", (r) => r.generatorMicros.toFixed(1)],
  ["errors", (r) => errorsText(r.errors)],
];

const rangeText = ({ min, max }: { min: number; max: number }): string => `${min.toFixed(1)}–${max.toFixed(1)}`;

function summarize(transport: Transport, rounds: readonly Record<Transport, LoadReport>[]) {
  const reports = rounds.map((round) => round[transport]);
  const timesOf = (other: Transport) => {
    const ratios = rounds.map((round) => serverMicros(round[transport]) / serverMicros(round[other]));
    return { ratio: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
  };
  const middle = (pick: (report: LoadReport) => number): number => median(reports.map(pick));
  return {
    name: NAMES[transport],
    micros: middle(serverMicros),
    http2: timesOf("http2"),
    grpc: timesOf("grpc"),
    rate: middle((r) => r.operationsPerSecond),
    p50Ms: middle((r) => r.latency.p50Ms),
    p99Ms: middle((r) => r.latency.p99Ms),
    generatorMicros: middle((r) => r.cpuMicrosPerOperation),
    errors: errorsOf(reports),
  };
}
