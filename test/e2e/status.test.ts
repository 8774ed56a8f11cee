/** The first line of `onar status` as a real cluster goes through what it can say. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { GrowingCluster } from "./growing-cluster.js";
import { type Cluster, eventually, type Node } from "./harness.js";
import { onar } from "./programs.js";

const LONG_MS = 120_000;
const WITHIN_MS = 60_000;

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

async function firstLine(at: Node): Promise<readonly [string, number]> {
  const { stdout, code } = await onar(["status", "--endpoint", at.address]);
  return [stdout.split("\n")[0] ?? "", code];
}

const says = (at: Node, line: RegExp, code: number): Promise<true> =>
  eventually(`status says ${line}`, WITHIN_MS, async () => {
    const [said, ended] = await firstLine(at);
    return line.test(said) && ended === code ? true : undefined;
  });

async function kill(cluster: Cluster, index: number): Promise<string> {
  await cluster.node(index).process.kill();
  return cluster.node(index).address.replaceAll(".", "\\.");
}

test(
  "one node is gone, then two, then none: a replica is lacking, then the quorum, with the names of those waited for",
  async () => {
    const cluster = await growing.start();
    const at = cluster.node(0);
    await says(at, /^well: all 3 nodes are there, every partition has a writer$/, 0);
    const second = await kill(cluster, 1);
    await says(at, new RegExp(`^NOT WELL: 1 of 3 nodes gone \\(${second}\\); 8 of 8 partitions lack a replica$`), 1);
    const third = await kill(cluster, 2);
    await says(at, /^NOT WELL: 2 of 3 nodes gone .*; 8 of 8 partitions without quorum, waiting for /, 1);
    const told = JSON.parse((await onar(["status", "-o", "json", "--endpoint", at.address])).stdout);
    expect([...told.waitingFor].sort()).toEqual([cluster.node(1).address, cluster.node(2).address].sort());
    expect(told.partitions.withoutQuorum).toHaveLength(8);
    cluster.node(2).restart();
    await says(at, new RegExp(`^NOT WELL: 1 of 3 nodes gone \\(${second}\\); 8 of 8 partitions lack a replica$`), 1);
    cluster.node(1).restart();
    await says(at, /^well: all 3 nodes are there/, 0);
    expect(third).not.toBe(second);
  },
  LONG_MS,
);

test(
  "replicas move: it says of how many partitions, and that nothing is wrong",
  async () => {
    const cluster = await growing.start(4, 3, ["--transfer-rate", "1"]);
    const at = cluster.node(0);
    const value = Buffer.alloc(64 * 1024, "v");
    for (let i = 0; i < 256; i++) await at.clients.kv.put({ key: Buffer.from(`key ${i}`), value });
    const leaving = cluster.node(3);
    const drain = onar(["drain", leaving.address, "--wait", "--endpoint", at.address], { timeoutMs: LONG_MS });
    await says(at, /^look: \d of 8 partitions move(, and \d waits? for a writer)?$/, 0);
    expect(await drain).toMatchObject({ code: 0, stdout: expect.stringContaining("keeps no partition any more") });
    await says(at, /^well: all 4 nodes are there/, 0);
  },
  LONG_MS,
);
