/** Memory and disk side by side: the same operations, the same answers, over restarts and folds at any moment. */
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.js";
import { MemoryStorage } from "../../src/storage/memory.js";
import { Dice, intoTables, pictureOf, stateTexts } from "./operations.js";
import type { Subject } from "./storage-suite.js";
import { diskSubject, SMALL, virtualSubject } from "./subjects.js";

/** Memory keeps registers and, here, the entries that make states. */
async function mirror(subject: Subject, seed: number, turns: number): Promise<void> {
  const chance = new Prng(seed);
  const dice = new Dice(chance.fork("operations"));
  const memory = new MemoryStorage();
  const states = [];
  for (let turn = 0; turn < turns; turn++) {
    const entries = dice.turn();
    intoTables((p) => memory.table(p), entries);
    intoTables((p) => subject.storage.table(p), entries);
    states.push(...entries);
    subject.storage.append(entries, () => {});
    if (chance.chance(0.05)) await subject.settle();
    if (chance.chance(0.02)) await subject.fold?.();
    if (chance.chance(0.02)) {
      await subject.settle();
      await subject.restart?.();
    }
    if (!chance.chance(0.1)) continue;
    const { partitions } = pictureOf(memory);
    const shown = pictureOf(subject.storage);
    // Which tombstone changed longest ago is a hint in memory, where the latest change of a tombstone keeps its place.
    expect(sorted(shown.partitions), `seed ${seed}, turn ${turn}`).toEqual(sorted(partitions));
    expect(shown.states).toEqual(stateTexts(states));
  }
  await subject.end();
}

type Partitions = ReturnType<typeof pictureOf>["partitions"];
const sorted = (partitions: Partitions): Partitions =>
  partitions.map((one) => ({ ...one, tombstones: [...one.tombstones].sort() }));

describe("the lockstep mirror of memory and disk", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("on virtual files, seed %i", async (seed) => {
    await mirror(await virtualSubject({ ...SMALL, foldLogBytes: 2_000 * seed, segmentBytes: 700 * seed }), seed, 600);
  });

  test.each([1, 2])("on disk with LMDB, seed %i", { timeout: 60_000 }, async (seed) => {
    await mirror(await diskSubject({ ...SMALL, foldLogBytes: 6_000, segmentBytes: 3_000 }), seed, 500);
  });
});
