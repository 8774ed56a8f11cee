/**
 * Without somewhere to send traces nothing of OpenTelemetry is loaded, but its interface, which the metrics library
 * brings along.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("loaded-program.ts", import.meta.url));
const TSX = fileURLToPath(new URL("../../../node_modules/tsx/dist/cli.mjs", import.meta.url));

/** Folders below @opentelemetry of which a node has loaded something. */
function loaded(...args: readonly string[]): readonly string[] {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("OTEL_")));
  const ran = spawnSync(process.execPath, [TSX, PROGRAM, ...args], { encoding: "utf8", env, timeout: 60_000 });
  expect(ran.stderr).toBe("");
  return JSON.parse(ran.stdout);
}

test("a node that does not trace has loaded none of the libraries", () => {
  expect(loaded().filter((name) => name !== "api")).toEqual([]);
}, 90_000);

test("one that traces has", () => {
  const names = loaded("http://127.0.0.1:9");
  expect(names).toContain("sdk-trace");
  expect(names).toContain("exporter-trace-otlp-http");
}, 90_000);
