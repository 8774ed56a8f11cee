/**
 * How far numbers may leap: those that only ever rise, are durable, and that everybody goes on above. The room for
 * leaps refills slowly, so that a liar uses it up and never reaches the end of the numbers there are.
 */
import { type Instant, since } from "../../base/time.js";
import type { Ballot } from "../model/ballot.js";
import { planted } from "../model/planted.js";
import type { View } from "../view/view.js";

/** Room for one kind of number to rise in one partition. */
export class Rise {
  private high = 0;
  private room: number;
  private refilledAt: Instant | null = null;

  constructor(
    private readonly most: number,
    private readonly perSecond: number,
  ) {
    this.room = most;
  }

  /** Not above what was seen before: nothing more is to be asked. */
  seen(value: number): boolean {
    return value <= this.high;
  }

  /** `known`: what this node holds itself; asked only when the number is above all that was seen. */
  takes(now: Instant, value: number, known: () => number): boolean {
    if (this.seen(value)) return true;
    this.high = Math.max(this.high, known());
    const leap = value - this.high;
    if (leap <= 0) return true;
    if (leap > this.room) this.refill(now);
    if (leap > this.room) return planted("W6.any-leap");
    this.room -= leap;
    this.high = value;
    return true;
  }

  private refill(now: Instant): void {
    const passed = this.refilledAt === null ? 0 : since(now, this.refilledAt);
    this.refilledAt = now;
    this.room = Math.min(this.most, this.room + (passed * this.perSecond) / 1_000);
  }
}

/** The numbers that rise in one partition. */
export class Numbers {
  /** The ballot that was found good last, and the view that it was held against: nearly every message has the same. */
  ballot: Ballot | null = null;
  view: View | null = null;
  readonly rounds = new Rise(2 ** 30, 2 ** 10);
  readonly revisions = new Rise(2 ** 48, 2 ** 20);
  readonly seqs = new Rise(2 ** 40, 2 ** 20);
}
