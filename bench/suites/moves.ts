/**
 * The cost of moving replicas. Four nodes on disk keep so many keys three times. Each round drains one node, so that
 * its replicas move to the others. Meanwhile a caller for each partition puts one key again and again, one call at a
 * time.
 *
 * A pause is the longest time from a put's answer to the next one of that partition. Partitions without a replica on
 * the drained node are not affected: their callers' rate is compared with that of before, in pairs. The drained node is
 * empty after its round, and takes what the next one gives.
 */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { OperationState, type View } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { OnarClient } from "../../src/client/client.js";
import { partitionOf } from "../../src/client/placement.js";
import { endpointText } from "../cluster.js";
import { DurableCluster } from "../durable-cluster.js";
import { anonymousBytesOf } from "../process/procfs.js";
import { median, quantile } from "../stats/summary.js";
import { clientOf, fill, sumOf, until } from "./away.js";
import { type ClusterClient, connectTo } from "./cluster-client.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { type Column, tableOf } from "./table.js";

const NODES = 4;
const PARTITIONS = 64;
const VALUE_BYTES = 100;
const GOAL_MS = 1_000;
const GOAL_RATIO = 0.9;
const GOAL_MIB = 64;
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
  readonly failed: number;
}

export async function moves(options: SuiteOptions): Promise<SuiteResult> {
  const args = ["--replication-factor", "3", "--partitions", `${PARTITIONS}`];
  const cluster = await DurableCluster.start(options.program, NODES, args);
  const client = connectTo(clientOf(cluster, 0));
  const callers = new Callers(cluster);
  const all = cluster.nodes.map((_, i) => i);
  try {
    await until("writers", 60_000, async () => (await sumOf(cluster, all, "onar_partitions_without_writer")) === 0);
    const value = Buffer.alloc(VALUE_BYTES, "v");
    await fill(cluster, all, options.moveKeys, (i) => Buffer.from(`moved-${i}`), value);
    progress(`moves: ${options.moveKeys} keys are written`);
    const rounds: Round[] = [];
    for (let i = 0; i < options.rounds; i++) {
      rounds.push(await round(cluster, client, callers, NODES - 1 - (i % (NODES - 1)), options.seconds));
      progress(`moves: round ${i + 1} of ${options.rounds}: ${rounds.at(-1)?.seconds.toFixed(1)} s`);
    }
    const pauses = rounds.flatMap(({ pausesMs }) => pausesMs);
    const [p99, longest] = [quantile(pauses, 0.99), Math.max(...pauses)];
    const ratio = median(rounds.flatMap((one) => one.ratio ?? []));
    const grown = Math.max(...rounds.map(({ grownMiB }) => grownMiB));
    const lost = await callers.lost();
    return {
      tables: [
        tableOf(
          `${options.moveKeys} keys of ${VALUE_BYTES} B three times on four nodes: one is drained`,
          rounds,
          COLUMNS,
        ),
      ],
      notes: [
        `goal: pause p99 under ${GOAL_MS} ms: ${p99 < GOAL_MS ? "met" : "missed"} (${p99.toFixed(0)} ms; the longest ${longest.toFixed(0)} ms)`,
        `goal: rate of partitions that stay at least ${GOAL_RATIO} of before: ${ratio >= GOAL_RATIO ? "met" : "missed"} (${ratio.toFixed(2)})`,
        `goal: anonymous memory within ${GOAL_MIB} MiB of before: ${grown <= GOAL_MIB ? "met" : "missed"} (${grown.toFixed(0)} MiB)`,
      ],
      figures: { rounds },
      problems: lost.map((what) => `an answered put is lost: ${what}`),
    };
  } finally {
    await callers.close();
    client.close();
    await cluster.stop();
  }
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
  ["memory MiB", (r) => `+${r.grownMiB.toFixed(0)}`],
  ["puts not done", (r) => `${r.failed}`],
];

async function round(
  cluster: DurableCluster,
  client: ClusterClient,
  callers: Callers,
  drained: number,
  calmSeconds: number,
): Promise<Round> {
  const all = cluster.nodes.map((_, i) => i);
  const view = await newest(client);
  const address = endpointText(clientOf(cluster, drained));
  const id = view.members.find(({ clientAddress }) => clientAddress === address)?.id ?? 0;
  const kept = view.partitions.flatMap(({ replicas }, i) => (replicas.includes(id) ? [i] : []));
  const memory = (): number[] => cluster.nodes.map(({ pid }) => (anonymousBytesOf(pid) ?? 0) / MEBIBYTE);
  const before = memory();
  let grown = 0;
  const calm = await callers.during(() => sleep(calmSeconds * 1_000));
  const received = await sumOf(cluster, all, "onar_merge_received_bytes_total");
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
  const bytes = (await sumOf(cluster, all, "onar_merge_received_bytes_total")) - received;
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
    failed: moving.failed,
  };
}

async function newest(client: ClusterClient): Promise<View> {
  const { view } = await client.calls.getView({}, { signal: AbortSignal.timeout(10_000) });
  if (view === undefined) throw new Error("a node without a view");
  return view;
}

interface Seen {
  readonly seconds: number;
  readonly partitions: readonly { puts: number; longestMs: number }[];
  /** Puts without an answer that says that they are done. */
  readonly failed: number;
}

/** One caller a partition. Each puts numbers that grow at a key of its own. */
class Callers {
  private readonly client: OnarClient;
  private readonly keys: readonly string[];
  private readonly last: number[] = Array.from({ length: PARTITIONS }, () => 0);

  constructor(cluster: DurableCluster) {
    this.client = new OnarClient({ endpoints: cluster.nodes.map((node) => endpointText(node.client)) });
    this.keys = this.last.map((_, partition) => keyIn(partition));
  }

  async during(act: () => Promise<void>): Promise<Seen> {
    const partitions = this.keys.map(() => ({ puts: 0, longestMs: 0 }));
    let failed = 0;
    let going = true;
    const began = performance.now();
    const calling = this.keys.map(async (key, i) => {
      const seen = partitions[i] as { puts: number; longestMs: number };
      let answered = performance.now();
      while (going) {
        const number = (this.last[i] ?? 0) + 1;
        try {
          await this.client.put(key, String(number));
        } catch {
          failed++;
          continue;
        }
        this.last[i] = number;
        seen.puts++;
        const now = performance.now();
        seen.longestMs = Math.max(seen.longestMs, now - answered);
        answered = now;
      }
    });
    try {
      await act();
    } finally {
      going = false;
      await Promise.all(calling);
    }
    return { seconds: (performance.now() - began) / 1_000, partitions, failed };
  }

  /** Keys that hold less than what was answered. */
  async lost(): Promise<string[]> {
    const held = await Promise.all(this.keys.map((key) => this.client.get(key)));
    return held.flatMap(({ entry }, i) => {
      const number = Number(entry?.text() ?? 0);
      return number >= (this.last[i] ?? 0) ? [] : [`${this.keys[i]} is ${number}, and ${this.last[i]} was answered`];
    });
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

function keyIn(partition: number): string {
  for (let i = 0; ; i++) {
    const key = `caller-${partition}-${i}`;
    if (partitionOf(Buffer.from(key), PARTITIONS) === partition) return key;
  }
}
