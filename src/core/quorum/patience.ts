/**
 * How long a node waits for an answer before it asks the same thing again, under the same attempt. The question lives
 * until it is answered or void. So an answer counts however late it comes, and what is under way is not sent again and
 * again.
 *
 * The first patience is a little more than the round trips of the peers asked; each repetition doubles it, up to a
 * bound. Whoever was not heard and is heard again is asked at once: what was sent meanwhile is lost.
 */
import { type Instant, since } from "../../base/time.js";
import { planted } from "../model/planted.js";

/** A question without an answer this long after it was due is asked again. */
export const RESEND_MS = 100;
/** Between two repetitions, unless the round trip itself is longer. */
export const MAX_PATIENCE_MS = 1_000;

/** The patience with a group's replicas now. */
export interface Patience {
  /** Until the first repetition, in milliseconds. */
  readonly firstMs: number;
  /** Replicas that were not heard at the last look and are heard now, one bit each. */
  readonly returned: number;
}

/** One thing that was asked, and when it is to be asked again. */
export class Asking {
  private repeated = 0;

  constructor(public askedAt: Instant) {}

  /** True when it is time to ask those replicas again, one bit each; counts as asked. */
  due(now: Instant, patience: Patience, places: number): boolean {
    const waited = since(now, this.askedAt);
    const back = (patience.returned & places) !== 0 && waited >= RESEND_MS;
    if (!back && waited < this.patienceMs(patience)) return false;
    this.repeated = back ? 0 : this.repeated + 1;
    this.askedAt = now;
    return true;
  }

  /** It is asked anew, of somebody else or for another reason than silence. */
  again(now: Instant): void {
    this.repeated = 0;
    this.askedAt = now;
  }

  /** Somebody answered, in vain: no silence is left to have patience with. */
  answered(): void {
    this.repeated = 0;
  }

  private patienceMs({ firstMs }: Patience): number {
    if (planted("R7.forget-attempt")) return RESEND_MS;
    const bound = Math.max(firstMs, MAX_PATIENCE_MS);
    return Math.min(firstMs * 2 ** Math.min(this.repeated, 8), bound);
  }
}
