/**
 * Test vectors for implementers in other languages: key → position → partition.
 *
 *   npx tsx scripts/vectors.ts            writes docs/vectors/placement.json
 *   npx tsx scripts/vectors.ts --check    changes nothing; fails if the file is not what would be written
 */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { positionOf } from "../src/codec/api/position.js";
import { partitionOfPosition } from "../src/core/placement/position.js";

export const FILE = new URL("../docs/vectors/placement.json", import.meta.url);
export const PARTITION_COUNTS = [1, 16, 256, 4096, 65_536] as const;

export interface Vector {
  /** Why this key is here. */
  readonly note: string;
  /** Hexadecimal. */
  readonly key: string;
  /** 32 hexadecimal digits. */
  readonly position: string;
  /** By number of partitions, in decimal. */
  readonly partition: Readonly<Record<string, number>>;
}

export interface Vectors {
  readonly about: string;
  readonly keySpace: number;
  readonly vectors: readonly Vector[];
}

const text = (key: string): string => Buffer.from(key, "utf8").toString("hex");

/** Note and key (hexadecimal). The empty key is refused everywhere and is not here. */
const KEYS: readonly (readonly [note: string, key: string])[] = [
  ["text", text("hello")],
  ["text, other case", text("Hello")],
  ["text with a space behind", text("hello ")],
  ["one letter", text("a")],
  ["a path", text("/users/42/profile")],
  ["a number in digits", text("1234567890")],
  ["é as one code point", "c3a9"],
  ["é as e and a combining accent: another key", "65cc81"],
  ["an emoji, four bytes", text("🔑")],
  ["lowest partition of 65536", text("key-51179")],
  ["highest partition of 65536", text("key-52550")],
  ["one byte 00", "00"],
  ["two bytes 00", "0000"],
  ["four bytes 00, as the id of the default key space", "00000000"],
  ["one byte ff", "ff"],
  ["one byte 80", "80"],
  ["NUL within text", "610062"],
  ["line end", "0a"],
  ["all bytes from 00 to ff", Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("hex")],
  ["not UTF-8: a byte that never occurs", "fffefd"],
  ["not UTF-8: NUL in two bytes", "c080"],
  ["not UTF-8: half of a surrogate pair", "eda080"],
  ["not UTF-8: cut short", "e282"],
  ["U+FFFD, what decoders put in place of the four above", "efbfbd"],
  ["a byte order mark before text", "efbbbf61"],
  ["a name of JavaScript's objects", text("__proto__")],
  ["another one", text("constructor")],
  ["another one", text("hasOwnProperty")],
  ["51 bytes: the longest key that is hashed in one block of SHA-256", text("x".repeat(51))],
  ["52 bytes: two blocks", text("x".repeat(52))],
  ["60 bytes: the first block is full", text("x".repeat(60))],
  ["1000 bytes", text("x".repeat(1_000))],
];

export function makeVectors(): Vectors {
  return {
    about:
      "position = the first 16 bytes of SHA-256(key space id as 4 bytes big-endian, then the key); " +
      "partition = the top log2(P) bits of the position, for P partitions. Keys and positions are hexadecimal.",
    keySpace: 0,
    vectors: KEYS.map(([note, key]) => {
      const position = positionOf(Buffer.from(key, "hex"));
      return {
        note,
        key,
        position: Buffer.from(position, "latin1").toString("hex"),
        partition: Object.fromEntries(
          PARTITION_COUNTS.map((count) => [String(count), partitionOfPosition(position, count)]),
        ),
      };
    }),
  };
}

export const formatVectors = (vectors: Vectors): string => `${JSON.stringify(vectors, null, 2)}\n`;

function main(args: readonly string[]): number {
  const wanted = formatVectors(makeVectors());
  if (args.length === 0) {
    writeFileSync(FILE, wanted);
    return 0;
  }
  if (args.length > 1 || args[0] !== "--check") {
    console.error("usage: npx tsx scripts/vectors.ts [--check]");
    return 2;
  }
  if (readFileSync(FILE, "utf8") === wanted) return 0;
  console.error("docs/vectors/placement.json is not up to date: run npx tsx scripts/vectors.ts");
  return 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = main(process.argv.slice(2));
