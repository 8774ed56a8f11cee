import { describe, expect, test } from "vitest";
import type { LogLevel } from "../../../src/base/log-level.js";
import { makeLog } from "../../../src/observe/log.js";

function said(format: "text" | "json", level: LogLevel): { readonly out: string[]; readonly error: string[] } {
  const [out, error]: [string[], string[]] = [[], []];
  const log = makeLog(format, level, { out: (chunk) => void out.push(chunk), error: (line) => void error.push(line) });
  log.debug("d", { event: "e" });
  log.info("i", { event: "e", node: 7 });
  log.warn("w");
  log.with({ node: 9 }).error("x");
  return { out, error };
}

describe("a log", () => {
  test("as text is news on standard output, trouble on standard error", () => {
    expect(said("text", "info")).toEqual({ out: ["i\n"], error: ["warning: w", "error: x"] });
    expect(said("text", "debug").out).toEqual(["d\n", "i\n"]);
    expect(said("text", "warn")).toEqual({ out: [], error: ["warning: w", "error: x"] });
    expect(said("text", "error")).toEqual({ out: [], error: ["error: x"] });
  });

  test("as JSON is one object a line with level, time, facts and text; errors are on standard error, too", () => {
    const { out, error } = said("json", "info");
    expect(error).toEqual(["error: x"]);
    for (const line of out) expect(line).toMatch(/^\{.*\}\n$/);
    expect(out.map((line) => JSON.parse(line))).toEqual([
      { level: "info", time: expect.stringMatching(/^\d{4}-.*Z$/), event: "e", node: 7, msg: "i" },
      { level: "warn", time: expect.any(String), msg: "w" },
      { level: "error", time: expect.any(String), node: 9, msg: "x" },
    ]);
    expect(said("json", "error").out).toHaveLength(1);
  });
});
