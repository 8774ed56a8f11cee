import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fingerprintOf } from "../../../src/codec/api/fingerprint.js";
import { writeRequest } from "../../../src/codec/api/operation.js";
import { revision } from "../../../src/core/model/ids.js";
import type { Condition, WriteOperation } from "../../../src/core/model/operation.js";
import { add, bytes, K, put, remove } from "../core/writer/harness.js";
import { anyOperation } from "./arbitraries.js";

const cas = (condition: Condition, value: string): WriteOperation => ({
  kind: "cas",
  key: K,
  condition,
  value: bytes(value),
});
const deleteIf = (condition: Condition): WriteOperation => ({ kind: "delete", key: K, condition });
const version = (of: number): Condition => ({ kind: "version", version: revision(of) });
const value = (of: string): Condition => ({ kind: "value", value: bytes(of) });

describe("fingerprints", () => {
  test("the same call with the same arguments has the same one, however its bytes are held", () => {
    fc.assert(
      fc.property(anyOperation, (operation) => {
        expect(fingerprintOf(structuredClone(operation))).toBe(fingerprintOf(operation));
      }),
    );
    const padded = new Uint8Array([9, 9, 118, 9]).subarray(2, 3);
    expect(fingerprintOf({ kind: "put", key: K, value: padded })).toBe(fingerprintOf(put("v")));
  });

  test("another call or another argument on the same key has another", () => {
    const operations: WriteOperation[] = [
      put(""),
      put("5"),
      put("v"),
      put("w"),
      put("vabsent"),
      add(0n),
      add(5n),
      add(-5n),
      add(55n),
      remove(),
      deleteIf({ kind: "present" }),
      deleteIf({ kind: "absent" }),
      deleteIf(version(1)),
      deleteIf(version(11)),
      deleteIf(value("1")),
      cas({ kind: "absent" }, ""),
      cas({ kind: "present" }, ""),
      cas({ kind: "absent" }, "v"),
      cas(version(1), "v"),
      cas(version(11), "v"),
      cas(version(1), "w"),
      cas(value("v"), "v"),
      cas(value("v"), "w"),
      cas(value("w"), "v"),
      // Where the value ends and the condition begins is part of it.
      cas(value("b"), "avalue"),
      cas(value("valueb"), "a"),
      cas(value(""), "a"),
    ];
    expect(new Set(operations.map(fingerprintOf)).size).toBe(operations.length);
  });

  test("it fits the record's 32 bits", () => {
    fc.assert(
      fc.property(anyOperation, (operation) => {
        const fingerprint = fingerprintOf(operation);
        return Number.isInteger(fingerprint) && fingerprint >= 0 && fingerprint < 2 ** 32;
      }),
    );
  });

  test("a request without an id has none, one with an id has its operation's", () => {
    expect(writeRequest(put("x"), new Uint8Array(0), revision(3))).toMatchObject({
      requestId: null,
      after: null,
      fingerprint: 0,
    });
    const id = Uint8Array.from({ length: 16 }, (_, i) => 240 + i);
    const request = writeRequest(put("x"), id, revision(3));
    expect(request).toMatchObject({ after: 3, fingerprint: fingerprintOf(put("x")) });
    expect(Buffer.from(request.requestId ?? "", "latin1").equals(id)).toBe(true);
  });
});
