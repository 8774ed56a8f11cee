/** Moves to a node whose disk is small, in a cluster of real processes. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { errorOf } from "./clients.js";
import { GrowingCluster, idOf, insist, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { eventually, HOST } from "./harness.js";
import { onar } from "./programs.js";

const MIB = 1_024 * 1_024;
const runs = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
const root = mkdtempSync(join(tmpdir(), "onar-small-"));
const disk = join(root, "disk");
mkdirSync(disk);
const mountSmall = (): boolean => runs("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk);
const canMount = mountSmall() && runs("umount", disk);
const why = canMount ? "" : " (skipped: this machine does not let us mount a file system in memory)";

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(async () => {
  await growing.end();
  runs("umount", disk);
  rmSync(root, { recursive: true, force: true });
});

describe.skipIf(!canMount)(`a node with a small disk${why}`, () => {
  test("gets no replicas that it has no room for: refused with both numbers, the view unchanged; fewer are taken", async () => {
    expect(mountSmall()).toBe(true);
    const three = await growing.start();
    const at = three.node(0);
    const value = Buffer.alloc(512 * 1_024, 7);
    const key = (i: number): Buffer => Buffer.from(`large ${i}`);
    for (let i = 0; i < 60; i++) await at.clients.kv.put({ key: key(i), value });
    const small = await growing.newcomer("unused", {
      contacts: [`${HOST}:${three.node(1).process.peerPort}`],
      secretFile: three.secretFile,
      more: ["--no-rebalance", "--data", join(disk, "small")],
      disk: null,
    });
    await small.process.said("ready", WITHIN_MS);
    const [nodeId, target] = [await idOf(three.node(2)), await idOf(small)];
    const told = await eventually("its space is told", WITHIN_MS, async () => {
      const { diskFreeBytes, diskRoomBytes } = await small.clients.cluster.status({});
      return diskFreeBytes !== undefined && diskRoomBytes !== undefined ? { diskFreeBytes, diskRoomBytes } : undefined;
    });
    expect(Number(told.diskFreeBytes)).toBeLessThanOrEqual(40 * MIB);
    expect(told.diskRoomBytes).toBeLessThan(told.diskFreeBytes);
    const before = await viewOf(at);
    const base = { operationId: Buffer.alloc(16, 7), epoch: before.epoch, nodeId };
    const refused = new RegExp(
      `^the disk of node ${target} \\(.*\\) has room for [\\d.]+ MiB \\(\\d+ bytes\\), and 3\\d\\.\\d MiB \\(\\d+ bytes\\) would come`,
    );
    const drained = await errorOf((options) => at.clients.cluster.drain(base, options));
    expect(drained).toMatchObject({ message: expect.stringMatching(refused), info: { reason: "OPERATION_REFUSED" } });
    const replaced = await errorOf((options) => at.clients.cluster.replace({ ...base, byNodeId: target }, options));
    expect(replaced.message).toMatch(refused);
    const dry = await onar(["drain", three.node(2).address, "--dry-run", "--endpoint", at.address]);
    expect([dry.code, dry.stderr]).toEqual([1, expect.stringContaining("has room for")]);
    expect(await viewOf(at)).toEqual(before);
    for (let i = 10; i < 60; i++) await at.clients.kv.put({ key: key(i), value: Buffer.alloc(10) });
    // Sizes are reckoned anew after many changes; until then they may be told as before.
    const begun = await eventually("it is taken", WITHIN_MS, () =>
      insist(at, (named) => at.clients.cluster.drain({ ...named, nodeId })).catch(() => undefined),
    );
    expect(begun.nodeId).toBe(nodeId);
  }, 180_000);
});
