/**
 * Shared by the suites with a node that is away: distinct keys are written by the others, and the nodes' own counters
 * are read.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { OnarClient } from "../../src/client/client.js";
import { endpointText } from "../cluster.js";
import type { DurableCluster } from "../durable-cluster.js";

/** Calls in flight at each node. */
const IN_FLIGHT = 64;
/** While offices move a write waits, and is asked for again. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 50;

/** Puts so many distinct keys through these nodes, each with `value`. A client puts again what was refused. */
export async function fill(
  cluster: DurableCluster,
  through: readonly number[],
  keys: number,
  keyOf: (i: number) => Buffer,
  value: Buffer,
): Promise<void> {
  const clients = through.map((index) => new OnarClient({ endpoints: [endpointText(clientOf(cluster, index))] }));
  let next = 0;
  const work = async (client: OnarClient): Promise<void> => {
    for (let i = next++; i < keys; i = next++) await client.put(keyOf(i), value, { timeoutMs: PATIENCE_MS });
  };
  try {
    await Promise.all(clients.flatMap((client) => Array.from({ length: IN_FLIGHT }, () => work(client))));
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** The sum of a metric over its labels, at these nodes; or of what has just these labels, if they are named. */
export async function sumOf(cluster: DurableCluster, nodes: readonly number[], metric: string): Promise<number> {
  const texts = await Promise.all(
    nodes.map(async (index) => (await fetch(`http://${cluster.metricsAddress(index)}/metrics`)).text()),
  );
  return texts
    .flatMap((text) => text.split("\n"))
    .filter((line) => line.startsWith(metric) && /^[ {]/.test(line.slice(metric.length)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** Resolves once it holds. */
export async function until(what: string, withinMs: number, holds: () => Promise<boolean>): Promise<void> {
  for (const give = performance.now() + withinMs; !(await holds()); ) {
    if (performance.now() > give) throw new Error(`${what}: not within ${withinMs} ms`);
    await sleep(LOOK_MS);
  }
}

export function clientOf(cluster: DurableCluster, index: number) {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`there is no node ${index + 1}`);
  return node.client;
}
