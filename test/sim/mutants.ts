/**
 * The mutants table: every planted bug, how many seeds it took to catch it, which check did, and how many it took the history of the clients
 * alone. ONLY=R2,R6 for some; LIMIT=… seeds each (10,000 by default); RECORD=1 writes test/sim/recorded.json, whose seeds the tests replay.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
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

/** A bug and seeds that catch it, for test/sim/planted.test.ts. */
export interface Recorded {
  readonly bug: string;
  readonly check: CheckName;
  readonly seeds: readonly number[];
}

/** Seeds recorded of each bug, as far as this many tries find them. */
const RECORD_SEEDS = 3;
const RECORD_WITHIN = 10_000;

async function caughtBy(
  bug: string,
  limit: number,
  wanted: number,
  ignored: readonly CheckName[] = [],
): Promise<Failure[]> {
  const failures: Failure[] = [];
  await runPool({
    from: 1,
    count: limit,
    bugs: [bug],
    ignored,
    progress: (report) => {
      failures.push(...report.failures);
      return failures.length < wanted;
    },
  });
  return failures.sort((a, b) => a.seed - b.seed).slice(0, wanted);
}

const cell = (text: string, width: number): string => text.padEnd(width);

async function main(): Promise<void> {
  const limit = numberFrom("LIMIT", 10_000);
  const record = process.env.RECORD !== undefined;
  const only = (process.env.ONLY ?? "").split(",").filter((name) => name !== "");
  for (const name of only) bugNamed(name);
  const recorded: Recorded[] = [];
  let missed = 0;
  console.log(`${cell("bug", 26)}${cell("seeds", 8)}${cell("check", 32)}${cell("by history", 12)}what it breaks`);
  for (const bug of plantedBugs()) {
    if (only.length > 0 && !only.includes(bug)) continue;
    const later = LATER.get(bug);
    if (later !== undefined) {
      console.log(`${cell(bug, 26)}${cell("–", 8)}${cell(later, 32)}${cell("–", 12)}${describeBug(bug)}`);
      continue;
    }
    const [caught] = await caughtBy(bug, limit, 1);
    const [byHistory] = await caughtBy(bug, limit, 1, INSIDE);
    if (caught === undefined) missed++;
    else if (record) {
      const more = caught.seed > RECORD_WITHIN ? [caught] : await caughtBy(bug, RECORD_WITHIN, RECORD_SEEDS);
      recorded.push({ bug, check: caught.violation.check, seeds: more.map(({ seed }) => seed) });
    }
    console.log(
      `${cell(bug, 26)}${cell(`${caught?.seed ?? "never"}`, 8)}${cell(caught?.violation.check ?? "", 32)}` +
        `${cell(`${byHistory?.seed ?? "never"}`, 12)}${describeBug(bug)}`,
    );
  }
  if (record) {
    // Lists of numbers on one line, as the formatter wants them.
    const text = JSON.stringify(recorded, null, 2).replace(
      /\[\s+([\d,\s]+?)\s+\]/g,
      (_, list: string) => `[${list.replace(/\s+/g, " ")}]`,
    );
    writeFileSync("test/sim/recorded.json", `${text}\n`);
  }
  process.exitCode = missed === 0 ? 0 : 1;
}

// Imported by a test for its types alone.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  });
}
