import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseArguments } from "../../../src/check/arguments.js";
import { formatHistory } from "../../../src/check/jsonl.js";
import { get, put, unknown } from "./histories.js";

const folder = mkdtempSync(join(tmpdir(), "onar-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function run(args: readonly string[], input = ""): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", "src/check/main.ts", ...args], {
    encoding: "utf8",
    input,
    timeout: 60_000,
  });
  return { code: status, out: stdout, err: stderr };
}

const good = formatHistory([put(1, [0, 1], "a", 1), get(2, [2, 3], "a", 1)]);
const stale = formatHistory([put(1, [0, 1], "a", 1), put(1, [2, 3], "b", 2), get(2, [4, 5], "a", 1)]);

describe("onar-check", { timeout: 60_000 }, () => {
  test("says ok with code 0, for both checkers, from standard input", () => {
    const { code, out, err } = run(["--checker", "both", "-"], good);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe(
      'version-witness: ok, 2 operations on 1 key\n  "k": ok, 2 operations\nwing-gong: ok, 2 operations on 1 key\n  "k": ok, 2 operations\n',
    );
  });

  test("says what contradicts what with code 1, and draws it", () => {
    const html = join(folder, "out.html");
    const { code, out } = run(["--html", html, file("stale.jsonl", stale)]);
    expect(code).toBe(1);
    expect(out).toContain(
      '"k": violation, 3 operations\n    Version 1 comes back after version 2: get by process 2 at 4–5',
    );
    expect(readFileSync(html, "utf8")).toContain("Version 1 comes back after version 2");
  });

  test("refuses a corrupt file with line and field and code 2, without a stack trace", () => {
    const { code, out, err } = run([file("corrupt.jsonl", `${good}{"process":1,"key":5}\n`)]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^onar-check: .*corrupt\.jsonl: line 3: field key: must be a string\n$/);
  });

  test("refuses what is not UTF-8 with code 2", () => {
    const path = join(folder, "latin1.jsonl");
    writeFileSync(path, Buffer.from(good.replaceAll('"k"', '"k\xff"'), "latin1"));
    const { code, err } = run([path]);
    expect(code).toBe(2);
    expect(err).toMatch(/^onar-check: cannot read .*utf-8[^\n]*\n$/i);
  });

  test("refuses a file that is not there and one that cannot be written with code 2", () => {
    const missing = run([join(folder, "missing.jsonl")]);
    expect(missing.code).toBe(2);
    expect(missing.err).toMatch(/^onar-check: cannot read .*ENOENT[^\n]*\n$/);
    const unwritable = run(["--html", join(folder, "no", "out.html"), file("good.jsonl", good)]);
    expect(unwritable.code).toBe(2);
    expect(unwritable.err).toMatch(/^onar-check: cannot write .*ENOENT[^\n]*\n$/);
  });

  test("says out of time with code 4", () => {
    // Fifteen unknown additions of different size, and a sum that needs luck: more orders than a moment can try.
    const adds = Array.from({ length: 24 }, (_, index) =>
      unknown(10 + index, 0, { kind: "add", delta: `${2 * (1000 + 37 * index ** 2)}` }),
    );
    const { code, out } = run(
      ["--checker", "wing-gong", "--budget", "0.05", "-"],
      formatHistory([...adds, get(1, [1, 2], "77777", 500)]),
    );
    expect(code).toBe(4);
    expect(out).toContain("wing-gong: out of time");
  });
});

test("arguments that make no sense are named", () => {
  expect(parseArguments(["--help"])).toEqual({ kind: "help" });
  expect(parseArguments(["x"])).toEqual({
    kind: "check",
    file: "x",
    checker: "version-witness",
    html: null,
    budgetSeconds: 60,
  });
  for (const [args, problem] of [
    [[], "no history file given"],
    [["a", "b"], "one history file, not 2"],
    [["--checker", "x", "a"], "--checker must be one of version-witness, wing-gong, both, not x"],
    [["--budget", "0", "a"], "--budget must be a number of seconds above 0, not 0"],
    [["--budget", "", "a"], "--budget must be a number of seconds above 0, not "],
    [["--wat", "a"], "Unknown option '--wat'"],
  ] as const) {
    expect(parseArguments(args)).toMatchObject({ kind: "mistake", problem: expect.stringContaining(problem) });
  }
});
