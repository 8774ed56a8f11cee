/**
 * PUT and GET against three nodes, next to a bare nice-grpc echo server under the same generator.
 *
 * Intuition: absolute rates say more about the machine than about the store, and a machine's speed drifts.
 * So echo, PUT and GET take turns, each round gives its own ratio, and the median of these is the figure.
 * The generator shares the cores with the servers. It is not the limit: its own share of a core shows it. So does an
 * echo rate that is no higher with two generators than with one.
 */

import type { LoadReport } from "../load/report.js";
import { median } from "../stats/summary.js";
import {
  errorsOf,
  errorsText,
  type LoadArguments,
  load,
  progress,
  ratiosOf,
  type SuiteOptions,
  type SuiteResult,
  serverMicros,
  type Target,
  withCluster,
  withEcho,
  wrongAnswers,
} from "./context.js";
import { type Column, tableOf } from "./table.js";

interface Round {
  readonly echo: LoadReport;
  readonly put: LoadReport;
  readonly get: LoadReport;
}

export async function unary(options: SuiteOptions): Promise<SuiteResult> {
  return withEcho(options, (echo) => withCluster(options, (_cluster, nodes) => measure(options, echo, nodes)));
}

async function measure(options: SuiteOptions, echo: Target, nodes: Target): Promise<SuiteResult> {
  const { inFlight, seconds, keys } = options;
  const common: LoadArguments = { inFlight, seconds, keys, gets: 0.5 };
  progress("unary: warming up");
  await load(options, echo, { ...common, seconds: 3 });
  const first = await load(options, nodes, { ...common, seconds: 3, preload: true, verify: true });
  const rounds: Round[] = [];
  for (let i = 0; i < options.rounds; i++) {
    const round = {
      echo: await load(options, echo, common),
      put: await load(options, nodes, { ...common, gets: 0 }),
      get: await load(options, nodes, { ...common, gets: 1 }),
    };
    rounds.push(round);
    const rates = [round.echo, round.put, round.get].map((r) => r.operationsPerSecond.toFixed(0));
    progress(
      `unary: round ${i + 1} of ${options.rounds}: echo ${rates[0]}, PUT ${rates[1]}, GET ${rates[2]} per second`,
    );
  }
  const generators = await compareGenerators(options, echo, common);
  const rows = (["echo", "put", "get"] as const).map((kind) => summarize(kind, rounds));
  return {
    tables: [
      tableOf(
        `unary calls, ${inFlight} in flight, ${options.nodes} nodes; medians of ${options.rounds} rounds of ${seconds} s`,
        rows,
        COLUMNS,
      ),
      {
        title: "is the generator the limit? echo with one and with two generator processes",
        head: ["", "calls/s", "ratio"],
        rows: [
          ["one generator", generators.one.toFixed(0), "1.00"],
          ["two generators", generators.two.toFixed(0), (generators.two / generators.one).toFixed(2)],
        ],
      },
    ],
    notes: [
      "goal: PUT and GET at least 0.5 of echo",
      `checked in the warm-up: ${first.verify?.checked ?? 0} answers, ${first.verify?.failures ?? 0} wrong; errors ${errorsText(errorsOf([first]))}`,
    ],
    problems: wrongAnswers([first]),
    figures: {
      rows,
      generators,
      verify: first.verify,
      rounds: rounds.map((r) => ({ echo: brief(r.echo), put: brief(r.put), get: brief(r.get) })),
    },
  };
}

const COLUMNS: readonly Column<ReturnType<typeof summarize>>[] = [
  ["", (r) => r.kind.toUpperCase()],
  ["calls/s", (r) => r.rate.toFixed(0)],
  ["of echo", (r) => r.ratio.toFixed(2)],
  ["(min–max)", (r) => `${r.ratioMin.toFixed(2)}–${r.ratioMax.toFixed(2)}`],
  ["p50 ms", (r) => r.p50Ms.toFixed(2)],
  ["p99 ms", (r) => r.p99Ms.toFixed(2)],
  ["p99.9 ms", (r) => r.p999Ms.toFixed(2)],
  ["server CPU µs/call", (r) => r.serverMicros.toFixed(1)],
  ["generator CPU µs/call", (r) => r.generatorMicros.toFixed(1)],
  ["generator share of a core", (r) => `${(100 * r.generatorShare).toFixed(0)} %`],
  ["errors", (r) => errorsText(r.errors)],
];

/** The same calls in flight, from one process and from two that share them, in turns. */
async function compareGenerators(
  options: SuiteOptions,
  echo: Target,
  common: LoadArguments,
): Promise<{ one: number; two: number }> {
  const half = { ...common, inFlight: Math.max(1, Math.floor(common.inFlight / 2)) };
  const one: number[] = [];
  const two: number[] = [];
  for (let i = 0; i < Math.min(3, options.rounds); i++) {
    one.push((await load(options, echo, common)).operationsPerSecond);
    const both = await Promise.all([load(options, echo, half), load(options, echo, half)]);
    two.push(both.reduce((sum, report) => sum + report.operationsPerSecond, 0));
  }
  return { one: median(one), two: median(two) };
}

function summarize(kind: keyof Round, rounds: readonly Round[]) {
  const reports = rounds.map((round) => round[kind]);
  const ratios = ratiosOf(
    reports,
    rounds.map(({ echo }) => echo),
  );
  const middle = (pick: (report: LoadReport) => number): number => median(reports.map(pick));
  return {
    kind,
    rate: middle((r) => r.operationsPerSecond),
    ratio: median(ratios),
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    meanMs: middle((r) => r.latency.meanMs),
    p50Ms: middle((r) => r.latency.p50Ms),
    p99Ms: middle((r) => r.latency.p99Ms),
    p999Ms: middle((r) => r.latency.p999Ms),
    serverMicros: middle(serverMicros),
    generatorMicros: middle((r) => r.cpuMicrosPerOperation),
    generatorShare: middle((r) => r.cpuShare),
    errors: errorsOf(reports),
  };
}

function brief(report: LoadReport) {
  const { operationsPerSecond, latency, cpuMicrosPerOperation, cpuShare, errors } = report;
  return { operationsPerSecond, latency, serverMicros: serverMicros(report), cpuMicrosPerOperation, cpuShare, errors };
}
