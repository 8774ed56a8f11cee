/**
 * The mutants table has every planted bug that fits into a small world. It says how many states it took to find it, and
 * how many steps the shortest way to it has. ONLY=R2,R6 for some; STATES=… the most per bug; TRACES=1 prints the ways.
 */

import { bugNamed, describeBug, plant } from "../planted/planted.js";
import { cell, numberFrom, run } from "./command.js";
import { explore } from "./explore.js";
import { OUT_OF_SCOPE, SHOWN } from "./planted-worlds.js";
import { renderTrace } from "./trace.js";
import { nameOf, smallWorld } from "./worlds.js";

function main(): boolean {
  const only = (process.env.ONLY ?? "").split(",").filter((name) => name !== "");
  for (const name of only) bugNamed(name);
  const wanted = (bug: string): boolean => only.length === 0 || only.includes(bug);
  let missed = 0;
  console.log(
    `${cell("bug", 26)}${cell("world", 40)}${cell("states", 10)}${cell("steps", 7)}${cell("s", 7)}what it breaks`,
  );
  for (const { bug, world: options } of SHOWN) {
    if (!wanted(bug)) continue;
    plant(bug);
    const started = performance.now();
    const world = smallWorld(options);
    const found = explore(world, { states: numberFrom("STATES", 20_000_000), depth: 1_000 });
    const { violation } = found;
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    if (violation === null) missed++;
    const steps = violation === null ? "none" : violation.trace.length;
    console.log(
      `${cell(bug, 26)}${cell(nameOf(options), 40)}${cell(found.states, 10)}${cell(steps, 7)}${cell(seconds, 7)}${describeBug(bug)}`,
    );
    if (violation === null || process.env.TRACES === undefined) continue;
    for (const line of renderTrace(world, found.automaton, violation.trace)) console.log(`    ${line}`);
    console.log(`    ${violation.reason}`);
  }
  for (const [bug, why] of OUT_OF_SCOPE) if (wanted(bug)) console.log(`${cell(bug, 26)}not in a small world: ${why}`);
  return missed === 0;
}

run(main);
