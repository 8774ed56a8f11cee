/**
 * Backups of clusters at work, restored into other clusters: what is in them, and what is refused with nothing touched.
 */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OnarClient } from "../../src/client/client.js";
import { BackupDecoder, BackupEncoder } from "../../src/codec/api/backup-file.js";
import { errorOf } from "./clients.js";
import { Cluster, eventually, type Node, PROGRAM } from "./harness.js";
import { onar, run as program, type Ran } from "./programs.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, summaryOf, Workload } from "./workload.js";

const CONTENDED = ["alpha", "beta", "gamma", "counter-a", "counter-b"];
const LONG_MS = 120_000;
const MARKER = Buffer.from("\0onar/restore");
/** A key that no text can say. */
const BINARY = Buffer.from([0xff, 0x00, 0x80, 0x0a]);

const folder = mkdtempSync(join(tmpdir(), "onar-backup-"));
const clusters: Cluster[] = [];
afterAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function started(nodes: number, partitions: number, data?: string): Promise<Cluster> {
  const where = data === undefined ? {} : { data };
  const cluster = await Cluster.start({ nodes, replicas: Math.min(3, nodes), partitions, ...where });
  clusters.push(cluster);
  return cluster;
}

const path = (name: string): string => join(folder, name);
const endpoint = (cluster: Cluster): string[] => ["--endpoint", cluster.addresses.join(",")];
const run = (cluster: Cluster, ...args: string[]): Promise<Ran> =>
  onar([...args, ...endpoint(cluster)], { timeoutMs: LONG_MS });

interface Kept {
  readonly value: Buffer;
  readonly version: bigint;
}

/** Keys as hexadecimal. */
function contentsOf(name: string) {
  const decoder = new BackupDecoder();
  const keys = new Map<string, Kept>();
  for (const { key, value, version } of decoder.push(readFileSync(path(name)))) {
    expect(keys.has(key.toString("hex")), "a key occurs once").toBe(false);
    keys.set(key.toString("hex"), { value, version });
  }
  return { keys, ...decoder.finish() };
}

/** Every key of the backup is there with its value, under a version above all of the backup. */
async function expectRestored(cluster: Cluster, name: string): Promise<void> {
  const { keys, end } = contentsOf(name);
  await using client = new OnarClient({ endpoints: cluster.addresses });
  await using pipeline = client.pipeline();
  await Promise.all(
    [...keys].map(async ([key, { value }]) => {
      const got = await pipeline.outcome.get(Buffer.from(key, "hex"));
      expect(got).toMatchObject({ outcome: "done" });
      if (got.outcome !== "done") return;
      expect(Buffer.from(got.entry?.value ?? []).equals(value), key).toBe(true);
      expect(got.entry?.version ?? 0n).toBeGreaterThan(end.highestRevision);
    }),
  );
  expect(await pipeline.outcome.get(MARKER)).toMatchObject({ outcome: "done", entry: undefined });
}

async function fill(cluster: Cluster, prefix: string, count: number): Promise<void> {
  await using client = new OnarClient({ endpoints: cluster.addresses });
  await using pipeline = client.pipeline();
  await Promise.all(Array.from({ length: count }, (_, i) => pipeline.put(`${prefix}${i}`, `value of ${i}`)));
}

/** A backup of a cluster that never was. */
function invent(name: string, count: number): void {
  const encoder = new BackupEncoder();
  const header = { backupId: randomBytes(16), clusterId: randomBytes(16), viewEpoch: 1n, partitionCount: 4 };
  const parts = [encoder.header({ ...header, format: 1, startedMs: 0n, softwareVersion: "0" })];
  for (let i = 0; i < count; i++) {
    parts.push(encoder.entry({ key: Buffer.from(`key-${i}`), value: Buffer.from(`value of ${i}`), version: 1n }));
  }
  writeFileSync(path(name), Buffer.concat([...parts, encoder.end(5n, 0n)]));
}

describe("a backup", { timeout: LONG_MS }, () => {
  let cluster: Cluster;
  let old: Node;

  beforeAll(async () => {
    cluster = await started(3, 32, path("data"));
    [old] = cluster.nodes as [Node];
    await fill(cluster, "still-", 500);
  });

  test("under load has what was acknowledged before, and of each key what a read could have seen", async () => {
    const recorder = new Recorder();
    const load = new Workload({
      recorder,
      nodes: cluster.nodes,
      keys: CONTENDED,
      workersPerNode: 1,
      deadlineMs: 10_000,
      thinkMs: 40,
    });
    await sleep(1_000);
    await old.clients.text.put({ key: "deleted", value: "x" });
    await old.clients.text.delete({ key: "deleted" });
    await old.clients.kv.put({ key: BINARY, value: BINARY });
    await old.clients.kv.put({ key: Buffer.from("empty"), value: Buffer.alloc(0) });
    const invoked = recorder.now();
    const ran = await run(cluster, "backup", path("loaded"), "-o", "json");
    const returned = recorder.now();
    await sleep(300);
    await load.stop();
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const { keys, end, header } = contentsOf("loaded");
    expect(JSON.parse(ran.stdout)).toMatchObject({ keys: keys.size, highestRevision: end.highestRevision.toString() });
    expect(header.partitionCount).toBe(32);
    for (let i = 0; i < 500; i++) {
      expect(keys.get(Buffer.from(`still-${i}`).toString("hex"))?.value.toString()).toBe(`value of ${i}`);
    }
    expect(keys.has(Buffer.from("deleted").toString("hex"))).toBe(false);
    expect(keys.get(BINARY.toString("hex"))?.value).toEqual(BINARY);
    expect(keys.get(Buffer.from("empty").toString("hex"))?.value).toHaveLength(0);
    for (const { version } of keys.values()) expect(version).toBeLessThanOrEqual(end.highestRevision);
    // It has a read of each contended key, at some moment while it ran.
    for (const key of CONTENDED) {
      const kept = keys.get(Buffer.from(key).toString("hex"));
      const found = { value: kept?.value.toString() ?? "", version: Number(kept?.version ?? 0) };
      const answer = kept === undefined ? ({ present: false } as const) : ({ present: true, ...found } as const);
      recorder.operations.push({
        process: "backup",
        key,
        call: { kind: "get" },
        invoked,
        returned,
        outcome: { status: "done", answer: { kind: "get", ...answer } },
        at: "",
        nodeId: 0,
        attempts: 1,
        error: null,
      });
    }
    console.log(`under load: ${summaryOf(recorder.operations)}; ${ran.stdout.trim()}`);
    expectLinearizable(recorder, "backup");
  });

  test("goes on when a node dies in the middle", async () => {
    const victim = cluster.node(2);
    // It takes the calls and does not answer, so that the backup is in the middle for sure.
    victim.process.pause();
    const running = run(cluster, "backup", path("died"), "--timeout", "30");
    await eventually("the backup has begun", 20_000, () => (existsSync(path("died.partial")) ? true : undefined));
    await sleep(500);
    await victim.process.kill();
    expect(await running).toMatchObject({ code: 0 });
    expect(contentsOf("died").keys.size).toBeGreaterThanOrEqual(502);
    expect(readdirSync(folder)).not.toContain("died.partial");
  });

  test("fails when a majority goes in the middle, says which partition, and leaves nothing behind", async () => {
    const [, second, third] = cluster.nodes as [Node, Node, Node];
    third.process.pause();
    const running = run(cluster, "backup", path("lost"), "--timeout", "3");
    await eventually("the backup has begun", 20_000, () => (existsSync(path("lost.partial")) ? true : undefined));
    second.process.pause();
    await third.process.kill();
    const ran = await running;
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^error: .*partition \d+/);
    expect(readdirSync(folder).filter((name) => name.startsWith("lost"))).toEqual([]);
    second.process.resume();
    third.restart();
    await cluster.ready();
  });

  test("that is interrupted leaves nothing behind", async () => {
    const silent = cluster.node(2);
    // So that the backup is in the middle for sure.
    silent.process.pause();
    try {
      const args = ["backup", path("stopped"), ...endpoint(cluster), "--timeout", "60"];
      const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      const ended = new Promise((resolve) => child.once("close", resolve));
      await eventually("the backup has begun", 20_000, () => (existsSync(path("stopped.partial")) ? true : undefined));
      child.kill("SIGINT");
      expect(await ended).toBe(1);
      expect(said).toContain("interrupted");
      expect(readdirSync(folder).filter((name) => name.startsWith("stopped"))).toEqual([]);
    } finally {
      silent.process.resume();
      await cluster.ready();
    }
  });

  test.each<[string, string, RegExp]>([
    ["a file that exists", "loaded", /loaded exists: a backup never overwrites a file/],
    ["a directory", "", /is a directory: name the file/],
    ["a directory that does not exist", "nothing/here", /cannot be written: its directory does not exist/],
    ["a path through a file", "loaded/x", /a part of the path is a file/],
  ])("is refused: %s", async (_name, file, message) => {
    const before = readdirSync(folder);
    const ran = await run(cluster, "backup", path(file));
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
    expect(readdirSync(folder)).toEqual(before);
  });

  test.skipIf(process.getuid?.() === 0)(
    "is refused: a directory that may not be written to (not for root)",
    async () => {
      mkdirSync(path("read-only"), { mode: 0o500 });
      const ran = await run(cluster, "backup", path("read-only/x"));
      expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot be written: permission denied") });
    },
  );

  test("goes through a pipe into another cluster, and one that is cut short there is refused", async () => {
    const other = await started(1, 8);
    const onarOf = (...args: string[]): string =>
      [process.execPath, PROGRAM, ...args].map((arg) => `'${arg}'`).join(" ");
    const from = onarOf("backup", "-", ...endpoint(cluster));
    const into = onarOf("restore", "-", ...endpoint(other));
    const shell = (line: string): Promise<Ran> =>
      program("bash", ["-c", `set -o pipefail; ${line}`], { timeoutMs: LONG_MS });
    const cut = await shell(`${from} | head -c 5000 | ${into}`);
    expect(cut.code).not.toBe(0);
    expect(cut.stderr).toMatch(/standard input (is cut short|ends)/);
    const whole = await shell(`${from} | tee ${path("piped")} | gzip | gunzip | ${into}`);
    expect(whole, whole.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/^restored \d+ keys into/) });
    expect(whole.stderr).toMatch(/^backed up \d+ keys .* to standard output in/);
    const [node] = other.nodes as [Node];
    expect((await node.clients.text.get({ key: "still-7" })).entry?.value).toBe("value of 7");
    const checked = await onar(["restore", "-", "--check"], { input: readFileSync(path("piped")) });
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^standard input is whole: /) });
    const nothing = await onar(["restore", "-", "--check"], { input: "" });
    expect(nothing).toMatchObject({ code: 1, stdout: "" });
  });

  test("is refused while another one writes the same file", async () => {
    writeFileSync(path("same.partial"), "somebody's");
    const ran = await run(cluster, "backup", path("same"));
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("same.partial exists: another backup") });
    expect(readFileSync(path("same.partial"), "utf8")).toBe("somebody's");
  });

  test("is not restored into the cluster that it is of, nor into any that has data", async () => {
    const before = await old.clients.text.get({ key: "still-1" });
    const ran = await run(cluster, "restore", path("loaded"));
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the cluster has data: \d+ of its 32 partitions/),
    });
    expect((await old.clients.text.get({ key: "still-1" })).entry).toEqual(before.entry);
    expect((await old.clients.kv.get({ key: MARKER })).entry).toBeUndefined();
  });

  test("a directory in use is not inspected; a stopped node's is, and not touched", async () => {
    const directory = path("data/node3");
    const refused = await onar(["inspect", directory]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("is in use by process") });
    await cluster.node(2).process.kill();
    const before = fingerprints(directory);
    const ran = await onar(["inspect", directory, "-o", "json"]);
    expect(ran.code).toBe(0);
    const facts = JSON.parse(ran.stdout) as { nodeId: number; partitions: { keys: number }[] };
    expect(facts.nodeId).toBe(cluster.node(2).id);
    expect(facts.partitions).toHaveLength(32);
    expect(facts.partitions.reduce((sum, { keys }) => sum + keys, 0)).toBeGreaterThanOrEqual(500);
    const keys = (await onar(["inspect", directory, "--keys"])).stdout.split("\n");
    expect(keys).toContain("still-77");
    expect(keys).toContain("\\xff\\x00\\x80\\x0a");
    const one = await onar(["inspect", directory, "--key", "still-77"]);
    expect(one.stdout).toContain("value of 77");
    expect(await onar(["inspect", directory, "--key", "never"])).toMatchObject({ code: 3, stdout: "" });
    expect(fingerprints(directory)).toEqual(before);
    cluster.node(2).restart();
    await cluster.ready();
  });
});

/** Every file with its content and when it was changed. */
function fingerprints(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return `${file} ${statSync(file).mtimeMs} ${createHash("sha256").update(readFileSync(file)).digest("hex")}`;
    })
    .sort();
}

describe("a restore", { timeout: LONG_MS }, () => {
  test.each([
    [1, 1],
    [3, 64],
  ])(
    "into %i nodes with %i partitions has every key, and fools no client of the old cluster",
    async (nodes, partitions) => {
      const cluster = await started(nodes, partitions);
      const ran = await run(cluster, "restore", path("loaded"), "-o", "json");
      expect(ran).toMatchObject({ code: 0, stderr: "" });
      await expectRestored(cluster, "loaded");
      const { keys, end } = contentsOf("loaded");
      const [node] = cluster.nodes as [Node];
      const { kv } = node.clients;
      // A version of the old cluster, also one that it reached after the backup, never holds.
      const key = Buffer.from("still-1");
      const known = keys.get(key.toString("hex"))?.version ?? 0n;
      for (const version of [known, known + 1n, end.highestRevision + 1n]) {
        const condition = { expected: { $case: "version", value: version } } as const;
        expect((await kv.compareAndSet({ key, value: key, condition })).swapped).toBe(false);
      }
      // A request of before, repeated: nobody here can know whether it ran, be its key restored or not.
      for (const text of ["still-1", "never-there"]) {
        const { partition } = await cluster.locate(text);
        const after = { partition, revision: end.highestRevision };
        const repeated = { key: Buffer.from(text), value: Buffer.from("again"), requestId: randomBytes(16), after };
        const { info } = await errorOf((options) => kv.put(repeated, options));
        expect(info?.reason).toBe("REQUEST_EXPIRED");
      }
      // A new client is served, on keys that were restored and on others.
      await using client = new OnarClient({ endpoints: cluster.addresses });
      for (const text of ["still-1", "never-there"])
        expect(await client.outcome.put(text, "new")).toMatchObject({ outcome: "done" });
      // And it is a cluster like any other: it can be backed up and restored again, with revisions that are above once
      // more.
      expect(await run(cluster, "backup", path(`again-${nodes}`))).toMatchObject({ code: 0 });
      expect(contentsOf(`again-${nodes}`).end.highestRevision).toBeGreaterThan(end.highestRevision);
      expect(await run(cluster, "restore", path("loaded"))).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("the cluster has data"),
      });
    },
  );

  test("of a corrupt, short or foreign file is refused before anything is written", async () => {
    const cluster = await started(1, 4);
    const whole = readFileSync(path("loaded"));
    const flipped = Buffer.from(whole);
    flipped[Math.floor(whole.length / 2)] = (whole[Math.floor(whole.length / 2)] as number) ^ 1;
    const bad: [string, Buffer, RegExp][] = [
      ["flipped", flipped, /flipped is corrupt at byte \d+/],
      ["cut", whole.subarray(0, whole.length - 1), /cut is cut short/],
      ["longer", Buffer.concat([whole, Buffer.from("x")]), /something follows its end/],
      ["foreign", Buffer.from("no backup at all"), /is not a backup of Onar/],
      ["nothing", Buffer.alloc(0), /is not a backup/],
    ];
    for (const [name, bytes, message] of bad) {
      writeFileSync(path(name), bytes);
      expect(await run(cluster, "restore", path(name))).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(message),
      });
      expect(await onar(["restore", path(name), "--check"])).toMatchObject({ code: 1, stdout: "" });
    }
    expect(await run(cluster, "restore", path("not-there"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("does not exist"),
    });
    expect(await onar(["restore", path("loaded"), "--check"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("is whole: "),
    });
    // It has stayed a new cluster.
    expect(await run(cluster, "restore", path("loaded"))).toMatchObject({ code: 0 });
  });

  test("that is killed in the middle says so to everybody, and goes on with --continue", async () => {
    const cluster = await started(1, 16);
    const [node] = cluster.nodes as [Node];
    invent("large", 6_000);
    const child = spawn(process.execPath, [PROGRAM, "restore", path("large"), ...endpoint(cluster)], {
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
    await eventually("some keys are restored", 60_000, async () => {
      const { entry } = await node.clients.text.get({ key: "key-300" });
      return entry;
    });
    child.kill("SIGKILL");
    expect(await ended).toBe("SIGKILL");
    expect(await run(cluster, "restore", path("large"))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/a restore of backup [0-9a-f]{32} into this cluster .* --continue goes on/),
    });
    expect(await run(cluster, "backup", path("half"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("its keys are not all there"),
    });
    expect(existsSync(path("half"))).toBe(false);
    expect(await run(cluster, "restore", path("loaded"), "--continue")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is of another backup"),
    });
    const ran = await run(cluster, "restore", path("large"), "--continue", "-o", "json");
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect((JSON.parse(ran.stdout) as { alreadyThere: number }).alreadyThere).toBeGreaterThan(300);
    await expectRestored(cluster, "large");
    expect(await run(cluster, "restore", path("large"), "--continue")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no interrupted restore"),
    });
  });
});
