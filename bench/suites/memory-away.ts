/**
 * The cost, in memory of the others, of a node that is away. All three take distinct keys with values of 10 KiB, so
 * many that storage and writers use what they may use: --storage-memory, and WRITER_MEMORY_BYTES
 * (core/model/bounds.ts). Then one is killed, the same keys are written anew, and the memory of the others is compared
 * with that of before.
 *
 * New keys would count as the cost of the node: resident memory includes the mapped pages of LMDB's file. The system
 * takes those back when it needs them. Anonymous memory, which the process holds itself, is told besides.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DurableCluster } from "../durable-cluster.js";
import { anonymousBytesOf, residentBytesOf } from "../process/procfs.js";
import { fill, sumOf, until } from "./away.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { type Column, tableOf } from "./table.js";

const VALUE_BYTES = 10_240;
const GOAL_MIB = 128;
/** At least: some 240 MB, twice what storage may keep. */
const WARM_UP_KEYS = 24_000;
/** Folds end, and collectors run. */
const REST_MS = 5_000;
const MEBIBYTE = 1_024 * 1_024;

interface Line {
  readonly node: number;
  readonly atStart: Memory;
  readonly before: Memory;
  readonly after: Memory;
  readonly retainedMiB: number;
}

interface Memory {
  readonly residentMiB: number;
  readonly anonymousMiB: number;
}

export async function memoryAway(options: SuiteOptions): Promise<SuiteResult> {
  const cluster = await DurableCluster.start(options.program, 3);
  const stay = [0, 1];
  try {
    const value = Buffer.alloc(VALUE_BYTES, "v");
    const atStart = stay.map((index) => memoryOf(cluster, index));
    await fill(cluster, [0, 1, 2], Math.max(WARM_UP_KEYS, options.awayKeys), keyOf, value);
    await cluster.kill(2).gone;
    await until("writers", 20_000, async () => (await sumOf(cluster, stay, "onar_partitions_without_writer")) === 0);
    await sleep(REST_MS);
    const before = stay.map((index) => memoryOf(cluster, index));
    await fill(cluster, stay, options.awayKeys, keyOf, value);
    progress(`memory-away: ${options.awayKeys} keys are written`);
    await sleep(REST_MS);
    const lines = await Promise.all(
      stay.map(async (index, i): Promise<Line> => {
        const retained = await sumOf(cluster, [index], 'onar_load_bytes{kind="retained"}');
        const memory = {
          atStart: atStart[i] as Memory,
          before: before[i] as Memory,
          after: memoryOf(cluster, index),
        };
        return { node: index + 1, ...memory, retainedMiB: retained / MEBIBYTE };
      }),
    );
    const grown = Math.max(...lines.map(({ before: was, after }) => after.residentMiB - was.residentMiB));
    return {
      tables: [tableOf(`${options.awayKeys} keys with values of 10 KiB, one node away`, lines, COLUMNS)],
      notes: [
        `goal: resident memory within ${GOAL_MIB} MiB of before: ${grown <= GOAL_MIB ? "met" : "missed"} (${grown.toFixed(0)} MiB)`,
      ],
      figures: { lines },
    };
  } finally {
    await cluster.stop();
  }
}

const COLUMNS: readonly Column<Line>[] = [
  ["node", (l) => `${l.node}`],
  ["resident MiB at the start", (l) => l.atStart.residentMiB.toFixed(0)],
  ["before", (l) => l.before.residentMiB.toFixed(0)],
  ["after", (l) => l.after.residentMiB.toFixed(0)],
  ["anonymous MiB at the start", (l) => l.atStart.anonymousMiB.toFixed(0)],
  ["before", (l) => l.before.anonymousMiB.toFixed(0)],
  ["after", (l) => l.after.anonymousMiB.toFixed(0)],
  ["kept for the node away, MiB", (l) => l.retainedMiB.toFixed(1)],
];

const keyOf = (i: number): Buffer => Buffer.from(`key-${i}`);

function memoryOf(cluster: DurableCluster, index: number): Memory {
  const pid = cluster.nodes[index]?.pid ?? 0;
  return {
    residentMiB: (residentBytesOf(pid) ?? Number.NaN) / MEBIBYTE,
    anonymousMiB: (anonymousBytesOf(pid) ?? Number.NaN) / MEBIBYTE,
  };
}
