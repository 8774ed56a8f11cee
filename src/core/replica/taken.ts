/**
 * Which states a copy has had, without naming a key. A (ballot, seq) names one state of one key (R6), and a copy's
 * timestamp of a key never falls. So for every state that it took, it holds that one or a later one of the key, or the
 * key was purged since. Such a state needs never be sent to it again. In steady operation a copy takes every seq of a
 * ballot, and all of that is one range, whatever keys were written.
 *
 * A copy that catches up sends these ranges along, and is sent whole registers of all else. So a key travels once, with
 * its value.
 *
 * Invariants:
 *   I1  A state is in here only if this copy took it or a later one of its key. Or another copy had it, and everything
 *       that this other copy has changed is here. Leaving out a state is safe: it is sent once more.
 *   I2  A copy tells others only of what it took itself, or found sound at its start (Recollection.ownTaken).
 *
 * Source: anti-entropy by version vectors, as in Bayou and Dynamo; a ballot is what is counted in.
 */
import { present } from "../../base/assert.js";
import { type Ballot, compareBallots, type SeqRanges, sameBallot, type Timestamp } from "../model/ballot.js";

/** Ranges that are remembered per partition, and sent along. At it: those of the oldest ballot go, the lowest first. */
export const MAX_RANGES = 1_024;
const MAX_BALLOTS = 64;

interface OfBallot {
  readonly ballot: Ballot;
  ranges: number[];
}

export class Taken {
  /** Newest ballot first. */
  private readonly known: OfBallot[] = [];
  private count = 0;
  /** As it was told last; null: it has changed since. */
  private told: readonly SeqRanges[] | null = [];

  static of(list: readonly SeqRanges[]): Taken {
    const taken = new Taken();
    taken.addAll(list);
    return taken;
  }

  add({ ballot, seq }: Timestamp): void {
    this.addRange(ballot, seq, seq);
  }

  addAll(list: readonly SeqRanges[]): void {
    for (const { ballot, ranges } of list) {
      for (let i = 0; i + 1 < ranges.length; i += 2) {
        this.addRange(ballot, ranges[i] as number, ranges[i + 1] as number);
      }
    }
  }

  /**
   * Takes in what another copy had, all of whose changes are here. On ballots unknown here, and beyond the last seq
   * that is known, nothing is believed. A peer that lies must not keep from this copy what is written later.
   */
  learn(list: readonly SeqRanges[]): void {
    for (const { ballot, ranges } of list) {
      const last = this.known.find((known) => sameBallot(known.ballot, ballot))?.ranges.at(-1) ?? 0;
      for (let i = 0; i + 1 < ranges.length && (ranges[i] as number) <= last; i += 2) {
        this.addRange(ballot, ranges[i] as number, Math.min(ranges[i + 1] as number, last));
      }
    }
  }

  has({ ballot, seq }: Timestamp): boolean {
    for (const known of this.known) {
      const order = compareBallots(known.ballot, ballot);
      if (order < 0) return false;
      if (order > 0) continue;
      const at = firstEnding(known.ranges, seq);
      return at < known.ranges.length && (known.ranges[at] as number) <= seq;
    }
    return false;
  }

  /** Never changed afterwards. */
  list(): readonly SeqRanges[] {
    this.told ??= this.known.map(({ ballot, ranges }) => ({ ballot, ranges: ranges.slice() }));
    return this.told;
  }

  private addRange(ballot: Ballot, first: number, last: number): void {
    const { ranges } = this.of(ballot);
    const { length } = ranges;
    const end = ranges[length - 1];
    if (end !== undefined && end === first - 1) {
      ranges[length - 1] = last;
      this.told = null;
      return;
    }
    // Ranges that touch this one become one with it.
    const from = firstEnding(ranges, first - 1);
    let to = from;
    while (to < length && (ranges[to] as number) <= last + 1) to += 2;
    if (to === from + 2 && (ranges[from] as number) <= first && (ranges[from + 1] as number) >= last) return;
    const low = to === from ? first : Math.min(first, ranges[from] as number);
    const high = to === from ? last : Math.max(last, ranges[to - 1] as number);
    ranges.splice(from, to - from, low, high);
    this.told = null;
    this.count += 1 - (to - from) / 2;
    if (this.count > MAX_RANGES) this.forget();
  }

  private of(ballot: Ballot): OfBallot {
    let at = 0;
    for (; at < this.known.length; at++) {
      const known = this.known[at] as OfBallot;
      const order = compareBallots(known.ballot, ballot);
      if (order === 0) return known;
      if (order < 0) break;
    }
    const fresh: OfBallot = { ballot, ranges: [] };
    this.known.splice(at, 0, fresh);
    if (this.known.length > MAX_BALLOTS) this.count -= present(this.known.pop(), "one of many").ranges.length / 2;
    return fresh;
  }

  private forget(): void {
    const oldest = present(this.known.at(-1), "one with ranges");
    const gone = Math.min(oldest.ranges.length / 2, MAX_RANGES / 8);
    oldest.ranges.splice(0, gone * 2);
    this.count -= gone;
    if (oldest.ranges.length === 0) this.known.pop();
  }
}

/** Where the first range begins that ends at `seq` or later. */
function firstEnding(ranges: readonly number[], seq: number): number {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[2 * middle + 1] as number) < seq) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}
