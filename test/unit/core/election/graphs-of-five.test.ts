import { expect, test } from "vitest";
import { worldWithWriter } from "./world.js";

test("every set of two-way links between 5 nodes settles, whoever was writer", { timeout: 60_000 }, () => {
  for (let mask = 0; mask < 1024; mask++) {
    for (let writer = 0; writer < 5; writer++) {
      const world = worldWithWriter(writer, { size: 5, seed: mask * 5 + writer + 1 });
      let bit = 0;
      for (let a = 0; a < 5; a++) {
        for (let b = 0; b < a; b++) {
          const up = ((mask >> bit++) & 1) === 1;
          world.setLink(a, b, up);
          world.setLink(b, a, up);
        }
      }
      if (world.connected().length === 0) continue;
      const run = world.settle();
      if (run.writers.length !== 1 || run.rounds > 13 || run.ballots > 3)
        expect({ mask, writer, ...run }).toEqual("settled");
    }
  }
});
