/** Blocks: what is read is what was written, and what is not is noticed. */
import { describe, expect, test } from "vitest";
import { Prng } from "../../../src/base/prng.js";
import { Block, type BlockEntry, encodeBlock, partOf } from "../../../src/codec/disk/block.js";

const NAME = Buffer.from("0000name");
const entry = (key: string, meta = "", value = ""): BlockEntry => ({
  key: Buffer.from(key, "latin1"),
  meta: Buffer.from(meta),
  value: Buffer.from(value),
});
const encoded = (entries: readonly BlockEntry[], end: Buffer | null = null): Buffer =>
  encodeBlock(NAME, end, entries.map(partOf), entries.length);
const textsOf = (block: Block): string[][] =>
  Array.from({ length: block.count }, (_, i) => [block.key(i), block.meta(i), block.value(i)].map(String));

describe("a block", () => {
  test.each([0, 1, 127, 128, 16_383, 16_384, 2_100_000])("keeps lengths of %i bytes", (length) => {
    const long = "x".repeat(length);
    const block = Block.read(NAME, encoded([entry("a", long, "1"), entry("b", "", long)]));
    expect(block === null ? null : textsOf(block)).toEqual([
      ["a", long, "1"],
      ["b", "", long],
    ]);
    expect(block?.end).toBeNull();
  });

  test("finds keys in the order of their bytes, the longer one behind", () => {
    const keys = ["", "a", "aa", "b", "\x7f", "\x80", "ÿ", "ÿÿ"];
    const block = Block.read(NAME, encoded(keys.map((key) => entry(key)))) as Block;
    keys.forEach((key, i) => {
      expect(block.search(Buffer.from(key, "latin1"))).toBe(i);
      expect(block.has(i, Buffer.from(key, "latin1"))).toBe(true);
    });
    expect(block.search(Buffer.from("ab"))).toBe(3);
    expect(block.has(3, Buffer.from("ab"))).toBe(false);
    expect(block.search(Buffer.from("ÿÿÿ", "latin1"))).toBe(keys.length);
  });

  test("gives parts that make the same block again", () => {
    const entries = ["a", "b", "c", "d"].map((key) => entry(key, `meta of ${key}`, key.repeat(9)));
    const end = Buffer.from("e");
    const bytes = encoded(entries, end);
    const block = Block.read(NAME, bytes) as Block;
    expect(block.end).toEqual(end);
    expect(encodeBlock(NAME, end, [block.part(0, 3), block.part(3, 4)], 4)).toEqual(bytes);
    expect(encodeBlock(NAME, end, block.part(0, 4).apart(), 4)).toEqual(bytes);
  });

  test("under another name is none", () => {
    expect(Block.read(Buffer.from("0000other"), encoded([entry("a")]))).toBeNull();
  });

  test("that has changed anywhere but in a value, or was cut off, is none", () => {
    const chance = new Prng(1);
    const bytes = encoded(
      Array.from({ length: 20 }, (_, i) => entry(`key ${i}`, `meta ${i}`, `value ${i}`)),
      Buffer.from("z"),
    );
    const directoryEnd = bytes.readUInt32LE(7);
    for (let at = 0; at < directoryEnd; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << chance.below(8));
      expect(Block.read(NAME, changed), `byte ${at}`).toBeNull();
    }
    for (let length = 0; length < bytes.length; length++)
      expect(Block.read(NAME, bytes.subarray(0, length))).toBeNull();
    expect(Block.read(NAME, Buffer.concat([bytes, Buffer.alloc(1)]))).toBeNull();
  });
});
