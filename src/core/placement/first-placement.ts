/**
 * The placement of a new cluster: pure, so that every node computes the same. The members stand in a ring, neighbours
 * in different zones where there are enough. Partition p is preferred by member p mod N. The members that follow keep
 * it, each in a zone of its own as long as there is one. Then comes a second one of each zone. So every node is the
 * preferred writer of the same number of partitions within one, and there are only N distinct groups. These are
 * copysets (Cidon et al., USENIX ATC 2013): three simultaneous crashes rarely hit all replicas of some key.
 */
import { assert } from "../../base/assert.js";
import { groupEpoch, type NodeId } from "../model/ids.js";
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
    const replicas = replicasFrom(ring, p % ring.length, replicationFactor);
    // Every other time the followers change places, so that a dead node's writers are shared by two.
    if (Math.floor(p / ring.length) % 2 === 1) replicas.push(...replicas.splice(1).reverse());
    placements.push({ replicas, groupEpoch: groupEpoch(1) });
  }
  return placements;
}

/**
 * The members that follow in the ring, each of a zone not taken yet as long as there is one. Then comes a second one of
 * each zone, and so on: no zone has more of them than it must.
 */
function replicasFrom(ring: readonly Member[], start: number, count: number): NodeId[] {
  const following = ring.map((_, i) => ring[(start + i) % ring.length] as Member);
  const chosen: Member[] = [];
  for (let limit = 1; chosen.length < count; limit++) {
    const zones = new Map<string, number>();
    for (const { zone } of chosen) zones.set(zone, (zones.get(zone) ?? 0) + 1);
    for (const member of following) {
      const there = zones.get(member.zone) ?? 0;
      if (chosen.length === count || there >= limit || chosen.includes(member)) continue;
      zones.set(member.zone, there + 1);
      chosen.push(member);
    }
  }
  return chosen.map(({ id }) => id);
}

/** Members by id, dealt out zone by zone: neighbours are of different zones as far as the zones reach. */
function ringOf(members: readonly Member[]): Member[] {
  const zones = new Map<string, Member[]>();
  for (const member of [...members].sort((a, b) => a.id - b.id)) {
    const zone = zones.get(member.zone);
    if (zone === undefined) zones.set(member.zone, [member]);
    else zone.push(member);
  }
  const byName = [...zones.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, zone]) => zone);
  const ring: Member[] = [];
  for (let i = 0; ring.length < members.length; i++) {
    for (const zone of byName) {
      const member = zone[i];
      if (member !== undefined) ring.push(member);
    }
  }
  return ring;
}
