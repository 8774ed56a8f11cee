/**
 * A disk that is full of Onar's own data: deletions go on and make room, although LMDB's file never becomes shorter.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Attempted, answerOf, attempt } from "./clients.js";
import { buildIfStale, Cluster, eventually } from "./harness.js";

const MIB = 1024 * 1024;
const root = mkdtempSync(join(tmpdir(), "onar-full-"));
const disk = join(root, "disk");
const runs = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
mkdirSync(disk);
const mounted = runs("mount", "-t", "tmpfs", "-o", "size=340m", "tmpfs", disk);
const why = mounted ? "" : " (skipped: this machine does not let us mount a file system in memory)";

describe.skipIf(!mounted)(`a disk that is full of Onar's own data${why}`, () => {
  let cluster: Cluster;
  beforeAll(async () => {
    buildIfStale();
    // Others have their part of it, so that little is to be written.
    writeFileSync(join(disk, "others"), Buffer.alloc(285 * MIB, 1));
    cluster = await Cluster.start({
      nodes: 2,
      replicas: 2,
      partitions: 16,
      data: disk,
      args: ["--storage-memory", "16"],
    });
  });
  afterAll(async () => {
    await cluster?.stop();
    runs("umount", disk);
    rmSync(root, { recursive: true, force: true });
  });

  test("takes deletions, and then writes again", { timeout: 300_000 }, async () => {
    const node = cluster.node(0);
    const { kv } = node.clients;
    const key = (i: number): Buffer => Buffer.from(`key-${i}`);
    const value = Buffer.alloc(512 * 1024, 7);
    const put = (i: number): Promise<Attempted<unknown>> => attempt(5_000, (o) => kv.put({ key: key(i), value }, o));
    const isFull = (tried: Attempted<unknown>): boolean => "error" in tried && tried.error.info?.reason === "DISK_FULL";
    let stored = 0;
    await eventually("the disk is full", 100_000, async () => {
      const tried = await put(stored);
      if ("answer" in tried) stored++;
      return isFull(tried) || undefined;
    });
    expect(stored).toBeGreaterThan(10);
    for (let i = 0; i < stored; i++) {
      await eventually(`key ${i} is deleted`, 20_000, async () => {
        const tried = await attempt(5_000, (o) => kv.delete({ key: key(i) }, o));
        // One that was answered late may have been executed before.
        expect(isFull(tried)).toBe(false);
        return "answer" in tried ? true : undefined;
      });
    }
    await eventually("writes are taken again", 120_000, async () => ("answer" in (await put(0)) ? true : undefined));
    const { entry } = await answerOf((o) => kv.get({ key: key(0) }, o));
    expect(entry?.value.length).toBe(value.length);
    expect(cluster.nodes.map(({ process }) => process.ended)).toEqual([null, null]);
  });
});
