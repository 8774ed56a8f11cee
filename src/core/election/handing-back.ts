/**
 * When does a writer hand its office to the preferred replica, so that writers stay spread over the nodes? Counts
 * rounds for one partition; the election asks.
 *
 * Intuition: an office is offered only to a replica that has been fit for it for H rounds in a row. Every offer doubles
 * H here, so a preferred replica that comes and goes costs the group elections ever more rarely. H falls back when that
 * replica has shown that it can keep the office.
 *
 * Invariants
 * B1 One offer at a time; it ends by a new office, by losing the own one, by the caller, or TURN_ROUNDS after YourTurn.
 * B2 H is BASE_HOLD·2^k, at most the given bound.
 * B3 While an offer is out the writer decides nothing, whatever else it waits for: what it decided after YourTurn would
 *    be fenced off.
 */
import { assert } from "../../base/assert.js";

/** H: rounds for which the preferred replica must have been fit before it is offered the office. */
export const BASE_HOLD = 20;
/** An hour of rounds of 200 ms. */
export const MAX_HOLD = 18_000;
/** H falls back once the preferred replica has held the office for so many times H. */
export const HOLD_FALLS_AFTER = 10;
/** Round ends after YourTurn by which a higher ballot must have shown up: a round trip of two rounds, and the current
 * round's rest. */
export const TURN_ROUNDS = 3;

export class HandingBack {
  private readonly maxHold: number;
  private stage: "none" | "offered" | "turn-sent" = "none";
  private roundsSinceTurn = 0;
  /** Rounds without a break in which the preferred replica was fit for the office. */
  private fitFor = 0;
  private hold = BASE_HOLD;
  /** Rounds without a break in which the preferred replica held the office, seen from here. */
  private heldFor = 0;

  constructor(maxHold: number) {
    this.maxHold = maxHold;
  }

  /** An offer is out; the writer decides nothing. */
  get underWay(): boolean {
    return this.stage !== "none";
  }

  /** At the end of a round: whether this node is the working writer and the preferred replica fit to take over. */
  count(fit: boolean): void {
    this.fitFor = fit && this.stage === "none" ? this.fitFor + 1 : 0;
  }

  get due(): boolean {
    return this.fitFor >= this.hold;
  }

  /** An offer to the preferred replica begins. */
  offer(): void {
    this.hold = Math.min(2 * this.hold, this.maxHold);
    assert(this.hold <= this.maxHold, "B2: H is bounded");
    this.begin();
  }

  /** An offer begins, not counted against the preferred replica. */
  begin(): void {
    assert(this.stage === "none", "B1: one offer at a time");
    this.fitFor = 0;
    this.stage = "offered";
  }

  turnSent(): void {
    if (this.stage !== "offered") return;
    this.stage = "turn-sent";
    this.roundsSinceTurn = 0;
  }

  /** At the end of a round without a higher ballot: whether nobody took the office, so that the offer has ended. */
  lapses(): boolean {
    if (this.stage !== "turn-sent") return false;
    this.roundsSinceTurn++;
    if (this.roundsSinceTurn < TURN_ROUNDS) return false;
    this.stage = "none";
    return true;
  }

  end(): void {
    this.fitFor = 0;
    this.stage = "none";
  }

  /**
   * At the end of a round without an own office: whether the preferred replica, by its own word, is the working writer.
   */
  preferredHolds(holds: boolean): void {
    this.heldFor = holds ? this.heldFor + 1 : 0;
    if (this.heldFor >= HOLD_FALLS_AFTER * this.hold) this.hold = BASE_HOLD;
  }
}
