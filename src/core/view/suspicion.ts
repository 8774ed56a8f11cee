/**
 * Members that are lost: a majority of the voters has heard nothing of them for long. Their replicas go to others by
 * themselves (planner.ts). Every voter counts for itself, so that whoever proposes has counted before.
 *
 * Intuition: silence proves nothing, so it only begins work that is safe whether the member lives or not. Work for
 * nothing is to be avoided: after a short absence, and at a cut behind which the other side lives.
 *
 * Invariants
 * S1 A member is lost only when this node and a majority of the voters have not heard it for that long. It was heard at
 *    no end of a round. Time in which this node stood still counts for one round.
 * S2 No member is lost while half of the members or more are suspected: that looks like the other side of a cut. Those
 *    that a view gave up already count on neither side.
 */
import type { Duration, Instant } from "../../base/time.js";
import { since } from "../../base/time.js";
import { majorityOf } from "../../base/votes.js";
import type { Detector } from "../election/detector.js";
import type { Heartbeats } from "../election/heartbeats.js";
import type { NodeId } from "../model/ids.js";
import { planted } from "../model/planted.js";
import { isHealed } from "./operation.js";
import { replaceAfterOf } from "./settings.js";
import type { View } from "./view.js";

/** More than this between two ends of rounds: this node stood still. */
const LONGEST_ROUND_MS = 1_000;

export interface SuspicionOptions {
  readonly self: NodeId;
  readonly detector: Pick<Detector, "hears">;
  readonly heartbeats: Pick<Heartbeats, "hears">;
  /** As long as the view says nothing of it. 0: nobody is ever lost. */
  readonly replaceAfter: Duration;
}

export class Suspicion {
  /** For how long, in milliseconds, without a break. */
  private readonly silentMs = new Map<NodeId, number>();
  private last: Instant | null = null;

  constructor(private readonly options: SuspicionOptions) {}

  /** After the detector's round ended. */
  roundEnded(now: Instant, view: View): void {
    const passed = this.last === null ? 0 : Math.min(since(now, this.last), LONGEST_ROUND_MS);
    this.last = now;
    if (replaceAfterOf(view, this.options.replaceAfter) === 0) {
      this.silentMs.clear();
      return;
    }
    for (const node of this.silentMs.keys()) if (!this.isSuspected(node, view)) this.silentMs.delete(node);
    for (const { id } of view.members) {
      if (!this.isSuspected(id, view)) continue;
      const before = this.silentMs.get(id);
      this.silentMs.set(id, before === undefined ? 0 : before + passed);
    }
  }

  /** Members that are lost, and that no view has given up yet. */
  lost(view: View): readonly NodeId[] {
    const replaceAfter = replaceAfterOf(view, this.options.replaceAfter);
    if (replaceAfter === 0 || this.silentMs.size === 0) return [];
    const counted = view.members.filter(({ id }) => !isHealed(view, id));
    const suspected = counted.filter(({ id }) => this.silentMs.has(id));
    if (2 * suspected.length >= counted.length && !planted("S2.whole-side")) return [];
    return suspected.map(({ id }) => id).filter((id) => (this.silentMs.get(id) ?? 0) >= replaceAfter);
  }

  /** It is heard, by this node and by a majority of the voters. */
  isBack(node: NodeId, view: View): boolean {
    return this.options.detector.hears(node) && !this.isSuspected(node, view);
  }

  private isSuspected(node: NodeId, { members, voters }: View): boolean {
    const { self, detector, heartbeats } = this.options;
    if (node === self || !members.some(({ id }) => id === node)) return false;
    if (planted("S1.one-voter")) return !detector.hears(node);
    const silent = voters.filter((voter) => detector.hears(voter) && !heartbeats.hears(voter, node));
    return !detector.hears(node) && silent.length >= majorityOf(voters.length);
  }
}
