/**
 * Writes without an id after their writer was killed: what no stream took was not sent, so the next writer gets it (the
 * router's I5).
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerOf, attempt, inWords } from "./clients.js";
import { Cluster, eventually, freePorts, HOST, type Node } from "./harness.js";

const WRITES = 20;

let cluster: Cluster;
let ports: readonly number[];
beforeAll(async () => {
  ports = await freePorts(3);
  cluster = await Cluster.start({
    nodes: 3,
    replicas: 3,
    partitions: 16,
    env: (i) => ({ ONAR_METRICS_LISTEN: `${HOST}:${ports[i]}` }),
  });
});
afterAll(() => cluster?.stop());

/** Whether the node has a stream to the other. */
async function hasStream(node: Node, to: Node): Promise<boolean> {
  const text = await (await fetch(`http://${HOST}:${ports[cluster.nodes.indexOf(node)]}/metrics`)).text();
  return text.split("\n").some((line) => line.startsWith("onar_peer_queue_bytes{") && line.includes(`"${to.id}"`));
}

test("a write without an id that comes in at another node just after its writer was killed is served by the next writer, once", async () => {
  const writer = await cluster.writerOf("counter");
  const entry = cluster.nodes.find((node) => node !== writer) as Node;
  const key = Buffer.from("counter");
  await answerOf((o) => entry.clients.kv.add({ key, delta: 1n }, o));
  expect(await hasStream(entry, writer)).toBe(true);

  await writer.process.kill();
  await eventually("the entry node has noticed", 5_000, async () =>
    (await hasStream(entry, writer)) ? undefined : true,
  );
  const tried = await Promise.all(
    Array.from({ length: WRITES }, () => attempt(10_000, (o) => entry.clients.kv.add({ key, delta: 1n }, o))),
  );

  expect(tried.flatMap((one) => ("error" in one ? [inWords(one.error)] : []))).toEqual([]);
  const { entry: held } = await answerOf((o) => entry.clients.kv.get({ key }, o));
  expect(held?.value.toString()).toBe(String(WRITES + 1));
});
