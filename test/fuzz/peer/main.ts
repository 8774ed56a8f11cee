/** `make fuzz MINUTES=60 SEED=1`: runs of fuzz.ts, one seed after the other. A seed that fails does so again: SEED=n RUNS=1. */
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
process.exitCode = failed === 0 ? 0 : 1;
