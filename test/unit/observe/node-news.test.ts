import { expect, test } from "vitest";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import type { NodeId } from "../../../src/core/model/ids.js";
import { NodeStatus } from "../../../src/node/status.js";
import { ViewHolder } from "../../../src/node/view-holder.js";
import type { Facts } from "../../../src/observe/log.js";
import { NodeNews } from "../../../src/observe/node-news.js";
import { newCounters } from "../../../src/rpc/peers/link.js";
import type { ServingNode } from "../../../src/rpc/services/serving.js";
import { A, B, C, Cluster, P0, put } from "../node/cluster.js";

interface Observed {
  readonly news: NodeNews;
  readonly lines: string[];
  readonly facts: Facts[];
  readonly details: string[];
  readonly counters: ReturnType<typeof newCounters>;
  standing: number;
  status: NodeStatus;
}

/** A node of the cluster, whose news is looked for when the test says so. */
function observed(cluster: Cluster, id: NodeId): Observed {
  const lines: string[] = [];
  const facts: Facts[] = [];
  const details: string[] = [];
  const counters = newCounters();
  const machine = cluster.machine(id);
  const seen = { lines, facts, details, counters, standing: 0, status: null as unknown as NodeStatus };
  const loop = {
    machine,
    get diskStanding() {
      return seen.standing;
    },
  };
  const node = {
    views: new ViewHolder(encodedView(cluster.view)),
    loop,
    status: new NodeStatus(loop as never),
    counters,
  } as unknown as ServingNode;
  seen.status = node.status as NodeStatus;
  const news = new NodeNews(node, {
    notice: (text, fact) => {
      lines.push(text);
      facts.push(fact);
    },
    detail: (text) => details.push(text),
  });
  news.look(0);
  return Object.assign(seen, { news });
}

test("says once which peer is lost, by its address, and when it is heard again", () => {
  const cluster = new Cluster().elected();
  const at = observed(cluster, B);
  cluster.isolate(C).run(2_000);
  at.news.look(1_000);
  at.news.look(2_000);
  expect(at.lines).toEqual(["node 12 at p12:2 is not heard any more"]);
  cluster.heal().run(1_000);
  at.news.look(3_000);
  expect(at.lines.slice(1)).toEqual(["node 12 at p12:2 is heard again"]);
});

test("of a storm in which many partitions change their writer there is one line with counts, and a line for each at debug", () => {
  const cluster = new Cluster(3, 3, 64).elected();
  cluster.run(5_000);
  const at = observed(cluster, B);
  cluster.isolate(A).run(3_000);
  at.news.look(1_000);
  const changed = at.facts.filter(({ event }) => event === "writers");
  expect(changed).toHaveLength(1);
  expect(changed[0]?.taken).toBeGreaterThan(5);
  expect(at.lines.filter((line) => line.includes("partitions"))).toHaveLength(1);
  expect(at.details.length).toBe(changed[0]?.changed);
});

test("the start is one line: each partition has its first writer", () => {
  const cluster = new Cluster();
  const at = observed(cluster, B);
  for (let i = 1; i <= 10; i++) {
    cluster.run(500);
    at.news.look(i * 500);
  }
  expect(cluster.machine(A).core.isWriter(P0)).toBe(true);
  expect(at.lines).toEqual([expect.stringMatching(/^each of \d+ partitions has a writer; this node writes \d+$/)]);
  expect(at.details).toEqual([]);
});

test("says when it begins to catch up on much, how much, and when that is done", () => {
  const at = observed(new Cluster().elected(), A);
  let [changes, partitions] = [0, 0];
  Object.defineProperty(at.status, "lacking", { get: () => ({ changes, partitions }) });
  [changes, partitions] = [999, 2];
  at.news.look(1_000);
  expect(at.lines).toEqual([]);
  [changes, partitions] = [5_000, 3];
  at.news.look(2_000);
  changes = 400;
  at.news.look(3_000);
  changes = 60;
  at.news.look(4_500);
  at.news.look(5_000);
  expect(at.lines).toEqual(["catching up: 5000 changes behind, in 3 partitions", "caught up, after 2.5 s"]);
});

test("nothing is said while nothing happens", () => {
  const cluster = new Cluster().elected();
  const at = observed(cluster, A);
  cluster.submit(A, put("x"));
  cluster.run(2_000);
  at.news.look(1_000);
  expect([...at.lines, ...at.details]).toEqual([]);
});

test("a disk that stands still is said once, and when it moves again, with the time", () => {
  const at = observed(new Cluster().elected(), A);
  for (const [standing, now] of [
    [900, 1_000],
    [1_400, 1_500],
    [1_900, 2_000],
    [0, 2_500],
  ] as const) {
    at.standing = standing;
    at.news.look(now);
  }
  expect(at.lines).toEqual([
    "the disk has stood still for 1.4 s: reads are passed on to other nodes",
    "the disk moves again, after 2.4 s",
  ]);
});

test("dropped messages are summed up, one line in ten seconds", () => {
  const at = observed(new Cluster().elected(), A);
  for (const now of [1_000, 2_000, 3_000, 12_000]) {
    at.counters.messagesDropped += 5;
    at.news.look(now);
  }
  expect(at.lines.map((line) => line.split(" ")[0])).toEqual(["5", "15"]);
});
