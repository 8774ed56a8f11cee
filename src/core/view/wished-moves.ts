/**
 * The wishes of a view as moves of replicas. A node is to be drained, replaced or removed, replicas are to be spread
 * evenly, or groups get more or fewer of them. A pure function of the view, so that any proposer goes on where another
 * one stopped. The moves of one view are few enough for the nodes to bear.
 */
import { majorityOf } from "../../base/votes.js";
import type { NodeId, Partition } from "../model/ids.js";
import { partition as partitionOf } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { Seat } from "../placement/layout.js";
import { admitted, MOVE_CAPS, type MoveCaps, nextMove, type Move as PlacementMove } from "../placement/moves.js";
import { type GroupChange, isReady, replacementFault, unready } from "./move.js";
import { isEmptying, isRebalancing, isResizing, ledgerOf, takers } from "./operation.js";
import { targetOf } from "./rebalancing.js";
import { memberOf, type Placement, placementOf, type View, type Wish } from "./view.js";

/** One replica of a partition gives way to another one, comes besides, or goes. */
export interface Move extends GroupChange {
  readonly partition: Partition;
}

/** No group names it, nor any that a move still needs (V6). */
export const isEmptied = (partitions: readonly Placement[], node: NodeId): boolean =>
  partitions.every(({ replicas, previous }) => {
    const isSource = previous?.replicas.includes(node) === true && !planted("V6.emptied-early");
    return !replicas.includes(node) && !isSource;
  });

/**
 * All moves that the wishes still ask for, in the order of partitions: the next one of each. A node that is to be
 * emptied gives all that it keeps. A rebalance moves whatever is not where it should be. A group that has too few
 * replicas gets one more, once it has none that is to go. One that has too many gives one up.
 */
export function wishedMoves(view: View): readonly Move[] {
  const wishes = ledgerOf(view).wishes.filter(isEmptying);
  const evens = isRebalancing(view);
  const resizes = isResizing(view);
  if (wishes.length === 0 && !evens && !resizes) return [];
  const possible = new Set(takers(view));
  const takerOf = ({ by }: Wish): NodeId | null => (by !== undefined && possible.has(by) ? by : null);
  // Meanwhile the taker may have got a replica of a group that the node is in: another member takes that place.
  const keepsBoth = (a: NodeId, b: NodeId): boolean =>
    view.partitions.some(({ replicas }) => replicas.includes(a) && replicas.includes(b));
  const isNamed =
    !evens &&
    !resizes &&
    wishes.every((wish) => {
      const by = takerOf(wish);
      return by !== null && !keepsBoth(wish.node, by);
    });
  const targets = isNamed ? null : targetOf(view);
  const seats = new Map<NodeId, Seat>(view.members.map((member) => [member.id, member]));
  return view.partitions.flatMap((placement, index) => {
    const partition = partitionOf(index);
    const { replicas } = placement;
    const wish = wishes.find(({ node }) => replicas.includes(node));
    const size = Math.sign(view.replicationFactor - replicas.length);
    if (size < 0) {
      // One that is not ready, or is to be emptied, goes first.
      const [first = wish?.node] = unready(placement);
      if (first !== undefined) return [{ partition, leaves: first, comes: null }];
    }
    if (size < 0 || (size > 0 && wish === undefined)) {
      const resized = nextMove(partition, replicas, targets?.[index]?.replicas ?? replicas, seats);
      return resized === null ? [] : [{ partition, leaves: resized.from, comes: resized.to }];
    }
    if (wish === undefined && !evens) return [];
    const by = wish === undefined ? null : takerOf(wish);
    if (wish !== undefined && by !== null && !replicas.includes(by))
      return [{ partition, leaves: wish.node, comes: by }];
    const target = targets?.[index]?.replicas;
    if (target === undefined) return [];
    // A group that has too few is only rid of that node: it gets another one when it has none that is to go.
    const wanted = evens && size === 0 ? target : withoutOthers(replicas, target, wish);
    const move = nextMove(partition, replicas, wanted, seats);
    return move === null || move.from === null || move.to === null
      ? []
      : [{ partition, leaves: move.from, comes: move.to }];
  });
}

/** Every move that the wishes ask for, as if nothing else changed meanwhile. A replica moves once at most. */
export function allMoves(view: View): readonly Move[] {
  const moves: Move[] = [];
  const after = view.partitions.map(({ replicas }) => replicas);
  let now = view;
  const rounds = Math.max(view.replicationFactor, ...after.map(({ length }) => length));
  for (let round = 0; round < rounds; round++) {
    const next = wishedMoves(now);
    if (next.length === 0) break;
    moves.push(...next);
    for (const { partition, leaves, comes } of next) {
      const staying = (after[partition] ?? []).filter((node) => node !== leaves);
      after[partition] = comes === null ? staying : [...staying, comes];
    }
    now = { ...now, partitions: now.partitions.map((one, index) => ({ ...one, replicas: after[index] ?? [] })) };
  }
  return moves;
}

/** Others that would be moved for evenness stay: nobody asked for that. */
function withoutOthers(
  replicas: readonly NodeId[],
  target: readonly NodeId[],
  wish: Wish | undefined,
): readonly NodeId[] {
  const others = replicas.filter((node) => node !== wish?.node);
  return [...others, ...target.filter((node) => !others.includes(node)).slice(0, 1)];
}

/**
 * Those of them that may begin now. `isHeard`: the node holds the newest view, and can be asked. Moves that would have
 * to wait for another node take no place of those that need not. `wished`: all of them, if they are known.
 */
export function nextMoves(
  view: View,
  caps: MoveCaps = MOVE_CAPS,
  isHeard: (node: NodeId) => boolean = () => true,
  wished: readonly Move[] = wishedMoves(view),
): readonly Move[] {
  const possible = wished.filter((move) => mayChange(placementOf(view, move.partition), move, isHeard));
  const asSteps = possible.map(({ partition, leaves, comes }) => ({ partition, from: leaves, to: comes }));
  const begun = admitted(asSteps, underWay(view), caps);
  const together = planted("H21.one-by-one") ? begun.slice(0, 1) : begun;
  return together.map(({ partition, from, to }) => ({ partition, leaves: from, comes: to }));
}

/** Whether the group can change so now: who comes is heard, and what it held is on a ready majority that is (V5). */
export function mayChange(
  placement: Placement,
  { leaves, comes }: GroupChange,
  isHeard: (node: NodeId) => boolean,
): boolean {
  if (comes !== null && !isHeard(comes)) return false;
  if (leaves !== null) return mayGiveUp(placement, leaves, isHeard);
  // A larger majority is needed at once, and the newcomer counts for it only later.
  return replacementFault(placement, null) === null && placement.replicas.every(isHeard);
}

/** Whether the group can give up that replica: what it held is on a ready majority that is heard (V5, H16). */
export function mayGiveUp(placement: Placement, leaves: NodeId, isHeard: (node: NodeId) => boolean): boolean {
  if (replacementFault(placement, leaves) !== null) return false;
  if (planted("V5.gives-up-unheard")) return true;
  const { replicas } = placement;
  const sources = replicas.filter((node) => isReady(placement, node) && isHeard(node));
  const staying = sources.filter((node) => node !== leaves);
  const majority = majorityOf(replicas.length);
  // With one or two replicas those who stay are no majority of the new group: the one that leaves is asked, too.
  return replicas.length > 2 ? staying.length >= majority : sources.length >= majority;
}

/** Moves that no view records as finished. Two nodes each, if the one that gives is still a member. */
function underWay(view: View): PlacementMove[] {
  return view.partitions.flatMap(({ replicas, previous }, index): PlacementMove[] => {
    if (previous === undefined) return [];
    const partition = partitionOf(index);
    const from = previous.replicas.find((node) => !replicas.includes(node) && memberOf(view, node) !== undefined);
    const coming = replicas.filter((node) => !previous.replicas.includes(node));
    if (coming.length === 0) return [{ partition, from: from ?? null, to: null }];
    return coming.map((to) => ({ partition, from: from ?? null, to }));
  });
}
