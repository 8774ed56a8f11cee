/**
 * The mutants table: every planted bug, how many seeds it took to catch it, and which check did. Beside it stands how
 * many seeds the history of the clients alone took. ONLY=R2,R6 for some; LIMIT=… seeds each (10,000 by default),
 * HISTORY=… for the history alone (the same by default). RECORD=1 writes test/sim/recorded.json after each bug, whose
 * seeds the tests replay.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bugNamed, describeBug, plantedBugs } from "../planted/planted.js";
import type { CheckName } from "./checks.js";
import { numberFrom, runPool } from "./pool.js";
import type { Failure } from "./worker.js";

/** Not found by chance; docs/testing-findings.md says what shows them. */
const DIRECTED = new Map<string, string>([
  ["R3.settled-though-absent", "a script"],
  // One seed in some 6,000.
  ["R5.round-before", "a script"],
  ["R7.void-attempt", "a unit test"],
  ["R8.fold-ahead", "a unit test"],
  ["R9.first-copy-unbound", "a unit test"],
  ["R9.line-takes-copies", "a script"],
  ["R9.purge-forgets-floor", "a unit test"],
  ["R9.raise-lets-in", "a script"],
  ["R9.raise-told-early", "a unit test"],
  ["R9.raise-without-floor", "a script"],
  ["R11.proof-cut-off", "a unit test"],
  // One seed in some thousand.
  ["R9.tells-less", "a seed in some thousand"],
  ["R9.records-end-nodes", "a unit test"],
  ["R12.old-transfer", "a script"],
  // For what only a peer that has gone mad says.
  ["R13.told-too-much", "a unit test"],
  ["R13.recovers-beyond", "a unit test"],
  ["H5.first-word-lasts", "a unit test"],
  ["H6.never-whole", "a unit test"],
  ["H5.cursor-lasts", "a unit test"],
  // Only a copy that is behind the ballots that others remember would miss it.
  ["H10.mark-dropped", "a unit test"],
  ["H8.not-folded", "a unit test"],
  ["H8.gap-unseen", "a unit test"],
  ["H9.replays-dropped", "a unit test"],
  ["H9.sweeps-early", "a unit test"],
  ["H9.drop-not-resumed", "a unit test"],
  ["H9.folds-less", "a unit test"],
  // They need long keys, rot, pre-copies, or groups that shrink: test/transfer has those.
  ["V3.keeps-leftovers", "the world of transfers"],
  ["V3.removals-not-fed", "the world of transfers"],
  ["V3.floor-forgotten", "the world of transfers"],
  ["V3.reservation-forgotten", "the world of transfers"],
  ["V3.merged-votes", "the world of transfers"],
  ["V3.bad-is-absent", "the world of transfers"],
  ["V3.promise-stays", "the world of transfers"],
  ["V3.page-is-last", "the world of transfers"],
  ["V3.cursor-past-gap", "the world of transfers"],
  ["H20.asks-without-room", "the world of transfers"],
  ["H20.any-rate", "a unit test"],
  ["H21.one-by-one", "a script"],
  ["V3.marks-dropped", "a script"],
  ["V3.late-after-mended", "a unit test"],
  ["V3.cursor-without-copy", "a unit test"],
  ["V3.any-attempt", "a unit test"],
  ["V3.noted-early", "a unit test"],
  ["V5.stacks-moves", "a unit test"],
  ["stayer.intersects", "a script"],
  ["stayer.returns", "a script"],
  ["H14.reports-of-before", "a script"],
  ["H14.stayers-wait", "a script"],
  ["H7.told-next-round", "a script"],
  // The move never ends, and only a proposer outside of the group shows it.
  ["V4.told-to-group", "a script"],
  // The simulator's moves are of single replicas.
  ["V5.gives-up-unheard", "a script"],
  ["V6.emptied-early", "a script"],
  // They need a newcomer that dies, or is to be drained, before it is recorded as ready.
  ["V8.accepted", "a script"],
  ["V8.answers", "a script"],
  ["V8.too-few", "a script"],
  ["V8.lost", "a unit test"],
  ["V8.told-early", "a unit test"],
  ["S1.one-voter", "a unit test"],
  ["S2.whole-side", "a unit test"],
  ["growth.even-unready", "a unit test"],
  ["C1.dropped", "a unit test"],
  ["C2.own-flags", "a unit test"],
  ["I6.believes-on", "a unit test"],
  ["B1.page-by-number", "a unit test"],
  ["B1.retained-by-number", "a unit test"],
  ["B3.purge-goes-on", "a script"],
  ["R14.over-deserted", "a script"],
  // For streams and founding, which the simulator does without.
  ["W1.refusal-is-final", "a unit test"],
  ["W2.anybodys-proof", "a unit test"],
  ["W2.any-position", "a unit test"],
  ["W3.second-replaces", "a unit test"],
  ["W4.on-one-word", "a unit test"],
  ["W4.unchecked", "a unit test"],
  ["W4.any-digest", "a unit test"],
  ["W4.any-news", "a unit test"],
  ["W5.taken", "a unit test"],
  ["W6.any-leap", "a unit test"],
  ["W7.any-round", "a unit test"],
  ["W8.anybody", "a unit test"],
  ["W9.any-key", "a unit test"],
  ["A1.proves-first", "a unit test"],
  ["A2.hears-strangers", "a unit test"],
  ["C1.told-early", "a unit test"],
  ["C1.tells-learned", "a unit test"],
  // One seed in some 1,500.
  ["E6.full-keeps-office", "a unit test"],
]);

/** They break rules of moves, and are looked for in worlds in which partitions move. */
const isOfMoves = (bug: string): boolean => /^(V[2346]|V5\.stacks|stayer|H14\.reports|H18)/.test(bug);

/** Bugs that a client could never see. */
const INSIDE: readonly CheckName[] = [
  "one office a ballot",
  "promises never fall",
  "timestamps never fall",
  "one value a timestamp",
  "revisions are used once",
  "shown is on a majority",
  "settled is on a majority",
  "a completion is applied once",
  "a raise lets nothing of before in",
  "a restart tells no less than was forgotten",
  "the fence holds",
  "a purge is rightful",
  "what was purged stays away",
  "the floor outlives what is purged",
  "a cursor passes what is here",
  "a bad register says nothing",
  "a bad register is mended by what is as new",
  "a hand-over tells what counts",
  "who hands its office over decides nothing",
  "nothing is told before it is durable",
  "recovery finds what was durable",
  "who was rolled back is refused",
  "storage shows what was put",
  "a full disk keeps no office",
  "requests leave with their deadline",
  "assertion in the core",
];

/** A bug and seeds that catch it, for test/sim/planted.test.ts. */
export interface Recorded {
  readonly bug: string;
  readonly check: CheckName;
  readonly seeds: readonly number[];
  /** The seeds are of worlds in which partitions move. */
  readonly moving?: true;
}

const RECORDED = "test/sim/recorded.json";
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
    moving: isOfMoves(bug),
    progress: (report) => {
      failures.push(...report.failures);
      return failures.length < wanted;
    },
  });
  return failures.sort((a, b) => a.seed - b.seed).slice(0, wanted);
}

const cell = (text: string, width: number): string => text.padEnd(width);

/** In the place of what was recorded of the bug before. */
function remember(entry: Recorded): void {
  const known = new Map(
    (JSON.parse(readFileSync(RECORDED, "utf8")) as Recorded[]).map((recorded) => [recorded.bug, recorded]),
  );
  known.set(entry.bug, entry);
  const all = plantedBugs().flatMap((bug) => known.get(bug) ?? []);
  // Lists of numbers on one line, as the formatter wants them.
  const text = JSON.stringify(all, null, 2).replace(
    /\[\s+([\d,\s]+?)\s+\]/g,
    (_, list: string) => `[${list.replace(/\s+/g, " ")}]`,
  );
  writeFileSync(RECORDED, `${text}\n`);
}

async function main(): Promise<void> {
  const limit = numberFrom("LIMIT", 10_000);
  const historyLimit = numberFrom("HISTORY", limit);
  const record = process.env.RECORD !== undefined;
  const only = (process.env.ONLY ?? "").split(",").filter((name) => name !== "");
  for (const name of only) bugNamed(name);
  let missed = 0;
  console.log(`${cell("bug", 26)}${cell("seeds", 8)}${cell("check", 44)}${cell("by history", 12)}what it breaks`);
  for (const bug of plantedBugs()) {
    if (only.length > 0 && !only.includes(bug)) continue;
    // Most are found in the world of views (test/views) in fewer seeds; ONLY= tries one here.
    const directed = DIRECTED.get(bug) ?? (bug.startsWith("V") && !isOfMoves(bug) ? "the world of views" : undefined);
    if (directed !== undefined && !only.includes(bug)) {
      console.log(`${cell(bug, 26)}${cell("–", 8)}${cell(directed, 44)}${cell("–", 12)}${describeBug(bug)}`);
      continue;
    }
    const [caught] = await caughtBy(bug, limit, 1);
    const [byHistory] = await caughtBy(bug, historyLimit, 1, INSIDE);
    if (caught === undefined) missed++;
    else if (record) {
      const more =
        caught.seed > RECORD_WITHIN ? [caught] : await caughtBy(bug, Math.min(limit, RECORD_WITHIN), RECORD_SEEDS);
      const seeds = more.map(({ seed }) => seed);
      remember({ bug, check: caught.violation.check, seeds, ...(isOfMoves(bug) ? { moving: true } : {}) });
    }
    console.log(
      `${cell(bug, 26)}${cell(`${caught?.seed ?? "never"}`, 8)}${cell(caught?.violation.check ?? "", 44)}` +
        `${cell(`${byHistory?.seed ?? "never"}`, 12)}${describeBug(bug)}`,
    );
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
