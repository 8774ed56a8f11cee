/** The TypeScript client: its pipeline against its own single calls, and going straight to the right node against any node. */

import type { ClientReport } from "../client-load.js";
import { endpointText } from "../cluster.js";
import { runChild } from "../process/child.js";
import { cpuSecondsOf } from "../process/procfs.js";
import { median } from "../stats/summary.js";
import { progress, type SuiteOptions, type SuiteResult, withCluster } from "./context.js";

const GOAL = 5;
/** What a pipeline is for: many calls in flight cost it nothing. */
const MANY_IN_FLIGHT = 512;

type Mode = "single" | "pipeline" | "random";

interface Report extends ClientReport {
  /** Of all nodes together, for each call. */
  readonly serverMicros: number;
}

interface Load {
  readonly name: string;
  readonly mode: Mode;
  readonly inFlight: number;
}

export async function pipelined(options: SuiteOptions): Promise<SuiteResult> {
  return withCluster(options, async (_cluster, { endpoints, pids }) => {
    const { inFlight, rounds, seconds } = options;
    const loads: readonly Load[] = [
      { name: "single calls, any node", mode: "random", inFlight },
      { name: "single calls", mode: "single", inFlight },
      { name: "single calls", mode: "single", inFlight: MANY_IN_FLIGHT },
      { name: "pipeline", mode: "pipeline", inFlight },
      { name: "pipeline", mode: "pipeline", inFlight: MANY_IN_FLIGHT },
    ];
    const serverSeconds = (): number => pids.reduce((sum, pid) => sum + (cpuSecondsOf(pid) ?? 0), 0);
    const run = async (load: Load, call: string, forSeconds = seconds): Promise<Report> => {
      const args = [load.mode, call, `${load.inFlight}`, `${forSeconds}`, ...endpoints.map(endpointText)];
      const before = serverSeconds();
      const { output, exit } = await runChild([`${options.scripts}/client-load.js`, ...args], (seconds + 60) * 1_000);
      if (exit.code !== 0) throw new Error(`the client ended with ${exit.signal ?? exit.code}`);
      const report: ClientReport = JSON.parse(output);
      return { ...report, serverMicros: ((serverSeconds() - before) * 1e6) / report.total };
    };
    // Every key is there, and the servers are warm.
    await run({ name: "", mode: "pipeline", inFlight: MANY_IN_FLIGHT }, "put", 3);
    const found = new Map<string, Report[]>();
    for (let i = 0; i < rounds; i++) {
      progress(`pipelined: round ${i + 1} of ${rounds}`);
      for (const call of ["put", "get"]) {
        for (const load of loads) {
          const name = nameOf(call, load);
          found.set(name, [...(found.get(name) ?? []), await run(load, call)]);
        }
      }
    }
    const rows = ["put", "get"].flatMap((call) => {
      const bases = found.get(nameOf(call, { name: "", mode: "single", inFlight })) ?? [];
      return loads.map((load) => {
        const reports = found.get(nameOf(call, load)) ?? [];
        const of = (pick: (report: Report) => number): number => median(reports.map(pick));
        return {
          call: call.toUpperCase(),
          ...load,
          rate: of((r) => r.operationsPerSecond),
          // Of the same round: machines drift.
          ratio: median(reports.map((r, i) => r.operationsPerSecond / (bases[i]?.operationsPerSecond ?? Number.NaN))),
          p50Ms: of((r) => r.p50Ms),
          p99Ms: of((r) => r.p99Ms),
          clientMicros: of((r) => r.cpuMicros),
          serverMicros: of((r) => r.serverMicros),
          failed: reports.reduce((sum, r) => sum + r.failed, 0),
        };
      });
    });
    /** Against single calls with as many in flight. */
    const gain = (call: string, many: number): number => {
      const of = (mode: Mode): readonly ClientReport[] =>
        found.get(nameOf(call, { name: "", mode, inFlight: many })) ?? [];
      const singles = of("single");
      return median(
        of("pipeline").map((r, i) => r.operationsPerSecond / (singles[i]?.operationsPerSecond ?? Number.NaN)),
      );
    };
    /** What going straight to the node that serves a key is worth, against any node: single calls, as many in flight, round by round. */
    const straight = (call: string): string => {
      const of = (mode: Mode): readonly Report[] => found.get(nameOf(call, { name: "", mode, inFlight })) ?? [];
      const anywhere = of("random");
      const change = (pick: (report: Report) => number): string => {
        const ratio = median(of("single").map((r, i) => pick(r) / pick(anywhere[i] as Report)));
        return `${ratio < 1 ? "−" : "+"}${Math.abs((ratio - 1) * 100).toFixed(0)} %`;
      };
      const parts: readonly [string, (report: Report) => number][] = [
        ["calls/s", (r) => r.operationsPerSecond],
        ["p50", (r) => r.p50Ms],
        ["server CPU", (r) => r.serverMicros],
      ];
      return parts.map(([what, pick]) => `${what} ${change(pick)}`).join(", ");
    };
    const verdict = (call: string): string =>
      [inFlight, MANY_IN_FLIGHT]
        .map((many) => {
          const times = gain(call, many);
          if (!Number.isFinite(times)) return `not known at ${many} in flight: no single call ended in time`;
          return `${times.toFixed(1)} at ${many} in flight (${times >= GOAL ? "reached" : "missed"})`;
        })
        .join(", ");
    const failed = rows.reduce((sum, row) => sum + row.failed, 0);
    return {
      tables: [
        {
          title: `the TypeScript client, one process: medians of ${rounds} rounds of ${seconds} s; ratio to single calls at ${inFlight} in flight`,
          head: [
            "",
            "in flight",
            "calls/s",
            "ratio",
            "p50 ms",
            "p99 ms",
            "client CPU µs/call",
            "server CPU µs/call",
            "failed",
          ],
          rows: rows.map((row) => [
            `${row.call}, ${row.name}`,
            `${row.inFlight}`,
            row.rate.toFixed(0),
            row.ratio.toFixed(2),
            row.p50Ms.toFixed(2),
            row.p99Ms.toFixed(2),
            row.clientMicros.toFixed(0),
            row.serverMicros.toFixed(0),
            `${row.failed}`,
          ]),
        },
      ],
      notes: [
        `goal: a pipeline answers ${GOAL} times as many calls as single calls do, as many in flight; PUT ${verdict("put")}, GET ${verdict("get")}`,
        `straight to the node that serves the key, against any node: PUT ${straight("put")}; GET ${straight("get")}`,
      ],
      figures: rows,
      problems: failed === 0 ? [] : [`${failed} calls failed`],
    };
  });
}

const nameOf = (call: string, { mode, inFlight }: Load): string => `${call} ${mode} ${inFlight}`;
