/**
 * The cost of a node that comes back: it is killed, the others take writes of distinct keys, and it is started again.
 * Counted until it has all: bytes of frames that all nodes sent, elections at the others, messages that were dropped.
 * Then the bytes that the cluster sends when idle.
 *
 * Elections are counted until the end of that rest. Once the node has all keys of a partition, its office there is
 * handed back to it. That election is meant, and counted by itself: each offer raises the ballot's round at both of the
 * others by one.
 *
 * The node is killed once every node has its share of the offices. A node that is killed in the middle of the first
 * elections has promised ballots that nobody else knows of. The others then elect above them when it is back.
 *
 * While one node is away the other two need each other. So on a machine that is too busy to let them answer for half a
 * second, they elect. Nodes say so in their log ("is not heard any more"). That tells of the machine, not of catching
 * up.
 *
 * The frames hold heartbeats and everything else, too, so the ratio to the data never reaches one.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DurableCluster } from "../durable-cluster.js";
import { fill, sumOf, until } from "./away.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { type Column, tableOf } from "./table.js";

const GOAL = 1.5;
/** Two looks at what the others have changed, and some more. */
const REST_MS = 12_000;
const MEGABYTE = 1e6;

interface Case {
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

const CASES: readonly Case[] = [
  { name: "keys of 4 KiB", keyBytes: 4_096, valueBytes: 16 },
  { name: "keys of 64 KiB", keyBytes: 65_536, valueBytes: 16 },
  { name: "values of 10 KiB", keyBytes: 24, valueBytes: 10_240 },
  { name: "values of 100 bytes", keyBytes: 24, valueBytes: 100 },
];

interface Line extends Case {
  readonly keys: number;
  /** Bytes of frames for each byte of key or value. */
  readonly ratio: number;
  readonly seconds: number;
  /** Rounds of ballots at both of the others, without those of offices handed back. */
  readonly elections: number;
  readonly handedBack: number;
  readonly dropped: number;
  /** Bytes a second that all nodes send when idle. */
  readonly restPerSecond: number;
}

export async function catchUp(options: SuiteOptions): Promise<SuiteResult> {
  const lines: Line[] = [];
  const { only } = options;
  for (const one of CASES) if (only.length === 0 || only.includes(one.name)) lines.push(await measure(options, one));
  const missed = lines.filter(({ ratio, elections, dropped }) => ratio > GOAL || elections > 0 || dropped > 0);
  return {
    tables: [tableOf(`a node comes back after ${options.missedMegabytes} MB of distinct keys`, lines, COLUMNS)],
    notes: [
      `goal: at most ${GOAL} bytes on the wire for each byte of key or value, no election, nothing dropped: ${missed.length === 0 ? "met" : `missed by ${missed.map(({ name }) => name).join(", ")}`}`,
    ],
    figures: { lines },
  };
}

const COLUMNS: readonly Column<Line>[] = [
  ["what", (l) => l.name],
  ["keys", (l) => `${l.keys}`],
  ["bytes on the wire / data", (l) => l.ratio.toFixed(2)],
  ["seconds from serving to all", (l) => l.seconds.toFixed(1)],
  ["elections", (l) => `${l.elections}`],
  ["offices handed back", (l) => `${l.handedBack}`],
  ["dropped", (l) => `${l.dropped}`],
  ["bytes/s in rest", (l) => l.restPerSecond.toFixed(0)],
];

async function measure(options: SuiteOptions, one: Case): Promise<Line> {
  const cluster = await DurableCluster.start(options.program, 3, ["--max-key-bytes", "65536"]);
  const all = [0, 1, 2];
  const stay = [0, 1];
  const away = 2;
  try {
    await until("first offices", 60_000, () => officesAreEven(cluster, all));
    await cluster.kill(away).gone;
    await until("writers", 20_000, async () => (await sumOf(cluster, stay, "onar_partitions_without_writer")) === 0);
    const keys = Math.ceil((options.missedMegabytes * MEGABYTE) / (one.keyBytes + one.valueBytes));
    const bytes = keys * (one.keyBytes + one.valueBytes);
    const keyOf = (i: number): Buffer => Buffer.from(`${i}/`.padEnd(one.keyBytes, "k"));
    await fill(cluster, stay, keys, keyOf, Buffer.alloc(one.valueBytes, "v"));

    const sent = await sumOf(cluster, stay, "onar_peer_sent_bytes_total");
    const rounds = await roundsOf(cluster, stay);
    await cluster.startNode(away);
    const servesAt = performance.now();
    await until("all keys", 120_000, async () => (await sumOf(cluster, [away], "onar_registers")) >= keys);
    const seconds = (performance.now() - servesAt) / 1_000;
    const line = {
      ...one,
      keys,
      seconds,
      ratio: ((await sumOf(cluster, all, "onar_peer_sent_bytes_total")) - sent) / bytes,
      dropped: await sumOf(cluster, all, "onar_peer_messages_dropped_total"),
    };
    progress(`catch-up: ${one.name}: ${line.ratio.toFixed(2)} of the data in ${seconds.toFixed(1)} s`);
    const before = await sumOf(cluster, all, "onar_peer_sent_bytes_total");
    await sleep(REST_MS);
    const rest = (await sumOf(cluster, all, "onar_peer_sent_bytes_total")) - before;
    const { all: allRounds, offers } = await roundsOf(cluster, stay);
    const handedBack = offers - rounds.offers;
    // An offer that nobody has taken yet has raised nothing.
    const elections = Math.max(0, allRounds - rounds.all - stay.length * handedBack);
    return { ...line, elections, handedBack, restPerSecond: rest / (REST_MS / 1_000) };
  } finally {
    await cluster.stop();
  }
}

async function officesAreEven(cluster: DurableCluster, nodes: readonly number[]): Promise<boolean> {
  const offices = await Promise.all(nodes.map((node) => sumOf(cluster, [node], "onar_offices")));
  const share = offices.reduce((sum, held) => sum + held, 0) / nodes.length;
  const without = await sumOf(cluster, nodes, "onar_partitions_without_writer");
  return without === 0 && offices.every((held) => held > 0 && Math.abs(held - share) < 1);
}

async function roundsOf(cluster: DurableCluster, nodes: readonly number[]): Promise<{ all: number; offers: number }> {
  const all = await sumOf(cluster, nodes, "onar_elections_total");
  return { all, offers: await sumOf(cluster, nodes, "onar_offices_offered_total") };
}
