/**
 * A crash at every moment, on files that keep any part of what was under way. Recovery gives exactly what a prefix of
 * the entries gives, and the prefix holds everything that was said to be durable.
 */
import { describe, expect, test } from "vitest";
import type { DiskStorage } from "../../../src/storage/disk.js";
import { errorOf } from "../../conformance/faulty-files.js";
import { pictureAfter, shown, World } from "../../conformance/world.js";

describe("after a crash at any moment (recovery L1)", () => {
  test.each(Array.from({ length: Number(process.env.SEEDS ?? 60) }, (_, i) => i + 1 + Number(process.env.FROM ?? 0)))(
    "a prefix with all that was durable is there, seed %i",
    (seed) => {
      const world = new World(seed, undefined, undefined, seed % 3 === 0);
      for (let life = 0; life < 12; life++) {
        expect(world.open(), `life ${life}`).toBeNull();
        const storage = world.storage as DiskStorage;
        expect(storage.position, "nothing durable is lost").toBeGreaterThanOrEqual(world.promised);
        expect(storage.position).toBeLessThanOrEqual(world.history.length);
        world.history = world.history.slice(0, storage.position);
        world.promised = storage.position;
        expect(shown(storage), `life ${life}`).toEqual(pictureAfter(world.history));
        const moments = world.chance.below(120);
        for (let moment = 0; moment < moments; moment++) {
          if (world.chance.chance(0.4)) world.turn();
          else world.work();
        }
        world.crash();
      }
      expect(world.failures).toEqual([]);
    },
  );

  test("what was cut off is told in one line", () => {
    const world = new World(1);
    world.open(0);
    for (let i = 0; i < 40; i++) world.turn();
    world.finishAll();
    world.crash();
    const name = [...world.files.content.keys()].sort().at(-1) as string;
    const bytes = world.files.content.get(name) as Buffer;
    world.files.content.set(name, Buffer.concat([bytes, Buffer.alloc(50, 0x20)]));
    world.open(0);
    expect(world.notices).toEqual([
      expect.stringMatching(/^the last write before the crash was not finished: \d+ bytes behind record \d+/),
    ]);
  });
});

describe("a disk that is full", () => {
  test.each([1, 2, 3, 4, 5])("delays what is durable until there is space, and loses nothing, seed %i", (seed) => {
    const world = new World(seed);
    world.open(0);
    for (let i = 0; i < 30; i++) world.turn();
    world.finishAll();
    const before = world.promised;
    world.files.space = 0;
    for (let i = 0; i < 20; i++) world.turn();
    for (let i = 0; i < 50; i++) world.work();
    expect(world.promised).toBeLessThan(world.history.length);
    expect(world.promised).toBeGreaterThanOrEqual(before);
    expect((world.storage as DiskStorage).figures().fullWrites).toBeGreaterThan(0);
    if (seed % 2 === 0) {
      world.crash();
      world.files.space = Number.POSITIVE_INFINITY;
      expect(world.open(0)).toBeNull();
      expect((world.storage as DiskStorage).position).toBeGreaterThanOrEqual(before);
      return;
    }
    world.files.space = Number.POSITIVE_INFINITY;
    world.finishAll();
    expect(world.promised).toBe(world.history.length);
    expect(world.failures).toEqual([]);
    world.crash();
    expect(world.open(0)).toBeNull();
    expect(shown(world.storage as DiskStorage)).toEqual(pictureAfter(world.history));
  });
});

describe("a write or sync that fails (log G3)", () => {
  test.each([1, 2, 3, 4, 5, 6])("is said once, and nothing is durable any more, seed %i", (seed) => {
    const world = new World(seed);
    world.open(0);
    for (let i = 0; i < 10 + 7 * seed; i++) world.turn();
    world.finishAll();
    const before = world.promised;
    world.files.nextError = errorOf("EIO");
    for (let i = 0; i < 10; i++) world.turn();
    const writes = world.files.operations;
    world.finishAll();
    expect(world.failures).toEqual([expect.stringContaining("EIO")]);
    expect(world.promised).toBe(before);
    // The failed write was the last: a failed sync is never tried again.
    expect(world.files.operations).toBe(writes + 1);
    world.turn();
    world.finishAll();
    expect(world.promised).toBe(before);
  });
});
