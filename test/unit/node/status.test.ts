import { expect, test } from "vitest";
import { NO_NODE, partition } from "../../../src/core/model/ids.js";
import { NodeStatus } from "../../../src/node/status.js";
import { A, B, C, Cluster } from "./cluster.js";

const P = partition(0);
const statusOf = (cluster: Cluster, node: typeof A): NodeStatus =>
  new NodeStatus({ machine: cluster.machine(node), diskStanding: 0 as never });

test("before there is a writer a node knows none, and says of its own replica alone that it is ready", () => {
  const status = statusOf(new Cluster(3, 2), A);
  expect(status.partition(P)).toMatchObject({ replicas: [A, B], writer: NO_NODE, round: 0, heldRequests: 0 });
  expect(status.replicasOf(P)).toMatchObject([
    { node: A, ready: true, lag: 0 },
    { node: B, ready: false, lag: null },
  ]);
  expect([status.offices, status.withoutWriter]).toEqual([0, status.partitionCount]);
});

test("once there is one all know it, and the writer counts its office", () => {
  const cluster = new Cluster(3, 2).elected();
  const [writer, other, outside] = [A, B, C].map((node) => statusOf(cluster, node));
  expect(writer?.isWriter(P)).toBe(true);
  expect(other?.partition(P).writer).toBe(A);
  expect(outside?.partition(P)).toMatchObject({ writer: A, settledRevision: null, behind: null });
  expect(outside?.copyOf(P)).toBeNull();
  expect(writer?.upkeep.rounds).toBeGreaterThan(0);
  expect([...(writer?.lags.keys() ?? [])]).toContain(B);
});

test("an office that a node hands over is an offer of its own, and the election after it is told from others by that", () => {
  const cluster = new Cluster(3, 3).elected();
  const before = statusOf(cluster, B).upkeep;
  cluster.step(A, { kind: "leave" });
  cluster.run(2_000);
  expect(statusOf(cluster, A).isWriter(P)).toBe(false);
  expect(statusOf(cluster, A).upkeep.offers).toBe(1);
  expect(statusOf(cluster, B).upkeep).toMatchObject({ offers: 0, rounds: before.rounds + 1 });
});
