/**
 * The TypeScript client against real processes: the shared cases, a killed writer, a node that drains, one that is
 * paused.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { done, type KeyValueCalls, OnarClient } from "../../src/client/client.js";
import { casesOn, runSteps } from "../clients/ts/runner.js";
import { Cluster, eventually, type Node } from "./harness.js";
import { TcpProxy } from "./proxy.js";

const prefix = (): string => `${randomBytes(6).toString("hex")}/`;
const clientOf = (cluster: Cluster, timeoutMs = 20_000): OnarClient =>
  new OnarClient({ endpoints: cluster.addresses, timeoutMs });

describe("the shared cases", () => {
  let cluster: Cluster;
  let client: OnarClient;
  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
    client = clientOf(cluster);
  });
  afterAll(async () => {
    await client?.close();
    await cluster?.stop();
  });

  describe.each(casesOn("cluster"))("$name", (definition) => {
    test("by single calls", () => runSteps(definition, { calls: client, prefix: prefix() }));

    test("through a pipeline", async () => {
      await using pipeline = client.pipeline();
      await runSteps(definition, { calls: pipeline, prefix: prefix() });
    });
  });

  test("an endpoint without node, and one that is no host, do no harm", async () => {
    const endpoints = ["127.0.0.1:9", "no-such-host.invalid:4600", cluster.node(1).address];
    await using other = new OnarClient({ endpoints });
    expect((await other.put("endpoint", "x")).version).toBeGreaterThan(0n);
  });

  test("without direct calls only the endpoints are used, with them also the nodes found through them", async () => {
    const proxy = await TcpProxy.start(cluster.node(2).process.port);
    await using within = new OnarClient({ endpoints: [proxy.address], direct: false });
    await using beyond = new OnarClient({ endpoints: [proxy.address] });
    for (let i = 0; i < 20; i++) {
      await within.put(`direct${i}`, "x");
      await beyond.put(`direct${i}`, "x");
    }
    await proxy.stop();
    // The first may have been sent just before the connection was seen to be broken.
    await eventually("nobody can be reached", 20_000, async () => {
      const put = await within.outcome.put("direct", "x", { timeoutMs: 500 });
      return "reason" in put && put.reason === "UNREACHABLE" ? true : undefined;
    });
    expect(await beyond.outcome.put("direct", "x", { timeoutMs: 20_000 })).toMatchObject({ outcome: "done" });
  });

  test.each([
    ["single calls", (by: OnarClient): KeyValueCalls => by],
    ["a pipeline", (by: OnarClient): KeyValueCalls => by.pipeline()],
  ])("by %s, over connections that are cut again and again, 300 additions are exactly 300", async (_name, callsOf) => {
    const proxies = await Promise.all(cluster.nodes.map(({ process }) => TcpProxy.start(process.port)));
    await using cutOff = new OnarClient({
      endpoints: proxies.map(({ address }) => address),
      direct: false,
      timeoutMs: 30_000,
    });
    const calls = callsOf(cutOff);
    const key = `cut-${prefix()}`;
    try {
      await calls.add(key, 0);
      for (const proxy of proxies) proxy.cutAfterBytes = 9_000;
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, async () => {
          const mine: unknown[] = [];
          for (let i = 0; i < 30; i++) mine.push(await calls.outcome.add(key, 1));
          return mine;
        }),
      );
      const failed = outcomes.flat().filter((outcome) => Reflect.get(Object(outcome), "outcome") !== "done");
      const cuts = proxies.reduce((sum, proxy) => sum + proxy.cuts, 0);
      console.log(`${cuts} connections were cut, ${failed.length} calls failed`);
      expect(failed).toEqual([]);
      expect(cuts).toBeGreaterThan(2);
      expect((await client.get(key)).entry?.text()).toBe("300");
    } finally {
      await cutOff.close();
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    }
  });

  test("a write that is cancelled under way is unknown, before it is sent not done", async () => {
    const controller = new AbortController();
    controller.abort();
    expect(await client.outcome.put("cancelled", "x", { signal: controller.signal })).toMatchObject({
      outcome: "notDone",
      reason: "CANCELLED",
    });
    const late = new AbortController();
    const put = client.outcome.put("cancelled", "y", { signal: late.signal });
    late.abort();
    expect(["notDone", "unknown"]).toContain((await put).outcome);
  });
});

describe.each([
  ["single calls", (client: OnarClient): KeyValueCalls => client],
  ["a pipeline", (client: OnarClient): KeyValueCalls => client.pipeline()],
])("by %s, while the writer is killed", (_name, callsOf) => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
  });
  afterAll(() => cluster?.stop());

  test("500 additions, some of them at once, are exactly 500, and none is unknown", async () => {
    await using client = clientOf(cluster);
    const calls = callsOf(client);
    const key = `count-${prefix()}`;
    let added = 0;
    const worker = async (): Promise<void> => {
      while (added < 500) {
        added++;
        if (added === 150) await (await cluster.writerOf(key)).process.kill();
        expect(await calls.outcome.add(key, 1)).toMatchObject({ outcome: "done" });
      }
    };
    await Promise.all(Array.from({ length: 5 }, worker));
    expect((await calls.get(key)).entry?.text()).toBe("500");
  });
});

test("the shared case with a killed writer", async () => {
  const cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
  await using client = clientOf(cluster);
  try {
    for (const definition of casesOn("killable")) {
      const killWriter = async (key: Buffer): Promise<void> => {
        await (await cluster.writerOf(key.toString())).process.kill();
      };
      await runSteps(definition, { calls: client, prefix: prefix(), killWriter });
    }
  } finally {
    await cluster.stop();
  }
});

describe("a node that is told to stop, or does not answer", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
  });
  afterAll(() => cluster?.stop());

  test("paused: calls go on through the others", async () => {
    await using client = clientOf(cluster, 30_000);
    for (let i = 0; i < 64; i++) await client.put(`paused${i}`, "before");
    const paused = cluster.node(0);
    paused.process.pause();
    try {
      const outcomes = await Promise.all(
        Array.from({ length: 64 }, (_, i) => client.outcome.put(`paused${i}`, "after")),
      );
      expect(outcomes.filter(({ outcome }) => outcome !== "done")).toEqual([]);
      const reads = await Promise.all(Array.from({ length: 64 }, (_, i) => client.get(`paused${i}`)));
      expect(new Set(reads.map((read) => done(read).entry?.text()))).toEqual(new Set(["after"]));
    } finally {
      paused.process.resume();
    }
    await eventually("the paused node is back", 20_000, async () =>
      (await cluster.locate("paused0", paused)).writer === 0 ? undefined : true,
    );
  });

  test("SIGTERM: no call fails, by single calls and through a pipeline", async () => {
    await using client = clientOf(cluster);
    const pipeline = client.pipeline();
    const failed: unknown[] = [];
    let calls = 0;
    let stopping = false;
    const work = async (by: KeyValueCalls, name: string): Promise<void> => {
      for (let i = 0; !stopping; i++) {
        const key = `drain-${name}-${i % 50}`;
        const outcomes = [
          await by.outcome.put(key, String(i)),
          await by.outcome.get(key),
          await by.outcome.add(`${key}-n`, 1),
        ];
        calls += outcomes.length;
        failed.push(...outcomes.filter(({ outcome }) => outcome !== "done"));
      }
    };
    const workers = [work(client, "a"), work(client, "b"), work(pipeline, "c"), work(pipeline, "d")];
    await sleep(500);
    const drained: Node = cluster.node(1);
    expect(await drained.process.stop()).toBe(0);
    const before = calls;
    await eventually("calls go on", 20_000, () => (calls > before + 200 ? true : undefined));
    stopping = true;
    await Promise.all(workers);
    console.log(`${calls} calls, ${failed.length} failed`);
    expect(failed).toEqual([]);
  });
});
