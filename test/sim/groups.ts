/** The groups that every partition ever had, by the decided views, seen from outside. */
import type { GroupEpoch, NodeId, Partition } from "../../src/core/model/ids.js";
import type { View } from "../../src/core/view/view.js";

export class Groups {
  /** By partition and group epoch, in the order in which they were heard of. */
  private readonly seen: Map<GroupEpoch, readonly NodeId[]>[] = [];
  /** By partition: the newest group all of whose replicas some view records as ready. */
  private readonly finished: GroupEpoch[] = [];

  constructor(first: View) {
    this.learn(first);
  }

  /** A view was decided, and some node lets it count. Returns the partitions that it gives another group. */
  learn(view: View): readonly Partition[] {
    const moved: Partition[] = [];
    for (const [p, { groupEpoch, replicas, previous }] of view.partitions.entries()) {
      const groups = this.seen[p] ?? new Map<GroupEpoch, readonly NodeId[]>();
      this.seen[p] = groups;
      if (previous !== undefined && !groups.has(previous.groupEpoch))
        groups.set(previous.groupEpoch, previous.replicas);
      if (!groups.has(groupEpoch)) {
        if (groups.size > 0) moved.push(p as Partition);
        groups.set(groupEpoch, replicas);
      }
      if (previous === undefined && groupEpoch > (this.finished[p] ?? 0)) this.finished[p] = groupEpoch;
    }
    return moved;
  }

  /** A move to that group, or to a later one, is finished. */
  finishedSince(partition: Partition, epoch: GroupEpoch): boolean {
    return (this.finished[partition] ?? 0) >= epoch;
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
    return this.of(partition, this.newestEpoch(partition));
  }

  newestEpoch(partition: Partition): GroupEpoch {
    return Math.max(...(this.seen[partition]?.keys() ?? [])) as GroupEpoch;
  }
}
