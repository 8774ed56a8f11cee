/** The durable entries of a transfer, of the copy that takes over. */
import type { ChangeNumber, GroupEpoch, Key, NodeId, Partition } from "./ids.js";

/** How far a pre-copy is. Losing it costs listing the keys anew. */
export interface PreCopied {
  readonly kind: "pre-copied";
  readonly partition: Partition;
  /** The replica that the registers come from, and its copy; 0: the cursor is of no copy yet. */
  readonly source: NodeId;
  readonly copy: GroupEpoch;
  /** All changes of that copy up to this one are here, of the keys that were listed. */
  readonly change: ChangeNumber;
  /** Keys up to this one were listed; null: none yet, or all of them. */
  readonly upTo: Key | null;
  readonly listedAll: boolean;
}

/** How far a merge is. Losing it costs merging those keys again. */
export interface Merged {
  readonly kind: "merged";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly upTo: Key;
}

/**
 * The copy took something over in this group epoch: from then on it has no vote on what was settled in an earlier one
 * (M1).
 */
export interface TookOver {
  readonly kind: "took-over";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
}

/** An inherited bad key: too few of the group before could speak for it (H12). */
export interface Inherited {
  readonly kind: "inherited";
  readonly partition: Partition;
  readonly key: Key;
  /** The number of the mark; 0: it is over. */
  readonly mark: number;
}

export type TransferEntry = PreCopied | Merged | TookOver | Inherited;
