/**
 * How a partition's group changes from one view to the next. One replica gives way to another one, comes besides, or
 * goes. The placement names the group before until every replica of the new one is recorded as ready. Pure functions of
 * placements: the proposer plans with them, and every acceptor checks with them.
 *
 * Rules
 * V5  One replica of a group changes in a view, and only when every replica is recorded as ready. Or all but one are,
 *     that one gives way or goes, and those that are ready are a majority. A group grows or shrinks only towards δ.
 * V8  A view may also undo the newest move of a group (void-epoch.ts). Then it names the group before again, and is
 *     judged as the next one of that. A group of more than two replicas is never named again. Every replica of a
 *     smaller one was recorded as ready when a view gave it up, by V5. So nothing else that was said of it is needed.
 * H17 The places of a group that a move made are those of its replicas' ids.
 */
import { majorityOf } from "../../base/votes.js";
import { type GroupEpoch, groupEpoch, type NodeId, type Partition, type ViewEpoch } from "../model/ids.js";
import { planted } from "../model/planted.js";
import { type Placement, type PreviousGroup, preferredOf, type ReadyReplica, type View } from "./view.js";

/** One replica of a group that has them all ready. */
export const isReady = ({ previous, ready }: Placement, node: NodeId): boolean =>
  previous === undefined || (ready ?? []).some((one) => one.node === node);

/** Whether it may be ready by now, as far as the view tells: a newcomer is not before it is recorded. */
export const mayAnswer = (placement: Placement, node: NodeId): boolean =>
  isReady(placement, node) || placement.previous?.replicas.includes(node) === true;

/**
 * The replica that should be the writer now. The preferred one may be a newcomer that no view records as ready. Then it
 * is one of those that may answer, spread by partition.
 */
export function writerToBe(placement: Placement, partition: Partition): NodeId | undefined {
  const preferred = preferredOf(placement);
  if (preferred === undefined || mayAnswer(placement, preferred)) return preferred;
  const answering = placement.replicas.filter((node) => mayAnswer(placement, node));
  return answering[partition % answering.length] ?? preferred;
}

/** Replicas that no view records as ready. */
export const unready = (placement: Placement): readonly NodeId[] =>
  placement.replicas.filter((node) => !isReady(placement, node));

/**
 * Why the group cannot give up that replica now, in words; null: it can. `leaves`: null when it only gets one more,
 * and none is to be given up.
 */
export function replacementFault(placement: Placement, leaves: NodeId | null): string | null {
  if (planted("V5.stacks-moves")) return null;
  if ((placement.ready ?? []).some(({ bad }) => bad > 0)) return "a bad key that was inherited waits";
  const missing = unready(placement);
  if (missing.length === 0) return null;
  if (missing.length > 1 || missing[0] !== leaves) return `node ${missing.join(", node ")} is not ready`;
  const ready = placement.replicas.length - missing.length;
  return ready >= majorityOf(placement.replicas.length) ? null : "no majority of its replicas is ready";
}

/** One replica of a group gives way to another one, comes besides, or goes. Never neither. */
export interface GroupChange {
  /** null: the group grows. */
  readonly leaves: NodeId | null;
  /** null: the group shrinks. */
  readonly comes: NodeId | null;
}

/** The placement with that change. `epoch`: of the view that says so. */
export function moved(placement: Placement, { leaves, comes }: GroupChange, epoch: ViewEpoch): Placement {
  const { replicas, groupEpoch: before } = placement;
  const staying = replicas.filter((node) => node !== leaves);
  const next = (comes === null ? staying : [...staying, comes]).sort((a, b) => a - b);
  const preferred = preferredOf(placement);
  // Offices are spread evenly once all groups have their size.
  const heir = comes ?? next[epoch % next.length];
  const kept = preferred === leaves || preferred === undefined ? heir : preferred;
  return {
    replicas: next,
    groupEpoch: groupEpoch(epoch),
    previous: { groupEpoch: before, replicas },
    ...(kept === undefined || kept === next[0] ? {} : { preferred: kept }),
  };
}

/**
 * The placement says that the replica is ready, and nothing better can be said of it. The way down to no bad keys is
 * not worth a view for each.
 */
export const isRecorded = (placement: Placement, node: NodeId, bad: number): boolean =>
  isReady(placement, node) &&
  (placement.previous === undefined ||
    bad > 0 ||
    (placement.ready ?? []).some((one) => one.node === node && one.bad === 0));

/**
 * The placement with these replicas recorded as ready, in whatever order they said so. The move is finished when all
 * are, and none waits for a bad key.
 */
export function recording(placement: Placement, told: readonly ReadyReplica[]): Placement {
  const { previous, ready = [], ...group } = placement;
  if (previous === undefined) return placement;
  const known = new Map(ready.map((one) => [one.node, one]));
  for (const one of told) {
    const before = known.get(one.node);
    // The way down to none is not worth a view for each key.
    const isNews = before === undefined || (before.bad > 0 && one.bad === 0);
    if (isNews && placement.replicas.includes(one.node)) known.set(one.node, one);
  }
  const all = [...known.values()].sort((a, b) => a.node - b.node);
  const needed = planted("V6.majority-ready") ? majorityOf(placement.replicas.length) : placement.replicas.length;
  if (all.length >= needed && all.every(({ bad }) => bad === 0)) return group;
  const changed = all.length > ready.length || all.some((one, i) => one !== ready[i]);
  return changed ? { ...group, previous, ready: all } : placement;
}

/** Replicas of a group that may be named as previous once more (V8). */
const MOST_NAMED_AGAIN = 2;

/** The placement as it was before the move that it names; null: there is none that a view may undo (V8). */
export function withoutMove({ previous, preferred }: Placement): Placement | null {
  if (previous === undefined || previous.replicas.length > MOST_NAMED_AGAIN) return null;
  const { replicas, groupEpoch } = previous;
  return { replicas, groupEpoch, ...(preferred !== undefined && replicas.includes(preferred) ? { preferred } : {}) };
}

/** A group of that size stays as near to δ, or comes nearer. */
export const isTowards = (replicationFactor: number, before: number, after: number): boolean =>
  Math.abs(after - replicationFactor) <= Math.abs(before - replicationFactor);

/**
 * Why one placement cannot follow the other one, in words; null: it can. `epoch`: of the view that follows.
 * `replicationFactor`: its δ.
 */
export function placementFault(
  before: Placement,
  after: Placement,
  { epoch, replicationFactor }: Pick<View, "epoch" | "replicationFactor">,
): string | null {
  const { replicas } = after;
  const undone = withoutMove(before);
  // Also with the replicas that it has, or had: the epoch is another one all the same.
  if (undone !== null && after.groupEpoch === groupEpoch(epoch) && after.previous?.groupEpoch === undone.groupEpoch)
    return changeFault(undone, after, { epoch, replicationFactor });
  // Most groups stay as they are, and a set need not be made for those.
  const same = sameList(replicas, before.replicas);
  if (same || sameSet(replicas, before.replicas)) {
    if (after.groupEpoch !== before.groupEpoch) return "its group epoch changes though its replicas do not";
    return same ? progressFault(before, after) : "its places change though its replicas do not";
  }
  return changeFault(before, after, { epoch, replicationFactor });
}

function changeFault(
  before: Placement,
  after: Placement,
  { epoch, replicationFactor }: Pick<View, "epoch" | "replicationFactor">,
): string | null {
  const { replicas } = after;
  if (after.groupEpoch !== groupEpoch(epoch)) return "its group epoch is not that of the view";
  if (replicas.some((node, place) => place > 0 && node <= (replicas[place - 1] ?? 0)))
    return "its replicas are not ordered by id";
  const left = before.replicas.filter((node) => !replicas.includes(node));
  const come = replicas.filter((node) => !before.replicas.includes(node));
  if (left.length > 1 || come.length > 1) return "more than one of its replicas changes";
  if (!isTowards(replicationFactor, before.replicas.length, replicas.length))
    return `it has ${replicas.length} replicas, and ${replicationFactor} are wanted`;
  if (!sameGroup(after.previous, before.groupEpoch, before.replicas)) return "it does not name the group before it";
  if (after.ready !== undefined) return "it names replicas as ready that cannot have said so";
  const fault = replacementFault(before, left[0] ?? null);
  return fault === null ? null : `it moves again although ${fault}`;
}

/** The record of a move only grows, until the move is finished. */
function progressFault(before: Placement, after: Placement): string | null {
  const { previous } = before;
  if (previous === undefined)
    return after.previous === undefined && after.ready === undefined ? null : "it names a move that there was not";
  if (after.previous === undefined) return after.ready === undefined ? null : "it names who is ready, and no move";
  if (!sameGroup(after.previous, previous.groupEpoch, previous.replicas)) return "it names another group before it";
  const there = after.ready ?? [];
  const falls = (before.ready ?? []).some(({ node, bad }) => !there.some((one) => one.node === node && one.bad <= bad));
  return falls ? "a replica is not recorded as ready any more" : null;
}

const sameGroup = (group: PreviousGroup | undefined, epoch: GroupEpoch, replicas: readonly NodeId[]): boolean =>
  group !== undefined && group.groupEpoch === epoch && sameList(group.replicas, replicas);

const sameList = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
  a.length === b.length && a.every((node, place) => node === b[place]);

const sameSet = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
  a.length === b.length && a.every((node) => b.includes(node)) && new Set(a).size === a.length;
