/**
 * `make fuzz MINUTES=60 SEED=1`: runs of fuzz.ts, one seed after the other, each with a run of founding's calls. A seed
 * that fails does so again: SEED=n RUNS=1.
 */
import { fuzzFounding, newFoundingTally } from "../founding/fuzz.js";
import { Found, fuzz, newTally } from "./fuzz.js";

const minutes = Number(process.env["MINUTES"] ?? "1");
const first = Number(process.env["SEED"] ?? "1");
const runs = Number(process.env["RUNS"] ?? "Infinity");
if (!(minutes > 0) || !Number.isInteger(first) || !(runs > 0)) {
  console.error("MINUTES and RUNS must be numbers above 0, SEED an integer");
  process.exit(2);
}
const began = performance.now();
const tally = newTally();
const founding = newFoundingTally();
let failed = 0;
let seed = first;
let progress = began;
const told = (): string => {
  const seconds = (performance.now() - began) / 1_000;
  return `${tally.frames} frames in ${seed - first} runs from seed ${first}, ${Math.round(tally.frames / seconds)} a second`;
};
for (; performance.now() - began < minutes * 60_000 && seed - first < runs && failed < 10; seed++) {
  try {
    fuzz(seed, tally);
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    failed++;
    console.log(error.message);
  }
  try {
    await fuzzFounding(seed, founding);
  } catch (error) {
    failed++;
    console.log((error as Error).message);
  }
  if (performance.now() - progress > 30_000) {
    progress = performance.now();
    console.log(told());
  }
}
console.log(`${told()}, ${failed} failed`);
const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
console.log(
  `${megabytes(tally.bytes)} MB of frames; the most that a run made be kept: ${megabytes(tally.mostKept)} MB`,
);
console.log(
  `${tally.unreadable} could not be read, ${tally.refused} messages could not be; taken in, honest ones too:`,
);
console.log(
  [...tally.taken]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => `${kind} ${count}`)
    .join(", "),
);
const { calls, answered, votes, founded, wishes, believed } = founding;
console.log(
  `${calls} calls of founding, ${answered} answered; ${votes} founders voted and ${founded} clusters were founded in the end; ` +
    `${wishes} wishes heard, ${believed} views believed by newcomers`,
);
process.exitCode = failed === 0 ? 0 : 1;
