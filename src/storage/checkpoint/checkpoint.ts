/**
 * The log is folded into a checkpoint. It holds every register with its change number, the index by change and the
 * partitions' small states. It also names the last log record that it contains completely. It holds nothing that is not
 * durable in the log, so it may be behind, and for single keys ahead of its own number. Replaying the log over it gives
 * the same state every time.
 */

import type { Stored } from "../../codec/disk/checkpoint-record.js";
import type { StateEntry } from "../../codec/disk/entry.js";
import type { TableId } from "../../codec/disk/table-id.js";
import { type ChangeNumber, changeNumber, type Key } from "../../core/model/ids.js";
import type { Register } from "../../core/model/register.js";
import type { Forgotten, Removal, RemovalsPage } from "../../core/model/removals.js";
import type { Bad, Change, Held } from "../../core/model/table.js";
import type { Done } from "../files.js";

/** The checkpoint cannot be used; the message is for people. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}

/** The checkpoint's change number of a key before it is folded over: 0 when it has none. */
export interface Below {
  readonly change: ChangeNumber;
  readonly tombstone: boolean;
}

export interface FoldItem {
  readonly table: TableId;
  readonly key: Key;
  /** null: removed. */
  readonly register: Register | Bad | null;
  readonly change: ChangeNumber;
  /** It gets the mark that it is settled. */
  readonly settled: boolean;
  /** null: a rotten head, whose change nobody knows. */
  readonly below: Below | null;
}

/** Removals of a table that are behind those that the checkpoint has, by ascending change. */
export interface FoldedRemovals {
  readonly table: TableId;
  readonly removals: readonly Removal[];
  /** Others up to this change may have been forgotten before they came here. */
  readonly forgotten: ChangeNumber;
}

/** How many registers the checkpoint has of a table, and the last change number that it knows of. */
export interface Tally {
  readonly table: TableId;
  readonly count: number;
  readonly lastChange: ChangeNumber;
}

/** One transaction. */
export interface FoldBatch {
  readonly items: readonly FoldItem[];
  readonly removed: readonly FoldedRemovals[];
  /** Tallies of the partitions that it touches, after it. */
  readonly tallies: readonly Tally[];
  /** With the last batch of a fold: the states that changed, and the log record that all is complete up to. */
  readonly end: { readonly position: number; readonly states: readonly FoldedState[] } | null;
}

/** The whole small state of a table, or of the node (null). */
export interface FoldedState {
  readonly table: TableId | null;
  readonly entries: readonly StateEntry[];
}

/** A record of a scan. */
export interface Scanned {
  readonly table: TableId;
  readonly key: Key;
  readonly sound: boolean;
}

export interface Scan {
  readonly records: readonly Scanned[];
  /** Where to go on; null: this was the end. */
  readonly next: Buffer | null;
}

/** `more`: there may be something left. */
export type Swept = (error: Error | null, more: boolean) => void;

export interface Checkpoint {
  /** Complete up to this record of the log. */
  readonly position: number;
  /** About how much it takes on disk. */
  readonly bytes: number;
  /** Bytes of the blocks that the last commit wrote. */
  readonly written: number;
  get(table: TableId, key: Key): Stored | null;
  /** As much of it as folding needs; null: a rotten head. */
  below(table: TableId, key: Key): Below | null;
  tallies(): Iterable<Tally>;
  states(): Iterable<FoldedState>;
  /**
   * The latest changes above `after` of keys that are not skipped, by ascending number. A bad register has no
   * timestamp.
   */
  changes(table: TableId, after: ChangeNumber, limit: number, skip: (key: Key) => boolean): Change[];
  tombstones(table: TableId, limit: number, skip: (key: Key) => boolean): Change[];
  /**
   * Registers of keys that are not skipped, behind this one, in the order of keys. At most `limit`, and none behind the
   * one by which they have so many bytes. Throws a CheckpointError when it is not known which keys there are.
   */
  ordered(table: TableId, after: Key | null, limit: number, maxBytes: number, skip: (key: Key) => boolean): Held[];
  /** Removals above `after`, whether their keys are held again or not. */
  removals(table: TableId, after: ChangeNumber, limit: number, maxBytes: number): RemovalsPage | Forgotten;
  /** The last removal that has come here, or may have been forgotten. */
  lastRemoval(table: TableId): ChangeNumber;
  /** Some records behind `from`, `limit` or some more, of tables that are not skipped. null: from the beginning. */
  scan(from: Buffer | null, limit: number, skip: (table: TableId) => boolean): Scan;
  /** One transaction, seen by reads and durable when it is done. One at a time. */
  commit(batch: FoldBatch, done: Done): void;
  /**
   * One transaction, as `commit`: removes so many blocks of a table, or else what is left of it, its small state too.
   * `kept` takes that one's place. A table that is swept is neither read nor folded into any more.
   */
  sweep(table: TableId, blocks: number, kept: FoldedState | null, done: Swept): void;
  close(done: () => void): void;
}

export const NONE_BELOW: Below = { change: changeNumber(0), tombstone: false };
