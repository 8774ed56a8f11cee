/**
 * Void epochs. A group of one or two replicas has no majority without its newcomer. If that one dies before it is
 * ready, the partition would be blocked though nothing is lost: nothing was decided in the new epoch. Once that is sure
 * the next view names the group before once more as previous, as if the epoch in between had never been. Pure functions
 * of views.
 *
 * Intuition: a replica that accepted nothing of the epoch, and says durably that it never will, is a veto. If every
 * majority has one of them, nothing can be decided in it.
 *
 * Invariants
 * V8a Every majority of the void group has a replica that vouched: it accepted nothing of that epoch, durably, and
 *     never answers in it again.
 * V8b Only the group that the newest view names as previous is named again, and the next group is a legal next one of
 *     it (move.ts).
 */
import { majorityOf } from "../../base/votes.js";
import { type NodeId, type Partition, partition as partitionOf, viewEpoch } from "../model/ids.js";
import { planted } from "../model/planted.js";
import { type GroupChange, mayAnswer, moved, unready, withoutMove } from "./move.js";
import { isDraining } from "./operation.js";
import { type Placement, placementOf, type View } from "./view.js";
import { mayChange, wishedMoves } from "./wished-moves.js";

/** The newcomers without which the group has no majority. */
function blocking(placement: Placement): readonly NodeId[] {
  const before = withoutMove(placement);
  if (before === null) return [];
  const { replicas } = placement;
  const others = replicas.filter((node) => mayAnswer(placement, node));
  if (others.length >= majorityOf(replicas.length)) return [];
  return unready(placement).filter((node) => !before.replicas.includes(node));
}

/** That newcomer keeps the group from working, and the group before could go on without it. */
export function isBlockedBy(placement: Placement, node: NodeId, isHeard: (node: NodeId) => boolean): boolean {
  return blocking(placement).includes(node) && canBeAsked(withoutMove(placement), isHeard);
}

/** Replicas are to vouch: the newcomer that blocks the group is to give its replicas away. */
export const wantsVouches = (view: View, placement: Placement): boolean =>
  blocking(placement).some((node) => isDraining(view, node));

/** Every majority of the group has one of them (V8a). */
export function areEnough({ replicas }: Placement, vouched: readonly NodeId[]): boolean {
  const others = replicas.filter((node) => !vouched.includes(node)).length;
  return others < majorityOf(replicas.length) + (planted("V8.too-few") ? 1 : 0);
}

/** Vouches as those who propose a view know them. */
export interface Vouches {
  /** By partition: replicas that vouched for the group that the newest view names. */
  readonly vouched: ReadonlyMap<Partition, readonly NodeId[]>;
  /** The node holds the newest view, and can be asked. */
  readonly isHeard: (node: NodeId) => boolean;
}

/**
 * The placements with which the next view makes epochs void, by partition. Each is what the wishes ask for, seen from
 * the group before. Where that may not be now it is the group before, in an epoch of its own.
 */
export function voidings(view: View, { vouched, isHeard }: Vouches): ReadonlyMap<Partition, Placement> {
  const undone = new Map<Partition, Placement>();
  for (const [partition, said] of planted("V8.too-few") ? unsaid(view) : vouched) {
    const placement = placementOf(view, partition);
    const before = withoutMove(placement);
    if (before !== null && areEnough(placement, said) && canBeAsked(before, isHeard)) undone.set(partition, before);
  }
  if (undone.size === 0) return undone;
  const partitions = view.partitions.map((placement, index) => undone.get(partitionOf(index)) ?? placement);
  const wished = new Map(wishedMoves({ ...view, partitions }).map((move) => [move.partition, move]));
  const epoch = viewEpoch(view.epoch + 1);
  for (const [partition, before] of undone) {
    const move = wished.get(partition);
    const mayMove = move !== undefined && mayChange(before, move, isHeard);
    undone.set(partition, moved(before, mayMove ? move : NO_CHANGE, epoch));
  }
  return undone;
}

const NO_CHANGE: GroupChange = { leaves: null, comes: null };

/** Only with a planted bug: nobody needs to vouch. */
const unsaid = (view: View): [Partition, readonly NodeId[]][] =>
  view.partitions.flatMap((placement, index): [Partition, readonly NodeId[]][] =>
    wantsVouches(view, placement) ? [[partitionOf(index), []]] : [],
  );

/** A majority of that group can be asked now what it held. */
const canBeAsked = (before: Placement | null, isHeard: (node: NodeId) => boolean): boolean =>
  before !== null && before.replicas.filter(isHeard).length >= majorityOf(before.replicas.length);
