/**
 * Where a key lies: the first 16 bytes of SHA-256(key space id as 4 bytes big-endian, then the key). Test vectors:
 * docs/vectors/placement.json.
 */
import { hash } from "node:crypto";
import type { Key, Partition } from "../../core/model/ids.js";
import { partitionOfPosition } from "../../core/placement/position.js";

/** Id of the default key space, with room for the key behind it. */
const KEY_SPACE_BYTES = 4;
let scratch = Buffer.alloc(KEY_SPACE_BYTES + 4_096);

const POSITION_BYTES = 16;

/** As text, one character per byte: a digest in a buffer costs several times what the hash does. */
export function positionOf(key: Uint8Array): string {
  const length = KEY_SPACE_BYTES + key.length;
  if (length > scratch.length) scratch = Buffer.alloc(length);
  scratch.set(key, KEY_SPACE_BYTES);
  return positionOfScratch(length);
}

/** The place of a key as the core has it, in a view with so many partitions. */
export function partitionOfKey(key: Key, partitions: number): Partition {
  const length = KEY_SPACE_BYTES + key.length;
  if (length > scratch.length) scratch = Buffer.alloc(length);
  scratch.write(key, KEY_SPACE_BYTES, "latin1");
  return partitionOfPosition(positionOfScratch(length), partitions);
}

function positionOfScratch(length: number): string {
  return hash("sha256", scratch.subarray(0, length), "binary").slice(0, POSITION_BYTES);
}
