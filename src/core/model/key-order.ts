/**
 * The one order of keys that all nodes share, for streams that are merged. First come the plain keys by their bytes,
 * then the long ones by their SHA-256. Checkpoints keep them in this order, so a stream from a disk needs no sorting.
 */
import { sha256 } from "../../base/sha256.js";
import type { Key } from "./ids.js";

/** Longer keys stand for their hash, as names of the checkpoint's blocks are short. Part of the format on disk. */
export const MAX_PLAIN_KEY_BYTES = 1_900;

/** Above every plain key, whose characters are bytes. */
const LONG = "\u0100";

export const isPlain = (key: Key): boolean => key.length <= MAX_PLAIN_KEY_BYTES;

/**
 * A text that says where the key stands: those of two keys compare as the keys do. A plain key is its own; a long one
 * costs a hash.
 */
export const orderOf = (key: Key): string => (isPlain(key) ? key : LONG + sha256(key));

/** Below 0: `a` comes first. 0: the same key. */
export function compareKeys(a: Key, b: Key): number {
  if (a === b) return 0;
  if (isPlain(a)) return isPlain(b) && a > b ? 1 : -1;
  return !isPlain(b) && sha256(a) < sha256(b) ? -1 : 1;
}
