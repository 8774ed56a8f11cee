/**
 * `make powercut CUTS=50 SEED=1`: see README.md. Exits with 1 when something was lost, 2 for wrong usage, 3 when this
 * machine cannot do it.
 */
import { wholeNumber } from "../numbers.js";
import { type Broken, runCuts } from "./cuts.js";
import { whyNoPowerCuts } from "./disk.js";

const cuts = wholeNumber("CUTS", 50, 100_000);
const seed = wholeNumber("SEED", 1 + Math.floor(Math.random() * 999_999_999), 2 ** 32 - 1);
const broken = brokenFrom(process.env.WITHOUT);
const why = whyNoPowerCuts();
if (why !== null) {
  console.error(`error: this machine cannot cut the power of a disk: ${why}`);
  process.exit(3);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

console.log(
  `SEED=${seed} CUTS=${cuts}${broken === null ? "" : ` WITHOUT=${broken}: acknowledged writes must be lost`}`,
);
const { problems, summary } = await runCuts({
  seed,
  cuts,
  ...(broken === null ? {} : { broken }),
  say: (line) => console.log(line),
  signal: stop.signal,
});
for (const problem of problems) console.log(`PROBLEM (SEED=${seed}): ${problem}`);
console.log(summary);
process.exit(problems.length === 0 ? 0 : 1);

function brokenFrom(text: string | undefined): Broken | null {
  if (text === undefined || text === "") return null;
  if (text === "sync" || text === "flush") return text;
  console.error(`error: WITHOUT must be sync or flush, not ${JSON.stringify(text)}`);
  return process.exit(2);
}
