/**
 * Explores the decision on the next view (view-world.ts): CANDIDACIES=1:1,2:1,4:2 says who campaigns for the successor
 * of which view; RESTARTS=1, BUG=…, STATES=…, SECONDS=….
 */
import { plant } from "../planted/planted.js";
import { numberFrom, run } from "./command.js";
import { exploreViews } from "./view-world.js";

run(() => {
  const { CANDIDACIES = "1:1,2:1", BUG = "", RESTARTS } = process.env;
  plant(...BUG.split(",").filter((bug) => bug !== ""));
  const candidacies = CANDIDACIES.split(",").map((text) => {
    const found = /^([1-4]):([1-9])$/.exec(text);
    if (found === null) throw new Error(`CANDIDACIES: not NODE:EPOCH: ${JSON.stringify(text)}`);
    return { node: Number(found[1]), epoch: Number(found[2]) };
  });
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1_000;
  const most = numberFrom("SECONDS", 600);
  const world = { candidacies, restarts: RESTARTS !== undefined };
  const found = exploreViews(world, numberFrom("STATES", 20_000_000), () => seconds() > most);
  if (found.violation !== null) {
    for (const line of found.violation.trace) console.log(line);
    console.log(`VIOLATION after ${found.violation.trace.length} steps: ${found.violation.reason}`);
  }
  console.log(
    `${CANDIDACIES}: complete: ${found.complete ? "yes" : "no"}, ${found.states} states, ${found.transitions} transitions, ` +
      `depth ${found.depth}, ${found.decided.length} views decided, ${seconds().toFixed(1)} s`,
  );
  return found.violation === null;
});
