/** Too many nodes are lost: what the directories that are left hold is put into a new cluster, and losses are told. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "./harness.js";
import { onar, type Ran } from "./programs.js";

const WITHIN_MS = 120_000;
const KEYS = 60;
const DELETED = 5;
const PARTITIONS = 16;

const folder = mkdtempSync(join(tmpdir(), "onar-recover-"));
const path = (name: string): string => join(folder, name);
const clusters: Cluster[] = [];
let lost: Cluster;
let clusterId = "";

async function started(nodes: number, data?: string, replicas = 3): Promise<Cluster> {
  const where = data === undefined ? {} : { data: path(data) };
  const cluster = await Cluster.start({ nodes, replicas: Math.min(replicas, nodes), partitions: PARTITIONS, ...where });
  clusters.push(cluster);
  return cluster;
}
const recover = (...args: string[]): Promise<Ran> => onar(["recover", ...args], { timeoutMs: WITHIN_MS });
const keyOf = (i: number): string => `kept-${i}`;
const directory = (node: number): string => path(`old/node${node}`);

beforeAll(async () => {
  lost = await started(3, "old");
  const { text } = lost.node(0).clients;
  for (let i = 0; i < KEYS; i++) await text.put({ key: keyOf(i), value: `value ${i}` });
  for (let i = 0; i < DELETED; i++) await text.delete({ key: keyOf(i) });
}, WITHIN_MS);
afterAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.stop()));
  rmSync(folder, { recursive: true });
});

describe("onar recover", () => {
  test("refuses a directory in use, and usage that says two things", async () => {
    expect(await recover(directory(1), "--plan")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is in use by process"),
    });
    expect(await recover(directory(1))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("give --plan for a report alone, or --to FILE"),
    });
    expect(await recover(directory(1), "--plan", "--to", path("x"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--plan only reports"),
    });
  });

  test("refuses a cluster that can go on, directories of two clusters, and one twice", async () => {
    await lost.stop();
    const healthy = await recover(directory(1), directory(3), "--plan", "-o", "json");
    expect(healthy).toMatchObject({ code: 0, stderr: "" });
    const facts = JSON.parse(healthy.stdout);
    clusterId = facts.clusterId;
    expect(facts).toMatchObject({
      partitions: { whole: PARTITIONS, minority: 0, none: 0 },
      keys: KEYS - DELETED,
      votersHere: 2,
      doubtful: 0,
    });
    const refused = await recover(directory(1), directory(3), "--to", path("saved"), "--confirm", clusterId);
    expect(refused).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("nothing is lost: a majority of the voters"),
    });
    const other = await started(1, "other", 1);
    await other.stop();
    expect(await recover(directory(1), path("other/node1"), "--plan")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("name the directories of one cluster"),
    });
    expect(await recover(directory(1), directory(1), "--plan")).toMatchObject({ code: 1 });
    expect(await recover(path("nowhere"), "--plan")).toMatchObject({ code: 1 });
  }, 240_000);

  test("of three nodes one is left: a new cluster gets what it has, once the losses are accepted by name", async () => {
    const plan = await recover(directory(2), "--plan");
    expect(plan).toMatchObject({ code: 0, stderr: "" });
    const told = plan.stdout.replaceAll(/\s+/g, " ");
    expect(told).toContain("no majority of the voters is here");
    expect(told).toContain(`partitions: ${PARTITIONS} by what is here`);

    const unconfirmed = await recover(directory(2), "--to", path("saved"));
    expect(unconfirmed).toMatchObject({
      code: 1,
      stdout: plan.stdout,
      stderr: expect.stringContaining(`add --confirm ${clusterId}`),
    });
    const another = await recover(directory(2), "--to", path("saved"), "--confirm", "ab".repeat(16));
    expect(another).toMatchObject({ code: 1, stderr: expect.stringContaining("these directories are of cluster") });

    const done = await recover(directory(2), "--to", path("saved"), "--confirm", clusterId);
    expect(done).toMatchObject({ code: 0, stderr: "" });
    const fresh = await started(1, undefined, 1);
    const restored = await onar(["restore", path("saved"), "--endpoint", fresh.node(0).address], {
      timeoutMs: WITHIN_MS,
    });
    expect(restored).toMatchObject({ code: 0, stderr: "" });
    const { text } = fresh.node(0).clients;
    let there = 0;
    for (let i = 0; i < KEYS; i++) {
      const { entry } = await text.get({ key: keyOf(i) });
      if (entry === undefined) continue;
      expect(entry.value).toBe(`value ${i}`);
      there++;
    }
    // The node that is left has whatever reached it: all of it here, as nothing was cut off.
    expect(there).toBeGreaterThanOrEqual(KEYS - DELETED);
    const ran = await onar(["view", "--endpoint", fresh.node(0).address, "-o", "json"]);
    expect(JSON.parse(ran.stdout).clusterId).not.toBe(clusterId);
  }, 240_000);
});
