/** The doctor at a real cluster. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, freePorts, HOST } from "./harness.js";
import { onar } from "./programs.js";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16 });
});
afterAll(() => cluster?.stop());

describe("doctor", () => {
  test("finds a cluster that is well to be well", async () => {
    const ran = await onar(["doctor", "--endpoint", cluster.addresses.join(",")]);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    // A busy machine answers slowly, and the doctor says so.
    for (const address of cluster.addresses)
      expect(ran.stdout).toMatch(new RegExp(`(ok|warn)\\s+endpoint ${address} answers`));
    expect(ran.stdout).toMatch(/ok\s+clocks: this machine and 3 nodes are within \d+ ms/);
    expect(ran.stdout).toMatch(/ok\s+all 3 nodes are heard/);
    expect(ran.stdout).toContain("0 to mend");
  });

  test("finds the other nodes by one of them", async () => {
    const ran = await onar(["doctor", "--endpoint", cluster.node(0).address, "-o", "json"]);
    const { findings } = JSON.parse(ran.stdout) as { findings: { text: string }[] };
    expect(findings.map(({ text }) => text)).toContainEqual(expect.stringMatching(/^clocks: this machine and 3 nodes/));
  });

  test("tells of a dead node and of one that hangs, says what to do, ends with 1 and does not hang itself", async () => {
    const [port] = (await freePorts(1)) as [number];
    cluster.node(2).process.pause();
    try {
      const names = [cluster.node(0).address, cluster.node(2).address, `${HOST}:${port}`].join(",");
      const ran = await onar(["doctor", "--endpoint", names, "--timeout", "2"]);
      expect(ran.code).toBe(1);
      expect(ran.stdout).toMatch(new RegExp(`fail\\s+endpoint ${HOST}:${port}: nothing listens`));
      expect(ran.stdout).toMatch(
        new RegExp(`fail\\s+endpoint ${cluster.node(2).address}: .*(no answer|too busy to answer)`),
      );
      expect(ran.stdout).toContain("→ start a node there");
    } finally {
      cluster.node(2).process.resume();
    }
  });
});
