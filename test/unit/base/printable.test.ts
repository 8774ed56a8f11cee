import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jsonText, printable } from "../../../src/base/printable.js";
import { makeLog } from "../../../src/observe/log.js";
import { ROOT } from "../../e2e/harness.js";

const ESC = "\u001b[2J\u009b31m\u0000\u007f\u202e\u2028\ud800";

test("text from outside is one line without anything that steers a terminal", () => {
  expect(printable(ESC)).toBe("\\x1b[2J\\x9b31m\\x00\\x7f\\u202e\\u2028\\ud800");
  expect(printable("a\r\nerror: b\tc")).toBe("a error: b c");
  expect(printable("naïve 数 👍 – “quoted”")).toBe("naïve 数 👍 – “quoted”");
});

test("text from outside is bounded, whatever it consists of", () => {
  expect(printable("x".repeat(5_000))).toHaveLength(1_000);
  expect(printable("\u001b".repeat(5_000))).toHaveLength(1_000);
  expect(printable("y".repeat(10), 5)).toBe("yyyy…");
});

test("JSON says the same without any such character in it", () => {
  const value = { a: ESC.slice(0, -1), b: "naïve" };
  const text = jsonText(value);
  expect(text).toMatch(/^[\x20-\x7e\u00a0-\u200d]*$/);
  expect(JSON.parse(text)).toEqual(value);
});

test.each(["text", "json"] as const)("no line of a log as %s has one", (format) => {
  const lines: string[] = [];
  const output = {
    out: (line: string) => void lines.push(line),
    error: (line: string) => void lines.push(`${line}\n`),
  };
  const log = makeLog(format, "debug", output);
  for (const say of [log.error, log.warn, log.info, log.debug]) say(`${ESC}\nready: node 7`, { peer: ESC });
  expect(lines.length).toBeGreaterThanOrEqual(4);
  for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*\n$/);
});

/** Where a value is printed by itself, or written to a file. */
const ELSEWHERE = new Set(["backup/marker.ts"]);

test("commands print JSON in one way", () => {
  const folder = join(ROOT, "src/cli");
  const raw = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !ELSEWHERE.has(name))
    .filter((name) => readFileSync(join(folder, name), "utf8").includes("JSON.stringify"));
  expect(raw).toEqual([]);
});
