/**
 * The longest registers through the real disk: log, fold into LMDB, restart, scrub, and a reader of a stopped node's
 * directory. LMDB gives long values as a Uint8Array where short ones come as a Buffer. A peer that passed one on ended
 * the node that stored it, at every start.
 */
import { afterEach, describe, expect, test } from "vitest";
import { MAX_VALUE_BYTES } from "../../../src/base/limits.js";
import { encodeRegister } from "../../../src/codec/register/register.js";
import { CompletionRecords } from "../../../src/core/model/completion-records.js";
import { changeNumber, key, partition, revision } from "../../../src/core/model/ids.js";
import { Register } from "../../../src/core/model/register.js";
import { BAD } from "../../../src/core/model/table.js";
import { diskSubject, LARGE } from "../../conformance/subjects.js";
import { b, ts } from "../core/writer/harness.js";

const P = partition(3);
const MIB = 1_024 * 1_024;

type Subject = Awaited<ReturnType<typeof diskSubject>>;
let subject: Subject | null = null;
afterEach(async () => {
  await subject?.end();
  subject = null;
});

function longRegister(name: string, length: number, change: number): Register {
  const value = Buffer.alloc(length, name);
  return new Register(
    key(name),
    ts(b(1), change),
    value,
    revision(change),
    revision(change),
    revision(0),
    CompletionRecords.none,
  );
}

/** Puts it as a loop does: into the table, then into the log. */
async function put(disk: Subject, register: Register, change: number): Promise<void> {
  disk.storage.table(P).put(register, changeNumber(change));
  await new Promise<void>((resolve) =>
    disk.storage.append([{ kind: "register", partition: P, register, change: changeNumber(change) }], resolve),
  );
}

function storedValue(disk: Subject, name: string): Uint8Array {
  const held = disk.storage.table(P).get(key(name));
  if (held === null || held === BAD) throw new Error(`${name} is ${held === null ? "absent" : "bad"}`);
  // As it leaves to peers.
  expect(encodeRegister(held).length).toBeGreaterThan(held.valueBytes);
  return held.value ?? expect.fail("a tombstone");
}

describe("a long value", () => {
  test.each([300_000, MIB, 3 * MIB, MAX_VALUE_BYTES, 16 * MIB])(
    "of %d bytes goes through LMDB and a restart",
    async (length) => {
      const disk = await diskSubject({ ...LARGE, maxMemoryBytes: 256 * MIB });
      subject = disk;
      const value = Buffer.alloc(length, "long");
      await put(disk, longRegister("long", length, 1), 1);
      await put(disk, longRegister("short", 5, 2), 2);
      // Out of the log alone.
      await disk.restart();
      expect(Buffer.compare(storedValue(disk, "long"), value)).toBe(0);
      await disk.fold();
      await disk.restart();
      expect(Buffer.compare(storedValue(disk, "long"), value)).toBe(0);
      expect(Buffer.from(storedValue(disk, "short")).toString()).toBe("short");
      // Blocks with it are read, split and written anew.
      await put(disk, longRegister("long", length - 1, 3), 3);
      await put(disk, longRegister("longer", length, 4), 4);
      await disk.fold();
      await disk.restart();
      expect(storedValue(disk, "long")).toHaveLength(length - 1);
      expect(Buffer.compare(storedValue(disk, "longer"), Buffer.alloc(length, "longer"))).toBe(0);
      expect(
        disk.storage
          .table(P)
          .changesAfter(changeNumber(0), 10)
          .map((one) => one.key),
      ).toEqual(["short", "long", "longer"]);
    },
  );
});
