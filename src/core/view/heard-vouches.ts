/**
 * Replicas that vouched for an epoch, at a voter: they accepted nothing of it, durably, and never will (V8). They say
 * so until a view gives their partitions another epoch. One for each replica of a group that moves: so their number is
 * bounded.
 */
import type { NodeId, Partition } from "../model/ids.js";
import type { CopiesReady } from "./message.js";
import type { Placement, View } from "./view.js";

export class HeardVouches {
  private readonly heardOf = new Map<Partition, readonly NodeId[]>();

  get all(): ReadonlyMap<Partition, readonly NodeId[]> {
    return this.heardOf;
  }

  /** Counts only of the group that the newest view names. */
  heard(node: NodeId, { vouched }: CopiesReady, view: View): void {
    for (const { partition, groupEpoch } of vouched) {
      const placement = view.partitions[partition];
      if (placement?.groupEpoch !== groupEpoch || !placement.replicas.includes(node)) continue;
      const others = (this.heardOf.get(partition) ?? []).filter((one) => one !== node);
      this.heardOf.set(partition, [...others, node]);
    }
  }

  /** Another view counts. Vouches for an epoch that it ends, or that can be void no more, are over. */
  advance(view: View, before: View): void {
    for (const partition of this.heardOf.keys())
      if (!isSame(view.partitions[partition], before.partitions[partition])) this.heardOf.delete(partition);
  }
}

const isSame = (now: Placement | undefined, before: Placement | undefined): boolean =>
  now?.previous !== undefined && now.groupEpoch === before?.groupEpoch;
