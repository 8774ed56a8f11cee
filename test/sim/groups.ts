/** The groups that every partition ever had, by the decided views, seen from outside. */
import type { GroupEpoch, NodeId, Partition } from "../../src/core/model/ids.js";
import type { View } from "../../src/core/view/view.js";

export class Groups {
  /** By partition and group epoch, in the order in which they were heard of. */
  private readonly seen: Map<GroupEpoch, readonly NodeId[]>[] = [];

  constructor(first: View) {
    this.learn(first);
  }

  /** A view was decided, and some node lets it count. */
  learn(view: View): void {
    for (const [p, { groupEpoch, replicas, previous }] of view.partitions.entries()) {
      const groups = this.seen[p] ?? new Map<GroupEpoch, readonly NodeId[]>();
      this.seen[p] = groups;
      if (previous !== undefined && !groups.has(previous.groupEpoch))
        groups.set(previous.groupEpoch, previous.replicas);
      if (!groups.has(groupEpoch)) groups.set(groupEpoch, replicas);
    }
  }

  /** The replicas of the partition in that epoch; none, if there was none. */
  of(partition: Partition, epoch: GroupEpoch): readonly NodeId[] {
    return this.seen[partition]?.get(epoch) ?? [];
  }

  /** By group epoch. */
  all(partition: Partition): ReadonlyMap<GroupEpoch, readonly NodeId[]> {
    return this.seen[partition] ?? new Map();
  }

  /** Whoever was a replica of it in any epoch. */
  everybody(partition: Partition): readonly NodeId[] {
    return [...new Set([...this.all(partition).values()].flat())];
  }

  /** Its newest group. */
  newest(partition: Partition): readonly NodeId[] {
    const groups = this.seen[partition];
    const epoch = Math.max(...(groups?.keys() ?? [])) as GroupEpoch;
    return groups?.get(epoch) ?? [];
  }
}
