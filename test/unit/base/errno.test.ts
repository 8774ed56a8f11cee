/** Words for error codes of paths. */
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pathReasonOf } from "../../../src/base/errno.js";

test("what a file function throws is told in words, without the path and the call", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onar-errno-"));
  try {
    const reason = await open(join(folder, "missing/file"), "wx").catch(pathReasonOf);
    expect(reason).toBe("its directory does not exist");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what has no words keeps its message", () => {
  expect(pathReasonOf(Object.assign(new Error("EIO: i/o error, write"), { code: "EIO" }))).toBe(
    "EIO: i/o error, write",
  );
  expect(pathReasonOf("odd")).toBe("odd");
});
