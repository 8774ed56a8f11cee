/**
 * Kills and pauses under load: what clients saw is linearizable, reads go on without a writer, and nothing hangs
 * without a majority.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/ts/grpc/health/v1/health.js";
import { Execution } from "../../gen/ts/onar/kv/v1/error.js";
import { answerOf, attempt, type CallError, errorOf } from "./clients.js";
import { Cluster, eventually, type Node } from "./harness.js";
import { type Recorded, Recorder } from "./recorder.js";
import { errorsOf, expectLinearizable, summaryOf, Workload } from "./workload.js";

const KEYS = ["alpha", "beta", "gamma", "delta", "counter-a", "counter-b"];
const DEADLINE_MS = 5_000;
const PAUSE_MS = 3_000;

describe.each([
  { nodes: 3, replicas: 3, killed: 1 },
  { nodes: 7, replicas: 5, killed: 2 },
  { nodes: 7, replicas: 3, killed: 1 },
])("$nodes nodes with $replicas replicas of each key", ({ nodes, replicas, killed }) => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ nodes, replicas, partitions: 64 });
  });
  afterAll(() => cluster?.stop());

  test("stay linearizable while a writer is killed, then the rest of a minority, and another node pauses; settled keys are read while their partition has no writer", async () => {
    const recorder = new Recorder();
    const [contended] = KEYS as [string];
    const victim = await cluster.writerOf(contended);
    const survivors = cluster.nodes.filter((node) => node !== victim);
    const { partition } = await cluster.locate(contended);
    const settled = await cluster.findKey("settled", (at) => at.partition === partition);
    const probe = await cluster.findKey("probe", (at) => at.partition === partition);

    const base = { process: "setup", nodes: survivors, deadlineMs: DEADLINE_MS, safe: true };
    await recorder.ask({ ...base, key: settled, call: { kind: "put", value: "settled" } });
    await recorder.ask({ ...base, key: settled, call: { kind: "get" } });
    const load = new Workload({
      recorder,
      nodes: cluster.nodes,
      keys: KEYS,
      workersPerNode: nodes === 3 ? 3 : 2,
      deadlineMs: DEADLINE_MS,
      thinkMs: 40,
    });
    await sleep(1_500);

    const watching = new Watch(recorder, survivors, settled, probe);
    await sleep(200);
    await victim.process.kill();
    const killedAt = recorder.now();
    await eventually("the partition has a writer again", 10_000, () => firstWrite(recorder, [probe], killedAt));
    await watching.stop();
    expectReadsWithoutWriter(recorder, { settled, writes: [contended, probe], killedAt });

    for (const node of survivors.slice(0, killed - 1)) await node.process.kill();
    await sleep(1_000);
    const paused = cluster.alive().at(-1) as Node;
    paused.process.pause();
    await sleep(PAUSE_MS);
    paused.process.resume();
    await sleep(1_500);
    await load.stop();

    // Everybody alive serves again.
    for (const node of cluster.alive()) {
      for (const key of KEYS) {
        const last = await recorder.ask({ ...base, process: "end", nodes: [node], key, call: { kind: "get" } });
        expect(last.outcome.status, errorsOf([last]).join()).toBe("done");
      }
    }
    console.log(`${nodes} nodes, ${replicas} replicas: ${summaryOf(recorder.operations)}`);
    expectHonest(recorder.operations);
    expectLinearizable(recorder, `faults-${nodes}-${replicas}`);
  });
});

describe("a cluster of three that loses one node, then the majority", () => {
  let cluster: Cluster;
  const recorder = new Recorder();
  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 3, replicas: 3 });
  });
  afterAll(() => cluster?.stop());

  test("in a failover, writes with ids and a deadline of five seconds see no error, wherever their client was connected", async () => {
    const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const victim = await cluster.writerOf("a");
    const survivors = cluster.nodes.filter((node) => node !== victim);
    let stop = false;
    const workers = cluster.nodes.flatMap((home) =>
      keys.slice(0, 4).map(async (_, i) => {
        // Clients that were connected to the node that dies know the others.
        const nodes = home === victim ? [home, ...survivors] : [home];
        for (let n = 0; !stop; n++) {
          const key = keys[(n + i) % keys.length] as string;
          const process = `${home.id}-${i}`;
          const value = `${process}-${n}`;
          await recorder.ask({
            process,
            key,
            call: { kind: "put", value },
            nodes,
            deadlineMs: DEADLINE_MS,
            safe: true,
          });
          await sleep(10);
        }
      }),
    );
    await sleep(1_000);
    await victim.process.kill();
    const killedAt = recorder.now();
    await sleep(4_000);
    stop = true;
    await Promise.all(workers);
    expect(errorsOf(recorder.operations)).toEqual([]);
    expect(recorder.operations.filter(({ invoked }) => invoked > killedAt).length).toBeGreaterThan(20);
    // Each key holds at the end one of the values that were answered as stored.
    for (const key of keys)
      await recorder.ask({
        process: "end",
        key,
        call: { kind: "get" },
        nodes: survivors,
        deadlineMs: DEADLINE_MS,
        safe: true,
      });
    expectLinearizable(recorder, "failover");
  });

  test("a write whose deadline comes while it is under way is DEADLINE_EXCEEDED, OUTCOME_UNKNOWN, safe to retry if it had an id", async () => {
    const [writer, other] = cluster.alive() as [Node, Node];
    const name = await cluster.findKey("late", (at) => at.writer === writer.id);
    const key = Buffer.from(name);
    await answerOf((o) => writer.clients.kv.put({ key, value: key }, o));
    other.process.pause();
    const ids = [Buffer.alloc(0), randomBytes(16), Buffer.alloc(0), randomBytes(16)];
    const errors = await Promise.all(
      ids.map((requestId) => errorOf((o) => writer.clients.kv.put({ key, value: key, requestId }, o), 400)),
    );
    other.process.resume();
    for (const { status } of errors) expect(status).toBe("DEADLINE_EXCEEDED");
    // On a machine that is too busy to answer in time, the deadline itself ends the call.
    const told = errors.flatMap((error, i) => (error.info === null ? [] : [{ ...error, safe: ids[i]?.length === 16 }]));
    expect(told.length).toBeGreaterThan(0);
    for (const { info, outcome, safe } of told) {
      expect(info?.reason).toBe("OUTCOME_UNKNOWN");
      expect(outcome).toMatchObject({ execution: Execution.UNKNOWN, retryWithSameIdIsSafe: safe });
    }
    await eventually("it serves again", 10_000, async () => {
      const tried = await attempt(3_000, (o) => writer.clients.kv.put({ key, value: key }, o));
      return "answer" in tried ? true : undefined;
    });
  });

  test("without a majority, reads and writes answer UNAVAILABLE, NO_QUORUM within about three seconds and say who is missing", async () => {
    const [last, other] = cluster.alive() as [Node, Node];
    const dead = cluster.nodes.filter((node) => node !== last);
    await other.process.kill();
    await sleep(1_500);
    const key = Buffer.from("a");
    const calls: Promise<CallError>[] = [];
    for (let i = 0; i < 20; i++) {
      const other = Buffer.from(`key${i}`);
      calls.push(errorOf((o) => last.clients.kv.get({ key: other }, o), 10_000));
      calls.push(errorOf((o) => last.clients.kv.put({ key: other, value: key }, o), 10_000));
      calls.push(
        errorOf((o) => last.clients.kv.put({ key: other, value: key, requestId: Buffer.alloc(16, i) }, o), 10_000),
      );
    }
    calls.push(errorOf((o) => last.clients.text.get({ key: "a" }, o)));
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ status: "UNAVAILABLE", info: { reason: "NO_QUORUM" } });
      expect(error.info?.metadata.missing?.split(",").map(Number).sort()).toEqual(dead.map(({ id }) => id).sort());
      expect(error.info?.metadata.missing_addresses?.split(",").sort()).toEqual(dead.map((one) => one.address).sort());
      expect(error.retry).not.toBeNull();
      expect(error.afterMs).toBeLessThan(8_000);
    }
    expect((await calls[1])?.outcome).toMatchObject({ execution: Execution.NOT_EXECUTED, retryWithSameIdIsSafe: true });
  });

  test("a deadline of 300 ms is seen by the server, which answers by then", async () => {
    const [last] = cluster.alive() as [Node];
    const errors: CallError[] = [];
    for (let i = 0; i < 5; i++) {
      const key = Buffer.from(`soon${i}`);
      errors.push(
        ...(await Promise.all([
          errorOf((o) => last.clients.kv.get({ key }, o), 300),
          errorOf((o) => last.clients.kv.put({ key, value: key }, o), 300),
        ])),
      );
    }
    for (const error of errors) {
      // A moment before the deadline with the reason; on a machine that is too busy for that, at the deadline without.
      expect(["UNAVAILABLE", "DEADLINE_EXCEEDED"]).toContain(error.status);
      expect(error.afterMs).toBeLessThan(2_000);
      expect(error.afterMs).toBeGreaterThan(100);
    }
    expect(errors.filter(({ info }) => info?.reason === "NO_QUORUM").length).toBeGreaterThan(0);
  });

  test("without a majority, health says NOT_SERVING, live stays SERVING, and Status answers", async () => {
    const [last] = cluster.alive() as [Node];
    const statusOf = async (service: string): Promise<ServingStatus> =>
      (await answerOf((o) => last.clients.health.check({ service }, o))).status;
    expect(await statusOf("onar.kv.v1.KeyValueService")).toBe(ServingStatus.NOT_SERVING);
    expect(await statusOf("")).toBe(ServingStatus.NOT_SERVING);
    expect(await statusOf("live")).toBe(ServingStatus.SERVING);
    const status = await answerOf((o) => last.clients.cluster.status({}, o));
    expect(status.nodes.filter(({ heard }) => heard).map(({ id }) => id)).toEqual([last.id]);
    expect(status.partitions.every(({ writerNodeId }) => writerNodeId === 0)).toBe(true);
    expect(status.openRequests).toBe(0);
  });

  test("a node without a majority still stops in order", async () => {
    const [last] = cluster.alive() as [Node];
    expect(await last.process.stop()).toBe(0);
  });
});

/** Readers of a settled key and writers of another key of the same partition, at every node that is to survive. */
class Watch {
  private stopping = false;
  private readonly workers: Promise<void>[];

  constructor(recorder: Recorder, nodes: readonly Node[], settled: string, probe: string) {
    let written = 0;
    const repeat = async (ask: () => Promise<Recorded>): Promise<void> => {
      while (!this.stopping) {
        await ask();
        await sleep(15);
      }
    };
    const base = { deadlineMs: DEADLINE_MS, safe: false };
    this.workers = nodes.flatMap((node) => {
      const at = { ...base, nodes: [node] };
      return [
        repeat(() => recorder.ask({ ...at, process: `reader-${node.id}`, key: settled, call: { kind: "get" } })),
        repeat(() => {
          const value = `p${++written}`;
          return recorder.ask({ ...at, process: `prober-${node.id}`, key: probe, call: { kind: "put", value } });
        }),
      ];
    });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.workers);
  }
}

/** When the first write on these keys that began after the moment was answered as done. */
function firstWrite(recorder: Recorder, keys: readonly string[], from: number): number | undefined {
  const times = recorder.operations.flatMap(({ key, call, invoked, returned, outcome }) =>
    keys.includes(key) && call.kind !== "get" && invoked > from && outcome.status === "done" && returned !== null
      ? [returned]
      : [],
  );
  return times.length === 0 ? undefined : Math.min(...times);
}

interface Gap {
  readonly settled: string;
  /** Keys of the same partition that were written. */
  readonly writes: readonly string[];
  readonly killedAt: number;
}

/**
 * Between the kill and the first write that succeeded, no write did, and the settled key was read through several
 * nodes.
 */
function expectReadsWithoutWriter(recorder: Recorder, { settled, writes, killedAt }: Gap): void {
  const until = firstWrite(recorder, writes, killedAt);
  if (until === undefined) return expect.fail("the partition was never written again");
  const gap = recorder.operations.filter(({ invoked }) => invoked > killedAt && invoked < until);
  // Somebody tried all the time, and waited for the next writer.
  const waited = gap.filter(({ key, call }) => writes.includes(key) && call.kind !== "get");
  expect(waited.length).toBeGreaterThan(0);
  expect(until - killedAt).toBeGreaterThan(100);
  const reads = gap.filter(
    ({ key, call, returned }) => key === settled && call.kind === "get" && returned !== null && returned < until,
  );
  for (const { outcome } of reads) {
    expect(outcome).toMatchObject({ status: "done", answer: { kind: "get", present: true, value: "settled" } });
  }
  console.log(
    `no writer for ${Math.round(until - killedAt)} ms: ${reads.length} reads of the settled key were answered`,
  );
  expect(reads.length).toBeGreaterThan(5);
  expect(new Set(reads.map(({ nodeId }) => nodeId)).size).toBeGreaterThanOrEqual(2);
}

/** An unknown outcome is never called UNAVAILABLE or CANCELLED by Onar, and silence never comes. */
function expectHonest(operations: readonly Recorded[]): void {
  for (const { error, call } of operations) {
    if (error === null || call.kind === "get") continue;
    expect(error.status === "SILENCE" && error.info !== null, "silence has no details").toBe(false);
    if (error.info === null || error.outcome?.execution === Execution.NOT_EXECUTED) continue;
    expect(["UNKNOWN", "DEADLINE_EXCEEDED", "FAILED_PRECONDITION"], error.message).toContain(error.status);
  }
}
