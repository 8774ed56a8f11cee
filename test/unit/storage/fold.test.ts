/**
 * The bounds that folding keeps: the log's length, the memory table, the loop's time; and what it costs when it lags.
 */
import { afterEach, describe, expect, test } from "vitest";
import type { Entry } from "../../../src/core/model/entry.js";
import { changeNumber, type Key, partition } from "../../../src/core/model/ids.js";
import type { DiskStorage } from "../../../src/storage/disk.js";
import { errorOf } from "../../conformance/faulty-files.js";
import { register } from "../../conformance/operations.js";
import { diskSubject, LARGE } from "../../conformance/subjects.js";
import { World } from "../../conformance/world.js";
import { plant } from "../../planted/planted.js";

const P = partition(0);

/** Writes the next keys as one batch. */
class Writer {
  changes = 0;
  durable = 0;

  constructor(private readonly storage: DiskStorage) {}

  write(keys: number, bytes: number): void {
    const entries: Entry[] = [];
    for (let i = 0; i < keys; i++) {
      const change = changeNumber(++this.changes);
      const one = register(`key-${this.changes}` as Key, { value: "v".repeat(bytes), seq: change });
      this.storage.table(P).put(one, change);
      entries.push({ kind: "register", partition: P, register: one, change });
    }
    const upTo = this.changes;
    this.storage.append(entries, () => {
      this.durable = upTo;
    });
  }
}

function opened(foldLogBytes: number): { world: World; storage: DiskStorage; writer: Writer } {
  const world = new World(1, foldLogBytes);
  expect(world.open(0)).toBeNull();
  const storage = world.storage as DiskStorage;
  return { world, storage, writer: new Writer(storage) };
}

afterEach(() => plant());

describe("the fold", () => {
  test("keeps the log short, whatever is written, and loses nothing", () => {
    const { world, storage, writer } = opened(8_000);
    for (let i = 0; i < 400; i++) {
      writer.write(5, 100);
      world.finishAll();
      expect(storage.figures().logBytes).toBeLessThan(8_000 + 4 * 1_500);
    }
    expect(storage.figures().folds).toBeGreaterThan(30);
    expect(storage.table(P).size).toBe(2_000);
    world.crash();
    expect(world.open(0)).toBeNull();
    const again = world.storage as DiskStorage;
    expect(again.table(P).size).toBe(2_000);
    expect(again.table(P).changesAfter(changeNumber(1_990), 100)).toHaveLength(10);
    expect(again.table(P).get("key-17" as Key)).not.toBeNull();
  });

  test.each([
    ["takes nothing that was put and is not in the log yet", false],
    ["the planted bug shows: what was put by who was called is there after a crash", true],
  ])("%s", (_what, early) => {
    if (early) plant("R8.fold-ahead");
    const { world, storage, writer } = opened(8_000);
    while (storage.figures().logBytes < 8_000) {
      writer.write(5, 100);
      world.finishAll();
    }
    expect(storage.figures().folds).toBe(0);
    // All is durable, so this is called at once, and the log has become long enough.
    const change = changeNumber(writer.changes + 1);
    const late = register("late" as Key, { value: "v", seq: change });
    storage.append([], () => storage.table(P).put(late, change));
    world.finishAll();
    expect(storage.figures().folds).toBe(1);
    world.crash();
    expect(world.open(0)).toBeNull();
    expect((world.storage as DiskStorage).table(P).get("late" as Key) !== null).toBe(early);
  });

  test("holds the log back when it lags: answers come late, the memory table stays bounded, and nothing is refused", () => {
    const { world, storage, writer } = opened(8_000);
    world.checkpoint.errors.push("never");
    let most = 0;
    for (let i = 0; i < 60; i++) {
      writer.write(10, 400);
      for (let n = 0; n < 40; n++) world.files.step();
      // The commit that never ends.
      world.work();
      most = Math.max(most, writer.changes - writer.durable);
    }
    const { memoryBytes } = storage.figures();
    expect(memoryBytes).toBeGreaterThan(131_072);
    expect(most).toBeGreaterThan(100);
    // The position that was durable before the table was full is the bound.
    expect(writer.durable * 400).toBeLessThan(3 * 131_072);
    expect(world.failures).toEqual([]);
  });

  test("makes transactions smaller that write much, as keys lie far apart, and larger again", () => {
    const world = new World(1, Number.POSITIVE_INFINITY, 400);
    expect(world.open(0)).toBeNull();
    const storage = world.storage as DiskStorage;
    const writer = new Writer(storage);
    const commitsOf = (written: number): number => {
      world.checkpoint.written = written;
      const before = world.checkpoint.commits;
      // More than the memory table may hold: it is folded at once.
      writer.write(800, 10);
      world.finishAll();
      return world.checkpoint.commits - before;
    };
    expect(commitsOf(0), "400 and 400").toBe(2);
    expect(commitsOf(64 * 1024 * 1024), "400, 200, 100, 64, and what is left").toBe(5);
    expect(commitsOf(64 * 1024 * 1024), "64 at a time").toBe(13);
    expect(commitsOf(0), "64, 128, 256, and what is left").toBe(4);
  });

  test("tries again when there was no space, and goes on", () => {
    const { world, storage, writer } = opened(8_000);
    world.checkpoint.errors.push(errorOf("ENOSPC"), errorOf("ENOSPC"));
    for (let i = 0; i < 40; i++) {
      writer.write(5, 100);
      world.finishAll();
    }
    expect(storage.figures().folds).toBeGreaterThan(0);
    expect(world.failures).toEqual([]);
    expect(writer.durable).toBe(200);
  });

  test("that fails stops the node, and what is durable stays in the log", () => {
    const { world, storage, writer } = opened(8_000);
    world.checkpoint.errors.push(errorOf("EIO"));
    for (let i = 0; i < 40; i++) {
      writer.write(5, 100);
      world.finishAll();
    }
    expect(world.failures).toEqual([expect.stringContaining("EIO")]);
    expect(writer.durable).toBeLessThan(200);
    const { durable } = writer;
    expect(storage.position).toBeGreaterThanOrEqual(durable);
    world.crash();
    expect(world.open(0)).toBeNull();
    expect((world.storage as DiskStorage).table(P).size).toBeGreaterThanOrEqual(durable);
  });
});

test("rewriting keys gives their space in the checkpoint back, index entries too", { timeout: 60_000 }, async () => {
  const subject = await diskSubject({ ...LARGE, foldKeys: 64 });
  const { storage } = subject;
  let change = 0;
  const sizes: number[] = [];
  for (let pass = 0; pass < 12; pass++) {
    const entries: Entry[] = [];
    for (let i = 0; i < 2_000; i++) {
      const one = register(`key-${(i * 7_919) % 2_000}` as Key, { value: "v".repeat(100), seq: ++change });
      storage.table(P).put(one, changeNumber(change));
      entries.push({ kind: "register", partition: P, register: one, change: changeNumber(change) });
    }
    await new Promise<void>((resolve) => storage.append(entries, resolve));
    await subject.fold?.();
    sizes.push(subject.checkpointBytes());
  }
  expect(storage.table(P).changesAfter(changeNumber(0), 10_000)).toHaveLength(2_000);
  expect(sizes.at(-1)).toBeLessThan(1.3 * (sizes[1] as number));
  await subject.end();
});
