/**
 * Latency at rest: one call in flight, through each node in turn. So calls which the node serves itself and calls which
 * it forwards are both in it.
 */

import { endpointText } from "../cluster.js";
import type { LoadReport } from "../load/report.js";
import { Histogram } from "../stats/histogram.js";
import {
  errorsOf,
  errorsText,
  load,
  progress,
  type SuiteOptions,
  type SuiteResult,
  type Target,
  withCluster,
} from "./context.js";
import { tableOf } from "./table.js";

const CALLS = 2000;
const GOAL_MS = 2;

interface Latency {
  readonly kind: "GET" | "PUT";
  readonly through: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly errors: Readonly<Record<string, number>>;
}

export async function rest(options: SuiteOptions): Promise<SuiteResult> {
  return withCluster(options, async (_cluster, nodes) => {
    await load(options, nodes, {
      inFlight: options.inFlight,
      seconds: 2,
      gets: 0.5,
      keys: options.keys,
      preload: true,
    });
    const found = [...(await throughEach(options, nodes, "GET")), ...(await throughEach(options, nodes, "PUT"))];
    return {
      tables: [
        tableOf(`latency at rest: one call in flight, ${CALLS} calls through each of ${options.nodes} nodes`, found, [
          ["", (f) => f.kind],
          ["through", (f) => f.through],
          ["p50 ms", (f) => f.p50Ms.toFixed(3)],
          ["p99 ms", (f) => f.p99Ms.toFixed(3)],
          ["max ms", (f) => f.maxMs.toFixed(3)],
          ["errors", (f) => errorsText(f.errors)],
        ]),
      ],
      notes: [
        `goal: under ${GOAL_MS} ms; p50 ${verdict(found, (f) => f.p50Ms)}, p99 ${verdict(found, (f) => f.p99Ms)}`,
      ],
      figures: found,
    };
  });
}

/** A row for each node, and one for all. */
async function throughEach(options: SuiteOptions, nodes: Target, kind: Latency["kind"]): Promise<Latency[]> {
  const found: Latency[] = [];
  const reports: LoadReport[] = [];
  for (const endpoint of nodes.endpoints) {
    const through = endpointText(endpoint);
    progress(`rest: ${kind} through ${through}`);
    const report = await load(
      options,
      { ...nodes, endpoints: [endpoint] },
      { inFlight: 1, count: CALLS, warmUpSeconds: 0.5, gets: kind === "GET" ? 1 : 0, keys: options.keys },
    );
    reports.push(report);
    found.push(latencyOf(kind, through, [report]));
  }
  return [...found, latencyOf(kind, "all nodes", reports)];
}

function latencyOf(kind: Latency["kind"], through: string, reports: readonly LoadReport[]): Latency {
  const all = new Histogram();
  for (const { histogram } of reports) all.add(histogram);
  const { p50Ms, p99Ms, maxMs } = all.summary();
  return { kind, through, p50Ms, p99Ms, maxMs, errors: errorsOf(reports) };
}

function verdict<T>(found: readonly T[], pick: (item: T) => number): string {
  return found.every((item) => pick(item) < GOAL_MS) ? "reached" : "missed";
}
