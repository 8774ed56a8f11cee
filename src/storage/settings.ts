/** How much memory and disk the storage uses, from the one figure that people set. */

export interface StorageSettings {
  /** A segment of the log longer than this is not written to any more. */
  readonly segmentBytes: number;
  /** The log is folded into the checkpoint when it is longer than this … */
  readonly foldLogBytes: number;
  /** … or the youngest layer of the memory table is larger. */
  readonly foldMemoryBytes: number;
  /** Keys of one transaction of a fold at most. */
  readonly foldKeys: number;
  /** While a fold is under way and the youngest layer is larger than this, the log waits: answers come late. */
  readonly maxMemoryBytes: number;
  /** Bytes of decoded registers of the checkpoint. */
  readonly cacheBytes: number;
  /** Between two steps of the scrub; 0 = no scrub. */
  readonly scrubMs: number;
  /** Blocks that one transaction removes of a dropped copy; 0 = no sweep. */
  readonly sweepBlocks: number;
}

const MIB = 1024 * 1024;

/** Two layers of the memory table at most, one being folded and one filling, and the cache. */
export function storageSettings(memoryMib: number): StorageSettings {
  const bytes = memoryMib * MIB;
  return {
    segmentBytes: Math.min(16 * MIB, bytes / 8),
    foldLogBytes: Math.min(64 * MIB, bytes / 2),
    foldMemoryBytes: bytes / 6,
    foldKeys: 512,
    maxMemoryBytes: bytes / 3,
    cacheBytes: bytes / 4,
    scrubMs: 100,
    sweepBlocks: 256,
  };
}
