/** From a key's position to its partition. Hashing the key is done at the edge: the core sees positions only. */
import { type Partition, partition } from "../model/ids.js";

/** Default number of partitions. */
export const DEFAULT_PARTITIONS = 256;
export const MAX_PARTITIONS = 65_536;

export const isPartitionCount = (count: number): boolean =>
  Number.isInteger(count) && count >= 1 && count <= MAX_PARTITIONS && (count & (count - 1)) === 0;

/** The partition of a position (16 bytes, big-endian; as text, one character per byte): its top log2(count) bits. */
export function partitionOfPosition(position: string, count: number): Partition {
  const top = (position.charCodeAt(0) << 8) | position.charCodeAt(1);
  return partition(Math.floor((top * count) / 65_536));
}
