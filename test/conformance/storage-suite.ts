/** Claims that hold for every storage, whichever it is. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Entry } from "../../src/core/model/entry.js";
import { changeNumber, type Key, partition as partitionOf, revision } from "../../src/core/model/ids.js";
import { BAD } from "../../src/core/model/table.js";
import type { CopyStorage, Storage } from "../../src/ports/storage.js";
import { keyOf, register, stateTexts } from "./operations.js";

/** A storage under test. */
export interface Subject {
  storage: Storage;
  /** Resolves when what was appended is durable. */
  settle(): Promise<void>;
  /** Ends it and opens what is left; missing: it forgets. */
  restart?(): Promise<void>;
  /** Brings everything into the checkpoint; missing: it has none. */
  fold?(): Promise<void>;
  end(): Promise<void>;
}

/** One that keeps several copies of a partition. */
export interface CopySubject extends Subject {
  storage: CopyStorage;
}

const P = partitionOf(5);
const [A, B, C] = [1, 2, 3].map(keyOf) as [Key, Key, Key];

export function storageSuite(name: string, open: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.end());

    const table = () => subject.storage.table(P);
    const put = (key: Key, change: number, value: string | null = "v"): Entry => {
      const r = register(key, { value, seq: change });
      table().put(r, changeNumber(change));
      return { kind: "register", partition: P, register: r, change: changeNumber(change) };
    };
    const remove = (key: Key, change: number): Entry => {
      table().remove(key, changeNumber(change));
      return { kind: "removed", partition: P, key, change: changeNumber(change) };
    };
    const valueAt = (key: Key): string | null | undefined => {
      const held = table().get(key);
      if (held === null || held === BAD) return undefined;
      return held.value === null ? null : Buffer.from(held.value).toString();
    };
    const append = (...entries: Entry[]): Promise<void> =>
      new Promise((resolve) => subject.storage.append(entries, resolve));
    const changed = (after: number, limit = 100): string[] =>
      table()
        .changesAfter(changeNumber(after), limit)
        .map(({ change, key, timestamp }) => `${change} ${key} ${timestamp?.seq}`);

    test("what was put is seen at once, before it is durable", () => {
      expect(table().get(A)).toBeNull();
      put(A, 1, "one");
      expect(valueAt(A)).toBe("one");
      put(A, 2, "two");
      expect(valueAt(A)).toBe("two");
      put(A, 3, null);
      expect(valueAt(A)).toBeNull();
      remove(A, 4);
      expect(table().get(A)).toBeNull();
      expect(subject.storage.table(partitionOf(6)).get(A)).toBeNull();
    });

    test("counts registers, tombstones among them, and removed ones not", () => {
      expect(table().size).toBe(0);
      put(A, 1);
      put(B, 2, null);
      put(A, 3);
      expect(table().size).toBe(2);
      remove(A, 4);
      remove(C, 5);
      expect(table().size).toBe(1);
    });

    test("calls durable once for each batch, in order, the empty ones too (log G2)", async () => {
      const order: number[] = [];
      const calls = [
        append(put(A, 1)).then(() => order.push(1)),
        append().then(() => order.push(2)),
        append(put(B, 2), put(C, 3)).then(() => order.push(3)),
        append().then(() => order.push(4)),
      ];
      await Promise.all(calls);
      expect(order).toEqual([1, 2, 3, 4]);
      await append();
    });

    test("a batch appended by the news of another comes after it", async () => {
      const order: string[] = [];
      let change = 0;
      await new Promise<void>((resolve) => {
        subject.storage.append([put(A, ++change)], () => {
          order.push("first");
          subject.storage.append([put(B, ++change)], () => {
            order.push("third");
            resolve();
          });
        });
        subject.storage.append([put(C, ++change)], () => order.push("second"));
      });
      expect([...order].sort()).toEqual(["first", "second", "third"]);
      expect(order.indexOf("first")).toBeLessThan(order.indexOf("third"));
      expect(order[0]).toBe("first");
    });

    test("lists the latest change of each key since a number, in order, at most as many as asked for", () => {
      expect(table().lastChange).toBe(0);
      put(A, 1);
      put(B, 2);
      put(C, 3);
      put(A, 4);
      expect(changed(0)).toEqual([`2 ${B} 2`, `3 ${C} 3`, `4 ${A} 4`]);
      expect(changed(2)).toEqual([`3 ${C} 3`, `4 ${A} 4`]);
      expect(changed(0, 1)).toEqual([`2 ${B} 2`]);
      expect(changed(4)).toEqual([]);
      remove(C, 5);
      expect(changed(2)).toEqual([`4 ${A} 4`]);
      expect(table().lastChange).toBe(5);
    });

    test("lists tombstones, the oldest first", () => {
      put(A, 1, null);
      put(B, 2, null);
      put(C, 3);
      put(A, 4, null);
      const keys = (limit: number) =>
        table()
          .tombstones(limit)
          .map(({ key }) => key);
      expect(new Set(keys(10))).toEqual(new Set([A, B]));
      expect(keys(1)).toHaveLength(1);
      put(B, 5, "again");
      remove(A, 6);
      expect(keys(10)).toEqual([]);
    });

    test("a number that was used is never taken again", () => {
      put(A, 3);
      expect(() => put(B, 3)).toThrow("upwards");
      expect(() => remove(A, 2)).toThrow("upwards");
    });

    test("holds many changes of few keys", () => {
      for (let i = 1; i <= 5_000; i++) put(keyOf(1 + (i % 7)), i);
      expect(table().size).toBe(7);
      expect(changed(0)).toHaveLength(7);
      expect(changed(0)[0]).toMatch(/^4994 /);
      expect(table().lastChange).toBe(5_000);
    });

    /** The same, whether in memory, in the log or in the checkpoint. */
    const kept = async (bring: () => Promise<void>): Promise<void> => {
      const states: Entry[] = [
        { kind: "promise", partition: P, ballot: register(A).timestamp.ballot },
        { kind: "reservation", partition: P, reservation: revision(2 ** 45) },
        { kind: "floor", partition: P, floor: revision(12) },
        { kind: "settled", partition: P, ballot: register(A).timestamp.ballot, seq: 9 },
      ];
      const long = keyOf(0);
      await append(put(A, 1, "a"), put(B, 2, null), put(C, 3), put(long, 4, "l"), ...states);
      await append(remove(C, 5));
      await bring();
      const seen = (): unknown => [
        [A, B, C, long].map(valueAt),
        table().size,
        table().lastChange,
        changed(0),
        table()
          .tombstones(9)
          .map(({ key }) => key),
        stateTexts(subject.storage.restored()),
      ];
      const expected = [
        ["a", null, undefined, "l"],
        3,
        5,
        [`1 ${A} 1`, `2 ${B} 2`, `4 ${long} 4`],
        [B],
        stateTexts(states),
      ];
      expect(seen()).toEqual(expected);
      // And it goes on from there.
      await append(put(B, 6, "b"), remove(A, 7), put(C, 8, "c"));
      await bring();
      expect([A, B, C, long].map(valueAt)).toEqual([undefined, "b", "c", "l"]);
      expect(table().size).toBe(3);
      expect(changed(0)).toEqual([`4 ${long} 4`, `6 ${B} 6`, `8 ${C} 8`]);
      expect(table().tombstones(9)).toEqual([]);
    };

    test("after a restart everything durable is there", async ({ skip }) => {
      const { restart } = subject;
      if (restart === undefined) return skip();
      await kept(() => restart.call(subject));
    });

    test("from the checkpoint everything is as it was", async ({ skip }) => {
      const { fold, restart } = subject;
      if (fold === undefined || restart === undefined) return skip();
      await kept(async () => {
        await fold.call(subject);
        await restart.call(subject);
      });
    });

    test("what is put over the checkpoint is seen, counted and listed in its place", async ({ skip }) => {
      const { fold } = subject;
      if (fold === undefined) return skip();
      await append(put(A, 1, "a"), put(B, 2), put(C, 3, null));
      await fold.call(subject);
      await append(put(A, 4, "again"), put(C, 5, "c"), remove(B, 6));
      expect([A, B, C].map(valueAt)).toEqual(["again", undefined, "c"]);
      expect(table().size).toBe(2);
      expect(changed(0)).toEqual([`4 ${A} 4`, `5 ${C} 5`]);
      expect(table().tombstones(9)).toEqual([]);
      await fold.call(subject);
      expect(table().size).toBe(2);
      expect(changed(0)).toEqual([`4 ${A} 4`, `5 ${C} 5`]);
      expect(table().tombstones(9)).toEqual([]);
    });
  });
}
