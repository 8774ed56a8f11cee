/**
 * The next view as it should be. It is a pure function of the newest view and of the wishes, so that any proposer goes
 * on where another one stopped. It moves no data: members come and go without partitions, and addresses and voters
 * change.
 *
 * Voters: as many as an odd number of members allows, at most MAX_VOTERS, one change a view (V1). One that leaves is replaced first.
 */
import { type NodeId, viewEpoch } from "../model/ids.js";
import { MAX_MEMBERS, MAX_VOTERS } from "./check.js";
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
export function plannedView(newest: EncodedView, asked: Asked): View | null {
  const { view } = newest;
  const change: Change = { members: new Map(view.members.map((member) => [member.id, member])), operation: null };
  let { voters } = view;
  for (const wish of asked.leaving) {
    if (!mayLeaveNow(view, wish.node) || change.members.size === 1) continue;
    const { members } = change;
    const left = new Map([...members].filter(([id]) => id !== wish.node));
    const changed = voters.includes(wish.node) ? plannedVoters(voters, left, asked.mayVote) : voters;
    // One voter changes a view; another one that leaves waits for the next.
    if (changed === null || (changed !== voters && voters !== view.voters)) continue;
    voters = changed;
    change.members = left;
    change.operation ??= wish.operation;
  }
  for (const wish of asked.wishing) join(change, wish);
  if (voters === view.voters) voters = plannedVoters(voters, change.members, asked.mayVote) ?? voters;
  if (change.operation === null && voters === view.voters) return null;
  return {
    ...view,
    epoch: viewEpoch(view.epoch + 1),
    previousDigest: newest.digest,
    // A change that nobody asked for is named by the view that it follows.
    operationId: change.operation ?? newest.digest.slice(0, OPERATION_DIGITS),
    members: byId(change.members),
    voters,
  };
}

interface Change {
  members: ReadonlyMap<NodeId, Member>;
  /** The first of those that are granted. */
  operation: string | null;
}

function join(change: Change, { member, operation }: JoinWish): void {
  const { members } = change;
  const full = members.size >= MAX_MEMBERS && !members.has(member.id);
  if (full || isTaken(members, member)) return;
  change.members = new Map(members).set(member.id, member);
  change.operation ??= operation;
}

const OPERATION_DIGITS = 32;
/** Voters do not become fewer than this by somebody's leaving, as long as there are so many members. */
const FEWEST_VOTERS = 3;

/** It keeps no partition. */
const mayLeaveNow = (view: View, node: NodeId): boolean =>
  memberOf(view, node) !== undefined && !hasReplicas(view, node);

/** Nothing comes of that wish: the member is known as it wants to be, or another one has its address. */
function isTaken(members: ReadonlyMap<NodeId, Member>, wanted: Member): boolean {
  const known = members.get(wanted.id);
  if (known !== undefined && sameAddresses(known, wanted)) return true;
  for (const { id, peerAddress } of members.values())
    if (id !== wanted.id && peerAddress === wanted.peerAddress) return true;
  return false;
}

/** The voters beside these members; null: as they are cannot be, and nobody can take the place of the one that leaves. */
function plannedVoters(
  voters: readonly NodeId[],
  members: ReadonlyMap<NodeId, Member>,
  mayVote: (node: NodeId) => boolean,
): readonly NodeId[] | null {
  const kept = voters.filter((voter) => members.has(voter));
  const wanted = Math.min(MAX_VOTERS, members.size % 2 === 0 ? members.size - 1 : members.size);
  if (kept.length === voters.length && voters.length >= wanted) return voters;
  const chosen = chosenOf(byId(members), kept, (id) => !voters.includes(id) && mayVote(id));
  if (chosen !== null) return [...kept, chosen].sort((a, b) => a - b);
  if (kept.length === voters.length) return voters;
  const enough = kept.length >= Math.min(FEWEST_VOTERS, members.size);
  return enough && 2 * kept.filter(mayVote).length > kept.length ? kept : null;
}

/** From a zone with as few voters as possible, so that the loss of one zone leaves a majority where there are enough zones. */
function chosenOf(
  members: readonly Member[],
  voters: readonly NodeId[],
  isFit: (node: NodeId) => boolean,
): NodeId | null {
  let best: NodeId | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (const { id, zone } of members) {
    const there = members.filter((member) => voters.includes(member.id) && member.zone === zone).length;
    if (!isFit(id) || there >= fewest) continue;
    best = id;
    fewest = there;
  }
  return best;
}

const byId = (members: ReadonlyMap<NodeId, Member>): readonly Member[] =>
  [...members.values()].sort((a, b) => a.id - b.id);
