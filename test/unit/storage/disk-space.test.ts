/** Free space is judged in time, also by a node that writes more in a second than the mark. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DiskSpace } from "../../../src/storage/disk-space.js";

const MIB = 1024 * 1024;
/** The mark of a disk of 400 MiB is 20 MiB. */
const BLOCKS = 400;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-space-"));
  // No second passes.
  vi.useFakeTimers({ toFake: ["setInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

test("a node that writes much looks again before the second is over", async () => {
  let bavail = 100;
  const changed: boolean[] = [];
  const space = new DiskSpace({
    folder,
    inside: () => 0,
    makeRoom: () => {},
    changed: (writable) => changed.push(writable),
    statfs: async () => ({ bavail, blocks: BLOCKS, bsize: MIB }),
  });
  await space.start();
  expect(space.writable).toBe(true);
  bavail = 19;
  space.wrote(MIB);
  await new Promise(setImmediate);
  expect(space.writable).toBe(true);
  space.wrote(MIB);
  await vi.waitFor(() => expect(space.writable).toBe(false), { timeout: 10_000 });
  expect(changed).toEqual([false]);
  expect(space.deletable).toBe(true);
  space.close();
});

test("it tells what is free, and how much of it is left until the disk counts as full", async () => {
  let bavail = 100;
  const space = new DiskSpace({
    folder,
    inside: () => 3 * MIB,
    makeRoom: () => {},
    changed: () => {},
    statfs: async () => ({ bavail, blocks: BLOCKS, bsize: MIB }),
  });
  expect(space.found).toBeNull();
  await space.start();
  expect(space.found).toEqual({ free: 100 * MIB, room: 83 * MIB });
  bavail = 10;
  space.wrote(2 * MIB);
  await vi.waitFor(() => expect(space.found).toEqual({ free: 10 * MIB, room: 0 }), { timeout: 10_000 });
  space.close();
});
