/** A connection that dies without a word is noticed and replaced: nothing that TCP says would do so for minutes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerOf, attempt } from "../e2e/clients.js";
import { Cluster, eventually } from "../e2e/harness.js";
import { type Direction, Network, type Rule } from "./network.js";

const network = new Network();
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, before: (port, node) => network.before(port, node) });
  network.introduce(cluster.nodes.map(({ id }) => id));
});
afterAll(async () => {
  await cluster?.stop();
  await network.stop();
});

test("nodes whose connections all died without a word find each other again within fifteen seconds", async () => {
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error("no node");
  const key = Buffer.from("k");
  await answerOf((o) => first.clients.kv.put({ key, value: Buffer.from("before") }, o));
  const all: Direction[] = [0, 1, 2].flatMap((a) => [0, 1, 2].filter((b) => b !== a).map((b) => [a, b] as const));
  const rule: Rule = { kind: "cut", ending: "silent", touched: 0 };
  network.lay(rule, all);
  await eventually("bytes are lost", 5_000, () => (rule.touched >= all.length ? true : undefined));
  network.lift(rule);
  for (const node of cluster.nodes) {
    await eventually("it serves again", 15_000, async () => {
      const tried = await attempt(2_000, (o) => node.clients.kv.get({ key }, o));
      return "answer" in tried ? true : undefined;
    });
    await answerOf((o) => node.clients.kv.put({ key, value: Buffer.from("after") }, o));
  }
  expect(cluster.nodes.map(({ process }) => process.ended)).toEqual([null, null, null]);
});
