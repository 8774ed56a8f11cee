/**
 * What the next view should be: a pure function of the newest view and of who asks for what, so that any proposer goes on where another one
 * stopped. It moves no data: members come and go without partitions, and addresses and voters change.
 *
 * Voters: as many as an odd number of members allows, at most MAX_VOTERS, one change a view (V1). One that leaves is replaced first.
 */
import { type NodeId, viewEpoch } from "../model/ids.js";
import { MAX_VOTERS } from "./check.js";
import type { EncodedView } from "./encoded-view.js";
import type { JoinWish, LeaveWish } from "./message.js";
import { hasReplicas, type Member, memberOf, sameAddresses, type View } from "./view.js";

export interface Asked {
  readonly wishing: readonly JoinWish[];
  readonly leaving: readonly LeaveWish[];
  /** Whether that node holds the newest view durably and is heard: only such a one becomes a voter. */
  readonly mayVote: (node: NodeId) => boolean;
}

/** null: nothing is to be changed. */
export function plannedView({ view, digest }: EncodedView, asked: Asked): View | null {
  const members = new Map(view.members.map((member) => [member.id, member]));
  let operationId = "";
  const { leaving, wishing } = asked;
  const left = leaving.find((wish) => mayLeaveNow(view, wish.node));
  if (left !== undefined) {
    members.delete(left.node);
    operationId = left.operation;
  } else {
    for (const wish of wishing) {
      if (isTaken(members, wish.member)) continue;
      members.set(wish.member.id, wish.member);
      operationId ||= wish.operation;
    }
  }
  const voters = plannedVoters(view, members, asked.mayVote);
  if (operationId === "" && voters === null) return null;
  return {
    ...view,
    epoch: viewEpoch(view.epoch + 1),
    previousDigest: digest,
    // A change that nobody asked for is named by the view that it follows.
    operationId: operationId === "" ? digest.slice(0, OPERATION_DIGITS) : operationId,
    members: [...members.values()].sort((a, b) => a.id - b.id),
    voters: voters ?? view.voters,
  };
}

const OPERATION_DIGITS = 32;

/** A member without partitions, as long as somebody else remains. */
function mayLeaveNow(view: View, node: NodeId): boolean {
  return memberOf(view, node) !== undefined && view.members.length > 1 && !hasReplicas(view, node);
}

/** Nothing comes of that wish: the member is known as it wants to be, or another one has its address. */
function isTaken(members: ReadonlyMap<NodeId, Member>, wanted: Member): boolean {
  const known = members.get(wanted.id);
  if (known !== undefined && sameAddresses(known, wanted)) return true;
  for (const { id, peerAddress } of members.values())
    if (id !== wanted.id && peerAddress === wanted.peerAddress) return true;
  return false;
}

/** null: as they are. */
function plannedVoters(
  { voters }: View,
  members: ReadonlyMap<NodeId, Member>,
  mayVote: (node: NodeId) => boolean,
): NodeId[] | null {
  const gone = voters.find((voter) => !members.has(voter));
  const kept = voters.filter((voter) => voter !== gone);
  const wanted = Math.min(MAX_VOTERS, members.size % 2 === 0 ? members.size - 1 : members.size);
  if (gone === undefined && voters.length >= wanted) return null;
  const next = [...members.keys()].filter((id) => !voters.includes(id) && mayVote(id));
  const chosen = chosenOf(next, kept, members);
  if (chosen === null) return gone === undefined || kept.length === 0 ? null : kept;
  return [...kept, chosen].sort((a, b) => a - b);
}

/** Of a zone with as few voters as possible, so that the loss of one zone leaves a majority where there are enough zones. */
function chosenOf(
  candidates: readonly NodeId[],
  voters: readonly NodeId[],
  members: ReadonlyMap<NodeId, Member>,
): NodeId | null {
  const inZone = (id: NodeId): number => {
    const zone = members.get(id)?.zone;
    return voters.filter((voter) => members.get(voter)?.zone === zone).length;
  };
  let best: NodeId | null = null;
  for (const id of candidates)
    if (best === null || inZone(id) < inZone(best) || (inZone(id) === inZone(best) && id < best)) best = id;
  return best;
}
