/** Header blocks: long ones, broken ones, and those that become much longer than they are. */
import { ERROR_CODE } from "../../../src/http2/error.js";
import * as raw from "../../unit/http2/support/raw.js";
import type { Attack, Ending } from "../attack.js";
import { Offender } from "../offender.js";
import { blockOf, ECHO, streamId, total } from "../requests.js";

const FRAME_BYTES = 16_384;

/** An HPACK integer behind bits that are set already. */
function integer(first: number, prefixBits: number, value: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(first | value);
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.of(...bytes, rest);
}

/** A literal that goes into the table. */
const kept = (name: string, valueBytes: number): Buffer =>
  Buffer.concat([
    Buffer.of(0x40),
    integer(0, 7, name.length),
    Buffer.from(name),
    integer(0, 7, valueBytes),
    Buffer.alloc(valueBytes, "v"),
  ]);

/** A block that comes in frames of at most 16 KiB. */
function frames(stream: number, block: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += FRAME_BYTES) {
    const isLast = at + FRAME_BYTES >= block.length;
    const type = at === 0 ? raw.TYPE.headers : raw.TYPE.continuation;
    const flags = (isLast ? 4 : 0) | (at === 0 ? 1 : 0);
    parts.push(raw.frame(type, flags, stream, block.subarray(at, at + FRAME_BYTES)));
  }
  return Buffer.concat(parts);
}

interface Sending {
  readonly first?: Buffer;
  readonly make: (i: number) => Buffer;
  readonly most: number;
}

const headers = (name: string, what: string, ending: Ending, { first, make, most }: Sending): Attack => ({
  name,
  what,
  ending,
  run: async (ports, tally) => {
    const offender = await Offender.dial(ports, tally);
    if (first !== undefined) await offender.send(first);
    await offender.flood(most, make);
    if (ending.kind !== "answered") {
      await offender.ended();
      return;
    }
    // Some are refused by a reset, the others by a status, and by NO_ERROR behind it.
    const answered = (): number => total(tally.statuses) + total(tally.resets) - (tally.resets[0] ?? 0);
    await offender.until(() => answered() >= most);
    offender.leave();
  },
});

/** A literal whose name is EOS, thirty ones, in Huffman's code. */
const BAD_HUFFMAN = Buffer.from("0084ffffffff0161", "hex");

const goaway = (code: number): Ending => ({ kind: "goaway", code });
const calm = goaway(ERROR_CODE.enhanceYourCalm);
const exhausted: Ending = { kind: "answered", statuses: ["8"] };

export const HEADERS: readonly Attack[] = [
  headers("continuation", "a header block of empty CONTINUATION frames", calm, {
    first: raw.frame(raw.TYPE.headers, 0, 1, raw.POST),
    make: () => raw.frame(raw.TYPE.continuation, 0, 1),
    most: 1_000_000,
  }),
  headers("continuation-bytes", "a header block of 16 KiB CONTINUATION frames", calm, {
    first: raw.frame(raw.TYPE.headers, 0, 1, raw.POST),
    make: () => raw.frame(raw.TYPE.continuation, 0, 1, Buffer.alloc(FRAME_BYTES)),
    most: 4_000,
  }),
  headers("header-list", "header lists of 24 KiB, 300 times", exhausted, {
    make: (i) =>
      frames(
        streamId(i),
        Buffer.concat([blockOf(ECHO), Buffer.concat(Array.from({ length: 8 }, () => kept("x", 3_000)))]),
      ),
    most: 300,
  }),
  headers(
    "hpack-bomb",
    "16,000 references to a header of 4 KB, 300 times: 64 MB each",
    { kind: "answered", statuses: ["8", "12"] },
    {
      first: raw.frame(raw.TYPE.headers, 5, 1, Buffer.concat([blockOf("/none/None"), kept("x", 4_000)])),
      make: (i) => frames(streamId(i + 1), Buffer.concat([blockOf(ECHO), Buffer.alloc(16_000, 0x80 | 62)])),
      most: 300,
    },
  ),
  headers("table-churn", "entries of 2 KB that push each other out of the table, 300 times", exhausted, {
    make: (i) =>
      frames(
        streamId(i),
        Buffer.concat([blockOf(ECHO), Buffer.concat(Array.from({ length: 12 }, () => kept("churn", 2_000)))]),
      ),
    most: 300,
  }),
  headers("bad-huffman", "a Huffman code that ends with EOS", goaway(ERROR_CODE.compressionError), {
    make: (i) => raw.frame(raw.TYPE.headers, 5, streamId(i), BAD_HUFFMAN),
    most: 1_000,
  }),
  headers("bad-index", "a reference to what is not in the table", goaway(ERROR_CODE.compressionError), {
    make: (i) => raw.frame(raw.TYPE.headers, 5, streamId(i), Buffer.of(0xff, 0x80, 0x7f)),
    most: 1_000,
  }),
  headers("endless-integer", "an integer that goes on for a frame", goaway(ERROR_CODE.compressionError), {
    make: (i) => raw.frame(raw.TYPE.headers, 5, streamId(i), Buffer.alloc(FRAME_BYTES, 0xff)),
    most: 1_000,
  }),
  headers("table-sizes", "a block of table sizes alone", calm, {
    make: (i) => raw.frame(raw.TYPE.headers, 5, streamId(i), Buffer.alloc(FRAME_BYTES, 0x20)),
    most: 1_000,
  }),
  headers(
    "bad-utf8-paths",
    "paths that are no UTF-8, 400 times",
    { kind: "answered", statuses: ["12"], resets: [1] },
    {
      make: (i) => frames(streamId(i), pathOf(i)),
      most: 400,
    },
  ),
];

function pathOf(i: number): Buffer {
  const odd = [
    Buffer.from("2fff", "hex"),
    Buffer.from("2fc328", "hex"),
    Buffer.from("2f00", "hex"),
    Buffer.from("2feda080", "hex"),
  ];
  const path = odd[i % odd.length] ?? Buffer.alloc(0);
  return Buffer.concat([
    raw.block([":method", "POST"], [":scheme", "http"]),
    Buffer.from("00053a70617468", "hex"),
    integer(0, 7, path.length),
    path,
    raw.block(["content-type", "application/grpc"]),
  ]);
}
