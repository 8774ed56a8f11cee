/** The effects of a write on a register: conditions, numbers, answers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CompletionRecords } from "../../../../src/core/model/completion-records.js";
import { revision } from "../../../../src/core/model/ids.js";
import type { Condition, WriteOperation } from "../../../../src/core/model/operation.js";
import type { Register } from "../../../../src/core/model/register.js";
import { answerOf, type Decision, evaluate, successor } from "../../../../src/core/writer/decide.js";
import {
  add,
  b,
  bytes,
  casAbsent,
  casVersion,
  K,
  put,
  record,
  register,
  remove,
  request,
  rid,
  text,
  ts,
} from "./harness.js";

const tombstone = register({ value: null, version: 5 });
const holding = (value: string, version = 5): Register => register({ value, version });
const cas = (condition: Condition, value = "new"): WriteOperation => ({
  kind: "cas",
  key: K,
  condition,
  value: bytes(value),
});
const deleteIf = (condition: Condition): WriteOperation => ({ kind: "delete", key: K, condition });
const outcome = (operation: WriteOperation, on: Register | null): string => evaluate(operation, on).outcome;

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

describe("conditions", () => {
  const version: Condition = { kind: "version", version: revision(5) };
  const value: Condition = { kind: "value", value: bytes("v") };

  test("a version matches the key's version and no other", () => {
    expect(outcome(cas(version), holding("v", 5))).toBe("applied");
    expect(outcome(cas(version), holding("v", 6))).toBe("condition-failed");
    expect(outcome(cas(version), null)).toBe("condition-failed");
  });

  test("a version never matches a tombstone, although the tombstone has that very version", () => {
    expect(outcome(cas(version), tombstone)).toBe("condition-failed");
    expect(outcome(deleteIf(version), tombstone)).toBe("condition-failed");
  });

  test("version 0 matches nothing, an absent key included", () => {
    const zero: Condition = { kind: "version", version: revision(0) };
    expect(outcome(cas(zero), null)).toBe("condition-failed");
    expect(outcome(cas(zero), register({ value: null, version: 0 }))).toBe("condition-failed");
  });

  test("a value matches exactly its bytes", () => {
    expect(outcome(cas(value), holding("v"))).toBe("applied");
    for (const other of ["", "w", "vv", "V"]) expect(outcome(cas(value), holding(other))).toBe("condition-failed");
  });

  test("the empty value is a value: it is present, and it does not match a tombstone", () => {
    const empty: Condition = { kind: "value", value: bytes("") };
    expect(outcome(cas(empty), holding(""))).toBe("applied");
    expect(outcome(cas(empty), tombstone)).toBe("condition-failed");
    expect(outcome(cas({ kind: "present" }), holding(""))).toBe("applied");
    expect(outcome(cas({ kind: "absent" }), holding(""))).toBe("condition-failed");
  });

  test("absent and present take a tombstone for no key", () => {
    for (const nothing of [null, tombstone]) {
      expect(outcome(casAbsent("x"), nothing)).toBe("applied");
      expect(outcome(cas({ kind: "present" }), nothing)).toBe("condition-failed");
    }
    expect(outcome(casAbsent("x"), holding("v"))).toBe("condition-failed");
  });

  test("a delete of nothing deletes nothing; a conditional one fails by its condition", () => {
    for (const nothing of [null, tombstone]) {
      expect(outcome(remove(), nothing)).toBe("absent");
      expect(outcome(deleteIf({ kind: "present" }), nothing)).toBe("condition-failed");
      expect(outcome(deleteIf({ kind: "absent" }), nothing)).toBe("absent");
    }
    expect(outcome(deleteIf({ kind: "absent" }), holding("v"))).toBe("condition-failed");
    expect(evaluate(remove(), holding("v"))).toEqual({ outcome: "applied", value: null });
  });
});

describe("add", () => {
  const sum = (on: Register | null, delta: bigint): string => {
    const decision = evaluate(add(delta), on);
    return decision.outcome === "applied" ? String(text(decision.value)) : decision.outcome;
  };

  test("an absent key and a tombstone count as 0", () => {
    expect(sum(null, 5n)).toBe("5");
    expect(sum(tombstone, -5n)).toBe("-5");
    expect(sum(null, 0n)).toBe("0");
  });

  test("it reaches both ends of a signed 64-bit number and not beyond", () => {
    expect(sum(holding(String(MAX - 1n)), 1n)).toBe(String(MAX));
    expect(sum(holding(String(MAX)), 1n)).toBe("overflow");
    expect(sum(holding(String(MIN + 1n)), -1n)).toBe(String(MIN));
    expect(sum(holding(String(MIN)), -1n)).toBe("overflow");
    expect(sum(holding(String(MIN)), MAX)).toBe("-1");
    expect(sum(holding(String(MAX)), MIN)).toBe("-1");
    expect(sum(holding(String(MAX)), 0n)).toBe(String(MAX));
  });

  test.each([
    "",
    "-",
    "-0",
    "00",
    "01",
    "-01",
    "+1",
    " 1",
    "1 ",
    "1\n",
    "\t1",
    "1.0",
    "1e3",
    "0x1",
    "ten",
    "1_000",
    "--1",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999",
    "1".repeat(1_000),
    "١",
  ])("%j is not a number", (value) => {
    expect(sum(holding(value), 1n)).toBe("not-a-number");
  });

  test("bytes that are not text are not a number", () => {
    const register0 = holding("");
    for (const value of [[0xff], [0x00], [0x31, 0x00], [0xb1]]) {
      const odd = { ...register0, value: Uint8Array.from(value) } as Register;
      expect(evaluate(add(1n), odd).outcome).toBe("not-a-number");
    }
  });

  test("any two numbers add up exactly, or overflow", () => {
    const int64 = fc.bigInt({ min: MIN, max: MAX });
    fc.assert(
      fc.property(int64, int64, (before, delta) => {
        const exact = before + delta;
        expect(sum(holding(String(before)), delta)).toBe(exact > MAX || exact < MIN ? "overflow" : String(exact));
      }),
    );
  });
});

describe("the register after it", () => {
  const stamp = ts(b(2), 9);
  const KEPT = [record("old")];
  const decided = (operation: WriteOperation, on: Register | null, id?: string): Register => {
    const retained = { records: on?.records ?? CompletionRecords.none, floor: on?.floor ?? revision(3), forgotten: 0 };
    return successor(K, on, request(operation, id), evaluate(operation, on), stamp, revision(20), retained);
  };

  test("an applied write has the revision it took as its version", () => {
    const next = decided(put("new"), holding("old", 5));
    expect(text(next.value)).toBe("new");
    expect(next).toMatchObject({ timestamp: stamp, version: 20, revision: 20, records: { length: 0 } });
  });

  test("a failed write with an id changes nothing but the revision and the records", () => {
    const before = register({ value: "v", version: 5, floor: 2, records: KEPT });
    const next = decided(casVersion(4, "new"), before, "r");
    expect(text(next.value)).toBe("v");
    expect(next).toMatchObject({ version: 5, revision: 20, floor: 2 });
    expect([...next.records]).toEqual([
      ...KEPT,
      {
        requestId: rid("r"),
        fingerprint: 7,
        revision: 20,
        outcome: "condition-failed",
        version: 5,
      },
    ]);
  });

  test("a failed write with an id on no key makes a tombstone of version 0 that carries its record and the floor", () => {
    const next = decided(casVersion(4, "new"), null, "r");
    expect(next).toMatchObject({ value: null, version: 0, revision: 20, floor: 3 });
    expect(next.records.at(0)).toMatchObject({ outcome: "condition-failed", version: 0, revision: 20 });
  });

  test("records name the version that was made or found: a put's own, a delete's the deleted one, a tombstone's none", () => {
    const versionOf = (operation: WriteOperation, on: Register | null) =>
      decided(operation, on, "r").records.at(0)?.version;
    expect(versionOf(put("x"), holding("v", 5))).toBe(20);
    expect(versionOf(add(1n), holding("1", 5))).toBe(20);
    expect(versionOf(casVersion(5, "x"), holding("v", 5))).toBe(20);
    expect(versionOf(remove(), holding("v", 5))).toBe(5);
    expect(versionOf(remove(), tombstone)).toBe(0);
    expect(versionOf(casVersion(4, "x"), tombstone)).toBe(0);
    expect(versionOf(add(1n), holding("no", 5))).toBe(5);
  });

  test("a write without an id leaves no record and keeps those of others", () => {
    expect([...decided(put("x"), register({ records: KEPT })).records]).toEqual(KEPT);
  });

  test("deleting leaves a tombstone whose version is the deletion's revision", () => {
    expect(decided(remove(), holding("v", 5))).toMatchObject({ value: null, version: 20, revision: 20 });
  });
});

describe("answers", () => {
  const answer = (operation: WriteOperation, on: Register | null) =>
    answerOf(operation, evaluate(operation, on), on, revision(20));
  const found = { value: bytes("v"), version: 5 };

  test("a failed condition tells what was found, and of a tombstone nothing", () => {
    expect(answer(casVersion(4, "x"), holding("v"))).toEqual({ kind: "cas", swapped: false, version: 5, found });
    expect(answer(casVersion(4, "x"), tombstone)).toEqual({ kind: "cas", swapped: false, version: 0, found: null });
    expect(answer(deleteIf({ kind: "absent" }), holding("v"))).toEqual({
      kind: "delete",
      deleted: false,
      versionFound: 5,
      found,
    });
  });

  test("an applied write tells the version it made, a delete the one it deleted", () => {
    expect(answer(put("x"), holding("v"))).toEqual({ kind: "put", version: 20 });
    expect(answer(casVersion(5, "x"), holding("v"))).toEqual({ kind: "cas", swapped: true, version: 20, found: null });
    expect(answer(remove(), holding("v"))).toEqual({ kind: "delete", deleted: true, versionFound: 5, found: null });
    expect(answer(remove(), null)).toEqual({ kind: "delete", deleted: false, versionFound: 0, found: null });
    expect(answer(add(2n), holding("40"))).toEqual({ kind: "add", version: 20, number: 42n });
  });

  test("what is no number or too large is refused", () => {
    expect(answer(add(1n), holding("v"))).toEqual({ reason: "not-a-number" });
    expect(answer(add(1n), holding(String(MAX)))).toEqual({ reason: "overflow" });
  });
});

/** The key-value store as a child would write it: a value or nothing, and its version. */
interface Model {
  readonly value: string;
  readonly version: number;
}

function model(now: Model | null, operation: WriteOperation): { outcome: Decision["outcome"]; value: string | null } {
  const meets = (condition: Condition): boolean => {
    if (condition.kind === "absent") return now === null;
    if (now === null) return false;
    if (condition.kind === "present") return true;
    return condition.kind === "version" ? now.version === condition.version : now.value === text(condition.value);
  };
  const failed = { outcome: "condition-failed", value: null } as const;
  if (operation.kind === "put") return { outcome: "applied", value: text(operation.value) };
  if (operation.kind === "cas") {
    return meets(operation.condition) ? { outcome: "applied", value: text(operation.value) } : failed;
  }
  if (operation.kind === "delete") {
    if (operation.condition !== null && !meets(operation.condition)) return failed;
    return { outcome: now === null ? "absent" : "applied", value: null };
  }
  if (now !== null && (Number.isNaN(Number(now.value)) || now.value === ""))
    return { outcome: "not-a-number", value: null };
  const sum = BigInt(now?.value ?? 0) + operation.delta;
  return sum > MAX || sum < MIN ? { outcome: "overflow", value: null } : { outcome: "applied", value: String(sum) };
}

const anyValue = fc.constantFrom("", "0", "41", "-7", String(MAX), String(MIN), "v", "text");
const anyCondition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant<Condition>({ kind: "absent" }),
  fc.constant<Condition>({ kind: "present" }),
  fc.nat({ max: 12 }).map((version): Condition => ({ kind: "version", version: revision(version) })),
  anyValue.map((value): Condition => ({ kind: "value", value: bytes(value) })),
);
const anyOperation: fc.Arbitrary<WriteOperation> = fc.oneof(
  anyValue.map((value) => put(value)),
  fc.tuple(anyCondition, anyValue).map(([condition, value]) => cas(condition, value)),
  fc.option(anyCondition).map((condition): WriteOperation => ({ kind: "delete", key: K, condition })),
  fc.constantFrom(1n, -1n, 0n, MAX, MIN).map((delta) => add(delta)),
);

test("any sequence of operations does what a plain model does", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyOperation, fc.boolean()), { maxLength: 12 }), (operations) => {
      let now: Model | null = null;
      let held: Register | null = null;
      for (const [i, [operation, withId]] of operations.entries()) {
        const expected = model(now, operation);
        const decision = evaluate(operation, held);
        expect(decision.outcome).toBe(expected.outcome);
        const applied = decision.outcome === "applied";
        if (applied) expect(text(decision.value)).toBe(expected.value);
        if (applied) now = expected.value === null ? null : { value: expected.value, version: i + 1 };
        if (!applied && !withId) continue;
        const retained = { records: held?.records ?? CompletionRecords.none, floor: revision(0), forgotten: 0 };
        const asked = request(operation, withId ? `r${i}` : undefined);
        held = successor(K, held, asked, decision, ts(b(1), i + 1), revision(i + 1), retained);
        expect(text(held.value)).toBe(now?.value ?? null);
        if (now !== null) expect(held.version).toBe(now.version);
      }
    }),
  );
});
