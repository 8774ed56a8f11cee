/**
 * The cost of moving replicas. Four nodes on disk keep so many keys three times. Each round drains one node, so that
 * its replicas move to the others. Meanwhile a caller for each partition puts one key again and again. Before and after
 * the round some keys are read that nobody has asked for.
 *
 * A pause is the longest time from a put's answer to the next one of that partition. Partitions without a replica on
 * the drained node are not affected: their callers' rate is compared with that of before, in pairs. The drained node is
 * empty after its round, and takes what the next one gives.
 */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { OperationState, type View } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { endpointText } from "../cluster.js";
import { DurableCluster } from "../durable-cluster.js";
import { anonymousBytesOf, cpuSecondsOf } from "../process/procfs.js";
import { median, quantile } from "../stats/summary.js";
import { clientOf, fill, sumOf, until } from "./away.js";
import { type ClusterClient, connectTo } from "./cluster-client.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { Callers, type Seen } from "./moving/callers.js";
import { type ColdReads, readCold } from "./moving/cold-reads.js";
import { type Column, tableOf } from "./table.js";

const NODES = 4;
/** Keys that are read before and after a round. */
const COLD_KEYS = 2_000;
const GOAL_MS = 1_000;
const GOAL_RATIO = 0.9;
const GOAL_MIB = 64;
/** Times the p99 of cold reads before the move. */
const GOAL_COLD = 2;
const POLL_MS = 50;
const DRAINED_WITHIN_MS = 600_000;
const MEBIBYTE = 1_024 * 1_024;

interface Round {
  readonly drained: number;
  readonly replicas: number;
  readonly seconds: number;
  readonly receivedMiB: number;
  /** Milliseconds, one for each partition that moved. */
  readonly pausesMs: readonly number[];
  /** The same partitions for as long before. */
  readonly calmMs: readonly number[];
  /** Puts of partitions that stay: their rate meanwhile in parts of that before. null: all move. */
  readonly ratio: number | null;
  /** The most that a node's anonymous memory was above that before, MiB. */
  readonly grownMiB: number;
  readonly notDone: number;
  readonly unknown: number;
  /** Cores that all nodes used together. */
  readonly calmCores: number;
  readonly cores: number;
  readonly coldBefore: ColdReads;
  readonly coldAfter: ColdReads;
}

interface Parts {
  readonly cluster: DurableCluster;
  readonly client: ClusterClient;
  readonly callers: Callers;
  readonly options: SuiteOptions;
}

export async function moves(options: SuiteOptions): Promise<SuiteResult> {
  const { moveKeys, moveValue, movePartitions, transferRate } = options;
  const args = ["--replication-factor", "3", "--partitions", `${movePartitions}`];
  if (transferRate !== null) args.push("--transfer-rate", `${transferRate}`);
  const cluster = await DurableCluster.start(options.program, NODES, args);
  const client = connectTo(clientOf(cluster, 0));
  const callers = new Callers(cluster, movePartitions, options.movePause);
  const all = cluster.nodes.map((_, i) => i);
  try {
    await until("writers", 60_000, async () => (await sumOf(cluster, all, "onar_partitions_without_writer")) === 0);
    await fill(cluster, all, moveKeys, (i) => Buffer.from(keyOf(i)), Buffer.alloc(moveValue, "v"));
    progress(`moves: ${moveKeys} keys are written`);
    const parts = { cluster, client, callers, options };
    const rounds: Round[] = [];
    for (let i = 0; i < options.rounds; i++) {
      rounds.push(await round(parts, i));
      progress(`moves: round ${i + 1} of ${options.rounds}: ${rounds.at(-1)?.seconds.toFixed(1)} s`);
    }
    const lost = await callers.lost();
    const missing = rounds.flatMap(({ coldBefore, coldAfter }) => [...coldBefore.missing, ...coldAfter.missing]);
    const title = `${moveKeys} keys of ${moveValue} B three times on four nodes: one is drained`;
    return {
      tables: [tableOf(title, rounds, COLUMNS), tableOf("what it cost", rounds, COSTS)],
      notes: notesOf(rounds),
      figures: { rounds },
      problems: [
        ...lost.map((what) => `an answered put is lost: ${what}`),
        ...missing.map((key) => `a key is lost: ${key}`),
      ],
    };
  } finally {
    await callers.close();
    client.close();
    await cluster.stop();
  }
}

function notesOf(rounds: readonly Round[]): string[] {
  const pauses = rounds.flatMap(({ pausesMs }) => pausesMs);
  const [p99, longest] = [quantile(pauses, 0.99), Math.max(...pauses)];
  const ratios = rounds.flatMap((one) => one.ratio ?? []);
  const grown = Math.max(...rounds.map(({ grownMiB }) => grownMiB));
  const cold = median(rounds.map(({ coldBefore, coldAfter }) => coldAfter.p99Ms / coldBefore.p99Ms));
  const verdict = (met: boolean): string => (met ? "met" : "missed");
  return [
    `goal: pause p99 under ${GOAL_MS} ms: ${verdict(p99 < GOAL_MS)} (${p99.toFixed(0)} ms; the longest ${longest.toFixed(0)} ms)`,
    ratios.length === 0
      ? "no partition stays where it is"
      : `goal: rate of partitions that stay at least ${GOAL_RATIO} of before: ${verdict(median(ratios) >= GOAL_RATIO)} (${median(ratios).toFixed(2)})`,
    `goal: anonymous memory within ${GOAL_MIB} MiB of before: ${verdict(grown <= GOAL_MIB)} (${grown.toFixed(0)} MiB)`,
    `goal: p99 of cold reads at most ${GOAL_COLD} times that before: ${verdict(cold <= GOAL_COLD)} (${cold.toFixed(2)})`,
  ];
}

const COLUMNS: readonly Column<Round>[] = [
  ["node drained", (r) => `${r.drained + 1}`],
  ["replicas moved", (r) => `${r.replicas}`],
  ["seconds", (r) => r.seconds.toFixed(1)],
  ["MiB", (r) => r.receivedMiB.toFixed(0)],
  ["MiB/s", (r) => (r.receivedMiB / r.seconds).toFixed(1)],
  ["pause p50 ms", (r) => median(r.pausesMs).toFixed(0)],
  ["p99", (r) => quantile(r.pausesMs, 0.99).toFixed(0)],
  ["longest", (r) => Math.max(...r.pausesMs).toFixed(0)],
  ["longest before", (r) => Math.max(...r.calmMs).toFixed(0)],
  ["rate of others / before", (r) => r.ratio?.toFixed(2) ?? "-"],
  ["puts not done", (r) => `${r.notDone}`],
  ["unknown", (r) => `${r.unknown}`],
];

const COSTS: readonly Column<Round>[] = [
  ["node drained", (r) => `${r.drained + 1}`],
  ["memory MiB", (r) => `+${r.grownMiB.toFixed(0)}`],
  ["cores of the nodes before", (r) => r.calmCores.toFixed(2)],
  ["meanwhile", (r) => r.cores.toFixed(2)],
  ["cold reads p99 ms before", (r) => r.coldBefore.p99Ms.toFixed(1)],
  ["after", (r) => r.coldAfter.p99Ms.toFixed(1)],
  ["records a read before", (r) => (r.coldBefore.records / r.coldBefore.reads).toFixed(2)],
  ["after ", (r) => (r.coldAfter.records / r.coldAfter.reads).toFixed(2)],
];

async function round({ cluster, client, callers, options }: Parts, number: number): Promise<Round> {
  const all = cluster.nodes.map((_, i) => i);
  const drained = NODES - 1 - (number % (NODES - 1));
  const view = await newest(client);
  const address = endpointText(clientOf(cluster, drained));
  const id = view.members.find(({ clientAddress }) => clientAddress === address)?.id ?? 0;
  const kept = view.partitions.flatMap(({ replicas }, i) => (replicas.includes(id) ? [i] : []));
  if (kept.length === 0) throw new Error("the node that is drained keeps nothing: more partitions are needed");
  const memory = (): number[] => cluster.nodes.map(({ pid }) => (anonymousBytesOf(pid) ?? 0) / MEBIBYTE);
  const cpu = (): number => cluster.nodes.reduce((sum, { pid }) => sum + (cpuSecondsOf(pid) ?? 0), 0);
  // Each round reads keys of its own, half of them before.
  const cold = Array.from({ length: COLD_KEYS }, (_, i) => keyOf((number * COLD_KEYS + i) % options.moveKeys));
  const coldBefore = await readCold(cluster, callers.client, cold.slice(0, COLD_KEYS / 2));
  const before = memory();
  let grown = 0;
  let cpuBefore = cpu();
  const calm = await callers.during(() => sleep(options.seconds * 1_000));
  const calmCores = (cpu() - cpuBefore) / calm.seconds;
  const received = await sumOf(cluster, all, "onar_merge_received_bytes_total");
  cpuBefore = cpu();
  const moving = await callers.during(async () => {
    const { operation } = await client.calls.drain({ operationId: randomBytes(16), epoch: view.epoch, nodeId: id });
    if (operation === undefined) throw new Error("no operation");
    for (const giveUp = performance.now() + DRAINED_WITHIN_MS; performance.now() < giveUp; await sleep(POLL_MS)) {
      memory().forEach((now, i) => {
        grown = Math.max(grown, now - (before[i] ?? 0));
      });
      const { operation: now } = await client.calls.getOperation({ operationId: operation.id, epoch: view.epoch });
      if (now?.state === OperationState.DONE) return;
    }
    throw new Error("the drain is not done in time");
  });
  const cores = (cpu() - cpuBefore) / moving.seconds;
  const bytes = (await sumOf(cluster, all, "onar_merge_received_bytes_total")) - received;
  const coldAfter = await readCold(cluster, callers.client, cold.slice(COLD_KEYS / 2));
  const stays = calm.partitions.map((_, i) => i).filter((i) => !kept.includes(i));
  const rate = ({ seconds, partitions }: Seen): number =>
    stays.reduce((sum, i) => sum + (partitions[i]?.puts ?? 0), 0) / seconds;
  const pausesIn = ({ partitions }: Seen): number[] => kept.map((i) => partitions[i]?.longestMs ?? 0);
  return {
    drained,
    replicas: kept.length,
    seconds: moving.seconds,
    receivedMiB: bytes / MEBIBYTE,
    pausesMs: pausesIn(moving),
    calmMs: pausesIn(calm),
    ratio: stays.length === 0 ? null : rate(moving) / rate(calm),
    grownMiB: grown,
    notDone: moving.notDone,
    unknown: moving.unknown,
    calmCores,
    cores,
    coldBefore,
    coldAfter,
  };
}

const keyOf = (i: number): string => `moved-${i}`;

async function newest(client: ClusterClient): Promise<View> {
  const { view } = await client.calls.getView({}, { signal: AbortSignal.timeout(10_000) });
  if (view === undefined) throw new Error("a node without a view");
  return view;
}
