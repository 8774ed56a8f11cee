/**
 * Every line of the corpus, and some thousand mutations of them; `make fuzz-http2` goes on for as long as it is told
 * to.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Chance, judge, mutate, parseCorpus } from "./fuzzer.js";

const corpus = parseCorpus(readFileSync(new URL("corpus.txt", import.meta.url), "utf8"));
/** One after the other from seed 1; in parts, so that none takes long on a busy machine. */
const PARTS = 20;
const MUTATIONS = 2_000;

describe("the machines of HTTP/2 keep their rules", () => {
  test.each(corpus.map((seed) => [seed.name, seed] as const))("for %s", (_name, { role, bytes }) => {
    judge(role, bytes, new Chance(1));
  });

  test.each(Array.from({ length: PARTS }, (_, i) => 1 + i * MUTATIONS))("for mutations from seed %i", (from) => {
    for (let run = from; run < from + MUTATIONS; run++) {
      const chance = new Chance(run);
      const seed = corpus[chance.below(corpus.length)] ?? expect.unreachable("an empty corpus");
      const bytes = mutate(corpus, seed, chance);
      try {
        judge(seed.role, bytes, chance);
      } catch (error) {
        throw new Error(`SEED=${run}, ${seed.role}, ${bytes.toString("hex")}`, { cause: error });
      }
    }
  });
});
