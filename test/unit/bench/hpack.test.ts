import { describe, expect, test } from "vitest";
import { HpackDecoder, RequestHeaders } from "../../../bench/http2/hpack.js";
import { decodeHuffman } from "../../../bench/http2/huffman.js";

function decodeAll(decoder: HpackDecoder, block: Uint8Array): string[] {
  const seen: string[] = [];
  decoder.decode(Buffer.from(block), 0, block.length, { header: (name, value) => seen.push(`${name}: ${value}`) });
  return seen;
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("Huffman code", () => {
  test("decodes the examples of RFC 7541", () => {
    const decode = (text: string): string => decodeHuffman(hex(text), 0, hex(text).length);
    expect(decode("f1e3 c2e5 f23a 6ba0 ab90 f4ff")).toBe("www.example.com");
    expect(decode("a8eb 1064 9cbf")).toBe("no-cache");
    expect(decode("d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff")).toBe("Mon, 21 Oct 2013 20:13:21 GMT");
    expect(decode("9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3")).toBe("https://www.example.com");
  });

  test("refuses padding that is not all ones, and padding of a whole octet", () => {
    expect(() => decodeHuffman(hex("a8eb10649cbe"), 0, 6)).toThrow("padding");
    expect(() => decodeHuffman(hex("a8eb10649cbfff"), 0, 7)).toThrow("padding");
  });
});

describe("HPACK decoder", () => {
  test("keeps its table over the three answers of RFC 7541 C.6, evictions included", () => {
    const decoder = new HpackDecoder();
    const first =
      "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
    expect(decodeAll(decoder, hex(first))).toEqual([
      ":status: 302",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:21 GMT",
      "location: https://www.example.com",
    ]);
    expect(decodeAll(decoder, hex("4883 640e ffc1 c0bf"))).toEqual([
      ":status: 307",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:21 GMT",
      "location: https://www.example.com",
    ]);
    const third =
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07";
    expect(decodeAll(decoder, hex(third))).toEqual([
      ":status: 200",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:22 GMT",
      "location: https://www.example.com",
      "content-encoding: gzip",
      "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ]);
  });

  test("refuses an index outside the table, a string cut short and a table larger than announced", () => {
    expect(() => decodeAll(new HpackDecoder(), hex("be"))).toThrow("index 62");
    expect(() => decodeAll(new HpackDecoder(), hex("4085 61"))).toThrow("longer than its block");
    expect(() => decodeAll(new HpackDecoder(), hex("3fe21f"))).toThrow("table size");
  });
});

describe("request headers", () => {
  const common = [":authority: h:1", "te: trailers", "content-type: application/grpc", "user-agent: x"];
  const expected = (path: string): string[] => [":method: POST", ":scheme: http", `:path: ${path}`, ...common];

  test("every block decodes to the same headers while paths are taught one by one", () => {
    const headers = new RequestHeaders("h:1", [["user-agent", "x"]], 4096);
    const decoder = new HpackDecoder();
    for (const path of ["/a/Get", "/a/Get", "/a/Put", "/a/Get", "/a/Put", "/a/Add", "/a/Get", "/a/Put", "/a/Add"]) {
      expect(decodeAll(decoder, headers.block(path))).toEqual(expected(path));
    }
    expect(headers.block("/a/Get").length).toBe(7);
  });

  test("nothing is taught to a server with a smaller table", () => {
    const headers = new RequestHeaders("h:1", [["user-agent", "x"]], 0);
    for (const path of ["/a/Get", "/a/Put", "/a/Get"]) {
      expect(decodeAll(new HpackDecoder(), headers.block(path))).toEqual(expected(path));
    }
  });
});
