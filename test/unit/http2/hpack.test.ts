/** HPACK by claim: what both ends keep, what is refused, and that one end undoes what the other does. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.js";
import { HpackEncoder } from "../../../src/http2/hpack/encoder.js";
import { HeaderField } from "../../../src/http2/hpack/header-field.js";
import { HeaderList, headerList } from "../../../src/http2/hpack/header-list.js";
import { huffmanDecode, huffmanEncode, huffmanLength } from "../../../src/http2/hpack/huffman.js";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const decode = (decoder: HpackDecoder, block: Buffer): HeaderList => decoder.decode(block, 0, block.length);
const bytesOf = (encoder: HpackEncoder, list: HeaderList, more?: HeaderList): Buffer => {
  encoder.encode(list, more);
  return Buffer.from(encoder.block.subarray(0, encoder.length));
};
const shape = (list: HeaderList) => list.fields.map(({ name, value, indexing }) => [name, value, indexing]);

const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const fieldNames = fc.oneof(
  fc.constantFrom(":path", ":status", "accept", "cookie", "x-a", "x-b", "content-type"),
  latin1.filter((name) => name !== ""),
);
const anyField = fc
  .tuple(
    fieldNames,
    fc.oneof(fc.constantFrom("", "200", "/", "a", "b"), latin1),
    fc.constantFrom("store", "omit", "never"),
  )
  .map(([name, value, indexing]) => new HeaderField(name, value, indexing as "store" | "omit" | "never"));
const anyList = fc.array(anyField, { maxLength: 12 }).map((fields) => new HeaderList(fields, 0, false));

describe("Huffman", () => {
  test("decoding undoes encoding, for every string of bytes", () => {
    fc.assert(
      fc.property(latin1, (text) => {
        const bytes = Buffer.alloc(huffmanLength(text));
        expect(huffmanEncode(text, bytes, 0)).toBe(bytes.length);
        expect(huffmanDecode(bytes, 0, bytes.length)).toBe(text);
      }),
    );
  });

  test.each([
    ["padding of more than seven bits", "1fffff"],
    ["padding that is not the start of the end-of-string code", "18"],
    ["the end-of-string code itself", "ffffffff"],
    ["a code cut short", "fffffe"],
  ])("%s is refused", (_name, block) => {
    const bytes = hex(block);
    expect(() => huffmanDecode(bytes, 0, bytes.length)).toThrow(
      expect.objectContaining({ code: ERROR_CODE.compressionError }),
    );
  });
});

describe("the decoder", () => {
  test.each([
    ["index 0", "80"],
    ["an index beyond both tables", "be"],
    ["an index far beyond", "ff80808001"],
    ["an integer that does not end", "ff8080808080808001"],
    ["an integer cut short", "ff80"],
    ["a string beyond the block", "400a6162"],
    ["a value that is missing", "4001"],
    ["a size update behind a field", "8220"],
    ["a size update beyond the limit", "3fe21f"],
  ])("refuses %s", (_name, block) => {
    expect(() => decode(new HpackDecoder(16_384), hex(block))).toThrow(
      expect.objectContaining({ code: ERROR_CODE.compressionError }),
    );
  });

  test("wants a size update after its limit was lowered, and one to at most that", () => {
    for (const [block, fits] of [
      ["82", false],
      ["3fe10782", false],
      ["3f4582", true],
      ["2082", true],
    ] as const) {
      const decoder = new HpackDecoder(16_384);
      decoder.setLimit(100);
      if (fits) expect(decode(decoder, hex(block)).method).toBe("GET");
      else expect(() => decode(decoder, hex(block))).toThrow();
    }
  });

  test("drops fields beyond the list's bound, says so, and stays in step with the encoder", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(200);
    const long = headerList(Array.from({ length: 10 }, (_, i) => [`x-${i}`, "v".repeat(50)] as const));
    const cut = decode(decoder, bytesOf(encoder, long));
    expect(cut.truncated).toBe(true);
    expect(cut.fields.length).toBe(2);
    expect(cut.size).toBe(long.size);
    const short = headerList([["x-9", "v".repeat(50)]]);
    expect(shape(decode(decoder, bytesOf(encoder, short)))).toEqual(shape(short));
  });

  test("a bomb of one-byte references to a long value makes no copies of it", () => {
    const decoder = new HpackDecoder(16_384);
    decode(decoder, Buffer.concat([hex("4001617fa11e"), Buffer.alloc(4_000, "v")]));
    const before = process.memoryUsage().heapUsed;
    const list = decode(decoder, Buffer.alloc(30_000, 0xbe));
    expect(list.truncated).toBe(true);
    expect(list.size).toBe(30_000 * (1 + 4_000 + 32));
    expect(list.fields.length).toBeLessThan(5);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8_000_000);
  });

  test("a block that comes again is the same list, until the table changes what its indices mean", () => {
    const decoder = new HpackDecoder(16_384);
    decode(decoder, hex("400161 0131"));
    const first = decode(decoder, hex("82be"));
    expect(decode(decoder, hex("82be"))).toBe(first);
    expect(first.get("a")).toBe("1");
    decode(decoder, hex("400161 0132"));
    expect(decode(decoder, hex("82be")).get("a")).toBe("2");
  });

  test("keeps no more than its table's size, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(anyList, { maxLength: 20 }), (lists) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(16_384);
        for (const list of lists) decode(decoder, bytesOf(encoder, list));
        expect(decoder.table.bytes).toBeLessThanOrEqual(4_096);
        expect(decoder.table.count).toBeLessThanOrEqual(128);
      }),
    );
  });

  test("never throws anything but a compression error, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (blocks) => {
        const decoder = new HpackDecoder(1_000);
        try {
          for (const block of blocks) decode(decoder, Buffer.from(block));
        } catch (error) {
          expect(error).toMatchObject({ name: "ConnectionError", code: ERROR_CODE.compressionError });
        }
      }),
    );
  });
});

describe("encoder and decoder together", () => {
  test("give back every list, whatever limits come in between", () => {
    const limit = fc.option(fc.integer({ min: 0, max: 8_192 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(anyList, limit), { maxLength: 20 }), (steps) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(1_000_000);
        for (const [list, bytes] of steps) {
          if (bytes !== null) {
            encoder.setLimit(bytes);
            decoder.setLimit(bytes);
          }
          for (let again = 0; again < 3; again++) {
            const got = decode(decoder, bytesOf(encoder, list));
            expect(got.fields.map(({ name, value }) => [name, value])).toEqual(
              list.fields.map(({ name, value }) => [name, value]),
            );
            expect(decoder.table.bytes).toBe(encoder.table.bytes);
            expect(decoder.table.count).toBe(encoder.table.count);
          }
        }
      }),
    );
  });

  test("a list that was sent before is a byte a field", () => {
    const encoder = new HpackEncoder();
    const list = headerList([
      [":method", "POST"],
      [":path", "/a/b"],
      ["content-type", "application/grpc"],
    ]);
    bytesOf(encoder, list);
    const second = bytesOf(encoder, list);
    expect(second.length).toBe(3);
    expect(bytesOf(encoder, list)).toEqual(second);
  });

  test("a secret is in no table, and is marked so for whoever passes it on", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(16_384);
    const got = decode(decoder, bytesOf(encoder, headerList([["authorization", "Bearer secret"]])));
    expect(shape(got)).toEqual([["authorization", "Bearer secret", "never"]]);
    expect(encoder.table.count).toBe(0);
    expect(decoder.table.count).toBe(0);
  });

  test("fields of a call behind the ones that all calls share do not push those out of the table", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(16_384);
    const shared = headerList([
      [":method", "POST"],
      [":path", "/a/b"],
    ]);
    for (let i = 0; i < 200; i++) {
      const block = bytesOf(encoder, shared, headerList([["grpc-timeout", `${i}m`]]));
      const got = decode(decoder, block);
      expect(got.path).toBe("/a/b");
      expect(got.get("grpc-timeout")).toBe(`${i}m`);
    }
    expect(encoder.table.count).toBe(1);
  });
});

describe("a list of headers", () => {
  const of = (...pairs: (readonly [string, string])[]) =>
    new HeaderList(
      pairs.map(([name, value]) => new HeaderField(name, value, "store")),
      0,
      false,
    );
  const get = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
  ] as const;

  test("of a request has method, scheme and path, once each and first", () => {
    expect(of(...get).requestFlaw()).toBe("");
    expect(of(...get, [":authority", ""], ["te", "trailers"]).requestFlaw()).toBe("");
    for (const bad of [
      of(...get.slice(1)),
      of(...get, [":path", "/"]),
      of(...get.slice(1), ["a", "b"], [":method", "GET"]),
      of(...get, [":status", "200"]),
      of(...get, [":other", "1"]),
      of(...get, ["Upper", "1"]),
      of(...get, ["connection", "close"]),
      of(...get, ["te", "gzip"]),
      of(...get, ["a", "b\r\nc"]),
      of(...get, ["a", " b"]),
      of(...get, ["", "b"]),
      of(...get, ["content-length", "1"], ["content-length", "2"]),
      of(...get, ["content-length", "-1"]),
    ]) {
      expect(bad.requestFlaw()).not.toBe("");
    }
  });

  test("of a CONNECT request has method and authority only", () => {
    const connect = [":method", "CONNECT"] as const;
    expect(of(connect, [":authority", "a:1"]).requestFlaw()).toBe("");
    expect(of(connect).requestFlaw()).not.toBe("");
    expect(of(connect, [":authority", "a:1"], [":path", "/"]).requestFlaw()).not.toBe("");
  });

  test("of a response has a status of three digits and no other pseudo-header", () => {
    expect(of([":status", "200"], ["a", "b"]).responseFlaw()).toBe("");
    for (const bad of [of(["a", "b"]), of([":status", "20"]), of([":status", "200"], [":path", "/"])]) {
      expect(bad.responseFlaw()).not.toBe("");
    }
  });

  test("of trailers has no pseudo-header", () => {
    expect(of(["grpc-status", "0"]).trailersFlaw()).toBe("");
    expect(of([":status", "200"]).trailersFlaw()).not.toBe("");
  });

  test("to be sent is refused with the header's name if HTTP/2 does not allow it", () => {
    expect(() => headerList([["X-Upper", "1"]])).toThrow('header "X-Upper" is not allowed');
    expect(() => headerList([["a", "b\nc"]])).toThrow(RangeError);
    expect(() => headerList([["a", "€"]])).toThrow(RangeError);
  });
});
