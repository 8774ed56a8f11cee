/** Parts of backup and restore that need no cluster. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { NewFile } from "../../../src/cli/backup/file.js";
import { inLanes } from "../../../src/cli/backup/lanes.js";
import { count, size } from "../../../src/cli/backup/operation.js";
import { eraAbove } from "../../../src/cli/backup/restore.js";

const folder = mkdtempSync(join(tmpdir(), "onar-file-"));
afterEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
});
const path = join(folder, "file");

describe("a new file", () => {
  test("is there under its name only when it is whole", async () => {
    const file = await NewFile.create(path);
    const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(150_000, i));
    for (const piece of pieces) await file.write(piece);
    expect(existsSync(path)).toBe(false);
    await file.finish();
    expect(readdirSync(folder)).toEqual(["file"]);
    expect(readFileSync(path).equals(Buffer.concat(pieces))).toBe(true);
  });

  test("that is given up leaves nothing", async () => {
    const file = await NewFile.create(path);
    await file.write(Buffer.alloc(2_000_000));
    await file.discard();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("never takes the place of one that appeared meanwhile", async () => {
    const file = await NewFile.create(path);
    await file.write(Buffer.from("new"));
    writeFileSync(path, "somebody's");
    await expect(file.finish()).rejects.toThrow("it has appeared meanwhile");
    await file.discard();
    expect(readFileSync(path, "utf8")).toBe("somebody's");
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe("lanes", () => {
  test("never run more at once than they may, and do all", async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await inLanes(
      Array.from({ length: 50 }, (_, i) => i),
      7,
      async (i) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, i % 3));
        running--;
        done.push(i);
      },
    );
    expect([most, done.length, running]).toEqual([7, 50, 0]);
  });

  test("begin nothing after a failure, and tell the first", async () => {
    const begun: number[] = [];
    const work = inLanes([1, 2, 3, 4, 5, 6], 2, async (i) => {
      begun.push(i);
      await Promise.resolve();
      if (i >= 2) throw new Error(`failed at ${i}`);
    });
    await expect(work).rejects.toThrow("failed at 2");
    expect(begun.length).toBeLessThan(6);
  });
});

describe("the era of a restored cluster", () => {
  test.each<[bigint, bigint]>([
    [0n, 2n ** 40n],
    [20_000n, 2n ** 40n],
    [2n ** 40n - 1n, 2n ** 40n],
    [2n ** 40n, 2n ** 41n],
    [2n ** 40n + 5n, 2n ** 41n],
  ])("of revisions up to %i begins at %i", (highest, above) => expect(eraAbove(highest)).toBe(above));

  test("ends", () => {
    expect(eraAbove(2n ** 52n - 1n)).toBe(2n ** 52n);
    expect(() => eraAbove(2n ** 52n)).toThrow(/no revisions are left/);
  });
});

test("figures for people", () => {
  expect([size(7), size(1_500), size(2_300_000_000)]).toEqual(["7 B", "1.5 kB", "2.3 GB"]);
  expect([count(1, "key"), count(0n, "key"), count(2, "key")]).toEqual(["1 key", "0 keys", "2 keys"]);
});
