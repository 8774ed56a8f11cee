/** The node to kill, and the keys that show it. */

import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClusterNode, endpointText } from "../cluster.js";
import { type Endpoint, KEY_BYTES, keyTable } from "../load/options.js";
import { type ClusterClient, locateWriter } from "./cluster-client.js";

/** Partitions of one victim that are watched. */
const PARTITIONS = 8;
const CANDIDATE_KEYS = 256;
const WRITERS_MS = 10_000;

export interface Victim {
  readonly victim: ClusterNode;
  readonly survivor: Endpoint;
  /** One key of each partition that is watched. */
  readonly keys: readonly Uint8Array[];
}

/**
 * The writer of some key becomes the victim, unless one is given; more keys of its partitions are sought among a fixed
 * number.
 */
export async function chooseVictim(
  client: ClusterClient,
  nodes: readonly ClusterNode[],
  keyPrefix: string,
  given?: ClusterNode,
): Promise<Victim> {
  const table = keyTable({ keys: CANDIDATE_KEYS, keyPrefix });
  let victim = given;
  const keys = new Map<number, Uint8Array>();
  const deadline = performance.now() + WRITERS_MS;
  for (let i = 0; i < CANDIDATE_KEYS && keys.size < PARTITIONS; i++) {
    const key = table.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES);
    let writer = await locateWriter(client, key);
    while (writer === undefined && performance.now() < deadline) {
      await sleep(50);
      writer = await locateWriter(client, key);
    }
    const node = nodes.find((n) => endpointText(n.client) === writer?.address);
    if (writer === undefined || node === undefined)
      throw new Error(`no node of this cluster is the writer (${writer?.address ?? "none"})`);
    victim ??= node;
    if (node === victim && !keys.has(writer.partition)) keys.set(writer.partition, key);
  }
  const survivor = nodes.find((node) => node !== victim);
  if (victim === undefined || survivor === undefined) throw new Error("nobody would survive");
  if (keys.size === 0) throw new Error(`node ${victim.number} is the writer of nothing that was asked for`);
  return { victim, survivor: survivor.client, keys: [...keys.values()] };
}
