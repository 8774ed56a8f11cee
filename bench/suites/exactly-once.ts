/** The cost of exactly-once: PUT with a request id, which the store must remember, and without, in turns. */

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
  withCluster,
} from "./context.js";
import { tableOf } from "./table.js";

export async function exactlyOnce(options: SuiteOptions): Promise<SuiteResult> {
  return withCluster(options, async (_cluster, nodes) => {
    const { inFlight, seconds, keys } = options;
    await load(options, nodes, { inFlight, seconds: 3, gets: 0, keys, preload: true });
    const plain: LoadReport[] = [];
    const once: LoadReport[] = [];
    for (let i = 0; i < options.rounds; i++) {
      progress(`exactly-once: round ${i + 1} of ${options.rounds}`);
      plain.push(await load(options, nodes, { inFlight, seconds, gets: 0, keys, requestId: false }));
      once.push(await load(options, nodes, { inFlight, seconds, gets: 0, keys, requestId: true }));
    }
    const ratio = median(ratiosOf(once, plain));
    const rows = (
      [
        ["PUT without request id", plain, 1],
        ["PUT with request id", once, ratio],
      ] as const
    ).map(([name, reports, of]) => ({
      name,
      rate: median(reports.map((r) => r.operationsPerSecond)),
      ratio: of,
      p50Ms: median(reports.map((r) => r.latency.p50Ms)),
      p99Ms: median(reports.map((r) => r.latency.p99Ms)),
      serverMicros: median(reports.map(serverMicros)),
      errors: errorsOf(reports),
    }));
    return {
      tables: [
        tableOf(
          `the price of exactly-once: ${inFlight} in flight, medians of ${options.rounds} rounds of ${seconds} s`,
          rows,
          [
            ["", (r) => r.name],
            ["calls/s", (r) => r.rate.toFixed(0)],
            ["ratio", (r) => r.ratio.toFixed(2)],
            ["p50 ms", (r) => r.p50Ms.toFixed(2)],
            ["p99 ms", (r) => r.p99Ms.toFixed(2)],
            ["server CPU µs/call", (r) => r.serverMicros.toFixed(1)],
            ["errors", (r) => errorsText(r.errors)],
          ],
        ),
      ],
      notes: [],
      figures: rows,
    };
  });
}
