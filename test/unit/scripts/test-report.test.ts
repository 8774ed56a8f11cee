/** The last lines of a run of tests: a log that is cut to them still names what failed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-failing-"));
  writeFileSync(join(folder, "vitest.config.mjs"), "export default { test: { globals: true } };");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs such files of tests, by name; the lines of standard output behind "Failed:", and the exit code. */
function endOf(files: Readonly<Record<string, string>>): { code: number | null; end: string } {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.test.mjs`), text);
  const args = ["scripts/test.mjs", `--root=${folder}`, `--config=${join(folder, "vitest.config.mjs")}`];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^VITEST/.test(name)));
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, env, encoding: "utf8" });
  const failed = stdout.lastIndexOf("\nFailed:\n");
  return { code: status, end: failed < 0 ? (stdout.trimEnd().split("\n").at(-1) ?? "") : stdout.slice(failed + 1) };
}

describe("the end of a run's standard output", () => {
  test("names each failed test, with its file and the first lines of its message", () => {
    const { code, end } = endOf({
      sums: `describe("sums", () => {
        test("one is two", () => expect(1).toBe(2));
        test("one is one", () => expect(1).toBe(1));
        test.skip("not today", () => {});
      });`,
    });
    expect(end).toBe(
      [
        "Failed:",
        "  sums.test.mjs > sums > one is two",
        "      expected 1 to be 2 // Object.is equality",
        "1 passed, 1 failed, 1 skipped",
        "",
      ].join("\n"),
    );
    expect(code).toBe(1);
  });

  test("names a file that does not load, a hook that fails, and an error that no test took", () => {
    const { code, end } = endOf({
      loads: `import "./missing.mjs";`,
      hook: `describe("behind a hook", () => { beforeAll(() => { throw new Error("no disk"); }); test("x", () => {}); });`,
      late: `test("y", async () => {
        setTimeout(() => { throw new Error("from nowhere"); }, 1);
        await new Promise((resolve) => setTimeout(resolve, 50));
      });`,
    });
    expect(end).toContain("  loads.test.mjs\n      Cannot find module './missing.mjs'");
    expect(end).toContain("  hook.test.mjs > behind a hook\n      no disk\n");
    expect(end).toContain("  an error outside of the tests\n      from nowhere\n");
    expect(end).toMatch(/\n1 passed, 3 failed, 1 skipped\n$/);
    expect(code).toBe(1);
  });

  test("is the line of counts alone when all pass", () => {
    expect(endOf({ fine: `test("z", () => {});` })).toEqual({ code: 0, end: "1 passed, 0 failed" });
  });
});
