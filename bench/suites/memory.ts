/**
 * Whether nodes leak: resident memory of each node, every five seconds, under load on a fixed set of keys.
 *
 * Intuition: the data does not grow, so memory must not either. A collector's saw-tooth is far larger than a
 * slow leak, hence a straight line through all samples after the warm-up, with a confidence interval. The
 * slope is within noise when the interval reaches zero.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, ClusterNode } from "../cluster.js";
import { residentBytesOf } from "../process/procfs.js";
import { fitLine, type Point } from "../stats/summary.js";
import {
  errorsOf,
  errorsText,
  load,
  progress,
  type SuiteOptions,
  type SuiteResult,
  withCluster,
  wrongAnswers,
} from "./context.js";
import { type Column, tableOf } from "./table.js";

const SAMPLE_EVERY_MS = 5000;
/** This share of the samples is warm-up: heaps, code and buffers grow to their size. */
const WARM_UP_SHARE = 0.25;
const MEBIBYTE = 1024 * 1024;

interface Sample {
  readonly seconds: number;
  /** Per node in MiB, in the cluster's order. */
  readonly resident: readonly number[];
}

export async function memory(options: SuiteOptions): Promise<SuiteResult> {
  return withCluster(options, async (cluster, nodes) => {
    const seconds = options.minutes * 60;
    const running = load(options, nodes, {
      inFlight: options.inFlight,
      seconds,
      gets: 0.5,
      keys: options.keys,
      preload: true,
      verify: true,
    });
    const samples = await sampleUntil(running, cluster, seconds);
    const report = await running;
    const lines = cluster.nodes.map((node, i) => trend(node, i, samples, seconds));
    return {
      tables: [
        tableOf(
          `resident memory over ${options.minutes} min of load on ${options.keys} keys; slope after the first ${100 * WARM_UP_SHARE} %`,
          lines,
          COLUMNS,
        ),
      ],
      notes: [
        `load: ${report.operationsPerSecond.toFixed(0)} calls/s, errors ${errorsText(errorsOf([report]))}; ${report.verify?.checked ?? 0} answers checked, ${report.verify?.failures ?? 0} wrong`,
      ],
      problems: wrongAnswers([report]),
      figures: {
        lines,
        samples,
        operationsPerSecond: report.operationsPerSecond,
        errors: report.errors,
        verify: report.verify,
      },
    };
  });
}

/** A sample at once and then every few seconds, until the load is over, however it ends. */
async function sampleUntil(load: Promise<unknown>, cluster: Cluster, seconds: number): Promise<Sample[]> {
  let over = false;
  const ended = load.then(
    () => (over = true),
    () => (over = true),
  );
  const samples: Sample[] = [];
  const startedAt = Date.now();
  while (!over) {
    const sample = { seconds: (Date.now() - startedAt) / 1000, resident: residentOf(cluster) };
    samples.push(sample);
    if (samples.length % 12 === 1) {
      const resident = sample.resident.map((mebibytes) => mebibytes.toFixed(0)).join(", ");
      progress(`memory: ${sample.seconds.toFixed(0)} of ${seconds} s: ${resident} MiB`);
    }
    await Promise.race([sleep(SAMPLE_EVERY_MS), ended]);
  }
  return samples;
}

const COLUMNS: readonly Column<ReturnType<typeof trend>>[] = [
  ["node", (l) => `${l.node}`],
  ["first MiB", (l) => l.firstMiB.toFixed(1)],
  ["after warm-up", (l) => l.warmMiB.toFixed(1)],
  ["last", (l) => l.lastMiB.toFixed(1)],
  ["slope MiB/h", (l) => l.slope?.toFixed(1) ?? "-"],
  [
    "95 % interval",
    ({ low, high }) =>
      low === undefined || high === undefined ? "too few samples" : `${low.toFixed(1)} to ${high.toFixed(1)}`,
  ],
  ["within noise", ({ low }) => (low === undefined ? "-" : low <= 0 ? "yes" : "NO")],
];

function residentOf(cluster: Cluster): number[] {
  return cluster.nodes.map((node) => (residentBytesOf(node.pid) ?? Number.NaN) / MEBIBYTE);
}

function trend(node: ClusterNode, index: number, samples: readonly Sample[], seconds: number) {
  const points = samples.map((s): Point => ({ x: s.seconds / 3600, y: s.resident[index] ?? Number.NaN }));
  const warm = points.filter((p) => p.x * 3600 >= WARM_UP_SHARE * seconds && p.x * 3600 <= seconds);
  const line = fitLine(warm);
  return {
    node: node.number,
    firstMiB: points[0]?.y ?? Number.NaN,
    warmMiB: warm[0]?.y ?? Number.NaN,
    lastMiB: warm.at(-1)?.y ?? Number.NaN,
    slope: line?.slope,
    low: line?.slopeLow,
    high: line?.slopeHigh,
    autocorrelation: line?.autocorrelation,
  };
}
