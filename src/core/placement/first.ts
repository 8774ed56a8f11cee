/**
 * The placement of a new cluster: pure, so that every node computes the same. The members stand in a ring, neighbours in different zones
 * where there are enough; partition p is preferred by member p mod N and kept by the δ members that follow. So every node is the preferred
 * writer of the same number of partitions within one, and there are only N distinct groups (copysets, Cidon et al., USENIX ATC 2013):
 * three simultaneous crashes rarely hit all replicas of some key.
 */
import { assert } from "../../base/assert.js";
import { groupEpoch, type NodeId } from "../ids.js";
import type { Member, Placement } from "../view/view.js";
import { isPartitionCount } from "./position.js";

export function firstPlacement(
  members: readonly Member[],
  replicationFactor: number,
  partitionCount: number,
): Placement[] {
  assert(isPartitionCount(partitionCount), "the number of partitions is a power of two");
  assert(replicationFactor >= 1 && replicationFactor <= members.length, "δ is between 1 and the number of members");
  const ring = ringOf(members);
  const placements: Placement[] = [];
  for (let p = 0; p < partitionCount; p++) {
    const start = p % ring.length;
    const replicas: NodeId[] = [];
    for (let i = 0; i < replicationFactor; i++) replicas.push(ring[(start + i) % ring.length] as NodeId);
    // Every other time the followers change places, so that a dead node's writers are shared by two.
    if (Math.floor(p / ring.length) % 2 === 1) replicas.push(...replicas.splice(1).reverse());
    placements.push({ replicas, groupEpoch: groupEpoch(1) });
  }
  return placements;
}

/** Members by id, dealt out zone by zone: neighbours are of different zones as far as the zones reach. */
function ringOf(members: readonly Member[]): NodeId[] {
  const zones = new Map<string, NodeId[]>();
  for (const member of [...members].sort((a, b) => a.id - b.id)) {
    const zone = zones.get(member.zone);
    if (zone === undefined) zones.set(member.zone, [member.id]);
    else zone.push(member.id);
  }
  const byName = [...zones.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ids]) => ids);
  const ring: NodeId[] = [];
  for (let i = 0; ring.length < members.length; i++) {
    for (const ids of byName) {
      const id = ids[i];
      if (id !== undefined) ring.push(id);
    }
  }
  return ring;
}
