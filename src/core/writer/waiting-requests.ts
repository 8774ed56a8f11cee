/** Requests that no key keeps waiting: for a reservation, the first floor of the office, or the end of a pause. */
import type { Instant } from "../../base/time.js";
import type { Queued } from "./queued.js";

const NONE: readonly Queued[] = [];

export class WaitingRequests {
  private queued: Queued[] = [];

  get any(): boolean {
    return this.queued.length > 0;
  }

  add(queued: Queued): void {
    this.queued.push(queued);
  }

  /** All, in the order in which they came; none waits any more. */
  takeAll(): readonly Queued[] {
    const all = this.queued;
    this.queued = [];
    return all;
  }

  takeOverdue(now: Instant): readonly Queued[] {
    if (this.queued.length === 0) return NONE;
    const late = this.queued.filter(({ asker }) => now >= asker.deadline);
    if (late.length > 0) this.queued = this.queued.filter(({ asker }) => now < asker.deadline);
    return late;
  }
}
