/**
 * The mutants table: every planted bug, how many seeds it took to catch it, which check did, and how many it took the history of the clients
 * alone. ONLY=R2,R6 for some; LIMIT=… seeds each (10,000 by default).
 */
import { bugNamed, describeBug, plantedBugs } from "../planted/planted.js";
import type { CheckName } from "./checks.js";
import { numberFrom, runPool } from "./pool.js";
import type { Failure } from "./worker.js";

/** Broken rules that only matter together with what is not built yet; docs/protocol.md says why. */
const LATER = new Map<string, string>([["R3.settled-though-absent", "needs purging"]]);

/** What a client could never see. */
const INSIDE: readonly CheckName[] = [
  "one office a ballot",
  "promises never fall",
  "timestamps never fall",
  "one value a timestamp",
  "revisions are used once",
  "shown is on a majority",
  "settled is on a majority",
  "a completion is applied once",
  "assertion in the core",
];

async function firstCaught(bug: string, limit: number, ignored: readonly CheckName[]): Promise<Failure | null> {
  const reports = await runPool({ from: 1, count: limit, bugs: [bug], ignored, stopAtFirst: true });
  const failures = reports.flatMap((report) => report.failures).sort((a, b) => a.seed - b.seed);
  return failures[0] ?? null;
}

const cell = (text: string, width: number): string => text.padEnd(width);

async function main(): Promise<void> {
  const limit = numberFrom("LIMIT", 10_000);
  const only = (process.env["ONLY"] ?? "").split(",").filter((name) => name !== "");
  for (const name of only) bugNamed(name);
  console.log(`${cell("bug", 26)}${cell("seeds", 8)}${cell("check", 32)}${cell("by history", 12)}what it breaks`);
  let missed = 0;
  for (const bug of plantedBugs()) {
    if (only.length > 0 && !only.includes(bug)) continue;
    const later = LATER.get(bug);
    if (later !== undefined) {
      console.log(`${cell(bug, 26)}${cell("–", 8)}${cell(later, 32)}${cell("–", 12)}${describeBug(bug)}`);
      continue;
    }
    const caught = await firstCaught(bug, limit, []);
    const byHistory = await firstCaught(bug, limit, INSIDE);
    if (caught === null) missed++;
    console.log(
      `${cell(bug, 26)}${cell(caught === null ? "never" : `${caught.seed}`, 8)}${cell(caught?.violation.check ?? "", 32)}` +
        `${cell(byHistory === null ? "never" : `${byHistory.seed}`, 12)}${describeBug(bug)}`,
    );
  }
  process.exitCode = missed === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
