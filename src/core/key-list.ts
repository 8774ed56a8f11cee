/**
 * The keys of this node's copy of a partition, for whoever makes a backup. The lists of a majority of a group name
 * every key that was acknowledged before the first of them began. Each copy had all that its group needs, and belonged
 * to that group, while it was listed.
 *
 * A list is in the order of change numbers. A key that changes meanwhile only moves ahead of the list, so none that was
 * there at the beginning is missed.
 *
 * Invariants
 * H11 A list tells of one copy in one group epoch, which stands on every page. A copy that is not ready, or sealed,
 *     is refused, when a list begins and when it ends. Otherwise a newcomer that holds nothing yet and a replica that
 *     lags are a majority, and an acknowledged key is missing.
 *
 * Source: docs/backup.md.
 */

import { type GroupEpoch, type Key, NO_CHANGE, type Revision } from "./model/ids.js";
import { planted } from "./model/planted.js";
import { changesPage } from "./model/table.js";
import type { ListedCopy } from "./partitions.js";

export interface KeyPage {
  readonly epoch: GroupEpoch;
  readonly keys: readonly Key[];
  readonly last: boolean;
  /** No revision that was handed out, as far as this copy knows, is above it. */
  readonly highestRevision: Revision;
  /** Changes of the copy since it began with nothing. */
  readonly changes: number;
}

export class KeyList {
  private after = NO_CHANGE;
  private epoch: GroupEpoch | null = null;

  /** `now`: the copy that may be listed at this moment; null: there is none. */
  constructor(private readonly now: () => ListedCopy | null) {}

  /** null: no copy here may be listed, or it is not in the group that the list began in. */
  next(limit: number, maxBytes: number): KeyPage | null {
    const copy = this.now();
    if (copy === null) return null;
    const { epoch, replica } = copy;
    this.epoch ??= epoch;
    if (epoch !== this.epoch && !planted("H11.across-a-seal")) return null;
    const { table } = replica;
    const { reservation, settledRevision } = replica.revisions;
    const { found, more } = changesPage(table, this.after, limit, maxBytes);
    this.after = found.at(-1)?.change ?? this.after;
    return {
      epoch,
      keys: found.map(({ key }) => key),
      last: !more,
      highestRevision: reservation > settledRevision ? reservation : settledRevision,
      changes: table.lastChange,
    };
  }
}
