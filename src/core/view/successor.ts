/**
 * The rules for the successor of a view. The proposer checks it before it asks, and every acceptor before it votes. A
 * view that breaks one of these rules is never decided, whoever proposes it.
 */
import { planted } from "../model/planted.js";
import { MAX_VOTERS } from "./check.js";
import type { EncodedView } from "./encoded-view.js";
import { placementFault } from "./move.js";
import type { Member, View } from "./view.js";

/** Why `next` cannot follow `current`, in words; null: it can. */
export function successorFault(current: EncodedView, next: EncodedView): string | null {
  const before = current.view;
  const after = next.view;
  if (after.epoch !== before.epoch + 1) return `epoch ${after.epoch} after ${before.epoch}`;
  if (after.clusterId !== before.clusterId) return "another cluster id";
  if (after.previousDigest !== current.digest) return "it follows another view of that epoch";
  if (after.partitions.length !== before.partitions.length)
    return `${after.partitions.length} partitions after ${before.partitions.length}`;
  return membersFault(after.members) ?? votersFault(before, after) ?? placementsFault(before, after);
}

function membersFault(members: readonly Member[]): string | null {
  if (members.length === 0) return "no member";
  const addresses = new Set<string>();
  for (const [index, member] of members.entries()) {
    if (member.id <= (members[index - 1]?.id ?? 0)) return "the members are not ordered by id";
    if (addresses.has(member.peerAddress)) return `two members at ${member.peerAddress}`;
    addresses.add(member.peerAddress);
  }
  return null;
}

/**
 * Voters are members, and at most one of them changes (V1): two newcomers at once could both lose what they never made
 * durable.
 */
function votersFault(before: View, after: View): string | null {
  const { voters } = after;
  if (voters.length === 0 || voters.length > MAX_VOTERS) return `${voters.length} voters`;
  for (const [index, voter] of voters.entries()) {
    if (voter <= (voters[index - 1] ?? 0)) return "the voters are not ordered by id";
    if (!after.members.some((member) => member.id === voter)) return `voter ${voter} is no member`;
  }
  if (planted("V1.two-voters")) return null;
  const added = voters.filter((voter) => !before.voters.includes(voter)).length;
  const removed = before.voters.filter((voter) => !voters.includes(voter)).length;
  return added > 1 || removed > 1 ? "more than one voter changes" : null;
}

/** Every replica is a member, and each group follows from the one before (move.ts). */
function placementsFault(before: View, after: View): string | null {
  const members = new Set(after.members.map(({ id }) => id));
  for (const [partition, placement] of after.partitions.entries()) {
    const earlier = before.partitions[partition];
    if (earlier === undefined) return `partition ${partition} is new`;
    if (placement.replicas.length === 0) return `partition ${partition} has no replica`;
    if (!placement.replicas.every((replica) => members.has(replica)))
      return `a replica of partition ${partition} is no member`;
    const { preferred } = placement;
    if (preferred !== undefined && !placement.replicas.includes(preferred))
      return `the preferred writer of partition ${partition} is none of its replicas`;
    const fault = placementFault(earlier, placement, after);
    if (fault !== null) return `partition ${partition}: ${fault}`;
  }
  return null;
}
