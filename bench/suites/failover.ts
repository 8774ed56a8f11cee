/**
 * How long a killed writer is missed, over fresh clusters; with --kills on one cluster that lives on
 * (failover-on-disk.ts).
 *
 * Intuition: what counts is what a client sees at a node that lives. PUTs to some of the victim's partitions are
 * invoked there every few milliseconds, whether earlier ones were answered or not. Then the writer's process gets
 * SIGKILL. The gap of a partition is the time from the kill to the first answer of a PUT that was invoked after it.
 * That of a cluster is the longest of its partitions.
 */

import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { statusName } from "../http2/stream.js";
import { median, quantile } from "../stats/summary.js";
import { connectTo } from "./cluster-client.js";
import { addedUp, errorsText, progress, type SuiteOptions, type SuiteResult, withCluster } from "./context.js";
import { failoverOnDisk } from "./failover-on-disk.js";
import { PutProbe } from "./put-probe.js";
import { chooseVictim, type Victim } from "./victim.js";

const GOAL_MS = 2000;
const LOAD_BEFORE_MS = 1000;
const GIVE_UP_MS = 15_000;

interface Failover {
  /** Infinity when no PUT succeeded any more. */
  readonly gapMs: number;
  readonly partitions: number;
  readonly puts: number;
  /** For PUTs invoked before or after the kill, by status name. */
  readonly errors: Record<string, number>;
}

export async function failover(options: SuiteOptions): Promise<SuiteResult> {
  if (options.kills > 0) return failoverOnDisk(options);
  const found: Failover[] = [];
  for (let i = 0; i < options.clusters; i++) {
    const one = await once(options, i);
    found.push(one);
    progress(
      `failover: cluster ${i + 1} of ${options.clusters}: ${one.gapMs.toFixed(0)} ms over ${one.partitions} partitions, errors ${errorsText(one.errors)}`,
    );
  }
  const gaps = found.map((f) => f.gapMs);
  const errors = addedUp(found.map((f) => f.errors));
  const worst = Math.max(...gaps);
  const summary = {
    p50Ms: median(gaps),
    p90Ms: quantile(gaps, 0.9),
    maxMs: worst,
    over: gaps.filter((gap) => gap > GOAL_MS).length,
  };
  return {
    tables: [
      {
        title: `failover of a killed writer, ${options.clusters} fresh clusters of ${options.nodes} nodes`,
        head: ["p50 ms", "p90 ms", "max ms", `over ${GOAL_MS} ms`, "PUTs", "errors"],
        rows: [
          [
            summary.p50Ms.toFixed(0),
            summary.p90Ms.toFixed(0),
            summary.maxMs.toFixed(0),
            `${summary.over}`,
            `${found.reduce((sum, f) => sum + f.puts, 0)}`,
            errorsText(errors),
          ],
        ],
      },
    ],
    notes: [`goal: none over ${GOAL_MS} ms: ${summary.over === 0 ? "reached" : "missed"}`],
    figures: { summary, clusters: found },
  };
}

async function once(options: SuiteOptions, round: number): Promise<Failover> {
  return withCluster(options, async (cluster) => {
    const asked = cluster.nodes[round % cluster.nodes.length];
    if (asked === undefined) throw new Error("a cluster without nodes");
    const client = connectTo(asked.client);
    let plan: Victim;
    try {
      plan = await chooseVictim(client, cluster.nodes, `fail${round % 1000}`);
    } finally {
      client.close();
    }
    const probe = new PutProbe(plan.survivor, plan.keys);
    try {
      await probe.ready();
      probe.start();
      await sleep(LOAD_BEFORE_MS);
      const killedAtMs = performance.now();
      cluster.kill(plan.victim);
      const gapMs = await probe.firstSuccessOfEach(killedAtMs, GIVE_UP_MS);
      return { gapMs, partitions: plan.keys.length, puts: probe.puts, errors: named(probe.errors) };
    } finally {
      probe.close();
    }
  });
}

function named(errors: ReadonlyMap<number, number>): Record<string, number> {
  return Object.fromEntries([...errors].map(([status, count]) => [statusName(status), count]));
}
