/**
 * The cost of traces: unary PUT and GET against three sorts of nodes. They make none, trace one call of a hundred (as
 * when nothing is said), or trace every call.
 *
 * The clusters run beside each other and take turns in each round, and a round's ratio is taken within the round. They
 * send to a collector in this process, which throws away what it gets. Its CPU time is not the servers', but it shares
 * the cores with them.
 */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { LoadReport } from "../load/report.js";
import { median } from "../stats/summary.js";
import {
  errorsOf,
  errorsText,
  type LoadArguments,
  load,
  progress,
  type SuiteOptions,
  type SuiteResult,
  serverMicros,
  type Target,
  withCluster,
  wrongAnswers,
} from "./context.js";

/** Which part of the calls is traced; 0: traces are off. The first one is what the others are compared with. */
const SAMPLES = [0, 0.01, 1] as const;
type Sample = (typeof SAMPLES)[number];
const KINDS = ["put", "get"] as const;
/** Nodes send spans every five seconds at least. */
const LAST_SPANS_MS = 6_000;

interface Turn {
  readonly sample: Sample;
  readonly put: LoadReport;
  readonly get: LoadReport;
}

interface Collected {
  readonly url: (sample: Sample) => string;
  readonly bytes: (sample: Sample) => number;
}

export async function traces(options: SuiteOptions): Promise<SuiteResult> {
  return withCollector((collected) => {
    const nodes = new Map<Sample, Target>();
    const start = (samples: readonly Sample[]): Promise<SuiteResult> => {
      const [sample, ...others] = samples;
      if (sample === undefined) return measure(options, nodes, collected);
      const began = (_cluster: unknown, target: Target): Promise<SuiteResult> => {
        nodes.set(sample, target);
        return start(others);
      };
      return withCluster(options, began, ["--memory"], environmentOf(sample, collected.url(sample)));
    };
    return start(SAMPLES);
  });
}

/** By the variables of OpenTelemetry, since `onar cluster` passes nothing else on to its nodes. */
const environmentOf = (sample: Sample, url: string): Record<string, string> =>
  sample === 0
    ? { OTEL_SDK_DISABLED: "true" }
    : {
        OTEL_SDK_DISABLED: "false",
        OTEL_TRACES_EXPORTER: "otlp",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url,
        OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG: `${sample}`,
      };

async function measure(
  options: SuiteOptions,
  nodes: ReadonlyMap<Sample, Target>,
  collected: Collected,
): Promise<SuiteResult> {
  const { inFlight, seconds, keys } = options;
  const common: LoadArguments = { inFlight, seconds, keys, gets: 0.5 };
  const first: LoadReport[] = [];
  for (const [sample, target] of nodes) {
    progress(`traces: warming up, ${nameOf(sample)}`);
    first.push(await load(options, target, { ...common, seconds: Math.min(3, seconds), preload: true, verify: true }));
  }
  const rounds: Turn[][] = [];
  for (let i = 0; i < options.rounds; i++) {
    const turns: Turn[] = [];
    for (const [sample, target] of nodes) {
      const put = await load(options, target, { ...common, gets: 0 });
      const get = await load(options, target, { ...common, gets: 1 });
      turns.push({ sample, put, get });
      const rates = [put, get].map((report) => report.operationsPerSecond.toFixed(0));
      progress(
        `traces: round ${i + 1} of ${options.rounds}, ${nameOf(sample)}: PUT ${rates[0]}, GET ${rates[1]} per second`,
      );
    }
    rounds.push(turns);
  }
  const silent = await stillSilent(collected);
  const rows = KINDS.flatMap((kind) => SAMPLES.map((sample) => summarize(kind, sample, rounds)));
  return {
    tables: [
      {
        title: `traces: ${inFlight} in flight, ${options.nodes} nodes; medians of ${options.rounds} rounds of ${seconds} s`,
        head: ["", "calls/s", "of off", "(min–max)", "p50 ms", "p99 ms", "server CPU µs/call", "of off", "errors"],
        rows: rows.map((row) => [
          `${row.kind.toUpperCase()}, ${nameOf(row.sample)}`,
          row.rate.toFixed(0),
          row.ratio.toFixed(2),
          `${row.ratioMin.toFixed(2)}–${row.ratioMax.toFixed(2)}`,
          row.p50Ms.toFixed(2),
          row.p99Ms.toFixed(2),
          row.serverMicros.toFixed(1),
          row.microsRatio.toFixed(2),
          errorsText(row.errors),
        ]),
      },
    ],
    notes: [
      `the collector got ${SAMPLES.slice(1)
        .map((sample) => `${(collected.bytes(sample) / 1e6).toFixed(1)} MB (${nameOf(sample)})`)
        .join(", ")}; what it takes of the cores is not in the figures of the servers`,
    ],
    problems: [...wrongAnswers(first), ...silent.map((sample) => `no traces came, ${nameOf(sample)}`)],
    figures: { rows, collectedBytes: Object.fromEntries(SAMPLES.map((sample) => [sample, collected.bytes(sample)])) },
  };
}

/** The samples of which nothing came, although spans are sent every few seconds: what was measured was not tracing. */
async function stillSilent(collected: Collected): Promise<Sample[]> {
  const traced = SAMPLES.filter((sample) => sample > 0);
  const giveUp = Date.now() + LAST_SPANS_MS;
  while (traced.some((sample) => collected.bytes(sample) === 0) && Date.now() < giveUp)
    await new Promise((resolve) => setTimeout(resolve, 100));
  return traced.filter((sample) => collected.bytes(sample) === 0);
}

function summarize(kind: (typeof KINDS)[number], sample: Sample, rounds: readonly (readonly Turn[])[]) {
  const pairs = rounds.map((turns) => ({
    own: turns.find((turn) => turn.sample === sample)?.[kind] as LoadReport,
    off: turns.find((turn) => turn.sample === 0)?.[kind] as LoadReport,
  }));
  const ratios = pairs.map(({ own, off }) => own.operationsPerSecond / off.operationsPerSecond);
  const middle = (pick: (report: LoadReport) => number): number => median(pairs.map(({ own }) => pick(own)));
  return {
    kind,
    sample,
    rate: middle((report) => report.operationsPerSecond),
    ratio: median(ratios),
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    p50Ms: middle((report) => report.latency.p50Ms),
    p99Ms: middle((report) => report.latency.p99Ms),
    serverMicros: middle(serverMicros),
    microsRatio: median(pairs.map(({ own, off }) => serverMicros(own) / serverMicros(off))),
    errors: errorsOf(pairs.map(({ own }) => own)),
  };
}

const nameOf = (sample: Sample): string => (sample === 0 ? "off" : sample === 1 ? "all calls" : `${sample} of calls`);

/** Takes spans by OTLP over HTTP and forgets them; the path says from whom they are. */
async function withCollector<T>(use: (collected: Collected) => Promise<T>): Promise<T> {
  const bytes = new Map<string, number>();
  const server = createServer((request, response) => {
    const from = request.url ?? "";
    request.on("data", (chunk: Buffer) => bytes.set(from, (bytes.get(from) ?? 0) + chunk.length));
    request.on("end", () => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const pathOf = (sample: Sample): string => `/${sample}/v1/traces`;
  const { port } = server.address() as AddressInfo;
  try {
    return await use({
      url: (sample) => `http://127.0.0.1:${port}${pathOf(sample)}`,
      bytes: (sample) => bytes.get(pathOf(sample)) ?? 0,
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
