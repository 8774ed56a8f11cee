/** The first office of a group that never had a writer: one replica begins at once, without the election's patience. */
import type { Election } from "../election/election.js";
import type { HeardGroup } from "../election/heard-group.js";
import type { Group } from "../quorum/group.js";

/** It is this replica's to begin, a majority is heard, and none of those has promised anything. */
export function mayBegin(group: Group, election: Election, heard: HeardGroup): boolean {
  if (group.place !== starter(group, election, heard) || election.yields(heard)) return false;
  let count = 0;
  for (let place = 0; place < group.replicas.length; place++) {
    if (!heard.heard(place)) continue;
    // Somebody was faster, or this replica missed a Prepare.
    if (place !== group.place && heard.report(place)?.promise.round !== 0) return false;
    count++;
  }
  return count >= group.majority;
}

/** The place of the replica that begins. In a group that a move made the preferred one may be a newcomer. */
function starter(group: Group, { preferredPlace }: Election, heard: HeardGroup): number {
  if (!group.moved || heard.heard(preferredPlace)) return preferredPlace;
  return group.replicas.findIndex((_, place) => heard.heard(place));
}
