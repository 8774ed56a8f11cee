/**
 * The highest revision of each partition that this node knows of. A request that may be sent again says so, for a
 * client that told no `after` (pending.ts).
 */
import type { Core } from "../core/core.js";
import { NO_REVISION, type Partition, type Revision } from "../core/model/ids.js";
import { planted } from "../core/model/planted.js";

export class KnownRevisions {
  /** By partition: the highest revision that was told in an answer, for those of which this node keeps no copy. */
  private readonly heardOf = new Map<Partition, Revision>();

  constructor(private readonly core: Core) {}

  /** 0 when none is known. */
  of(partition: Partition): Revision {
    const served = this.core.partitions.get(partition);
    return highest(
      served === undefined
        ? (this.heardOf.get(partition) ?? NO_REVISION)
        : served.copy.replica.revisions.settledRevision,
      NO_REVISION,
    );
  }

  hear(partition: Partition, told: Revision): void {
    if (!this.core.partitions.has(partition)) this.heardOf.set(partition, highest(told, this.of(partition)));
  }

  /**
   * This node was told too much. Returns whether it forgot it: only for a partition that it keeps no copy of. Where it
   * keeps one, the writer hears what the client was told, and goes on above it.
   */
  unlearn(partition: Partition, revision: Revision): boolean {
    if (this.core.partitions.has(partition) || planted("I6.believes-on")) return false;
    this.heardOf.set(partition, revision);
    return true;
  }
}

export const highest = (a: Revision, b: Revision): Revision => (a > b ? a : b);
