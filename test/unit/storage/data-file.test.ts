/** LMDB's data file before LMDB opens it: cut short it would end the process by SIGBUS. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { partition } from "../../../src/core/model/ids.js";
import { CheckpointError } from "../../../src/storage/checkpoint/checkpoint.js";
import { LmdbCheckpoint } from "../../../src/storage/checkpoint/lmdb.js";

const folders: string[] = [];
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

const KEYS = 400;

/** A checkpoint with some 4 MiB in it. */
async function filled(keys = KEYS): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "onar-data-file-"));
  folders.push(folder);
  const path = join(folder, "checkpoint");
  const checkpoint = new LmdbCheckpoint(path);
  const copies = Array.from({ length: keys }, (_, i) => ({
    key: Buffer.from(`state-${String(i).padStart(4, "0")}`),
    value: Buffer.alloc(10_000, i),
  }));
  await checkpoint.loadStates(copies);
  await new Promise<void>((closed) => checkpoint.close(closed));
  return path;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("a file as LMDB left it is opened, and nobody else may read it", async () => {
  const path = await filled();
  expect([modeOf(path), modeOf(join(path, "data.mdb"))]).toEqual(["700", "600"]);
  // As an earlier version left it.
  chmodSync(join(path, "data.mdb"), 0o644);
  const checkpoint = new LmdbCheckpoint(path);
  expect(checkpoint.position).toBe(0);
  await new Promise<void>((closed) => checkpoint.close(closed));
  expect(modeOf(join(path, "data.mdb"))).toBe("600");
});

test.each([0.5, 0.1])("a file of which only a part of %d is left is refused, and why is said", async (share) => {
  const path = await filled();
  const data = join(path, "data.mdb");
  const bytes = Math.floor(statSync(data).size * share);
  truncateSync(data, bytes);
  for (const readOnly of [false, true]) {
    expect(() => new LmdbCheckpoint(path, readOnly)).toThrow(CheckpointError);
    expect(() => new LmdbCheckpoint(path, readOnly)).toThrow(`has ${bytes} bytes, and by its own word it had`);
  }
  expect(statSync(data).size).toBe(bytes);
});

/** Opens and reads all of it, in a process of its own, as it might end this one. */
function readIn(path: string, readOnly: boolean): string {
  const script = `
    import { LmdbCheckpoint } from ${JSON.stringify(new URL("../../../src/storage/checkpoint/lmdb.ts", import.meta.url).href)};
    try {
      const checkpoint = new LmdbCheckpoint(${JSON.stringify(path)}, ${readOnly});
      checkpoint.get(${partition(0)}, "k");
      for (const _ of checkpoint.states());
      console.log("read");
    } catch (error) {
      console.log(error.message);
    }
  `;
  const ran = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect([ran.signal, ran.status], ran.stderr).toEqual([null, 0]);
  return ran.stdout.trim();
}

test.each([KEYS, 2])("a file of %i keys that lacks its last pages does not end the process", async (keys) => {
  const path = await filled(keys);
  const data = join(path, "data.mdb");
  const { size } = statSync(data);
  for (const pages of [1, 4, 20]) {
    const left = size - pages * 4_096;
    if (left < 2 * 4_096) break;
    truncateSync(data, left);
    expect(readIn(path, true)).toMatch(`has ${left} bytes, and by its own word it had`);
    expect(statSync(data).size).toBe(left);
  }
  readIn(path, false);
  expect(statSync(data).size).toBe(size);
});

test("a file that ends within its meta pages does not end the process", async () => {
  const path = await filled(2);
  for (const left of [8_000, 4_096, 100]) {
    truncateSync(join(path, "data.mdb"), left);
    for (const readOnly of [true, false]) expect(readIn(path, readOnly)).not.toBe("read");
  }
});

test("an empty file is a new checkpoint", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onar-data-file-"));
  folders.push(folder);
  mkdirSync(join(folder, "checkpoint"), { mode: 0o755 });
  const checkpoint = new LmdbCheckpoint(join(folder, "checkpoint"));
  expect(checkpoint.position).toBe(0);
  await new Promise<void>((closed) => checkpoint.close(closed));
});
