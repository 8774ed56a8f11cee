// Runs the tests and ends with a line "N passed, N failed". Before it stands each failure by name, as logs are often
// cut to their end. Arguments are passed on to vitest.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Beyond that the messages are left out, so that the names fit into the end of a log. */
const FAILURES_WITH_MESSAGES = 30;

const folder = mkdtempSync(join(tmpdir(), "onar-test-"));
const report = join(folder, "report.json");
const { status } = spawnSync(
  process.execPath,
  [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    `--reporter=${fileURLToPath(new URL("test-report.mjs", import.meta.url))}`,
    ...process.argv.slice(2),
  ],
  { stdio: "inherit", env: { ...process.env, ONAR_TEST_REPORT: report } },
);

let counts;
try {
  counts = JSON.parse(readFileSync(report, "utf8"));
} catch {
  counts = { passed: 0, skipped: 0, failures: [{ file: "", name: "vitest itself", message: ["it left no report"] }] };
}
rmSync(folder, { recursive: true, force: true });

const { passed, skipped, failures } = counts;
if (failures.length === 0 && status !== 0) {
  failures.push({ file: "", name: "vitest itself", message: [`it ended with ${status ?? "a signal"}`] });
}
const nameOf = ({ file, name }) => [file, name].filter((part) => part !== "").join(" > ");
if (failures.length > 0) console.log("\nFailed:");
for (const [i, failure] of failures.entries()) {
  console.log(`  ${nameOf(failure)}`);
  if (i < FAILURES_WITH_MESSAGES) for (const line of failure.message) console.log(`      ${line}`);
}
console.log(`${passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failures.length > 0 ? 1 : 0);
