/** From a key's position to its partition. Hashing the key is done at the edge: the core sees positions only. */
import { type Partition, partition } from "../ids.js";

/** Default number of partitions. */
export const DEFAULT_PARTITIONS = 256;
export const MAX_PARTITIONS = 65_536;

export const isPartitionCount = (count: number): boolean =>
  Number.isInteger(count) && count >= 1 && count <= MAX_PARTITIONS && (count & (count - 1)) === 0;

/** The partition of a position (16 bytes, big-endian): its top log2(count) bits. */
export function partitionOfPosition(position: Uint8Array, count: number): Partition {
  const top = ((position[0] as number) << 8) | (position[1] as number);
  return partition(Math.floor((top * count) / 65_536));
}
