/** The examples of RFC 7541, appendix C: decoded as printed there, and the Huffman ones encoded to the same bytes. */
import { describe, expect, test } from "vitest";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.js";
import type { DynamicTable } from "../../../src/http2/hpack/dynamic-table.js";
import { HpackEncoder } from "../../../src/http2/hpack/encoder.js";
import { HeaderField } from "../../../src/http2/hpack/header-field.js";
import { HeaderList } from "../../../src/http2/hpack/header-list.js";

type Pair = readonly [string, string];

interface Example {
  readonly block: string;
  readonly fields: readonly Pair[];
  /** The dynamic table afterwards, the newest first, and its size. */
  readonly table: readonly Pair[];
  readonly size: number;
}

const request1: readonly Pair[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const request2: readonly Pair[] = [...request1, ["cache-control", "no-cache"]];
const request3: readonly Pair[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];
const requestTables: readonly (readonly Pair[])[] = [
  [[":authority", "www.example.com"]],
  [
    ["cache-control", "no-cache"],
    [":authority", "www.example.com"],
  ],
  [
    ["custom-key", "custom-value"],
    ["cache-control", "no-cache"],
    [":authority", "www.example.com"],
  ],
];
const requests = (blocks: readonly string[]): Example[] =>
  [request1, request2, request3].map((fields, i) => ({
    block: blocks[i] ?? "",
    fields,
    table: requestTables[i] ?? [],
    size: [57, 110, 164][i] ?? 0,
  }));

const date1: Pair = ["date", "Mon, 21 Oct 2013 20:13:21 GMT"];
const date2: Pair = ["date", "Mon, 21 Oct 2013 20:13:22 GMT"];
const location: Pair = ["location", "https://www.example.com"];
const cookie: Pair = ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"];
const priv: Pair = ["cache-control", "private"];
const gzip: Pair = ["content-encoding", "gzip"];
const responses = (blocks: readonly string[]): Example[] => [
  {
    block: blocks[0] ?? "",
    fields: [[":status", "302"], priv, date1, location],
    table: [location, date1, priv, [":status", "302"]],
    size: 222,
  },
  {
    block: blocks[1] ?? "",
    fields: [[":status", "307"], priv, date1, location],
    table: [[":status", "307"], location, date1, priv],
    size: 222,
  },
  {
    block: blocks[2] ?? "",
    fields: [[":status", "200"], priv, date2, location, gzip, cookie],
    table: [cookie, gzip, date2],
    size: 215,
  },
];

const C3 = requests([
  "828684410f7777772e6578616d706c652e636f6d",
  "828684be58086e6f2d6361636865",
  "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
]);
const C4 = requests([
  "828684418cf1e3c2e5f23a6ba0ab90f4ff",
  "828684be5886a8eb10649cbf",
  "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
]);
const C5 = responses([
  "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
  "4803333037c1c0bf",
  "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
]);
const C6 = responses([
  "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
  "4883640effc1c0bf",
  "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
]);

const pairs = (fields: readonly HeaderField[]): Pair[] => fields.map(({ name, value }) => [name, value]);
const entries = (table: DynamicTable): Pair[] =>
  pairs(Array.from({ length: table.count }, (_, age) => table.at(age)).filter((field) => field instanceof HeaderField));
/** Every field is stored, as the examples do it, also those that this encoder would not store of its own accord. */
const stored = (fields: readonly Pair[]): HeaderList =>
  new HeaderList(
    fields.map(([name, value]) => new HeaderField(name, value, "store")),
    0,
    false,
  );

describe("a single field (C.2)", () => {
  test.each([
    [
      "literal with indexing",
      "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
      ["custom-key", "custom-header"],
      1,
    ],
    ["literal without indexing", "040c2f73616d706c652f70617468", [":path", "/sample/path"], 0],
    ["literal never indexed", "100870617373776f726406736563726574", ["password", "secret"], 0],
    ["indexed", "82", [":method", "GET"], 0],
  ] as const)("%s", (_name, block, field, count) => {
    const decoder = new HpackDecoder(16_384);
    const bytes = Buffer.from(block, "hex");
    expect(pairs(decoder.decode(bytes, 0, bytes.length).fields)).toEqual([field]);
    expect(decoder.table.count).toBe(count);
  });
});

describe.each([
  ["requests without Huffman (C.3)", C3, 4096],
  ["requests with Huffman (C.4)", C4, 4096],
  ["responses without Huffman (C.5)", C5, 256],
  ["responses with Huffman (C.6)", C6, 256],
] as const)("%s", (_name, examples, tableBytes) => {
  test("are decoded to the fields and the table that are printed there", () => {
    const decoder = new HpackDecoder(16_384);
    decoder.table.resize(tableBytes);
    for (const example of examples) {
      const block = Buffer.from(example.block, "hex");
      expect(pairs(decoder.decode(block, 0, block.length).fields)).toEqual(example.fields);
      expect(entries(decoder.table)).toEqual(example.table);
      expect(decoder.table.bytes).toBe(example.size);
    }
  });
});

describe.each([
  ["requests (C.4)", C4, 4096],
  ["responses (C.6)", C6, 256],
] as const)("%s", (_name, examples, tableBytes) => {
  test("are encoded to the bytes that are printed there", () => {
    const encoder = new HpackEncoder();
    encoder.table.resize(tableBytes);
    for (const example of examples) {
      encoder.encode(stored(example.fields));
      expect(Buffer.from(encoder.block).toString("hex", 0, encoder.length)).toBe(example.block);
      expect(entries(encoder.table)).toEqual(example.table);
    }
  });
});
