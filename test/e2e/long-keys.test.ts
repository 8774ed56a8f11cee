/**
 * Keys of up to 64 KiB: a node that was away gets each of them once, with its value. A cluster that is idle sends
 * nothing in proportion to them.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerOf } from "./clients.js";
import { Cluster, eventually, freePorts, HOST, type Node } from "./harness.js";

const KIB = 1_024;
const LONGEST = 64 * KIB;
/** Longer than two looks at what others have changed, which are 5 s apart. */
const REST_MS = 11_000;
/** In that time nodes at rest send each other less than this part of the data. */
const REST_PART = 4;

let cluster: Cluster;
let ports: readonly number[];
let data: string;
beforeAll(async () => {
  ports = await freePorts(3);
  data = mkdtempSync(join(tmpdir(), "onar-long-keys-"));
  cluster = await Cluster.start({
    nodes: 3,
    replicas: 3,
    partitions: 16,
    data,
    args: ["--max-key-bytes", String(LONGEST)],
    env: (i) => ({ ONAR_METRICS_LISTEN: `${HOST}:${ports[i]}` }),
  });
});
afterAll(async () => {
  await cluster?.stop();
  rmSync(data, { recursive: true, force: true });
});

/** The sum of a metric, over its labels and some nodes. */
async function sumOf(metric: string, nodes: readonly Node[] = cluster.nodes): Promise<number> {
  const texts = await Promise.all(
    nodes.map(async (node) => (await fetch(`http://${HOST}:${ports[cluster.nodes.indexOf(node)]}/metrics`)).text()),
  );
  const samples = texts.flatMap((text) =>
    text.split("\n").filter((line) => line.startsWith(`${metric} `) || line.startsWith(`${metric}{`)),
  );
  expect(samples.length, metric).toBeGreaterThan(0);
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

const keyOf = (name: string, bytes: number): Buffer => Buffer.from(`${name}/`.padEnd(bytes, "k"));
const put = (node: Node, key: Buffer): Promise<unknown> =>
  answerOf((o) => node.clients.kv.put({ key, value: Buffer.from("v") }, o));

/** Bytes that all nodes send each other while nobody calls. */
async function idleBytes(ms: number): Promise<number> {
  const before = await sumOf("onar_peer_sent_bytes_total");
  await sleep(ms);
  return (await sumOf("onar_peer_sent_bytes_total")) - before;
}

test("a node that was away gets each long key once: no election, nothing dropped, and then the cluster is at rest", async () => {
  const [a, b, away] = cluster.nodes as [Node, Node, Node];
  const stay = [a, b];
  await put(away, keyOf("before", LONGEST));
  await away.process.kill();
  await eventually("all partitions have writers", 20_000, async () =>
    (await sumOf("onar_partitions_without_writer", stay)) === 0 ? true : undefined,
  );
  const keys = [
    ...Array.from({ length: 400 }, (_, i) => keyOf(`4k-${i}`, 4 * KIB)),
    ...Array.from({ length: 16 }, (_, i) => keyOf(`64k-${i}`, LONGEST)),
  ];
  for (let from = 0; from < keys.length; from += 32) {
    await Promise.all(keys.slice(from, from + 32).map((key, i) => put(stay[i % 2] as Node, key)));
  }
  const bytes = keys.reduce((sum, key) => sum + key.length, 0);

  const sent = await sumOf("onar_peer_sent_bytes_total", stay);
  const began = performance.now();
  const elections = await sumOf("onar_elections_total", stay);
  away.restart();
  // Only later are its offices handed back to it.
  const caughtUp = await eventually("the node has caught up", 30_000, async () => {
    if (!away.process.ready) return undefined;
    if ((await sumOf("onar_registers", [away])) < keys.length + 1) return undefined;
    return { sent: await sumOf("onar_peer_sent_bytes_total"), elections: await sumOf("onar_elections_total", stay) };
  });

  expect(caughtUp.elections - elections, "elections").toBe(0);
  // Idle nodes send something, too, and on a busy machine a start takes long.
  const rest = ((performance.now() - began) / REST_MS) * (bytes / REST_PART);
  expect(caughtUp.sent - sent, "bytes on the wire").toBeLessThan(1.5 * bytes + rest);
  expect(await sumOf("onar_peer_messages_dropped_total")).toBe(0);
  const { entry } = await answerOf((o) => away.clients.kv.get({ key: keyOf("64k-3", LONGEST) }, o));
  expect(entry?.value.toString()).toBe("v");
  expect(await idleBytes(REST_MS), "bytes in rest").toBeLessThan(bytes / REST_PART);
}, 120_000);

test("keys of the greatest length are served by every node, also after all were started again", async () => {
  const key = keyOf("served", LONGEST);
  await put(cluster.nodes[0] as Node, key);
  for (const node of cluster.nodes) {
    await node.process.stop();
  }
  for (const node of cluster.nodes) node.restart();
  for (const node of cluster.nodes) await node.process.said("ready");
  for (const node of cluster.nodes) {
    const found = await eventually("the key is served", 20_000, async () => {
      try {
        return (await answerOf((o) => node.clients.kv.get({ key }, o))).entry?.value.toString();
      } catch {
        return undefined;
      }
    });
    expect(found).toBe("v");
  }
  await put(cluster.nodes[1] as Node, keyOf("afterwards", LONGEST));
}, 120_000);
