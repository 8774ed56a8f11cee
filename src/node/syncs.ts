/**
 * Since when a node waits for its disk: counts the batches that are not durable yet, and remembers when the disk last
 * got anything done.
 *
 * The intuition: a busy disk always has something to do, and that says nothing. A disk that stands still has something
 * to do and ends none of it.
 */
import { type Duration, duration, type Instant, since } from "../base/time.js";

const NOT_AT_ALL: Duration = duration(0);

export class Syncs {
  /** Batches appended and not durable yet. */
  private underWay = 0;
  /** When a batch last became durable, or the first of those under way was appended. */
  private movedAt: Instant | null = null;

  appended(now: Instant): void {
    if (this.underWay === 0) this.movedAt = now;
    this.underWay++;
  }

  ended(now: Instant): void {
    this.underWay--;
    this.movedAt = now;
  }

  /** How long the disk has stood still; 0 when nothing is asked of it. */
  standing(now: Instant): Duration {
    return this.underWay === 0 || this.movedAt === null ? NOT_AT_ALL : since(now, this.movedAt);
  }
}
