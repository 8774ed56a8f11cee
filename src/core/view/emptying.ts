/**
 * How nodes are emptied: the wishes of a view to drain, replace or remove a node, as moves of its replicas to others. A
 * pure function of the view, so that any proposer goes on where another one stopped. The moves of one view are few
 * enough for the nodes to bear.
 */
import { present } from "../../base/assert.js";
import { majorityOf } from "../../base/votes.js";
import type { NodeId, Partition } from "../model/ids.js";
import { partition as partitionOf } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { Seat } from "../placement/layout.js";
import { admitted, type MoveCaps, nextMove, type Move as PlacementMove } from "../placement/moves.js";
import { evenPlacement, type PlacedPartition } from "../placement/next-placement.js";
import { isReady, replacementFault } from "./move.js";
import { isEmptying, ledgerOf, takers } from "./operation.js";
import { memberOf, type Placement, placementOf, preferredOf, type View, type Wish } from "./view.js";

/** One replica of a partition gives way to another one. */
export interface Move {
  readonly partition: Partition;
  readonly leaves: NodeId;
  readonly comes: NodeId;
}

/** A node that gives or takes more at a time serves its clients worse; more in the cluster make views longer. */
export const MOVE_CAPS: MoveCaps = { perNode: 16, perCluster: 64 };

/** No group names it, nor any that a move still needs (V6). */
export const isEmptied = (partitions: readonly Placement[], node: NodeId): boolean =>
  partitions.every(({ replicas, previous }) => {
    const isSource = previous?.replicas.includes(node) === true && !planted("V6.emptied-early");
    return !replicas.includes(node) && !isSource;
  });

/** All moves that the wishes still ask for, in the order of partitions. */
export function wishedMoves(view: View): readonly Move[] {
  const wishes = ledgerOf(view).wishes.filter(isEmptying);
  if (wishes.length === 0) return [];
  const possible = new Set(takers(view));
  const takerOf = ({ by }: Wish): NodeId | null => (by !== undefined && possible.has(by) ? by : null);
  const targets = wishes.every((wish) => takerOf(wish) !== null) ? null : targetsOf(view, possible);
  const seats = new Map<NodeId, Seat>(view.members.map((member) => [member.id, member]));
  return view.partitions.flatMap((placement, index) => {
    const partition = partitionOf(index);
    const wish = wishes.find(({ node }) => placement.replicas.includes(node));
    if (wish === undefined) return [];
    const by = takerOf(wish);
    if (by !== null && !placement.replicas.includes(by)) return [{ partition, leaves: wish.node, comes: by }];
    const target = targets?.[index]?.replicas;
    if (target === undefined) return [];
    // Others that would be moved for evenness stay: nobody asked for that.
    const others = placement.replicas.filter((node) => node !== wish.node);
    const wanted = [...others, ...target.filter((node) => !others.includes(node)).slice(0, 1)];
    const move = nextMove(partition, placement.replicas, wanted, seats);
    return move === null || move.from === null || move.to === null
      ? []
      : [{ partition, leaves: move.from, comes: move.to }];
  });
}

/** Those of them that may begin now. */
export function nextMoves(view: View, caps: MoveCaps = MOVE_CAPS): readonly Move[] {
  const possible = wishedMoves(view).filter(
    ({ partition, leaves }) => replacementFault(placementOf(view, partition), leaves) === null,
  );
  const asSteps = possible.map(({ partition, leaves, comes }) => ({ partition, from: leaves, to: comes }));
  const begun = admitted(asSteps, underWay(view), caps);
  return begun.map(({ partition, from, to }) => ({
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

/** null: too few nodes could keep replicas. */
function targetsOf(view: View, possible: ReadonlySet<NodeId>): readonly PlacedPartition[] | null {
  const seats = view.members.filter(({ id }) => possible.has(id));
  if (seats.length < view.replicationFactor) return null;
  const current = view.partitions.map((placement) => ({
    replicas: placement.replicas,
    preferred: present(preferredOf(placement), "a preferred writer"),
  }));
  return evenPlacement(current, { seats, replicationFactor: view.replicationFactor });
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
