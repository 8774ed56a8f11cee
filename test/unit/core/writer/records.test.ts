/**
 * Completion records (R9): how long they are kept, what forgetting costs, and how duplicates are answered from them.
 */
import { describe, expect, test } from "vitest";
import { MAX_RECORDS } from "../../../../src/base/limits.js";
import { instant } from "../../../../src/base/time.js";
import type { CompletionRecord, RecordedOutcome } from "../../../../src/core/model/completion-records.js";
import { revision } from "../../../../src/core/model/ids.js";
import type { WriteOperation } from "../../../../src/core/model/operation.js";
import {
  answerFromRecord,
  findRecord,
  MIN_RECORDS,
  RECORD_RETENTION_MS,
  retain,
} from "../../../../src/core/writer/decide.js";
import { add, bytes, casVersion, put, record, register, remove, request } from "./harness.js";

const NOW = instant(1_000_000);
const long = RECORD_RETENTION_MS;
/** Records of revisions 1 … count. */
const records = (count: number): CompletionRecord[] =>
  Array.from({ length: count }, (_, i) => record(`r${i + 1}`, { revision: revision(i + 1) }));
const withRecords = (count: number, floor = 0) => register({ version: 900, records: records(count), floor });
const known = (count: number, ageMs: number) => new Array(count).fill(instant(NOW - ageMs));
const NONE = revision(0);

describe("retention", () => {
  const keep = (count: number, ageMs: number, adding = 1) =>
    retain(withRecords(count), NONE, known(count, ageMs), NOW, adding);

  test("records younger than ten seconds are kept", () => {
    expect(keep(100, long - 1)).toMatchObject({ forgotten: 0, floor: 0 });
  });

  test("older ones go, down to sixteen with the one that is being made", () => {
    const kept = keep(100, long);
    expect(kept.records).toHaveLength(MIN_RECORDS - 1);
    expect(kept.forgotten).toBe(100 - (MIN_RECORDS - 1));
    expect(keep(MIN_RECORDS - 1, long).forgotten).toBe(0);
  });

  test("a write that makes no record leaves sixteen, too", () => {
    expect(keep(MIN_RECORDS, long, 0).forgotten).toBe(0);
    expect(keep(100, long, 0).records).toHaveLength(MIN_RECORDS);
  });

  test("never more than 128 with the one that is being made, however young", () => {
    expect(keep(MAX_RECORDS, 0)).toMatchObject({ forgotten: 1, floor: 1 });
    expect(keep(MAX_RECORDS - 1, 0).forgotten).toBe(0);
    expect(keep(MAX_RECORDS, 0, 0).forgotten).toBe(0);
  });

  test("the oldest go first, and only those that are old themselves", () => {
    const times = [...known(10, long), ...known(30, long - 1)];
    const kept = retain(withRecords(40), NONE, times, NOW, 1);
    expect(kept.forgotten).toBe(10);
    expect(kept.records.at(0)?.revision).toBe(11);
  });

  test("forgetting raises the floor to the highest revision forgotten, and never lowers it", () => {
    expect(keep(40, long).floor).toBe(40 - (MIN_RECORDS - 1));
    expect(retain(withRecords(40, 500), NONE, known(40, long), NOW, 1).floor).toBe(500);
  });

  test("keeping everything keeps the floor, and a key that was never there starts with the partition's", () => {
    expect(retain(withRecords(3, 7), NONE, known(3, 0), NOW, 1).floor).toBe(7);
    expect(retain(null, revision(9), [], NOW, 1)).toMatchObject({ records: { length: 0 }, floor: 9, forgotten: 0 });
  });

  test("a record whose age is not known counts as new", () => {
    expect(retain(withRecords(40), NONE, [], NOW, 1).forgotten).toBe(0);
  });
});

describe("finding", () => {
  const held = register({ records: [record("one", { revision: revision(4) }), record("two")] });

  test("a record is found by its id on this key", () => {
    expect(findRecord(held, request(put("x"), "one"))?.revision).toBe(4);
    expect(findRecord(held, request(put("x"), "three"))).toBeNull();
    expect(findRecord(null, request(put("x"), "one"))).toBeNull();
  });

  test("a request without an id never finds one", () => {
    expect(findRecord(held, request(put("x")))).toBeNull();
  });
});

describe("answers from a record", () => {
  const made = (outcome: RecordedOutcome, version: number) => record("r", { outcome, version: revision(version) });
  const now = (value: string | null, version: number) => register({ value, version });
  const deleteIf: WriteOperation = {
    ...remove(),
    condition: { kind: "version", version: revision(1) },
  } as WriteOperation;
  const found = { value: bytes("v"), version: 5 };

  test("a put and a swap tell their version, whatever the key is now", () => {
    for (const later of [now("x", 4), now("other", 9), now(null, 9)]) {
      expect(answerFromRecord(put("x"), made("applied", 4), later)).toEqual({ kind: "put", version: 4 });
      const swapped = { kind: "cas", swapped: true, version: 4, found: null };
      expect(answerFromRecord(casVersion(1, "x"), made("applied", 4), later)).toEqual(swapped);
    }
  });

  test("a failed CAS repeats what it found while that is still there, and afterwards its version alone", () => {
    const failed = (later: ReturnType<typeof now>) =>
      answerFromRecord(casVersion(1, "x"), made("condition-failed", 5), later);
    expect(failed(now("v", 5))).toEqual({ kind: "cas", swapped: false, version: 5, found });
    expect(failed(now("w", 6))).toEqual({ kind: "cas", swapped: false, version: 5, found: null });
    expect(failed(now(null, 6))).toEqual({ kind: "cas", swapped: false, version: 5, found: null });
  });

  test("a failed CAS that found nothing never shows a later value, nor a tombstone's", () => {
    for (const later of [now("v", 5), now(null, 0), now(null, 5)]) {
      const failed = answerFromRecord(casVersion(1, "x"), made("condition-failed", 0), later);
      expect(failed).toEqual({ kind: "cas", swapped: false, version: 0, found: null });
    }
  });

  test("a delete tells what it deleted, that there was nothing, or what stood in its way", () => {
    const gone = now(null, 9);
    expect(answerFromRecord(remove(), made("applied", 5), gone)).toEqual({
      kind: "delete",
      deleted: true,
      versionFound: 5,
      found: null,
    });
    expect(answerFromRecord(remove(), made("absent", 0), gone)).toEqual({
      kind: "delete",
      deleted: false,
      versionFound: 0,
      found: null,
    });
    expect(answerFromRecord(deleteIf, made("condition-failed", 5), now("v", 5))).toEqual({
      kind: "delete",
      deleted: false,
      versionFound: 5,
      found,
    });
  });

  test("an add repeats its number while the key is unmoved, and afterwards its version alone", () => {
    expect(answerFromRecord(add(1n), made("applied", 4), now("42", 4))).toEqual({
      kind: "add",
      version: 4,
      number: 42n,
    });
    expect(answerFromRecord(add(1n), made("applied", 4), now("43", 5))).toEqual({
      kind: "add",
      version: 4,
      number: null,
    });
    expect(answerFromRecord(add(1n), made("applied", 4), now(null, 5))).toEqual({
      kind: "add",
      version: 4,
      number: null,
    });
  });

  test("an add that was refused is refused again, whatever the value is now", () => {
    expect(answerFromRecord(add(1n), made("not-a-number", 4), now("1", 9))).toEqual({ reason: "not-a-number" });
    expect(answerFromRecord(add(1n), made("overflow", 4), now("1", 9))).toEqual({ reason: "overflow" });
  });
});
