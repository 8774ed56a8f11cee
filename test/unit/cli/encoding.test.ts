import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode, ENCODINGS, encode, encodeForJson } from "../../../src/cli/keys/encoding.js";
import { quote } from "../../../src/config/values.js";

describe("encodings", () => {
  test("any bytes come back from base64 and hex as they were", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom("base64" as const, "hex" as const), (bytes, encoding) => {
        const text = encode(bytes, encoding);
        expect(decode("KEY", text as string, encoding, "--key-encoding")).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test("JSON holds any bytes, and says how", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom(...ENCODINGS), (bytes, asked) => {
        const { text, encoding } = encodeForJson(bytes, asked);
        expect(encoding === asked || encoding === "base64").toBe(true);
        expect(Buffer.from(text, encoding === "text" ? "utf8" : encoding)).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test("text that carries a byte order mark keeps it", () => {
    expect(encodeForJson(Buffer.from("\ufeffa"), "text").text).toBe("\ufeffa");
  });

  test.each(["abc", "0g", " 00", "0x00"])("%j is not hex", (text) => {
    expect(() => decode("KEY", text, "hex", "--key-encoding")).toThrow("KEY must be pairs of hexadecimal digits");
  });

  test.each(["a", "a=b=", "ab c", "AB==CD", "*", "AP9="])("%j is not base64", (text) => {
    expect(() => decode("VALUE", text, "base64", "--value-encoding")).toThrow("VALUE must be base64");
  });

  test("base64 is taken with and without padding, and in its URL-safe form", () => {
    const bytes = Buffer.from([0xfb, 0xff]);
    for (const text of ["+/8=", "+/8", "-_8"]) expect(decode("K", text, "base64", "o")).toEqual(bytes);
  });

  test("text that could stand for other bytes is refused", () => {
    for (const text of ["a\ufffd", "\ud800"])
      expect(() => decode("KEY", text, "text", "--key-encoding")).toThrow("UTF-8");
  });
});

test("what is quoted in an error cannot steer a terminal", () => {
  expect(quote("\u001b[31m\u009b\u202e")).toBe('"\\u001b[31m\\u009b\\u202e"');
  expect(quote("x".repeat(1_000)).length).toBeLessThan(100);
});
