/**
 * Bytes that change on the disk: a register that rots is bad, and what nobody can do without keeps the node from
 * starting.
 */
import { describe, expect, test } from "vitest";
import type { LogRecord } from "../../../src/codec/disk/log-record.js";
import { firstTableOf } from "../../../src/codec/disk/table-id.js";
import { ballot } from "../../../src/core/model/ballot.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { changeNumber, groupEpoch, nodeId, partition as partitionOf, revision } from "../../../src/core/model/ids.js";
import { BAD } from "../../../src/core/model/table.js";
import type { DiskStorage } from "../../../src/storage/disk.js";
import {
  decodeSegmentHeader,
  isRecord,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  scan,
} from "../../../src/storage/log/segment.js";
import { intoTables, keyOf, register } from "../../conformance/operations.js";
import { pictureAfter, shown, World } from "../../conformance/world.js";

const P = partitionOf(1);
const A = keyOf(1);
const B = keyOf(2);

/** A world whose log is never folded, with one write for each list of entries. */
function worldWith(...writes: Entry[][]): World {
  const world = new World(1, Number.POSITIVE_INFINITY);
  world.open(0);
  for (const entries of writes) {
    const storage = world.storage as DiskStorage;
    intoTables((p) => storage.table(p), entries);
    storage.append(entries, () => {});
    world.finishAll();
  }
  world.crash();
  return world;
}

const put = (key: typeof A, change: number, value = "value"): Entry => ({
  kind: "register",
  partition: P,
  register: register(key, { value, seq: change }),
  change: changeNumber(change),
});
const promise: Entry = { kind: "promise", partition: P, ballot: ballot(groupEpoch(1), 4, nodeId(2)) };
const settled: Entry = { kind: "settled", partition: P, ballot: ballot(groupEpoch(1), 4, nodeId(2)), seq: 3 };

interface Found {
  readonly name: string;
  readonly record: LogRecord;
}

/** All records of the log. */
function records(world: World): Found[] {
  return [...world.files.content.keys()].sort().flatMap((name) => {
    const bytes = world.files.content.get(name) as Buffer;
    const { salt } = decodeSegmentHeader(bytes) as SegmentHeader;
    return [...scan(bytes, salt)].filter(isRecord).map((record) => ({ name, record }));
  });
}

const recordAt = (world: World, index: number): Found => records(world).at(index) as Found;

function rotBody(world: World, index: number): void {
  const { name, record } = recordAt(world, index);
  world.files.rot(name, record.end - 1);
}

function rotHeader(world: World, index: number): void {
  const { name, record } = recordAt(world, index);
  world.files.rot(name, record.at + 12);
}

describe("in the middle of the log", () => {
  test("a rotten register is bad, neither absent nor as it was before, and the others are there (recovery L2)", () => {
    const world = worldWith([put(A, 1, "old")], [put(A, 2)], [put(B, 3)]);
    rotBody(world, 1);
    expect(world.open(0)).toBeNull();
    const table = (world.storage as DiskStorage).table(P);
    expect(table.get(A)).toBe(BAD);
    expect(table.get(B)).not.toBe(BAD);
    expect(table.size).toBe(2);
    expect(table.lastChange).toBe(3);
    expect(table.changesAfter(changeNumber(0), 9)).toMatchObject([
      { change: 2, key: A, timestamp: null },
      { change: 3, key: B },
    ]);
    expect(world.bad).toEqual([`${P}/${A}`]);
    expect(world.notices).toEqual([expect.stringContaining("1 registers in the log fail their checksum")]);
  });

  test("a rotten register that was written again since does not matter", () => {
    const world = worldWith([put(A, 1)], [put(A, 2, "new")], [put(B, 3)]);
    rotBody(world, 0);
    expect(world.open(0)).toBeNull();
    expect((world.storage as DiskStorage).table(P).get(A)).toMatchObject({ timestamp: { seq: 2 } });
    expect((world.storage as DiskStorage).figures().badRegisters).toBe(0);
  });

  test("a rotten register that was removed since does not count as bad", () => {
    const world = worldWith(
      [put(A, 1)],
      [{ kind: "removed", partition: P, key: A, change: changeNumber(2) }],
      [put(B, 3)],
    );
    rotBody(world, 0);
    expect(world.open(0)).toBeNull();
    const storage = world.storage as DiskStorage;
    expect([...storage.bad()]).toEqual([]);
    expect(storage.table(P).get(A)).toBeNull();
  });

  test("a bad register stays bad through the checkpoint, until it is put again or removed", () => {
    const world = worldWith([put(A, 1)], [put(B, 2)], [put(keyOf(3), 3)]);
    rotBody(world, 0);
    rotBody(world, 1);
    world.open(0);
    const storage = world.storage as DiskStorage;
    let folded = false;
    storage.foldNow(() => {
      folded = true;
    });
    world.finishAll();
    expect(folded).toBe(true);
    world.crash();
    expect(world.open(0)).toBeNull();
    const again = world.storage as DiskStorage;
    const table = again.table(P);
    expect([table.get(A), table.get(B)]).toEqual([BAD, BAD]);
    expect(again.figures().badRegisters).toBe(2);
    const mended = [put(A, 4, "mended"), { kind: "removed", partition: P, key: B, change: changeNumber(5) } as const];
    intoTables((p) => again.table(p), mended);
    again.append(mended, () => {});
    expect([table.get(A), table.get(B)]).toMatchObject([{ timestamp: { seq: 4 } }, null]);
    expect(again.figures().badRegisters).toBe(0);
    expect(table.size).toBe(2);
  });

  test.each<[string, Entry]>([
    ["a promise", promise],
    ["a reservation", { kind: "reservation", partition: P, reservation: revision(7) }],
    ["a floor", { kind: "floor", partition: P, floor: revision(7) }],
  ])("%s that has rotted keeps the node from starting, with the file, the place and what to do", (_, entry) => {
    const world = worldWith([put(A, 1)], [entry], [put(B, 2)]);
    const { record, name } = recordAt(world, 1);
    rotBody(world, 1);
    const text = world.open(0)?.message ?? "";
    expect(text).toContain(`log/${name} at byte ${record.at}: record 2`);
    expect(text).toContain("This node counts as lost");
  });

  test("what can be spared is skipped when it has rotted", () => {
    const world = worldWith([put(A, 1)], [settled], [put(B, 2)]);
    rotBody(world, 1);
    expect(world.open(0)).toBeNull();
    expect([...(world.storage as DiskStorage).restored()]).toEqual([]);
    expect(world.notices).toEqual(["1 rotten records that can be spared were skipped"]);
  });

  test("a header that cannot be read keeps the node from starting: nobody knows what it was", () => {
    const world = worldWith([put(A, 1)], [put(A, 2)], [put(B, 3)]);
    const { record, name } = recordAt(world, 1);
    rotHeader(world, 1);
    expect(world.open(0)?.message).toContain(`log/${name} at byte ${record.at}: record 2 cannot be read`);
  });

  test("a file of the log that is gone keeps the node from starting", () => {
    const world = new World(3, Number.POSITIVE_INFINITY);
    world.open(0);
    for (let i = 0; i < 40; i++) {
      world.turn();
      world.finishAll();
    }
    world.crash();
    const names = [...world.files.content.keys()].sort();
    expect(names.length).toBeGreaterThan(3);
    const second = world.files.content.get(names[1] as string) as Buffer;
    world.files.content.delete(names[1] as string);
    expect(world.open(0)?.message).toMatch(
      /records \d+ to \d+ are missing before log\/\w+\.log: a file of the log was removed/,
    );
    world.files.content.set(names[1] as string, second);
    world.files.content.delete(names[0] as string);
    expect(world.open(0)?.message).toMatch(/records 1 to \d+ are in neither the checkpoint nor the log/);
  });

  test("a segment of another node, or of a newer format, is refused", () => {
    const world = worldWith([put(A, 1)]);
    const [name, bytes] = [...world.files.content][0] as [string, Buffer];
    const header = decodeSegmentHeader(bytes) as SegmentHeader;
    expect(header.node).toBe(9);
    world.files.rot(name, 12);
    expect(world.open(0)?.message).toContain("has no readable header");
  });
});

describe("at the end of the log", () => {
  test("a last write that cannot be read is cut off, with what stands behind the bad place", () => {
    const world = worldWith([put(A, 1)], [put(B, 2), put(A, 3)]);
    rotBody(world, 1);
    expect(world.open(0)).toBeNull();
    const storage = world.storage as DiskStorage;
    expect(storage.position).toBe(1);
    expect(storage.table(P).get(B)).toBeNull();
    expect(world.notices).toEqual([expect.stringContaining("behind record 1 were cut off")]);
  });

  test("zeros, or the beginning of a record, are cut off, and what follows is as if they had never been", () => {
    for (const tail of [Buffer.alloc(4_096), Buffer.alloc(3, 1), Buffer.from("RORORORO")]) {
      const world = worldWith([put(A, 1)], [put(B, 2)]);
      const [name, bytes] = [...world.files.content][0] as [string, Buffer];
      world.files.content.set(name, Buffer.concat([bytes, tail]));
      expect(world.open(0)).toBeNull();
      const storage = world.storage as DiskStorage;
      expect(storage.position).toBe(2);
      const entries = [put(A, 3)];
      intoTables((p) => storage.table(p), entries);
      storage.append(entries, () => {});
      world.finishAll();
      world.crash();
      expect(world.open(0)).toBeNull();
      expect((world.storage as DiskStorage).position).toBe(3);
    }
  });

  test("records of another file, as a disk may show in space it gave away, are none", () => {
    const world = worldWith([put(A, 1)], [put(B, 2)]);
    const other = worldWith([put(A, 1)], [put(B, 2)], [put(A, 3)]);
    const [name, bytes] = [...world.files.content][0] as [string, Buffer];
    const [, foreign] = [...other.files.content][0] as [string, Buffer];
    // The same node, the same numbers, another salt.
    const stale = Buffer.from(foreign.subarray(bytes.length));
    stale[0] = (stale[0] as number) ^ 1;
    world.files.content.set(name, Buffer.concat([bytes, stale]));
    expect(world.open(0)).toBeNull();
    expect((world.storage as DiskStorage).position).toBe(2);
  });
});

describe("any byte of the log, at random", () => {
  let opened = 0;
  test.each(Array.from({ length: 40 }, (_, i) => i + 1))(
    "what is there is right, bad, or behind its peers' knowledge; never wrong, seed %i",
    (seed) => {
      const world = new World(seed);
      expect(world.open(0)).toBeNull();
      for (let i = 0; i < 60; i++) {
        world.turn();
        if (world.chance.chance(0.5)) world.finishAll();
      }
      world.finishAll();
      world.crash();
      const names = [...world.files.content.keys()].sort();
      const name = names[world.chance.below(names.length)] as string;
      const { length } = world.files.content.get(name) as Buffer;
      world.files.rot(name, world.chance.below(length));
      const error = world.open(0);
      if (error !== null) {
        expect(error.message).toMatch(/This node counts as lost|belongs to node|use a newer one/);
        return;
      }
      opened++;
      const storage = world.storage as DiskStorage;
      const right = pictureAfter(world.history.slice(0, storage.position));
      // Records lost at the end are noticed by peers that have seen them (R10).
      if (storage.position < world.promised) expect(world.notices).toHaveLength(1);
      const seen = shown(storage);
      seen.partitions.forEach((part, i) => {
        const expected = new Map(right.partitions[i]?.registers);
        expect(part.registers.length).toBe(expected.size);
        for (const [key, text] of part.registers) if (text !== "bad") expect(text).toBe(expected.get(key));
      });
    },
  );

  test("most directories with one bad byte can be opened", () => {
    expect(opened).toBeGreaterThan(10);
  });
});

describe("in the checkpoint", () => {
  test("what the scrub finds is bad for the replica, too, though it was read while it was sound: else nobody repairs it", () => {
    const world = worldWith([put(A, 1)], [put(B, 2)]);
    world.open(0);
    const storage = world.storage as DiskStorage;
    storage.foldNow(() => {});
    world.finishAll();
    expect(storage.table(P).get(A)).not.toBe(BAD);
    world.checkpoint.rot(firstTableOf(P), A);
    expect(storage.table(P).get(A), "it is in the cache").not.toBe(BAD);
    storage.scrubNow();
    expect(world.bad).toEqual([`${P}/${A}`]);
    expect(storage.table(P).get(A)).toBe(BAD);
  });

  test("a rotten register is bad when it is read, and the scrub finds it before anybody reads it", () => {
    const world = worldWith([put(A, 1), put(B, 2)]);
    world.open(0);
    (world.storage as DiskStorage).foldNow(() => {});
    world.finishAll();
    world.crash();
    expect(world.checkpoint.rot(firstTableOf(P), A)).toBe(true);
    world.open(0);
    const storage = world.storage as DiskStorage;
    expect(storage.table(P).get(B)).not.toBe(BAD);
    expect(world.bad).toEqual([]);
    storage.scrubNow();
    expect(world.bad).toEqual([`${P}/${A}`]);
    expect(storage.figures()).toMatchObject({ badRegisters: 1, scrubPasses: 1, scrubbedRecords: 2 });
    expect(storage.table(P).get(A)).toBe(BAD);
    expect(world.bad, "told once").toHaveLength(1);
    // The change of a rotten body is still known: the index stays right.
    const entries = [put(A, 3, "mended")];
    intoTables((p) => storage.table(p), entries);
    storage.append(entries, () => {});
    storage.foldNow(() => {});
    world.finishAll();
    expect(storage.table(P).changesAfter(changeNumber(0), 9)).toMatchObject([{ change: 2 }, { change: 3, key: A }]);
    storage.scrubNow();
    expect(storage.figures().badRegisters).toBe(0);
  });
});

test("a segment's header takes as much as it says", () => {
  const world = worldWith([put(A, 1)]);
  expect(recordAt(world, 0).record.at).toBe(SEGMENT_HEADER_BYTES);
});
