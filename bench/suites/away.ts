/**
 * Shared by the suites with a node that is away: distinct keys are written by the others, and the nodes' own counters
 * are read.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Channel, createChannel, createClient } from "nice-grpc";
import { type KeyValueServiceClient, KeyValueServiceDefinition } from "../../gen/ts/onar/kv/v1/kv.js";
import { endpointText } from "../cluster.js";
import type { DurableCluster } from "../durable-cluster.js";

const IN_FLIGHT = 32;
const LOOK_MS = 50;

/** Puts so many distinct keys through these nodes, each with `value`. */
export async function fill(
  cluster: DurableCluster,
  through: readonly number[],
  keys: number,
  keyOf: (i: number) => Buffer,
  value: Buffer,
): Promise<void> {
  const channels: Channel[] = through.map((index) => createChannel(endpointText(clientOf(cluster, index))));
  const clients: KeyValueServiceClient[] = channels.map((channel) => createClient(KeyValueServiceDefinition, channel));
  let next = 0;
  const work = async (client: KeyValueServiceClient): Promise<void> => {
    for (let i = next++; i < keys; i = next++) await putPatiently(client, keyOf(i), value);
  };
  try {
    await Promise.all(clients.flatMap((client) => Array.from({ length: IN_FLIGHT }, () => work(client))));
  } finally {
    for (const channel of channels) channel.close();
  }
}

/** While offices move a write may be refused; it is tried again, as a client would. */
async function putPatiently(client: KeyValueServiceClient, key: Buffer, value: Buffer): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.put({ key, value }, { signal: AbortSignal.timeout(10_000) });
      return;
    } catch (error) {
      if (tries === 20) throw error;
      await sleep(100);
    }
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
