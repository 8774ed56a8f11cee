/** Where a node's durable entries go, and where its registers are read from. */
import type { CopyEntry } from "../core/model/copy-entry.js";
import type { Entry } from "../core/model/entry.js";
import type { GroupEpoch, NodeId, Partition } from "../core/model/ids.js";
import type { NodeEntry } from "../core/model/node-entry.js";
import type { RegisterTable } from "../core/model/table.js";

export interface Storage {
  /** "memory" forgets everything when the process ends. */
  readonly kind: "memory" | "log";
  /** The registers of a partition: what was put is seen at once, whether durable or not. */
  table(partition: Partition): RegisterTable;
  /**
   * Durable entries of an earlier life other than registers and removals: applied in their order they give the same
   * state.
   */
  restored(): Iterable<NodeEntry>;
  /**
   * Appends one batch. `durable` is called once all entries appended so far, these included, have reached stable
   * storage; for an empty batch, too. Calls come in the order of the batches and may come before `append` returns. When
   * the disk is slow or full, or the checkpoint is behind, calls come late; after an error they never come.
   */
  append(entries: readonly NodeEntry[], durable: () => void): void;
  /**
   * Durable records so far, over all lives of this directory: never less than what anybody was told (R10). 0 for
   * memory, which nobody comes back with.
   */
  readonly position: number;
  /** The proof of `position` by a key that only this node has, one character per byte; "" or missing: it has none. */
  readonly positionProof?: string;
  /**
   * A peer told its position, and what its key makes of it. Remembered at once, but durably only with a later batch.
   */
  sawPosition(peer: NodeId, position: number, proof?: string): void;
  /** Waits for nothing; what was not durable may be lost. */
  close(): void;
}

/** Further needs of a node from its storage, which a machine under test may do without. */
export interface NodeStorage extends Storage {
  /** false: the disk is nearly full. Writes that make it fuller are refused; small writes, and reads, go on. */
  readonly writable: boolean;
  /** false: it is so full that not even deletions are taken. */
  readonly deletable: boolean;
  /** false: a fold is behind, and what can wait should, so that the log need not. */
  readonly keepsUp: boolean;
  /** The highest position that a peer has told; 0 when none. */
  highestPosition(peer: NodeId): number;
  /** The proof that it gave along; "" for none. */
  proofOf(peer: NodeId): string;
  /** Whether this node's own key made that proof of that position: then it had told it, in this life or another one. */
  isOwnPosition(position: number, proof: string): boolean;
}

/**
 * One copy of a partition. A node that comes back to a group begins a new one, and keeps the old one until it is
 * dropped.
 */
export interface HeldCopy {
  readonly partition: Partition;
  /** The group epoch in which it began with nothing. */
  readonly copy: GroupEpoch;
  readonly table: RegisterTable;
  /** As `restored` of the storage, of this copy alone. */
  restored(): Iterable<Entry>;
}

/**
 * Storage that keeps several copies of a partition apart. `table`, `restored` and all other entries are about the
 * newest one.
 */
export interface CopyStorage extends NodeStorage {
  /** All copies held, those of one partition one behind the other, the newest last. */
  copies(): Iterable<HeldCopy>;
  /** The copy that began in that group epoch, also one that takes no more entries; null: it is not held. */
  copy(partition: Partition, copy: GroupEpoch): HeldCopy | null;
  /**
   * As of any storage. A copy that is begun is there from then on, with nothing in it, and gets what follows. A copy
   * that is dropped is gone at once and forever; what it took on disk is given back in the background. To begin one
   * that is not newer, and to drop one that is not held, are broken invariants.
   */
  append(entries: readonly (NodeEntry | CopyEntry)[], durable: () => void): void;
}

/** Figures that storage on disk counts, for metrics. */
export interface StorageFigures {
  /** Durable records of the log. */
  readonly position: number;
  readonly logBytes: number;
  /** Each with one sync. */
  readonly logWrites: number;
  /** Writes that found the disk full and were tried again. */
  readonly fullWrites: number;
  /** Times that the system was too short of file descriptors or memory to write. */
  readonly shortages: number;
  readonly checkpointBytes: number;
  /** The record that the checkpoint is complete up to. */
  readonly checkpointPosition: number;
  readonly folds: number;
  /** Keys written to the checkpoint by folds. */
  readonly foldedKeys: number;
  /** Bytes in memory that are not in the checkpoint yet. */
  readonly memoryBytes: number;
  /** Bytes of registers kept in memory besides. */
  readonly cacheBytes: number;
  /** Registers known to be bad now. */
  readonly badRegisters: number;
  readonly scrubbedRecords: number;
  /** Times that the scrub went through all. */
  readonly scrubPasses: number;
}
