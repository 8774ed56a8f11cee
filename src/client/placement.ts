/** Where a key lies: docs/protocol.md, Placement. The test vectors are in docs/vectors/placement.json. */
import { hash } from "node:crypto";
import { partitionOfPosition } from "../core/placement/position.js";

/** Id of the default key space, as 4 bytes. */
const KEY_SPACE_BYTES = 4;
const SCRATCH_BYTES = 512;
const scratch = Buffer.alloc(SCRATCH_BYTES);

export function partitionOf(key: Uint8Array, partitionCount: number): number {
  const length = KEY_SPACE_BYTES + key.length;
  const hashed = length <= SCRATCH_BYTES ? scratch : Buffer.alloc(length);
  hashed.set(key, KEY_SPACE_BYTES);
  // As text: a digest in a buffer costs several times what the hash does.
  return partitionOfPosition(hash("sha256", hashed.subarray(0, length), "binary"), partitionCount);
}
