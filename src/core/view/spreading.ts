/**
 * The views on their way between this node and others. The same view is sent to a node, or asked for, once more only
 * after a while, which grows.
 */
import { type Instant, since } from "../../base/time.js";
import type { NodeId, ViewEpoch } from "../model/ids.js";

/**
 * How long a view that was sent, or asked for, counts as under way at first. It is twice as long after each time, up to
 * the second number. A view that was just learned is on its way to everybody: whoever decided it sees to that.
 */
export const UNDER_WAY_MS = 250;
export const LONGEST_UNDER_WAY_MS = 4_000;

export class Spreading {
  /** By node: the view that was sent to it last. */
  private readonly told = new Map<NodeId, UnderWay>();
  /** The view that was asked for last. */
  private wanted: UnderWay | null = null;

  /** That node has the view, though its disk may still be at it: it counts as told just now. */
  knows(now: Instant, node: NodeId, epoch: ViewEpoch): void {
    this.told.set(node, { epoch, at: now, waitMs: UNDER_WAY_MS });
  }

  /** The view of this epoch is to be sent to that node now; if so, it counts as sent. */
  tells(now: Instant, to: NodeId, epoch: ViewEpoch): boolean {
    const sent = begun(this.told.get(to), now, epoch);
    if (sent !== null) this.told.set(to, sent);
    return sent !== null;
  }

  /** The view of this epoch is to be asked for now; if so, it counts as asked for. */
  wants(now: Instant, epoch: ViewEpoch): boolean {
    const asked = begun(this.wanted ?? undefined, now, epoch);
    if (asked !== null) this.wanted = asked;
    return asked !== null;
  }

  /** A newer view was learned, with these members. Others are forgotten. */
  learned(isMember: (node: NodeId) => boolean): void {
    this.wanted = null;
    for (const node of this.told.keys()) if (!isMember(node)) this.told.delete(node);
  }
}

/** A view on its way, or asked for. */
interface UnderWay {
  readonly epoch: ViewEpoch;
  readonly at: Instant;
  readonly waitMs: number;
}

/** The next time that a view of this epoch is sent or asked for; null: the last time may still be answered. */
function begun(last: UnderWay | undefined, now: Instant, epoch: ViewEpoch): UnderWay | null {
  if (last === undefined || epoch > last.epoch) return { epoch, at: now, waitMs: UNDER_WAY_MS };
  if (since(now, last.at) < last.waitMs) return null;
  return { epoch, at: now, waitMs: Math.min(2 * last.waitMs, LONGEST_UNDER_WAY_MS) };
}
