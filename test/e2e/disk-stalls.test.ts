/**
 * Disks that stand still, under real nodes: strace holds writes for a minute, or a file system is frozen, as snapshot
 * agents do it. Both need a machine that lets us: where it does not, the tests say so and are skipped.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/ts/grpc/health/v1/health.js";
import { Consistency } from "../../gen/ts/onar/kv/v1/common.js";
import { LIVE } from "../../src/rpc/services/health.js";
import { Rack, whyNoPowerCuts } from "../powercut/disk.js";
import { answerOf, attempt } from "./clients.js";
import { buildIfStale, Cluster, eventually, type Node } from "./harness.js";
import { injecting, whyNoInjection } from "./injection.js";

const root = mkdtempSync(join(tmpdir(), "onar-stalls-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeAll(() => buildIfStale());

const KEYS = Array.from({ length: 8 }, (_, i) => Buffer.from(`key-${i}`));
const DEADLINE_MS = 2_000;
/** A call comes back by its deadline, or within so much of it on a busy machine. */
const LATE_MS = 1_000;

async function healthOf(node: Node, service: string): Promise<ServingStatus> {
  const { status } = await answerOf((o) => node.clients.health.check({ service }, o), 10_000);
  return status;
}

async function serving(node: Node, expected: ServingStatus): Promise<void> {
  await eventually(`health says ${ServingStatus[expected]}`, 30_000, async () =>
    (await healthOf(node, "")) === expected ? true : undefined,
  );
}

/** Every read and write comes back by its deadline; returns how many were answered. */
async function asked(node: Node): Promise<{ readonly reads: number; readonly locals: number }> {
  const count = async (consistency: Consistency): Promise<number> => {
    const tried = await Promise.all(
      KEYS.map(async (key) => {
        const began = performance.now();
        const got = await attempt(DEADLINE_MS, (o) => node.clients.kv.get({ key, consistency }, o));
        expect(performance.now() - began).toBeLessThan(DEADLINE_MS + LATE_MS);
        if ("error" in got) expect(got.error.status).not.toBe("SILENCE");
        return got;
      }),
    );
    return tried.filter((one) => "answer" in one).length;
  };
  return { reads: await count(Consistency.LINEARIZABLE), locals: await count(Consistency.LOCAL) };
}

async function filled(cluster: Cluster): Promise<void> {
  for (const key of KEYS)
    await answerOf((o) => cluster.node(0).clients.kv.put({ key, value: Buffer.from("value") }, o), 10_000);
}

/** Something that every replica has to write. */
async function written(by: Node): Promise<void> {
  for (const key of KEYS) await attempt(DEADLINE_MS, (o) => by.clients.kv.put({ key, value: Buffer.from("next") }, o));
}

describe.skipIf(whyNoInjection !== null)(`a disk that stands still (${whyNoInjection ?? "held writes"})`, () => {
  test("makes its node not ready, but not dead; reads through it are answered by other replicas, and it says why", async () => {
    const cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16, data: join(root, "stalled") });
    try {
      await filled(cluster);
      const victim = cluster.node(1);
      const other = cluster.node(0);
      const strace = await injecting(victim, "pwrite64,pwritev", null, "delay_enter=60s");
      try {
        await written(other);
        await serving(victim, ServingStatus.NOT_SERVING);
        expect(await healthOf(victim, LIVE)).toBe(ServingStatus.SERVING);
        expect(await asked(victim)).toEqual({ reads: KEYS.length, locals: KEYS.length });
        const status = await answerOf((o) => victim.clients.cluster.status({}, o));
        expect(Number(status.diskStandingMs)).toBeGreaterThan(2_000);
        expect(victim.process.tail()).toContain("NOT_SERVING, the disk stands still");
        expect(cluster.nodes.map(({ process }) => process.ended)).toEqual([null, null, null]);
      } finally {
        strace.kill();
      }
      await serving(victim, ServingStatus.SERVING);
    } finally {
      await cluster.stop();
    }
  });
});

describe.skipIf(whyNoInjection !== null)("a node whose disk stands still", () => {
  test("ends on SIGTERM within a bound, and says that it claims nothing", { timeout: 120_000 }, async () => {
    const cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16, data: join(root, "stopped") });
    try {
      await filled(cluster);
      const victim = cluster.node(1);
      const strace = await injecting(victim, "pwrite64,pwritev", null, "delay_enter=200s");
      let ended: Promise<number | string> | null = null;
      try {
        await written(cluster.node(0));
        await serving(victim, ServingStatus.NOT_SERVING);
        // Whatever holds its writes also keeps the end of the process from being seen: so its word is waited for, and
        // then its end.
        ended = victim.process.stop(90_000);
        await eventually("the node has said why it ends", 45_000, async () =>
          /could not stop in order: the disk has stood still for \d+ s/.test(victim.process.tail()) ? true : undefined,
        );
      } finally {
        strace.kill();
      }
      expect([1, "SIGKILL"]).toContain(await ended);
    } finally {
      await cluster.stop();
    }
  });
});

const whyNoFreeze = whyNoPowerCuts();
const fsfreeze = (how: "-f" | "-u", path: string): void => {
  expect(spawnSync("fsfreeze", [how, path]).status).toBe(0);
};

describe.skipIf(whyNoFreeze !== null)(`a frozen file system${whyNoFreeze === null ? "" : ` (${whyNoFreeze})`}`, () => {
  let rack: Rack;
  beforeAll(async () => {
    rack = await Rack.make(1);
  });
  afterAll(() => rack?.remove());

  test("stops no answer: health, status, metrics and reads through its node go on, and all goes on when it thaws", async () => {
    const [disk] = rack.disks;
    if (disk === undefined) throw new Error("a rack of one has a disk");
    const cluster = await Cluster.start({
      nodes: 3,
      replicas: 3,
      partitions: 16,
      data: root,
      dataOf: (node) => (node === 2 ? join(disk.path, "data") : null),
      args: ["--storage-memory", "16", "--metrics-listen", "127.0.0.1:0"],
    });
    try {
      await filled(cluster);
      const victim = cluster.node(1);
      fsfreeze("-f", disk.path);
      try {
        await written(cluster.node(0));
        await serving(victim, ServingStatus.NOT_SERVING);
        expect(await asked(victim)).toEqual({ reads: KEYS.length, locals: KEYS.length });
        const status = await answerOf((o) => victim.clients.cluster.status({}, o));
        expect(Number(status.diskStandingMs)).toBeGreaterThan(2_000);
        const at = /metrics.*?(127\.0\.0\.1:\d+)/.exec(victim.process.lines.join("\n"))?.[1];
        const metrics = await (await fetch(`http://${at}/metrics`)).text();
        expect(metrics).toMatch(/^onar_serving 0$/m);
      } finally {
        fsfreeze("-u", disk.path);
      }
      await serving(victim, ServingStatus.SERVING);
      expect(await asked(victim)).toEqual({ reads: KEYS.length, locals: KEYS.length });
    } finally {
      await cluster.stop();
    }
  });
});
