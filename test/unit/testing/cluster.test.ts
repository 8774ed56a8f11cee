/** A cluster in this process, as users' tests have it. */
import { afterEach, expect, test } from "vitest";
import { startTestCluster, type TestCluster } from "../../../src/testing/cluster.js";

const LONG_MS = 60_000;

let cluster: TestCluster | null = null;
afterEach(async () => {
  await cluster?.close();
  cluster = null;
});

test(
  "a node that is killed is missed by nobody",
  async () => {
    cluster = await startTestCluster({ seed: 7 });
    const client = cluster.client({ timeoutMs: 30_000 });
    for (let i = 1; i <= 40; i++) {
      if (i === 10) await cluster.kill(cluster.pick());
      expect(await client.outcome.add("count", 1)).toMatchObject({ outcome: "done", number: BigInt(i) });
    }
    expect(cluster.living).toHaveLength(2);
  },
  LONG_MS,
);

test(
  "a node that is cut off serves no writes until the cut heals; the others do",
  async () => {
    cluster = await startTestCluster({ seed: 8 });
    const [alone, other] = cluster.nodes;
    if (alone === undefined || other === undefined) throw new Error("no nodes");
    await other.client().put("k", "before");
    cluster.isolate(alone);
    const within = other.client({ timeoutMs: 30_000 });
    expect(await within.outcome.put("k", "during")).toMatchObject({ outcome: "done" });
    const lonely = await alone.client({ timeoutMs: 1_500 }).outcome.put("k", "alone");
    expect(lonely.outcome).not.toBe("done");
    cluster.heal();
    expect(await alone.client({ timeoutMs: 30_000 }).outcome.get("k")).toMatchObject({ outcome: "done" });
  },
  LONG_MS,
);

test(
  "lost messages cost time, not answers",
  async () => {
    cluster = await startTestCluster({ seed: 9, loss: 0.02 });
    const client = cluster.client({ timeoutMs: 30_000 });
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => client.outcome.add("count", 1)));
    expect(outcomes.filter(({ outcome }) => outcome !== "done")).toEqual([]);
    expect((await client.get("count")).entry?.text()).toBe("50");
  },
  LONG_MS,
);

test(
  "the same seed makes the same choices",
  async () => {
    cluster = await startTestCluster({ nodes: 3, seed: 11 });
    const choices = Array.from({ length: 10 }, () => cluster?.nodes.indexOf(cluster.pick()));
    await cluster.close();
    cluster = await startTestCluster({ nodes: 3, seed: 11 });
    expect(Array.from({ length: 10 }, () => cluster?.nodes.indexOf(cluster.pick()))).toEqual(choices);
  },
  LONG_MS,
);

test.each([
  [{ nodes: 0 }, "nodes must be a whole number from 1 to 31; it is 0"],
  [{ loss: 2 }, "loss must be a number from 0 to 1; it is 2"],
  [{ seed: 0.5 }, "seed must be a whole number; it is 0.5"],
  [{ replicationFactor: 4 }, "options.replicationFactor must be at most"],
])("refuses %j by name", async (options, message) => {
  await expect(startTestCluster(options)).rejects.toThrow(message);
});
