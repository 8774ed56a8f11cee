/**
 * The wishes of a view to drain, replace or remove a node, or to spread replicas evenly, as moves of replicas. A pure
 * function of the view, so that any proposer goes on where another one stopped. The moves of one view are few enough
 * for the nodes to bear.
 */
import { present } from "../../base/assert.js";
import { majorityOf } from "../../base/votes.js";
import type { NodeId, Partition } from "../model/ids.js";
import { partition as partitionOf } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { Seat } from "../placement/layout.js";
import { admitted, MOVE_CAPS, type MoveCaps, nextMove, type Move as PlacementMove } from "../placement/moves.js";
import { isReady, replacementFault } from "./move.js";
import { isEmptying, isRebalancing, ledgerOf, takers } from "./operation.js";
import { targetOf } from "./rebalancing.js";
import { memberOf, type Placement, placementOf, type View, type Wish } from "./view.js";

/** One replica of a partition gives way to another one. */
export interface Move {
  readonly partition: Partition;
  readonly leaves: NodeId;
  readonly comes: NodeId;
}

/** No group names it, nor any that a move still needs (V6). */
export const isEmptied = (partitions: readonly Placement[], node: NodeId): boolean =>
  partitions.every(({ replicas, previous }) => {
    const isSource = previous?.replicas.includes(node) === true && !planted("V6.emptied-early");
    return !replicas.includes(node) && !isSource;
  });

/**
 * All moves that the wishes still ask for, in the order of partitions: the next one of each. A node that is to be
 * emptied gives all that it keeps. A rebalance moves whatever is not where it should be.
 */
export function wishedMoves(view: View): readonly Move[] {
  const wishes = ledgerOf(view).wishes.filter(isEmptying);
  const evens = isRebalancing(view);
  if (wishes.length === 0 && !evens) return [];
  const possible = new Set(takers(view));
  const takerOf = ({ by }: Wish): NodeId | null => (by !== undefined && possible.has(by) ? by : null);
  const targets = !evens && wishes.every((wish) => takerOf(wish) !== null) ? null : targetOf(view);
  const seats = new Map<NodeId, Seat>(view.members.map((member) => [member.id, member]));
  return view.partitions.flatMap((placement, index) => {
    const partition = partitionOf(index);
    const { replicas } = placement;
    const wish = wishes.find(({ node }) => replicas.includes(node));
    if (wish === undefined && !evens) return [];
    const by = wish === undefined ? null : takerOf(wish);
    if (wish !== undefined && by !== null && !replicas.includes(by))
      return [{ partition, leaves: wish.node, comes: by }];
    const target = targets?.[index]?.replicas;
    if (target === undefined) return [];
    const move = nextMove(partition, replicas, evens ? target : withoutOthers(replicas, target, wish), seats);
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
  for (let round = 0; round < view.replicationFactor; round++) {
    const next = wishedMoves(now);
    if (next.length === 0) break;
    moves.push(...next);
    for (const { partition, leaves, comes } of next)
      after[partition] = [...(after[partition] ?? []).filter((node) => node !== leaves), comes];
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
  const possible = wished.filter(
    ({ partition, leaves, comes }) => isHeard(comes) && mayGiveUp(placementOf(view, partition), leaves, isHeard),
  );
  const asSteps = possible.map(({ partition, leaves, comes }) => ({ partition, from: leaves, to: comes }));
  const begun = admitted(asSteps, underWay(view), caps);
  const together = planted("H21.one-by-one") ? begun.slice(0, 1) : begun;
  return together.map(({ partition, from, to }) => ({
    partition,
    leaves: present(from, "who leaves"),
    comes: present(to, "who comes"),
  }));
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
  return view.partitions.flatMap(({ replicas, previous }, index) => {
    if (previous === undefined) return [];
    const partition = partitionOf(index);
    const from = previous.replicas.find((node) => !replicas.includes(node) && memberOf(view, node) !== undefined);
    return replicas
      .filter((node) => !previous.replicas.includes(node))
      .map((to) => ({ partition, from: from ?? null, to }));
  });
}
