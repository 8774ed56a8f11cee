/**
 * Reads of keys that nobody has asked for since they were written, for the suite `moves`. Nothing else calls meanwhile:
 * what the nodes write to their logs comes from these reads.
 */
import { performance } from "node:perf_hooks";
import type { OnarClient } from "../../../src/client/client.js";
import type { DurableCluster } from "../../durable-cluster.js";
import { quantile } from "../../stats/summary.js";
import { sumOf } from "../away.js";

const IN_FLIGHT = 4;

export interface ColdReads {
  readonly reads: number;
  readonly p99Ms: number;
  /** Records that all nodes wrote to their logs meanwhile. */
  readonly records: number;
  /** Keys that were not there. */
  readonly missing: readonly string[];
}

export async function readCold(
  cluster: DurableCluster,
  client: OnarClient,
  keys: readonly string[],
): Promise<ColdReads> {
  const all = cluster.nodes.map((_, i) => i);
  const before = await sumOf(cluster, all, "onar_storage_position");
  const times: number[] = [];
  const missing: string[] = [];
  let next = 0;
  const read = async (): Promise<void> => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
      const began = performance.now();
      const { entry } = await client.get(key);
      times.push(performance.now() - began);
      if (entry === null) missing.push(key);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, read));
  const records = (await sumOf(cluster, all, "onar_storage_position")) - before;
  return { reads: times.length, p99Ms: quantile(times, 0.99), records, missing };
}
