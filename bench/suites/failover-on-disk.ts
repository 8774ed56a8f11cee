/**
 * Failover over and over on one cluster on disk. A writer is killed, started again, and serves. When it has its offices
 * back, the next node is killed. They take turns, so that none is killed far more often than others. That would make
 * the others wait longer and longer before they hand offices back to it.
 *
 * The gap is that of failover.ts. PUTs go on until the offices are back, so that handing them back would show, too.
 * Failures after the node serves again are counted by themselves.
 */

import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DurableCluster } from "../durable-cluster.js";
import { statusName } from "../http2/stream.js";
import { quantile } from "../stats/summary.js";
import { connectTo, officesOf } from "./cluster-client.js";
import { addedUp, errorsText, progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { PutProbe } from "./put-probe.js";
import { chooseVictim, type Victim } from "./victim.js";

const GOAL_MS = 2_000;
const LOAD_BEFORE_MS = 500;
const GIVE_UP_MS = 15_000;
const OFFICES_MS = 120_000;
const LOOK_MS = 100;

interface Kill {
  /** Infinity when no PUT succeeded any more. */
  readonly gapMs: number;
  /** From the start of the process until it serves, and until it has its offices back. */
  readonly servesMs: number;
  readonly officesMs: number;
  readonly puts: number;
  /** For PUTs, by status name; those that came after the node served again are in both. */
  readonly errors: Record<string, number>;
  readonly errorsComingBack: number;
}

export async function failoverOnDisk(options: SuiteOptions): Promise<SuiteResult> {
  const cluster = await DurableCluster.start(options.program, options.nodes);
  const kills: Kill[] = [];
  try {
    for (let round = 0; round < options.kills; round++) {
      const kill = await killOne(cluster, round);
      kills.push(kill);
      progress(
        `failover: kill ${round + 1} of ${options.kills}: ${kill.gapMs.toFixed(0)} ms, serves after ${kill.servesMs.toFixed(0)} ms, ` +
          `offices back after ${(kill.officesMs / 1000).toFixed(1)} s, errors ${errorsText(kill.errors)}`,
      );
    }
  } finally {
    await cluster.stop();
  }
  return summed(options, kills);
}

async function killOne(cluster: DurableCluster, round: number): Promise<Kill> {
  const index = round % cluster.nodes.length;
  // On a busy machine others may have been elected first; it is handed its offices then.
  await offices(cluster, index, (held) => held.size > 0);
  const { victim, survivor, keys } = await choose(cluster, round, index);
  const before = await officesOf(victim.client);
  const probe = new PutProbe(survivor, keys);
  try {
    await probe.ready();
    probe.start();
    await sleep(LOAD_BEFORE_MS);
    const killedAtMs = performance.now();
    const { gone } = cluster.kill(index);
    const gapMs = await probe.firstSuccessOfEach(killedAtMs, GIVE_UP_MS);
    await gone;
    const startedAtMs = performance.now();
    await cluster.startNode(index);
    const servesMs = performance.now() - startedAtMs;
    const failedBefore = count(probe.errors);
    await offices(cluster, index, (held) => [...before].every((partition) => held.has(partition)));
    const officesMs = performance.now() - startedAtMs;
    const errors = Object.fromEntries([...probe.errors].map(([status, times]) => [statusName(status), times]));
    return {
      gapMs,
      servesMs,
      officesMs,
      puts: probe.puts,
      errors,
      errorsComingBack: count(probe.errors) - failedBefore,
    };
  } finally {
    probe.close();
  }
}

async function choose(cluster: DurableCluster, round: number, index: number): Promise<Victim> {
  const { nodes } = cluster;
  const victim = nodes[index];
  const asked = nodes[(index + 1) % nodes.length];
  if (victim === undefined || asked === undefined) throw new Error("a cluster without nodes");
  const client = connectTo(asked.client);
  try {
    return await chooseVictim(client, nodes, `kill${round % 1000}`, victim);
  } finally {
    client.close();
  }
}

/** Waits until the node holds the offices that it should. */
async function offices(
  cluster: DurableCluster,
  index: number,
  enough: (held: ReadonlySet<number>) => boolean,
): Promise<void> {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`there is no node ${index + 1}`);
  const giveUp = performance.now() + OFFICES_MS;
  while (performance.now() < giveUp) {
    if (enough(await officesOf(node.client))) return;
    await sleep(LOOK_MS);
  }
  throw new Error(`node ${node.number} did not get its offices within ${OFFICES_MS / 1000} s`);
}

function summed(options: SuiteOptions, kills: readonly Kill[]): SuiteResult {
  const gaps = kills.map(({ gapMs }) => gapMs);
  const errors = addedUp(kills.map((kill) => kill.errors));
  const summary = {
    p50Ms: quantile(gaps, 0.5),
    p99Ms: quantile(gaps, 0.99),
    maxMs: Math.max(...gaps),
    servesP99Ms: quantile(
      kills.map(({ servesMs }) => servesMs),
      0.99,
    ),
    officesP50Ms: quantile(
      kills.map(({ officesMs }) => officesMs),
      0.5,
    ),
    errorsComingBack: kills.reduce((sum, kill) => sum + kill.errorsComingBack, 0),
  };
  const { p50Ms, p99Ms, maxMs, servesP99Ms, officesP50Ms, errorsComingBack } = summary;
  return {
    tables: [
      {
        title: `failover of a killed writer, ${kills.length} kills in one cluster of ${options.nodes} nodes on disk`,
        head: ["p50 ms", "p99 ms", "max ms", "PUTs", "errors", "serves again p99 ms", "offices back p50 s"],
        rows: [
          [
            p50Ms.toFixed(0),
            p99Ms.toFixed(0),
            maxMs.toFixed(0),
            `${kills.reduce((sum, { puts }) => sum + puts, 0)}`,
            errorsText(errors),
            servesP99Ms.toFixed(0),
            (officesP50Ms / 1000).toFixed(1),
          ],
        ],
      },
    ],
    notes: [
      `goal: p99 under ${GOAL_MS} ms: ${p99Ms < GOAL_MS ? "reached" : "missed"}`,
      `PUTs that failed once the killed node served again: ${errorsComingBack}`,
    ],
    figures: { summary, kills },
  };
}

const count = (errors: ReadonlyMap<number, number>): number =>
  [...errors.values()].reduce((sum, times) => sum + times, 0);
