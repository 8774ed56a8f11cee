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
async function filled(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "onar-data-file-"));
  folders.push(folder);
  const path = join(folder, "checkpoint");
  const checkpoint = new LmdbCheckpoint(path);
  const copies = Array.from({ length: KEYS }, (_, i) => ({
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

test("a file that lacks its last pages does not end the process", async () => {
  const path = await filled();
  const data = join(path, "data.mdb");
  const { size } = statSync(data);
  truncateSync(data, size - 20 * 4_096);
  // In a process of its own, as it might end this one.
  const script = `
    import { LmdbCheckpoint } from ${JSON.stringify(new URL("../../../src/storage/checkpoint/lmdb.ts", import.meta.url).href)};
    try {
      const checkpoint = new LmdbCheckpoint(${JSON.stringify(path)});
      checkpoint.get(${partition(0)}, "k");
      for (const _ of checkpoint.states());
    } catch {}
    console.log("told");
  `;
  const ran = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect([ran.signal, ran.stdout.trim()], ran.stderr).toEqual([null, "told"]);
  expect(statSync(data).size).toBe(size);
});

test("an empty file is a new checkpoint", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onar-data-file-"));
  folders.push(folder);
  mkdirSync(join(folder, "checkpoint"), { mode: 0o755 });
  const checkpoint = new LmdbCheckpoint(join(folder, "checkpoint"));
  expect(checkpoint.position).toBe(0);
  await new Promise<void>((closed) => checkpoint.close(closed));
});
