/**
 * Explores one small world:
 *
 *   OFFICES=1,2          nodes that may campaign, in the order of their rounds
 *   OPERATIONS=put,get   each invoked once, at any time: put, cas, get
 *   PRESENT=1            the key has a value at the beginning, held by every replica
 *   RESENDS=1            writers may send again
 *   MOVED=1,4            the group may move: node 4 for node 3. Then these may campaign, in the order of their rounds
 *   TURNS=1              how often the newcomer may change its mind about whom it hears
 *   BUG=R2               with that bug planted; several: separated by commas
 *   STATES=… DEPTH=… SECONDS=…   bounds
 *   PLAIN=1              without the reductions of explore.ts
 *   VERIFY=1             holds the reductions against what was explored (verify.ts)
 *   PROGRESS=1           a line after every layer
 */

import { plant } from "../planted/planted.js";
import { numberFrom, run } from "./command.js";
import { explore } from "./explore.js";
import { renderTrace } from "./trace.js";
import { verifyReductions } from "./verify.js";
import { nameOf, smallWorld } from "./worlds.js";

function main(): boolean {
  const { OFFICES = "1,2", OPERATIONS = "put,get", BUG = "", PRESENT, RESENDS, MOVED, PLAIN } = process.env;
  plant(...BUG.split(",").filter((bug) => bug !== ""));
  const options = {
    offices: OFFICES,
    operations: OPERATIONS,
    present: PRESENT !== undefined,
    resends: RESENDS !== undefined,
    ...(MOVED === undefined ? {} : { moved: MOVED, turns: numberFrom("TURNS", 1) }),
  };
  const world = smallWorld(options);
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1_000;
  const most = numberFrom("SECONDS", 600);
  const found = explore(world, {
    states: numberFrom("STATES", 50_000_000),
    depth: numberFrom("DEPTH", 1_000),
    reduced: PLAIN === undefined,
    expired: () => seconds() > most,
    progress: (depth, states, frontier) => {
      if (process.env.PROGRESS !== undefined)
        console.log(`depth ${depth}: ${states} states, ${frontier} to go on from, ${seconds().toFixed(1)} s`);
    },
  });
  const { states, transitions, depth, frontier, complete, violation, histories } = found;
  if (violation !== null) {
    for (const line of renderTrace(world, found.automaton, violation.trace)) console.log(line);
    console.log(`VIOLATION after ${violation.trace.length} steps: ${violation.reason}`);
  }
  console.log(
    `${nameOf(options)}${BUG === "" ? "" : ` and ${BUG}`}: complete: ${complete ? "yes" : `no, frontier ${frontier}`}, ` +
      `${states} states, ${transitions} transitions, depth ${depth}, ${histories.length} histories, ` +
      `${found.nodeStates} states of a node, ${found.messages} inputs, ${seconds().toFixed(1)} s, ` +
      `${Math.round(process.memoryUsage().rss / 2 ** 20)} MB`,
  );
  if (process.env.VERIFY === undefined) return violation === null;
  const { equal, spent, counted, contradictions } = verifyReductions(found.automaton);
  for (const line of contradictions) console.log(line);
  console.log(
    `reductions: ${equal}, ${spent} and ${counted} pairs looked at, ${contradictions.length} contradictions, ${seconds().toFixed(1)} s`,
  );
  return violation === null && contradictions.length === 0;
}

run(main);
