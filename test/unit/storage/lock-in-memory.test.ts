import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withLockInMemory } from "../../../src/storage/checkpoint/lock-in-memory.js";

let folder = "";
let memory = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-lock-"));
  memory = mkdtempSync(join(tmpdir(), "onar-memory-"));
});
afterEach(() => {
  for (const path of [folder, memory]) rmSync(path, { recursive: true, force: true });
});

test("while the environment is opened its lock file is a link into memory, with room taken; afterwards nothing is left", () => {
  writeFileSync(join(folder, "lock.mdb"), "of an older version");
  const link = join(folder, "lock.mdb");
  const opened = withLockInMemory(
    folder,
    () => {
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      const target = readlinkSync(link);
      expect(target.startsWith(memory)).toBe(true);
      expect(lstatSync(target)).toMatchObject({ size: 16_384 });
      return "opened";
    },
    memory,
  );
  expect(opened).toBe("opened");
  expect([...readdirSync(folder), ...readdirSync(memory)]).toEqual([]);
});

test("the same when opening fails", () => {
  expect(() =>
    withLockInMemory(
      folder,
      () => {
        throw new Error("no");
      },
      memory,
    ),
  ).toThrow("no");
  expect([...readdirSync(folder), ...readdirSync(memory)]).toEqual([]);
});

test("without such memory the lock file is left where it is", () => {
  writeFileSync(join(folder, "lock.mdb"), "old");
  withLockInMemory(folder, () => expect(lstatSync(join(folder, "lock.mdb")).isFile()).toBe(true), join(memory, "none"));
  expect(existsSync(join(folder, "lock.mdb"))).toBe(true);
});
