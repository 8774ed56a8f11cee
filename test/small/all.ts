/**
 * Every small world that is explored by hand, one after the other, as a table. SECONDS=… for all together (600 by
 * default); a world that is not completed in what is left says so. VERIFY=1 holds the reductions against each.
 */
import { cell, numberFrom, run } from "./command.js";
import { explore } from "./explore.js";
import { verifyReductions } from "./verify.js";
import { nameOf, smallWorld, type WorldOptions } from "./worlds.js";

/** Small ones first; the third is the one that has to be complete. */
const WORLDS: readonly WorldOptions[] = [
  { offices: "1", operations: "put,cas,get" },
  { offices: "1,2", operations: "put,get" },
  { offices: "1,2", operations: "put,cas,get" },
  { offices: "1,2", operations: "put*" },
  { offices: "1,2", operations: "put,swap*" },
  { offices: "1,2", operations: "put*,get" },
  { offices: "1,2", operations: "put,put,cas" },
  { offices: "1", operations: "put,get,get", present: true },
  { offices: "1", operations: "put,put,get", resends: true },
  { offices: "1,2", operations: "put,get", resends: true },
  { offices: "1,2", operations: "put,cas", resends: true },
  { offices: "1,2,1", operations: "put,cas" },
  { offices: "1,2,1", operations: "put,get" },
  { offices: "1,2", operations: "put,cas,get", present: true },
  { offices: "1,2,3", operations: "put,get" },
  { offices: "1,2,1", operations: "put,cas,get" },
];

const MOST_STATES = 60_000_000;

function main(): boolean {
  const verify = process.env.VERIFY !== undefined;
  const most = numberFrom("SECONDS", 600) * 1_000;
  const started = performance.now();
  let failed = 0;
  console.log(
    `${cell("world", 38)}${cell("complete", 26)}${cell("states", 11)}${cell("transitions", 13)}${cell("depth", 7)}${cell("histories", 11)}${cell("s", 8)}MB`,
  );
  for (const options of WORLDS) {
    const began = performance.now();
    const found = explore(smallWorld(options), {
      states: MOST_STATES,
      depth: 1_000,
      expired: () => performance.now() - started > most,
    });
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    const complete = found.violation !== null ? "VIOLATION" : found.complete ? "yes" : `no, frontier ${found.frontier}`;
    console.log(
      `${cell(nameOf(options), 38)}${cell(complete, 26)}${cell(found.states, 11)}${cell(found.transitions, 13)}${cell(found.depth, 7)}` +
        `${cell(found.histories.length, 11)}${cell(seconds, 8)}${Math.round(process.memoryUsage().rss / 2 ** 20)}`,
    );
    if (found.violation !== null) failed++;
    if (!verify) continue;
    const { equal, spent, counted, contradictions } = verifyReductions(found.automaton);
    for (const line of contradictions.slice(0, 3)) console.log(`  ${line}`);
    console.log(
      `  reductions: ${equal}, ${spent} and ${counted} pairs looked at, ${contradictions.length} contradictions`,
    );
    failed += contradictions.length;
  }
  return failed === 0;
}

run(main);
