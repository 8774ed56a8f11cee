/** Memory and disk side by side: the same operations, the same answers, over restarts and folds at any moment. */
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.js";
import { MemoryStorage } from "../../src/storage/memory.js";
import { appendAll, Dice, pictureOf, statesAfter } from "./operations.js";
import type { CopySubject } from "./storage-suite.js";
import { diskSubject, SMALL, virtualSubject } from "./subjects.js";

/** Memory keeps registers and, here, the entries that make states. */
async function mirror(subject: CopySubject, seed: number, turns: number, copies = false): Promise<void> {
  const chance = new Prng(seed);
  const dice = new Dice(chance.fork("operations"), copies);
  const memory = new MemoryStorage();
  const states = [];
  for (let turn = 0; turn < turns; turn++) {
    const entries = dice.turn();
    appendAll(memory, entries);
    appendAll(subject.storage, entries);
    states.push(...entries);
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
    expect(shown.states).toEqual(statesAfter(states));
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

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("on virtual files, with copies that come and go, seed %i", async (seed) => {
    const settings = { ...SMALL, foldLogBytes: 2_000 * seed, segmentBytes: 700 * seed };
    await mirror(await virtualSubject(settings), seed, 600, true);
  });

  test.each([1, 2])("on disk with LMDB, with copies that come and go, seed %i", { timeout: 60_000 }, async (seed) => {
    await mirror(await diskSubject({ ...SMALL, foldLogBytes: 6_000, segmentBytes: 3_000 }), seed, 500, true);
  });

  test.each([1, 2])("on disk with LMDB, seed %i", { timeout: 60_000 }, async (seed) => {
    await mirror(await diskSubject({ ...SMALL, foldLogBytes: 6_000, segmentBytes: 3_000 }), seed, 500);
  });
});
