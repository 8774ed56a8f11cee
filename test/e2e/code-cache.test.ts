/** The cache of compiled code (src/cli/code-cache.ts): commands fill it, use it, and do without it. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import module from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildIfStale, PROGRAM } from "./harness.js";
import { run } from "./programs.js";

beforeAll(() => buildIfStale());

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "onar-home-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const said = async (env: Readonly<Record<string, string>> = {}): Promise<string> => {
  const { code, stdout, stderr } = await run(process.execPath, [PROGRAM, "help", "get"], {
    env: { XDG_CACHE_HOME: home, ...env },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
};

const filesOf = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

test("the first command fills it, and the next says the same", async () => {
  const first = await said();
  expect(first).toContain("onar get");
  const files = filesOf(join(home, "onar"));
  expect(files.length).toBeGreaterThan(0);
  const written = files.map((path) => statSync(path).mtimeMs);
  expect(await said()).toBe(first);
  expect(filesOf(join(home, "onar")).map((path) => statSync(path).mtimeMs)).toEqual(written);
});

test("what a command loads later is loaded from kept code, too", async () => {
  const options = { env: { XDG_CACHE_HOME: home }, input: "help\n" };
  for (let start = 0; start < 2; start++) {
    const { code, stdout, stderr } = await run(process.execPath, [PROGRAM, "prompt"], options);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Usage: onar");
  }
});

test("nothing is kept when Node.js is told to keep nothing", async () => {
  await said({ NODE_DISABLE_COMPILE_CACHE: "1" });
  expect(readdirSync(home)).toEqual([]);
});

describe.skipIf("enableCompileCache" in module)("where Node.js has none itself", () => {
  const spoilt: readonly (readonly [what: string, spoil: (bytes: Buffer) => Buffer])[] = [
    ["empty", () => Buffer.alloc(0)],
    ["cut short", (bytes) => bytes.subarray(0, bytes.length / 2)],
    ["all zeros", (bytes) => Buffer.alloc(bytes.length)],
    [
      "one bit off",
      (bytes) =>
        Buffer.from(bytes).fill((bytes[bytes.length >> 1] ?? 0) ^ 1, bytes.length >> 1, (bytes.length >> 1) + 1),
    ],
  ];
  test.each(spoilt)("a file that is %s is not believed, and is made anew", async (_what, spoil) => {
    const first = await said();
    const files = filesOf(join(home, "onar"));
    const spoiltBytes = files.map((path) => {
      const bytes = spoil(readFileSync(path));
      writeFileSync(path, bytes);
      return bytes;
    });
    expect(await said()).toBe(first);
    for (const [i, path] of files.entries()) expect(readFileSync(path).equals(spoiltBytes[i] as Buffer)).toBe(false);
  });

  test("a folder that cannot be made is no reason to fail", async () => {
    writeFileSync(join(home, "onar"), "a file");
    expect(await said()).toContain("onar get");
  });

  test("only the user may read it", async () => {
    await said();
    expect(statSync(join(home, "onar/code")).mode & 0o077).toBe(0);
  });

  test("folders of earlier builds and versions go, but for a few", async () => {
    for (let i = 0; i < 9; i++) {
      mkdirSync(join(home, `onar/code/build-${i}`), { recursive: true });
      chmodSync(join(home, `onar/code/build-${i}`), 0o700);
    }
    await said();
    expect(readdirSync(join(home, "onar/code"))).toHaveLength(4);
  });
});
