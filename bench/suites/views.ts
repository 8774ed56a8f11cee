/**
 * The cost of changing views, with seven members on disk that all vote. A change is an operation that names the
 * preferred writer of one partition. It names the one that is preferred already, so that only the view changes. Changes
 * follow each other at once, each computed on the view that the one before made.
 *
 * Four things are measured. The time of a change under load. The rate of clients while views change, beside that of the
 * same load before, in pairs. The bytes of a view, and those that all nodes send for a change when idle, for a few and
 * for many partitions. The first call of a client that knows a view of a hundred changes ago, in which writers have
 * moved.
 */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { OperationState, View } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { OnarClient } from "../../src/client/client.js";
import { endpointText } from "../cluster.js";
import { DurableCluster } from "../durable-cluster.js";
import { cpuSecondsOf } from "../process/procfs.js";
import { median, quantile } from "../stats/summary.js";
import { clientOf, sumOf, until } from "./away.js";
import { type ClusterClient, connectTo } from "./cluster-client.js";
import { load, progress, ratiosOf, type SuiteOptions, type SuiteResult, type Table, type Target } from "./context.js";

const VOTERS = 7;
const REPLICAS = 3;
const GOAL_MS = 1_000;
const GOAL_RATIO = 0.95;
/** In a row, while clients go on. */
const CHANGES = 50;
const STALE_BY = 100;
const FEW_PARTITIONS = 256;
const MANY_PARTITIONS = 4_096;
const CHANGES_AT_REST = 50;
const REST_MS = 3_000;
/** Many partitions on few cores take their time. */
const WRITERS_MS = 240_000;

export async function views(options: SuiteOptions): Promise<SuiteResult> {
  const wants = (part: string): boolean => options.only.length === 0 || options.only.includes(part);
  const tables: Table[] = [];
  const notes: string[] = [];
  const figures: Record<string, unknown> = {};
  const sizes: Sizes[] = [];
  if (["load", "stale", "few"].some(wants)) {
    await withVoters(options, FEW_PARTITIONS, async (cluster, changer) => {
      if (wants("load")) {
        const loaded = await underLoad(options, cluster, changer);
        tables.push(loadTable(loaded));
        notes.push(loadNote(loaded));
        Object.assign(figures, loaded);
      }
      if (wants("stale")) {
        const stale = await staleClient(cluster, changer);
        tables.push(staleTable(stale));
        notes.push(`goal: at most one call more than the first: ${stale.calls <= 2 ? "reached" : "missed"}`);
        figures.stale = stale;
      }
      if (wants("few")) sizes.push(await sizesOf(cluster, changer, FEW_PARTITIONS));
    });
  }
  if (wants("many")) {
    const many = await withVoters(options, MANY_PARTITIONS, (cluster, changer) =>
      sizesOf(cluster, changer, MANY_PARTITIONS),
    );
    sizes.push(many);
  }
  if (sizes.length > 0) tables.push(sizesTable(sizes));
  return { tables, notes, figures: { ...figures, sizes } };
}

function loadTable({ changesMs, ratios }: Loaded): Table {
  return {
    title: `view changes with ${VOTERS} voters under load, ${CHANGES} in a row, ${ratios.length} times`,
    head: ["changes", "p50 ms", "p99 ms", "max ms", "rate / rate before (each)"],
    rows: [
      [
        `${changesMs.length}`,
        median(changesMs).toFixed(0),
        quantile(changesMs, 0.99).toFixed(0),
        Math.max(...changesMs).toFixed(0),
        `${median(ratios).toFixed(2)} (${ratios.map((one) => one.toFixed(2)).join(", ")})`,
      ],
    ],
  };
}

function loadNote({ changesMs, ratios }: Loaded): string {
  const isSoon = quantile(changesMs, 0.99) < GOAL_MS;
  const isKept = median(ratios) >= GOAL_RATIO;
  return `goal: p99 under ${GOAL_MS} ms: ${isSoon ? "reached" : "missed"}; rate at least ${GOAL_RATIO} of before: ${isKept ? "reached" : "missed"}`;
}

const staleTable = ({ firstMs, laterMs, calls }: Stale): Table => ({
  title: `a client that knows the view of ${STALE_BY} changes ago, writers having moved`,
  head: ["first call ms", "later calls p50 ms", "calls made for the first"],
  rows: [[firstMs.toFixed(1), laterMs.toFixed(1), `${calls}`]],
});

const sizesTable = (sizes: readonly Sizes[]): Table => ({
  title: "bytes of a view; what all nodes send, and how long they compute, for a change at rest",
  head: ["partitions", "bytes of the view", "bytes sent for a change", "CPU ms for a change"],
  rows: sizes.map(({ partitions, view, sent, cpuMs }) => [
    `${partitions}`,
    `${view}`,
    sent.toFixed(0),
    cpuMs.toFixed(1),
  ]),
});

async function withVoters<T>(
  options: SuiteOptions,
  partitions: number,
  use: (cluster: DurableCluster, changer: Changer) => Promise<T>,
): Promise<T> {
  const args = ["--replication-factor", `${REPLICAS}`, "--partitions", `${partitions}`];
  const cluster = await DurableCluster.start(options.program, VOTERS, args);
  const client = connectTo(clientOf(cluster, 0));
  try {
    const all = cluster.nodes.map((_, i) => i);
    await until(
      `all nodes know the writers of ${partitions} partitions`,
      WRITERS_MS,
      async () => (await sumOf(cluster, all, "onar_partitions_without_writer")) === 0,
    );
    const changer = new Changer(client);
    // The first needs a proposer to be elected.
    await changer.change();
    return await use(cluster, changer);
  } finally {
    client.close();
    await cluster.stop();
  }
}

/** Makes one view after the other. */
class Changer {
  constructor(private readonly client: ClusterClient) {}

  async view(): Promise<View> {
    const { view } = await this.client.calls.getView({}, { signal: AbortSignal.timeout(10_000) });
    if (view === undefined) throw new Error("a node without a view");
    return view;
  }

  /** Milliseconds from the question to the answer that it is done. `moves`: to another replica than before. */
  async change(moves = false): Promise<number> {
    const began = performance.now();
    for (;;) {
      const { epoch, partitions } = await this.view();
      const partition = moves ? Number(epoch) % partitions.length : 0;
      const { replicas = [], preferredNodeId = 0 } = partitions[partition] ?? {};
      const preferred = preferredNodeId || (replicas[0] ?? 0);
      const nodeId = moves ? (replicas.find((one) => one !== preferred) ?? preferred) : preferred;
      const asked = { operationId: randomBytes(16), epoch, nodeId, partitions: [partition] };
      const { operation } = await this.client.calls.transferWriter(asked, { signal: AbortSignal.timeout(30_000) });
      if (operation?.state === OperationState.DONE) return performance.now() - began;
    }
  }
}

interface Sizes {
  readonly partitions: number;
  readonly view: number;
  readonly sent: number;
  /** All nodes together, for a change. */
  readonly cpuMs: number;
}

interface Stale {
  readonly firstMs: number;
  readonly laterMs: number;
  readonly calls: number;
}

interface Loaded {
  readonly changesMs: number[];
  /** In each pair. */
  readonly ratios: number[];
}

async function underLoad(options: SuiteOptions, cluster: DurableCluster, changer: Changer): Promise<Loaded> {
  const { nodes } = cluster;
  const target: Target = { endpoints: nodes.map((n) => n.client), pids: nodes.map((n) => n.pid), connections: 1 };
  const what = { inFlight: options.inFlight, seconds: options.seconds, gets: 0.5, keys: options.keys };
  const changesMs: number[] = [];
  const before: Awaited<ReturnType<typeof load>>[] = [];
  const meanwhile: typeof before = [];
  for (let round = 0; round < options.rounds; round++) {
    before.push(await load(options, target, { ...what, preload: round === 0 }));
    let loaded = true;
    const changing = (async () => {
      for (let i = 0; i < CHANGES && loaded; i++) changesMs.push(await changer.change());
    })();
    meanwhile.push(await load(options, target, what));
    loaded = false;
    await changing;
    progress(`views: round ${round + 1} of ${options.rounds}: ${changesMs.length} changes so far`);
  }
  return { changesMs, ratios: ratiosOf(meanwhile, before) };
}

async function sizesOf(cluster: DurableCluster, changer: Changer, partitions: number): Promise<Sizes> {
  const all = cluster.nodes.map((_, i) => i);
  const sent = (): Promise<number> => sumOf(cluster, all, "onar_peer_sent_bytes_total");
  const cpu = (): number => cluster.nodes.reduce((sum, { pid }) => sum + (cpuSecondsOf(pid) ?? Number.NaN), 0);
  const rate = async (act: () => Promise<void>): Promise<{ bytes: number; cpuMs: number; ms: number }> => {
    const [began, first, used] = [performance.now(), await sent(), cpu()];
    await act();
    const cpuMs = (cpu() - used) * 1_000;
    return { bytes: (await sent()) - first, cpuMs, ms: performance.now() - began };
  };
  /** Spent for each change, beyond the same time without. */
  const forEach = (all: number, quiet: number): number => (all - (quiet / rest.ms) * changed.ms) / CHANGES_AT_REST;
  const rest = await rate(() => sleep(REST_MS));
  const changed = await rate(async () => {
    for (let i = 0; i < CHANGES_AT_REST; i++) await changer.change();
    // The effects of the last one belong to it.
    await sleep(REST_MS / 3);
  });
  const view = View.encode(await changer.view()).finish().length;
  return { partitions, view, sent: forEach(changed.bytes, rest.bytes), cpuMs: forEach(changed.cpuMs, rest.cpuMs) };
}

/** Its nodes count the calls that it makes. */
async function staleClient(cluster: DurableCluster, changer: Changer): Promise<Stale> {
  const all = cluster.nodes.map((_, i) => i);
  const client = new OnarClient({ endpoints: cluster.nodes.map((node) => endpointText(node.client)) });
  const timed = async (key: string): Promise<number> => {
    const began = performance.now();
    await client.put(key, "v");
    return performance.now() - began;
  };
  const calls = (): Promise<number> => sumOf(cluster, all, "grpc_server_started_total");
  try {
    for (let i = 0; i < 200; i++) await timed(`stale-${i}`);
    for (let i = 0; i < STALE_BY; i++) await changer.change(true);
    await until(
      "writers have moved",
      WRITERS_MS,
      async () => (await sumOf(cluster, all, "onar_partitions_without_writer")) === 0,
    );
    const before = await calls();
    const firstMs = await timed("stale-0");
    const made = (await calls()) - before;
    const later: number[] = [];
    for (let i = 0; i < 200; i++) later.push(await timed(`stale-${i}`));
    return { firstMs, laterMs: median(later), calls: made };
  } finally {
    await client.close();
  }
}
