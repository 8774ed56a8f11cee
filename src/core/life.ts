/**
 * The life of one copy of a partition on this node, and what a view makes of it.
 *
 * A copy begins with nothing in some group epoch: with the founding, or when its node joins a group. It serves once it
 * is ready. A view that changes the group seals it, durably: from then on it answers nothing of the old epoch (V2). A
 * copy that stays then serves the next epoch. Any other one keeps what it holds, for those that need it.
 *
 * A copy may vouch for its epoch, durably: it accepted nothing of it, and never will (V8). It answers nothing from then
 * on, until a view gives it another epoch, or says that this one can be void no more.
 *
 * Invariants
 * L1 A copy is sealed once for an epoch, and its epoch never falls.
 * L2 It answers in one epoch only, the one that it is ready in. All of this follows from durable entries, at every
 *    point of a restart.
 *
 * Source: the reconfiguration of docs/protocol.md, V2 and V4.
 */
import { assert } from "../base/assert.js";
import { majorityOf } from "../base/votes.js";
import type { Entry } from "./model/entry.js";
import { FOUNDING, type GroupEpoch, type NodeId } from "./model/ids.js";
import { planted } from "./model/planted.js";
import type { Placement, PreviousGroup } from "./view/view.js";

export class Life {
  /** The group epoch that this copy belongs to; the last one, if it left. */
  epoch: GroupEpoch;
  /** It has all that its group needs, and answers (V4). */
  ready: boolean;
  /** It was sealed by the group of that epoch, and does not stay; null: it may still serve. */
  left: GroupEpoch | null = null;
  /** The last epoch that it vouched for; null: none. */
  vouched: GroupEpoch | null = null;

  constructor(
    /** The group epoch in which it began with nothing: which copy it is. */
    readonly copy: GroupEpoch,
  ) {
    this.epoch = copy;
    this.ready = copy === FOUNDING;
  }

  /** Durable entries of an earlier life of the node, in order. */
  restore(entry: Entry): void {
    if (entry.kind === "sealed") this.seal(entry.epoch, entry.stays);
    else if (entry.kind === "ready") this.ready = true;
    else if (entry.kind === "vouched") this.vouched = entry.epoch;
  }

  /** It vouched for its epoch, which may be void. No view names the group before any more once it cannot be. */
  vouches({ previous }: Placement): boolean {
    return this.vouched === this.epoch && previous !== undefined;
  }

  /** It answers nothing of its epoch, and never gets ready in it. */
  isSilent(placement: Placement): boolean {
    return this.vouches(placement) && !planted("V8.answers");
  }

  seal(epoch: GroupEpoch, stays: boolean): void {
    assert(this.left === null && epoch > this.epoch, "L1: a copy is sealed once for an epoch");
    if (stays) this.epoch = epoch;
    else this.left = epoch;
  }
}

/** The next step of this node's copy of a partition. */
export type Turn =
  /** Nothing: it is in the newest group already, or has no part in it. */
  | "none"
  /** It is sealed, and serves the next epoch. */
  | "stays"
  /** It is sealed, and a copy begins that gets all it needs from the group before. */
  | "begins"
  /** It is sealed. */
  | "leaves";

/** `life`: of the newest copy; null: there is none. */
export function turnOf(life: Life | null, placement: Placement, self: NodeId): Turn {
  const { replicas, groupEpoch } = placement;
  const serves = life !== null && life.left === null;
  if (serves && life.epoch >= groupEpoch) return "none";
  if (!replicas.includes(self)) return serves ? "leaves" : "none";
  return serves && isStayer(life, placement, self) ? "stays" : "begins";
}

/**
 * A replica of the new group that was a ready one of the group that the view names as previous. One that served some
 * earlier group starts from nothing: others may have decided without it since.
 */
function isStayer(life: Life, { previous, replicas }: Placement, self: NodeId): boolean {
  if (previous === undefined || !life.ready) return false;
  const served = (life.epoch === previous.groupEpoch || wasCarried(life, previous)) && previous.replicas.includes(self);
  return (served || planted("stayer.returns")) && keepsState(previous.replicas, replicas);
}

/** It went on from that group to one that is void, and accepted nothing there: it is as it was (V8). */
const wasCarried = ({ copy, epoch, vouched }: Life, { groupEpoch }: PreviousGroup): boolean =>
  vouched === epoch && copy <= groupEpoch && groupEpoch < epoch;

/**
 * Whether replicas that are in both groups may keep what they hold. Take any majority of the new group that is made of
 * them alone: it must contain a majority of the old one. Then whatever was decided is on one of its members. Majorities
 * with others need no look, as those take what they hold from a majority of the old group.
 */
export function keepsState(before: readonly NodeId[], after: readonly NodeId[]): boolean {
  const staying = after.filter((node) => before.includes(node)).length;
  const majority = majorityOf(after.length);
  if (staying < majority) return true;
  // Each of them has exactly so many members of the old group.
  const needed = majorityOf(before.length);
  return majority >= (planted("stayer.intersects") ? before.length - needed + 1 : needed);
}
