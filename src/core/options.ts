/** The makings of a core: what storage restored, the newest view, and how fast things go. */
import { type Duration, duration, type Instant } from "../base/time.js";
import type { NodeId, Partition } from "./model/ids.js";
import type { NodeEntry } from "./model/node-entry.js";
import type { RegisterTable } from "./model/table.js";
import type { RestoredCopy } from "./partitions.js";
import type { MoveCaps } from "./placement/moves.js";
import type { TransferPace } from "./transfer/transfer-load.js";
import type { EncodedView } from "./view/encoded-view.js";
import type { ClusterSettings } from "./view/settings.js";
import type { View } from "./view/view.js";
import type { Move } from "./view/wished-moves.js";

/** A heartbeat round. A failover takes at most 7.5 of them. */
export const DEFAULT_ROUND: Duration = duration(200);
/**
 * How long a deleted key's tombstone rests at least, and how far passes over a partition's tombstones are apart (R12).
 */
export const DEFAULT_PURGE_AFTER: Duration = duration(5 * 60_000);

export interface CoreOptions {
  readonly self: NodeId;
  /** The newest view that is known without `restored`. */
  readonly newest: EncodedView;
  /** The bytes and the digest of a view that this node makes. Without it the view never changes. */
  readonly encode?: (view: View) => EncodedView;
  /** The moves that this node wants when it proposes views; without it, none. */
  readonly moves?: (view: View) => readonly Move[];
  /** Moves of replicas that may be under way together, when this node proposes views that say nothing of it. */
  readonly moveCaps?: MoveCaps;
  /**
   * A member that is not heard for so long gives its replicas to others, if the view says nothing of it. Missing, or
   * 0: never.
   */
  readonly replaceAfter?: Duration;
  /** The registers of a partition, as storage has them. */
  readonly table: (partition: Partition) => RegisterTable;
  /** All copies that storage holds, the newest of each partition last; without it, those of `table` alone. */
  readonly copies?: () => Iterable<RestoredCopy>;
  /** Durable entries of an earlier life, in their order. */
  readonly restored?: Iterable<NodeEntry>;
  /** Above every attempt of earlier lives (R7). */
  readonly firstAttempt: number;
  readonly round?: Duration;
  readonly purgeAfter?: Duration;
  /** How fast transfers may go now, by what the newest view says of it; without it, as fast as they can. */
  readonly pace?: (settings: ClusterSettings) => TransferPace;
  readonly now: Instant;
}
