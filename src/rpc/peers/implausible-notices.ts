/** Tells of messages that cannot be (core/plausible.ts): once a minute for each peer, with how many there were. */
import type { NodeId } from "../../core/model/ids.js";

const TELL_MS = 60_000;

export class ImplausibleNotices {
  private readonly told = new Map<NodeId, { at: number; since: number }>();

  constructor(
    private readonly notice: (text: string) => void,
    /** How people call a node. */
    private readonly nameOf: (node: NodeId) => string,
    private readonly now: () => number = () => performance.now(),
  ) {}

  tell(from: NodeId, kind: string, why: string): void {
    const before = this.told.get(from);
    const now = this.now();
    if (before !== undefined && now - before.at < TELL_MS) {
      before.since++;
      return;
    }
    const more = before === undefined || before.since === 0 ? "" : ` (and ${before.since} more before)`;
    this.told.set(from, { at: now, since: 0 });
    this.notice(`${this.nameOf(from)} sent a ${kind} that cannot be, and it is left alone: ${why}${more}`);
  }
}
