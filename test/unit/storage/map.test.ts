/** The cost of a checkpoint's map in memory, as the system counts it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { LmdbCheckpoint } from "../../../src/storage/checkpoint/lmdb.js";
import { mapSize } from "../../../src/storage/checkpoint/map-size.js";

const folders: string[] = [];
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** How often the file is mapped in this process. */
const mapsOf = (path: string): number =>
  readFileSync("/proc/self/maps", "latin1")
    .split("\n")
    .filter((line) => line.endsWith(path)).length;

test.skipIf(process.platform !== "linux")(
  "a file that grows is mapped once: each further map would count as resident memory, page by page",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "onar-map-"));
    folders.push(folder);
    const path = join(folder, "checkpoint");
    const checkpoint = new LmdbCheckpoint(path);
    const data = join(path, "data.mdb");
    for (let part = 0; part < 8; part++) {
      const states = Array.from({ length: 200 }, (_, i) => ({
        key: Buffer.from(`state-${part}-${i}`),
        value: Buffer.alloc(10_000, i),
      }));
      await checkpoint.loadStates(states);
    }
    expect(statSync(data).size).toBeGreaterThan(16 * 1024 * 1024);
    expect(statSync(data).size).toBeLessThan(64 * 1024 * 1024);
    expect(mapsOf(data)).toBe(1);
    await new Promise<void>((closed) => checkpoint.close(closed));
  },
);

test.skipIf(process.platform !== "linux")(
  "a process with little address space opens its checkpoint all the same",
  () => {
    const script = `
    import { LmdbCheckpoint } from ${JSON.stringify(new URL("../../../src/storage/checkpoint/lmdb.ts", import.meta.url).href)};
    const checkpoint = new LmdbCheckpoint(process.argv[1]);
    checkpoint.close(() => console.log("closed"));
  `;
    const folder = mkdtempSync(join(tmpdir(), "onar-map-"));
    folders.push(folder);
    const command = 'ulimit -v 60000000; exec "$@"';
    const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", script, join(folder, "checkpoint")];
    const ran = spawnSync("bash", ["-c", command, "bash", ...node], { encoding: "utf8" });
    expect([ran.signal, ran.status, ran.stdout], ran.stderr).toEqual([null, 0, "closed\n"]);
  },
);

test("the map is bounded where the system bounds address space, or does not tell", () => {
  const of = (limit: string): object =>
    mapSize(`Limit  Soft Limit  Hard Limit  Units\nMax address space         ${limit} bytes\n`);
  expect(of("unlimited            unlimited           ")).toEqual({ mapSize: 2 ** 36 });
  expect(of("20480000000          unlimited           ")).toEqual({});
  expect(mapSize("")).toEqual({});
});
