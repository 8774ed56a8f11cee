/**
 * Fuzzes the machines of src/http2: `make fuzz-http2 MINUTES=60 SEED=1`. Every run mutates a line of corpus.txt; what
 * fails is printed as such a line. Add it there, so that it is tried from then on, and mend its whole kind.
 */
import { readFileSync } from "node:fs";
import { Chance, judge, mutate, parseCorpus } from "./fuzzer.js";

const minutes = Number(process.env["MINUTES"] ?? "1");
const first = Number(process.env["SEED"] ?? "1");
if (!(minutes > 0) || !Number.isInteger(first)) {
  console.error("MINUTES must be a number above 0, SEED an integer");
  process.exit(2);
}
const corpus = parseCorpus(readFileSync(new URL("corpus.txt", import.meta.url), "utf8"));
const until = performance.now() + minutes * 60_000;
let run = first;
let failed = 0;
let progress = performance.now();
for (; performance.now() < until && failed < 10; run++) {
  const chance = new Chance(run);
  const seed = corpus[chance.below(corpus.length)];
  if (seed === undefined) break;
  const bytes = mutate(corpus, seed, chance);
  try {
    judge(seed.role, bytes, chance);
  } catch (error) {
    failed++;
    console.log(`# SEED=${run}: ${error instanceof Error ? error.message : String(error)}`);
    console.log(`${seed.role} found-${run} ${bytes.toString("hex")}`);
  }
  if (performance.now() - progress > 30_000) {
    progress = performance.now();
    console.log(`${run - first} runs`);
  }
}
console.log(`${run - first} runs from seed ${first}, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
