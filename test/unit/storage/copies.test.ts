/**
 * Copies of one partition that come and go: what is of one never turns up in another, and a drop gives everything back.
 */
import { afterEach, describe, expect, test } from "vitest";
import { firstTableOf } from "../../../src/codec/disk/table-id.js";
import type { CopyEntry } from "../../../src/core/model/copy-entry.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { changeNumber, groupEpoch, type Key, partition } from "../../../src/core/model/ids.js";
import { BAD } from "../../../src/core/model/table.js";
import { TREES } from "../../../src/storage/checkpoint/packed.js";
import type { DiskStorage } from "../../../src/storage/disk.js";
import { appendAll, register } from "../../conformance/operations.js";
import { diskSubject, LARGE } from "../../conformance/subjects.js";
import { World } from "../../conformance/world.js";
import { plant } from "../../planted/planted.js";
import { rotRecord } from "../../sim/rot.js";

const P = partition(3);
const OTHER = partition(4);

afterEach(() => plant());

const put = (name: string, change: number, p = P): Entry => ({
  kind: "register",
  partition: p,
  register: register(name as Key, { value: `value of ${name}`, seq: change }),
  change: changeNumber(change),
});
const puts = (count: number, mark: string, p = P): Entry[] =>
  Array.from({ length: count }, (_, i) => put(`${mark}-${i}`, i + 1, p));
const begun = (copy: number): CopyEntry => ({ kind: "begun", partition: P, copy: groupEpoch(copy) });
const dropped = (copy: number): CopyEntry => ({ kind: "dropped", partition: P, copy: groupEpoch(copy) });

/** Appends and waits until all is done, folds and sweeps included. */
function done(world: World, ...entries: (Entry | CopyEntry)[]): DiskStorage {
  const storage = world.storage as DiskStorage;
  appendAll(storage, entries);
  world.finishAll();
  return storage;
}

function opened(foldLogBytes = Number.POSITIVE_INFINITY): World {
  const world = new World(1, foldLogBytes);
  expect(world.open(0)).toBeNull();
  return world;
}

function again(world: World): DiskStorage {
  world.crash();
  expect(world.open(0)).toBeNull();
  return world.storage as DiskStorage;
}

function fold(world: World): void {
  (world.storage as DiskStorage).foldNow(() => {});
  world.finishAll();
}

const names = (storage: DiskStorage): (readonly [number, string])[] =>
  [...storage.copies()]
    .filter(({ partition: p }) => p === P)
    .map(({ copy, table }) => [
      copy,
      table
        .changesAfter(changeNumber(0), 1_000)
        .map(({ key }) => key)
        .join(" "),
    ]);
const tables = (storage: DiskStorage): number[] =>
  [...storage.tables()].filter(({ partition: p }) => p === P).map(({ table }) => table);
/** Keys of the newest copy that can be read. */
const sound = (storage: DiskStorage): number =>
  storage
    .table(P)
    .changesAfter(changeNumber(0), 1_000)
    .filter(({ timestamp }) => timestamp !== null).length;
/** Blocks of the checkpoint that are of that table. */
const blocks = ({ checkpoint }: World, table: number): number =>
  TREES.flatMap((tree) => checkpoint.blocksOf(tree)).filter(
    ([name]) => Buffer.from(name, "latin1").readUInt32BE(0) === table,
  ).length;

describe("copies of one partition", () => {
  test.each([
    ["in the log", false],
    ["in the checkpoint", true],
  ])("are kept apart %s, and entries are the newest one's", (_where, folded) => {
    const world = opened();
    done(world, put("old", 1), begun(5), put("new", 1), { kind: "floor", partition: P, floor: 7 as never });
    if (folded) fold(world);
    const storage = again(world);
    expect(names(storage)).toEqual([
      [1, "old"],
      [5, "new"],
    ]);
    expect(storage.table(P).get("old" as Key)).toBeNull();
    expect([...storage.restored()]).toEqual([{ kind: "floor", partition: P, floor: 7 }]);
    const [old] = [...storage.copies()].filter(({ copy }) => copy === 1);
    expect([...(old?.restored() ?? [])]).toEqual([]);
    expect(old?.table.get("old" as Key)).not.toBe(BAD);
  });

  test("a key of two copies is read from each", () => {
    const world = opened();
    done(world, put("k", 1), begun(2), {
      ...put("k", 1),
      register: register("k" as Key, { value: "2", seq: 9 }),
    } as Entry);
    fold(world);
    const storage = again(world);
    const values = [...storage.copies()].map(({ table }) => {
      const held = table.get("k" as Key);
      return held === null || held === BAD ? held : Buffer.from(held.value ?? []).toString();
    });
    expect(values).toEqual(["value of k", "2"]);
  });

  test("a table's number is never given again, also after all of it is gone (states T1)", () => {
    const world = opened();
    done(world, begun(2), put("two", 1));
    const [second] = tables(world.storage as DiskStorage);
    done(world, begun(3), dropped(2), put("three", 1));
    expect(
      again(world)
        .table(P)
        .get("two" as Key),
    ).toBeNull();
    done(world, begun(4), dropped(3));
    world.finishAll();
    const storage = again(world);
    expect(names(storage)).toEqual([[4, ""]]);
    expect(tables(storage)).toEqual([(second as number) + 2]);
    expect(tables(done(world, begun(5)))).toContain((second as number) + 3);
  });

  test("that of the founding is not there again once it was dropped", () => {
    const world = opened();
    done(world, ...puts(20, "first"));
    fold(world);
    done(world, dropped(1));
    for (let life = 0; life < 3; life++) {
      const storage = again(world);
      expect(() => storage.table(P)).toThrow("a copy is begun before it is used");
      expect(names(storage)).toEqual([]);
      expect(storage.newest(P)).toBeNull();
      world.finishAll();
    }
    expect(done(world, begun(2), put("second", 1)).table(P).size).toBe(1);
    expect(names(again(world))).toEqual([[2, "second"]]);
  });

  test.each([
    ["one begins in an earlier group epoch", [begun(5), begun(4)]],
    ["one begins twice", [begun(5), begun(5)]],
    ["one is dropped that is not there", [dropped(5)]],
  ])("a broken invariant is found when %s", (_what, entries) => {
    const world = opened();
    done(world, put("first", 1));
    expect(() => done(world, ...entries)).toThrow();
  });

  test("a copy that was dropped takes nothing, whoever still holds its table (states T2)", () => {
    const world = opened();
    const held = done(world, put("first", 1)).table(P);
    done(world, dropped(1));
    expect(() => held.put(register("late" as Key), changeNumber(2))).toThrow("T2");
  });

  test("the bad registers of a dropped copy are nobody's", () => {
    const world = opened();
    done(world, put("first", 1), put("second", 2));
    fold(world);
    expect(world.checkpoint.rot(firstTableOf(P), "first" as Key)).toBe(true);
    const storage = world.storage as DiskStorage;
    storage.scrubNow();
    expect([...storage.bad()]).toEqual([{ partition: P, key: "first" }]);
    storage.append([dropped(1)], () => {});
    expect([...storage.bad()]).toEqual([]);
    storage.scrubNow();
    expect([...storage.bad()]).toEqual([]);
  });

  test("the begin of a copy that has rotted keeps the node from starting", () => {
    const world = opened();
    done(world, put("first", 1));
    const { position } = done(world, begun(2));
    done(world, put("new", 1));
    world.crash();
    expect(rotRecord(world.files, position)).toBe(true);
    expect(world.open(0)?.message).toContain("fails its checksum. This node counts as lost");
  });
});

describe("a drop", () => {
  /** One copy with some hundred keys in the checkpoint, and a neighbour that stays. */
  function full(): World {
    const world = opened();
    done(world, ...puts(300, "gone"), ...puts(20, "stays", OTHER));
    fold(world);
    expect(blocks(world, P)).toBeGreaterThan(30);
    return world;
  }

  test("gives everything back, of a founding's copy all but its mark", () => {
    const world = full();
    const storage = done(world, dropped(1));
    expect(blocks(world, P)).toBe(0);
    expect([...world.checkpoint.tallies()].map(({ table }) => table)).toEqual([firstTableOf(OTHER)]);
    expect(storage.table(OTHER).size).toBe(20);
    expect(again(world).table(OTHER).size).toBe(20);
    expect(world.checkpoint.bytes).toBeLessThan(20_000);
  });

  test("gives back space of the file, with LMDB", { timeout: 60_000 }, async () => {
    const subject = await diskSubject(LARGE);
    const free = (): number => subject.freeBytes();
    appendAll(subject.storage, puts(3_000, "x"));
    await subject.fold();
    const [used, before] = [subject.checkpointBytes(), free()];
    appendAll(subject.storage, [begun(2), dropped(1)]);
    while (free() < before + used / 3) await new Promise((turn) => setTimeout(turn, 5));
    await subject.restart();
    expect([...subject.storage.copies()].map(({ copy }) => copy)).toEqual([2]);
    await subject.end();
  });

  test("gives space back as fast as the next copies take it: twenty times, the file stays within twice of one", {
    timeout: 120_000,
  }, async () => {
    const subject = await diskSubject({ ...LARGE, foldKeys: 512, sweepBlocks: 64 });
    const storage = subject.storage as DiskStorage;
    appendAll(storage, puts(1_500, "x"));
    await subject.fold();
    const once = subject.checkpointBytes();
    const sweeping = (): boolean => [...storage.tables()].some(({ ended }) => ended === "dropped");
    for (let copy = 2; copy <= 21; copy++) {
      appendAll(storage, [begun(copy), dropped(copy - 1), ...puts(1_500, "x")]);
      await subject.fold();
      while (sweeping()) await new Promise((turn) => setTimeout(turn, 5));
    }
    expect(storage.table(P).size).toBe(1_500);
    expect(subject.checkpointBytes()).toBeLessThan(2 * once);
    await subject.end();
  });

  test("while a fold is under way is swept without anybody's next append", () => {
    const world = full();
    appendAll(world.storage as DiskStorage, [put("more", 21, OTHER)]);
    (world.storage as DiskStorage).foldNow(() => {});
    for (let n = 0; n < 3; n++) world.work();
    appendAll(world.storage as DiskStorage, [dropped(1)]);
    world.finishAll();
    expect(blocks(world, P)).toBe(0);
  });

  test("is passed over by the scrub, also in the middle of its sweep", () => {
    const world = full();
    const storage = world.storage as DiskStorage;
    storage.scrubNow();
    const before = storage.figures().scrubbedRecords;
    const { commits } = world.checkpoint;
    appendAll(storage, [dropped(1)]);
    while (world.checkpoint.commits < commits + 4) world.work();
    expect(blocks(world, P)).toBeGreaterThan(0);
    storage.scrubNow();
    // The neighbour's 20 are all that is left to be looked at.
    expect(storage.figures()).toMatchObject({ scrubbedRecords: before + 20, scrubPasses: 1 });
    expect([...storage.bad()]).toEqual([]);
  });

  test.each(Array.from({ length: 20 }, (_, i) => i))(
    "goes on after a crash in the middle of it, moment %i",
    (moment) => {
      const world = full();
      const { commits } = world.checkpoint;
      appendAll(world.storage as DiskStorage, [dropped(1)]);
      for (let n = 0; n < 10_000 && world.checkpoint.commits < commits + moment; n++) world.work();
      const left = blocks(world, P);
      const storage = again(world);
      expect(names(storage).length).toBeLessThan(2);
      // Whether the drop was durable is known by now.
      const gone = storage.newest(P) === null;
      expect(gone || left > 30).toBe(true);
      done(world, put("more", 21, OTHER));
      expect(blocks(world, P)).toBe(gone ? 0 : left);
      expect((world.storage as DiskStorage).table(OTHER).size).toBe(21);
    },
  );

  test("is not held up by a full disk for longer than that lasts, nor does it hold up a fold", () => {
    const world = full();
    world.checkpoint.errors.push(Object.assign(new Error("full"), { code: "ENOSPC" }));
    done(world, dropped(1));
    done(
      world,
      ...puts(50, "then", OTHER).map(
        (entry) => ({ ...entry, change: changeNumber(20 + (entry as { change: number }).change) }) as Entry,
      ),
    );
    fold(world);
    expect(blocks(world, P)).toBe(0);
    expect(world.failures).toEqual([]);
  });
});

describe("each planted bug shows", () => {
  test("the log's records of a dropped copy go into the next one", () => {
    const at = (bug?: "H9.replays-dropped"): (readonly [number, string])[] => {
      plant(...(bug === undefined ? [] : [bug]));
      const world = opened();
      const storage = world.storage as DiskStorage;
      appendAll(storage, [put("old", 1), begun(2), put("new", 1), dropped(1)]);
      // Durable, but not folded yet.
      for (let n = 0; n < 50; n++) world.files.step();
      return names(again(world));
    };
    expect(at()).toEqual([[2, "new"]]);
    expect(at("H9.replays-dropped")).toEqual([[2, expect.stringContaining("old")]]);
  });

  test("a drop is not resumed", () => {
    plant("H9.drop-not-resumed");
    const world = opened();
    done(world, ...puts(300, "gone"));
    fold(world);
    const { commits } = world.checkpoint;
    appendAll(world.storage as DiskStorage, [dropped(1)]);
    while (world.checkpoint.commits < commits + 3) world.work();
    again(world);
    done(world, put("more", 1, OTHER));
    expect(blocks(world, P)).toBeGreaterThan(0);
  });

  // sweep W1
  test.each(["H9.sweeps-early", "H9.folds-less"] as const)(
    "%s: a crash that loses the drop leaves a copy with holes",
    (bug) => {
      const caught = (planted: boolean): number => {
        plant(...(planted ? [bug] : []));
        let holes = 0;
        for (let seed = 1; seed <= 40; seed++) {
          const world = new World(seed, Number.POSITIVE_INFINITY);
          world.open(0);
          appendAll(world.storage as DiskStorage, puts(60, "kept"));
          world.finishAll();
          if (bug === "H9.sweeps-early") fold(world);
          else {
            (world.storage as DiskStorage).foldNow(() => {});
            while (world.files.pending > 0) world.files.step();
          }
          // The drop is on its way to the disk while other threads go on.
          appendAll(world.storage as DiskStorage, [dropped(1)]);
          world.workBeside(world.chance.below(60));
          const storage = again(world);
          if (storage.newest(P) !== null && sound(storage) < 60) holes++;
        }
        return holes;
      };
      expect(caught(false)).toBe(0);
      expect(caught(true)).toBeGreaterThan(0);
    },
  );
});
