/** The voters of the next view: as many as there may be, an odd number, spread over the zones. */
import type { NodeId } from "../model/ids.js";
import { MAX_VOTERS } from "./check.js";
import type { Member } from "./view.js";

/** Voters do not become fewer than this by somebody's leaving, as long as there are so many members. */
const FEWEST_VOTERS = 3;

/**
 * The voters beside these members; null: as they are cannot be, and nobody can take the place of the one that leaves.
 */
export function plannedVoters(
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

/**
 * From a zone with as few voters as possible, so that the loss of one zone leaves a majority where there are enough
 * zones.
 */
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

export const byId = (members: ReadonlyMap<NodeId, Member>): readonly Member[] =>
  [...members.values()].sort((a, b) => a.id - b.id);
