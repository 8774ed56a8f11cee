/**
 * Latency at rest: one call in flight, through each node in turn, so that calls which the node serves itself
 * and calls which it forwards are both in it.
 */

import { endpointText } from "../cluster.js";
import type { LoadReport } from "../load/report.js";
import { Histogram } from "../stats/histogram.js";
import { errorsOf, errorsText, load, progress, type SuiteOptions, type SuiteResult, withCluster } from "./context.js";

const CALLS = 2000;
const GOAL_MS = 2;

export async function rest(options: SuiteOptions): Promise<SuiteResult> {
  return withCluster(options, async (_cluster, nodes) => {
    await load(options, nodes, {
      inFlight: options.inFlight,
      seconds: 2,
      gets: 0.5,
      keys: options.keys,
      preload: true,
    });
    const found: {
      kind: string;
      through: string;
      p50Ms: number;
      p99Ms: number;
      maxMs: number;
      errors: Record<string, number>;
    }[] = [];
    for (const kind of ["GET", "PUT"]) {
      const all = new Histogram();
      const reports: LoadReport[] = [];
      const add = (through: string, histogram: Histogram, seen: Record<string, number>): void => {
        const { p50Ms, p99Ms, maxMs } = histogram.summary();
        found.push({ kind, through, p50Ms, p99Ms, maxMs, errors: seen });
      };
      for (const endpoint of nodes.endpoints) {
        const through = endpointText(endpoint);
        progress(`rest: ${kind} through ${through}`);
        const target = { ...nodes, endpoints: [endpoint] };
        const report = await load(options, target, {
          inFlight: 1,
          count: CALLS,
          warmUpSeconds: 0.5,
          gets: kind === "GET" ? 1 : 0,
          keys: options.keys,
        });
        all.add(report.histogram);
        const one = new Histogram();
        one.add(report.histogram);
        reports.push(report);
        add(through, one, errorsOf([report]));
      }
      add("all nodes", all, errorsOf(reports));
    }
    return {
      tables: [
        {
          title: `latency at rest: one call in flight, ${CALLS} calls through each of ${options.nodes} nodes`,
          head: ["", "through", "p50 ms", "p99 ms", "max ms", "errors"],
          rows: found.map((f) => [
            f.kind,
            f.through,
            f.p50Ms.toFixed(3),
            f.p99Ms.toFixed(3),
            f.maxMs.toFixed(3),
            errorsText(f.errors),
          ]),
        },
      ],
      notes: [
        `goal: under ${GOAL_MS} ms; p50 ${verdict(found, (f) => f.p50Ms)}, p99 ${verdict(found, (f) => f.p99Ms)}`,
      ],
      figures: found,
    };
  });
}

function verdict<T>(found: readonly T[], pick: (item: T) => number): string {
  return found.every((item) => pick(item) < GOAL_MS) ? "reached" : "missed";
}
