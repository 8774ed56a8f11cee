import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FILE, formatVectors, makeVectors, PARTITION_COUNTS, type Vectors } from "../../scripts/vectors.js";
import { partitionOfKey, positionOf } from "../../src/codec/api/position.js";
import { textOf } from "../../src/codec/bytes/bytes.js";
import { isPartitionCount, partitionOfPosition } from "../../src/core/placement/position.js";

const published = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

test("the published vectors are what this code computes", () => {
  expect(published.vectors.length).toBeGreaterThan(20);
  for (const { note, key, position, partition } of published.vectors) {
    const computed = positionOf(Buffer.from(key, "hex"));
    expect(Buffer.from(computed, "latin1").toString("hex"), note).toBe(position);
    for (const count of PARTITION_COUNTS) {
      expect(partitionOfPosition(computed, count), `${note}, ${count} partitions`).toBe(partition[String(count)]);
      expect(partitionOfKey(textOf(Buffer.from(key, "hex")), count)).toBe(partition[String(count)]);
    }
  }
});

test("the published vectors are what their description says, computed another way", () => {
  for (const { note, key, position, partition } of published.vectors) {
    const hash = createHash("sha256")
      .update(Buffer.from(`00000000${key}`, "hex"))
      .digest("hex");
    expect(hash.slice(0, 32), note).toBe(position);
    for (const [count, expected] of Object.entries(partition)) {
      const bits = BigInt(Math.log2(Number(count)));
      expect(BigInt(`0x${position}`) >> (128n - bits), `${note}, ${count} partitions`).toBe(BigInt(expected));
    }
  }
});

test("the published file is what the generator writes", () => {
  expect(readFileSync(FILE, "utf8")).toBe(formatVectors(makeVectors()));
});

test("every key is published once, none is empty, and the first and the last partition occur", () => {
  const keys = published.vectors.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.every((key) => /^([0-9a-f]{2})+$/.test(key))).toBe(true);
  const highest = published.vectors.map(({ partition }) => partition["65536"]);
  expect(highest).toContain(0);
  expect(highest).toContain(65_535);
});

test("the number of partitions is a power of two up to 65536", () => {
  for (const count of [1, 2, 256, 65_536]) expect(isPartitionCount(count)).toBe(true);
  for (const count of [0, -1, 3, 1.5, 65_535, 131_072, Number.NaN]) expect(isPartitionCount(count)).toBe(false);
});
