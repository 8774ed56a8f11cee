/** Requests are measured before they are decoded: what says nothing is bounded. */
import { describe, expect, test } from "vitest";
import { PutRequest } from "../../../gen/ts/onar/kv/v1/kv.js";
import { type RequestFields, requestFields } from "../../../gen/ts/request-fields.js";
import { MAX_LIST_BYTES, surplusOf } from "../../../src/wire/request-surplus.js";

const MOST = 100;
const PUT = requestFields.get("/onar.kv.v1.KeyValueService/Put") as RequestFields;
const STATUS = requestFields.get("/onar.reconfiguration.v1.ReconfigurationService/Status") as RequestFields;

const put = (valueBytes: number): Buffer =>
  Buffer.from(
    PutRequest.encode({
      key: Buffer.from("key"),
      value: Buffer.alloc(valueBytes),
      requestId: Buffer.alloc(16),
      after: { partition: 1, revision: 2n ** 60n },
      keySpace: "",
    }).finish(),
  );
const surplus = (bytes: Buffer, fields = PUT): number => surplusOf(bytes, fields, MOST);
const times = (count: number, ...bytes: number[]): Buffer => Buffer.concat(Array(count).fill(Buffer.from(bytes)));

describe("the surplus of a request", () => {
  test("is nothing in what this version's clients send, however long", () => {
    expect(surplus(put(1_000_000))).toBe(0);
  });

  test("is what is in fields that this version does not know, of any wire type and within sub-messages", () => {
    const field9 = [(9 << 3) | 2, 3, 1, 2, 3];
    expect(surplus(Buffer.concat([put(1_000), Buffer.from(field9)]))).toBe(field9.length);
    // Field 6 as a varint, as 64 and as 32 bits; as a group with a group in it.
    for (const bytes of [
      [0x30, 1],
      [0x31, 1, 2, 3, 4, 5, 6, 7, 8],
      [0x35, 1, 2, 3, 4],
      [0x33, 0x08, 1, 0x13, 0x14, 0x34],
    ]) {
      expect(surplus(Buffer.concat([put(1_000), Buffer.from(bytes)]))).toBe(bytes.length);
    }
    // In `after`, ahead of the one that counts: its bytes and the whole of what is overridden.
    const after = [0x2a, 4, 0x38, 1, 0x38, 1];
    expect(surplus(Buffer.concat([Buffer.from(after), put(1_000)]))).toBe(4 + after.length);
  });

  test("is all but the last of a field that is there more than once", () => {
    expect(surplus(Buffer.concat([times(10, 0x12, 1, 7), put(1_000)]))).toBe(30);
    expect(surplus(Buffer.concat([times(10, 0x2a, 0), put(1_000)]))).toBe(20);
  });

  test("is not looked for beyond the bound", () => {
    const found = surplus(times(1_000_000, 0x30, 1));
    expect(found).toBeGreaterThan(MOST);
    expect(found).toBeLessThanOrEqual(MOST + 2);
  });

  test("is what a list has beyond all partitions", () => {
    // Packed, and one by one.
    const packed = Buffer.alloc(MAX_LIST_BYTES - 6, 1);
    const head = [0x82, 1, 0xfa, 0xff, 0x0f];
    expect(surplus(Buffer.from([...head, ...packed]), STATUS)).toBe(0);
    expect(surplus(Buffer.concat([Buffer.from([...head, ...packed]), times(3, 0x80, 1, 1)]), STATUS)).toBe(9);
    expect(surplus(times(1_000_000, 0x80, 1, 1), STATUS)).toBeGreaterThan(MOST);
  });

  test.each([
    ["a length beyond the message", [0x12, 0xff, 0xff, 0xff, 0xff, 0x07]],
    ["a group without end", [0x33]],
    ["an end without group", [0x34]],
    ["groups that are too deep", Array<number>(101).fill(0x33)],
    ["a field of number 0", [0, 1]],
  ])("%s is malformed", (_name, bytes) => {
    expect(() => surplus(Buffer.concat([put(1_000), Buffer.from(bytes)]))).toThrow();
  });
});
