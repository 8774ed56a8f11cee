/** Where a key lies: the first 16 bytes of SHA-256(key space id as 4 bytes big-endian, then the key). Test vectors: docs/vectors/placement.json. */
import { createHash } from "node:crypto";

const DEFAULT_KEY_SPACE = Buffer.alloc(4);

export const positionOf = (key: Uint8Array): Buffer =>
  createHash("sha256").update(DEFAULT_KEY_SPACE).update(key).digest().subarray(0, 16);
