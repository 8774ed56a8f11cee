/**
 * Which partitions of a node may have to ask again, and when that is looked at. All the others cost nothing while
 * nothing happens.
 */
import { after, type Duration, duration, type Instant, never } from "../base/time.js";
import type { Outbox } from "./model/outbox.js";
import type { ServedPartition } from "./partition.js";

/** How often what may need asking again is looked at. */
const RESEND_TICK: Duration = duration(20);

export class Resending {
  /** The next look; never: nothing is to be asked again. */
  due: Instant = never;
  private readonly busy = new Set<ServedPartition>();

  get none(): boolean {
    return this.busy.size === 0;
  }

  /** There is something to look after from now on. */
  begin(now: Instant): void {
    if (this.due === never) this.due = after(now, RESEND_TICK);
  }

  /** Looks after this one until it is not busy any more. */
  keep(now: Instant, served: ServedPartition): void {
    if (served.kept) return;
    served.kept = true;
    this.busy.add(served);
    this.begin(now);
  }

  /** The partitions served now are these. */
  follow(served: ReadonlyMap<number, ServedPartition>): void {
    for (const kept of this.busy) if (served.get(kept.group.partition) !== kept) this.busy.delete(kept);
  }

  resend(now: Instant, out: Outbox): void {
    for (const served of this.busy) {
      served.resend(now, out);
      if (served.busy) continue;
      served.kept = false;
      this.busy.delete(served);
    }
  }

  /** The look is over. `rests`: nothing else of the node needs another one. */
  looked(now: Instant, rests: boolean): void {
    this.due = rests && this.none ? never : after(now, RESEND_TICK);
  }
}
