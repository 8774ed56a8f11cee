/** The requests that a node with a full disk does not take in, and the fate of writes. */
import { expect, test } from "vitest";
import { attempt, groupEpoch, type NodeId, partition } from "../../../src/core/model/ids.js";
import type { NodeMessage } from "../../../src/core/model/node-message.js";
import { bringsRegisters, lostWhenFull } from "../../../src/node/disk-full.js";
import { keyOf, register } from "../../conformance/operations.js";
import { A, B, C, Cluster, P0, put, read, remove } from "./cluster.js";

const P = partition(3);
const common = { partition: P, groupEpoch: groupEpoch(1), attempt: attempt(5) } as const;
const impose: NodeMessage = { kind: "impose", partition: P, attempt: attempt(1), register: register(keyOf(1)) };

test("messages that bring registers are told from others", () => {
  expect(bringsRegisters(impose)).toBe(true);
  expect(bringsRegisters({ kind: "read", ...common, key: keyOf(1), holding: null })).toBe(false);
  expect(bringsRegisters({ kind: "prepare", partition: P, ballot: register(keyOf(1)).timestamp.ballot })).toBe(false);
});

/** These nodes' disks are full: what brings registers to them is dropped. */
function fill(cluster: Cluster, ...nodes: NodeId[]): Cluster {
  cluster.drops = ({ to, message }) => nodes.includes(to) && bringsRegisters(message);
  for (const node of [A, B, C]) cluster.step(node, { kind: "disk-full", full: nodes.includes(node) });
  return cluster;
}

test("a writer whose disk is full hands its office over, and writes through any node go on", () => {
  const cluster = fill(new Cluster().elected(A), A).run(600);
  expect(cluster.machine(A).core.isWriter(P0)).toBe(false);
  for (const node of [A, B, C]) {
    const name = cluster.submit(node, put(`by ${node}`));
    cluster.run(500);
    expect(cluster.verdict(name)).toMatchObject({ status: "done" });
  }
});

test("a full node takes no office while another can have it, is no preferred replica, and gets it back when there is space (election E6)", () => {
  const cluster = fill(new Cluster().elected(A), A).run(600);
  expect(cluster.machine(B).core.isWriter(P0)).toBe(true);
  cluster.run(30_000);
  expect(cluster.machine(A).core.isWriter(P0)).toBe(false);
  fill(cluster).run(30_000);
  expect(cluster.machine(A).core.isWriter(P0)).toBe(true);
});

test("while no majority has space, writes are refused as disk-full, reads go on, and somebody keeps the office", () => {
  const cluster = fill(new Cluster().elected(A), A, B).run(2_000);
  const written = cluster.submit(C, put("x"));
  const shown = cluster.submit(C, read);
  cluster.run(100);
  expect(cluster.verdict(written)).toEqual({ status: "refused", refusal: { reason: "disk-full" } });
  expect(cluster.verdict(shown)).toMatchObject({ status: "done" });
  fill(cluster, A, B, C).run(5_000);
  expect(cluster.machine(C).core.isWriter(P0)).toBe(true);
  fill(cluster).run(1_000);
  const again = cluster.submit(A, put("y"));
  cluster.run(500);
  expect(cluster.verdict(again)).toMatchObject({ status: "done" });
});

test("when all disks are full from the start, a writer is elected all the same", () => {
  const cluster = fill(new Cluster(), A, B, C);
  cluster.elected(A);
  expect(cluster.machine(A).core.isWriter(P0)).toBe(true);
});

test("deletions are taken while all disks are full, and their tombstones as long as there is room", () => {
  const tombstone: NodeMessage = { ...impose, register: register(keyOf(1), { value: null }) };
  expect([tombstone, impose].map((one) => lostWhenFull(one, true))).toEqual([false, true]);
  expect([tombstone, impose].map((one) => lostWhenFull(one, false))).toEqual([true, true]);
  const cluster = new Cluster().elected(A);
  const name = cluster.submit(A, put("x"));
  cluster.run(500);
  expect(cluster.verdict(name)).toMatchObject({ status: "done" });
  fill(cluster, A, B, C);
  cluster.drops = ({ message }) => lostWhenFull(message, true);
  cluster.run(2_000);
  const deleted = cluster.submit(B, remove);
  cluster.run(2_000);
  expect(cluster.verdict(deleted)).toMatchObject({ status: "done" });
});
