/**
 * Replicas that said that they are ready, at a voter, until a view records them. A replica that shares no partition
 * with the proposer tells all voters itself (H2). One for each replica of a group that moves: so their number is
 * bounded.
 */
import type { NodeId, Partition } from "../model/ids.js";
import type { CopiesReady } from "./message.js";
import { isRecorded } from "./move.js";
import type { Placement, ReadyReplica, View } from "./view.js";

export class HeardReadies {
  private readonly heardOf = new Map<Partition, readonly ReadyReplica[]>();

  get all(): ReadonlyMap<Partition, readonly ReadyReplica[]> {
    return this.heardOf;
  }

  /** Counts only of the group that the newest view names. */
  heard(node: NodeId, { ready }: CopiesReady, view: View): void {
    for (const { partition, groupEpoch, bad } of ready) {
      const placement = view.partitions[partition];
      if (placement?.groupEpoch !== groupEpoch || !placement.replicas.includes(node)) continue;
      if (isRecorded(placement, node, bad)) continue;
      const others = (this.heardOf.get(partition) ?? []).filter((one) => one.node !== node);
      this.heardOf.set(partition, [...others, { node, bad }]);
    }
  }

  /** Another view counts: whoever is not recorded by it says so again, in the group that it names. */
  advance(view: View): void {
    for (const [partition, told] of this.heardOf) {
      const placement = view.partitions[partition];
      const left = placement === undefined ? [] : told.filter(({ node, bad }) => isLeft(placement, node, bad));
      if (left.length === 0) this.heardOf.delete(partition);
      else this.heardOf.set(partition, left);
    }
  }
}

/** In another group of the same partition a replica may not be ready any more: it says so anew. */
const isLeft = (placement: Placement, node: NodeId, bad: number): boolean =>
  placement.replicas.includes(node) && placement.previous !== undefined && !isRecorded(placement, node, bad);
