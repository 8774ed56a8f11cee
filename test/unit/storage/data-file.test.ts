/** LMDB's data file before LMDB opens it: cut short it would end the process by SIGBUS. */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
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

/** Opens and reads all of each, in a process of its own, as it might end this one: what became of them. */
function readIn(...looks: readonly { readonly path: string; readonly readOnly: boolean }[]): string[] {
  const script = `
    import { LmdbCheckpoint } from ${JSON.stringify(new URL("../../../src/storage/checkpoint/lmdb.ts", import.meta.url).href)};
    for (const { path, readOnly } of ${JSON.stringify(looks)}) {
      try {
        const checkpoint = new LmdbCheckpoint(path, readOnly);
        checkpoint.get(${partition(0)}, "k");
        for (const _ of checkpoint.states());
        console.log("read");
      } catch (error) {
        console.log(error.message);
      }
    }
  `;
  const ran = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect([ran.signal, ran.status], ran.stderr).toEqual([null, 0]);
  return ran.stdout.trim().split("\n");
}

/** A copy of it that is cut to so many bytes. */
async function cut(path: string, left: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "onar-data-file-"));
  folders.push(folder);
  copyFileSync(join(path, "data.mdb"), join(folder, "data.mdb"));
  truncateSync(join(folder, "data.mdb"), left);
  return folder;
}

test.each([KEYS, 2])("a file of %i keys that lacks its last pages does not end the process", async (keys) => {
  const path = await filled(keys);
  const { size } = statSync(join(path, "data.mdb"));
  const lengths = [1, 4, 20].map((pages) => size - pages * 4_096).filter((left) => left >= 2 * 4_096);
  const paths = await Promise.all(lengths.map((left) => cut(path, left)));
  const said = readIn(...paths.map((one) => ({ path: one, readOnly: true })));
  expect(said).toHaveLength(lengths.length);
  for (const [i, left] of lengths.entries()) {
    expect(said[i]).toMatch(`has ${left} bytes, and by its own word it had`);
    expect(statSync(join(paths[i] as string, "data.mdb")).size).toBe(left);
  }
  const shortest = paths.at(-1) as string;
  readIn({ path: shortest, readOnly: false });
  expect(statSync(join(shortest, "data.mdb")).size).toBe(size);
});

test("a file that ends within its meta pages does not end the process", async () => {
  const path = await filled(2);
  const paths = await Promise.all([8_000, 4_096, 100].map((left) => cut(path, left)));
  const said = readIn(...paths.flatMap((one) => [true, false].map((readOnly) => ({ path: one, readOnly }))));
  expect(said).toHaveLength(6);
  expect(said).not.toContain("read");
});

test("an empty file is a new checkpoint", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onar-data-file-"));
  folders.push(folder);
  mkdirSync(join(folder, "checkpoint"), { mode: 0o755 });
  const checkpoint = new LmdbCheckpoint(join(folder, "checkpoint"));
  expect(checkpoint.position).toBe(0);
  await new Promise<void>((closed) => checkpoint.close(closed));
});
