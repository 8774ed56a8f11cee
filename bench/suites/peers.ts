/**
 * Onar beside what people would pick instead: etcd, and NATS JetStream's key-value store with a sync for every write.
 *
 * Intuition: a rate says more about the machine than about the store, so all stores stand side by side, and their loads
 * take turns. Each round gives its own ratio to etcd, and the median of these is the figure. One generator speaks to
 * all of them. CPU is that of all server processes together, for each answer.
 */

import type { ClientReport } from "../client-load.js";
import { endpointText } from "../cluster.js";
import { KEY_BYTES, keyTable, LOAD_DEFAULTS, parseEndpoint } from "../load/options.js";
import type { LoadReport } from "../load/report.js";
import { STORES, type Started, type Store, withStores } from "../peers/stores.js";
import { runChild } from "../process/child.js";
import { cpuSecondsOf, residentBytesOf } from "../process/procfs.js";
import {
  errorsText,
  load,
  progress,
  type SuiteOptions,
  type SuiteResult,
  serverMicros,
  type Target,
  wrongAnswers,
} from "./context.js";
import { type Cell, memoryTable, type Sample, summarize, tablesOf } from "./peers-table.js";

const SHAPES = [
  { name: "1x1", inFlight: 1, connections: 1, hotConnections: 1 },
  { name: "1x64", inFlight: 64, connections: 1, hotConnections: 1 },
  { name: "16x64", inFlight: 1_024, connections: 5, hotConnections: 16 },
] as const;
type Shape = (typeof SHAPES)[number];
const CALLS = ["put", "get", "cas", "pipelined"] as const;
const SPREADS = ["uniform", "hot"] as const;

const WARM_UP_SECONDS = 8;
const SETTLE_SECONDS = 0.5;
/** A CAS needs every key written before, which one call in flight does slowly. */
const KEYS_OF_ONE_IN_FLIGHT = 500;
const PIPELINED_IN_FLIGHT = 1_024;

export async function peers(options: SuiteOptions): Promise<SuiteResult> {
  const names = chosen("stores", STORES, options.peers.stores);
  const cells = cellsOf(options);
  return withStores(options, names, (started) => measure(options, cells, started));
}

/** Those that are named, in the order of the list; all when none is. */
function chosen<Name extends string>(what: string, all: readonly Name[], names: readonly string[]): Name[] {
  const unknown = names.find((name) => !all.some((one) => one === name));
  if (unknown !== undefined) throw new Error(`--${what}: "${unknown}" is none of ${all.join(", ")}`);
  return all.filter((name) => names.length === 0 || names.includes(name));
}

function cellsOf({ peers: wanted }: SuiteOptions): Cell[] {
  const calls = chosen("calls", CALLS, wanted.calls);
  const spreads = chosen("spreads", SPREADS, wanted.spreads);
  const shapes = chosen(
    "shapes",
    SHAPES.map(({ name }) => name),
    wanted.shapes,
  );
  const values = wanted.valueBytes.length === 0 ? [LOAD_DEFAULTS.valueBytes] : wanted.valueBytes;
  const cells: Cell[] = [];
  for (const valueBytes of values) {
    for (const spread of spreads) {
      for (const call of calls) {
        if (call === "pipelined") continue;
        // Nearly every CAS on one key finds another's version.
        if (call === "cas" && spread === "hot") continue;
        for (const shape of shapes) cells.push({ call, spread, shape, valueBytes });
      }
    }
  }
  if (!calls.includes("pipelined")) return cells;
  const pipelined = { spread: "uniform", shape: "16x64", valueBytes: LOAD_DEFAULTS.valueBytes } as const;
  return [...cells, { ...pipelined, call: "pipelined put" }, { ...pipelined, call: "pipelined get" }];
}

async function measure(options: SuiteOptions, cells: readonly Cell[], started: Started): Promise<SuiteResult> {
  const { stores, skipped } = started;
  const warm = await warmUp(options, stores);
  const samples: Sample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    progress(`peers: round ${round + 1} of ${options.rounds}`);
    for (const cell of cells) {
      for (const store of inTurn(stores, round)) {
        const sample = await sampleOf(options, cell, store, round);
        if (sample === undefined) continue;
        samples.push(sample);
        const { rate, micros, p50Ms, p99Ms, errors } = sample;
        progress(
          `  ${cell.call} ${cell.spread} ${cell.shape} ${store.name}: ${rate.toFixed(0)}/s, ${micros.toFixed(0)} µs, p50 ${p50Ms.toFixed(2)}, p99 ${p99Ms.toFixed(2)} ms, errors ${errorsText(errors)}`,
        );
      }
    }
  }
  const rows = summarize(cells, stores, samples);
  const memory = stores.map(({ name, title, cluster }) => ({
    name,
    title,
    residentBytes: cluster.pids.map((pid) => residentBytesOf(pid) ?? 0),
  }));
  return {
    tables: [...tablesOf(options, rows), memoryTable(memory)],
    notes: skipped,
    problems: [
      ...wrongAnswers(warm),
      ...samples.flatMap(({ cell, store, errors }) =>
        Object.keys(errors).length === 0 ? [] : [`${cell.call} ${cell.shape}, ${store}: errors: ${errorsText(errors)}`],
      ),
    ],
    figures: { rows, memory, samples, skipped },
  };
}

function inTurn(stores: readonly Store[], round: number): Store[] {
  const first = round % Math.max(1, stores.length);
  return [...stores.slice(first), ...stores.slice(0, first)];
}

/** Writes every key and looks at what is answered, except where reads promise nothing. */
async function warmUp(options: SuiteOptions, stores: readonly Store[]): Promise<LoadReport[]> {
  const reports: LoadReport[] = [];
  for (const { name, dialect, cluster } of stores) {
    progress(`peers: warming up ${name}`);
    const what = { inFlight: 64, seconds: WARM_UP_SECONDS, gets: 0.5, keys: options.keys, preload: true };
    reports.push(await load(options, cluster, { ...what, dialect, verify: name !== "nats" }));
  }
  return reports;
}

async function sampleOf(options: SuiteOptions, cell: Cell, store: Store, round: number): Promise<Sample | undefined> {
  if (cell.call === "pipelined put" || cell.call === "pipelined get") {
    if (store.dialect !== "onar") return undefined;
    return { cell, store: store.name, round, ...(await pipelined(options, cell.call, store.cluster)) };
  }
  const shape = SHAPES.find(({ name }) => name === cell.shape) as Shape;
  const hot = cell.spread === "hot";
  const one = shape.inFlight === 1;
  const report = await load(
    options,
    hot ? await atWriter(store, shape) : { ...store.cluster, connections: shape.connections },
    {
      dialect: store.dialect,
      inFlight: shape.inFlight,
      takeTurns: one && !hot,
      seconds: options.seconds,
      warmUpSeconds: SETTLE_SECONDS,
      gets: cell.call === "get" ? 1 : 0,
      cas: cell.call === "cas" ? 1 : 0,
      preload: cell.call === "cas",
      keys: hot ? 1 : cell.call === "cas" && one ? KEYS_OF_ONE_IN_FLIGHT : options.keys,
      valueBytes: cell.valueBytes,
    },
  );
  const { operationsPerSecond, latency, errors } = report;
  return {
    cell,
    store: store.name,
    round,
    rate: operationsPerSecond,
    micros: serverMicros(report),
    p50Ms: latency.p50Ms,
    p99Ms: latency.p99Ms,
    p999Ms: latency.p999Ms,
    errors: Object.fromEntries(Object.entries(errors).map(([name, { count }]) => [name, count])),
  };
}

/** The node that decides for the only key of a hot load; all processes are watched. */
async function atWriter({ cluster }: Store, shape: Shape): Promise<Target> {
  const key = keyTable({ keys: 1, keyPrefix: LOAD_DEFAULTS.keyPrefix }).subarray(0, KEY_BYTES);
  return {
    endpoints: [parseEndpoint(await cluster.writerOf(key))],
    pids: cluster.pids,
    connections: shape.hotConnections,
  };
}

/** Onar's TypeScript client on its pipeline, one process: what it takes from the servers' cores is not in `micros`. */
async function pipelined(
  options: SuiteOptions,
  call: string,
  nodes: Target,
): Promise<Omit<Sample, "cell" | "store" | "round">> {
  const used = (): number => nodes.pids.reduce((sum, pid) => sum + (cpuSecondsOf(pid) ?? 0), 0);
  const what = call === "pipelined get" ? "get" : "put";
  const args = ["pipeline", what, `${PIPELINED_IN_FLIGHT}`, `${options.seconds}`, ...nodes.endpoints.map(endpointText)];
  const before = used();
  const { output, exit } = await runChild(
    [`${options.scripts}/client-load.js`, ...args],
    (options.seconds + 60) * 1_000,
  );
  if (exit.code !== 0) throw new Error(`the client ended with ${exit.signal ?? exit.code}`);
  const report: ClientReport = JSON.parse(output);
  return {
    rate: report.operationsPerSecond,
    micros: ((used() - before) * 1e6) / report.total,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    p999Ms: Number.NaN,
    errors: report.failed === 0 ? {} : { failed: report.failed },
  };
}
