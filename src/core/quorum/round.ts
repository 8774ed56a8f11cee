/**
 * One attempt to hear from a majority: who answered, since when, and who waits for it. Distinct replicas count, never
 * messages (R7).
 */
import type { Instant } from "../../base/time.js";
import { countVotes, voteOf } from "../../base/votes.js";
import type { Attempt } from "../model/ids.js";
import { planted } from "../model/planted.js";
import { Asking, type Patience } from "./patience.js";
import type { Waiter } from "./waiter.js";

export class Round {
  votes = 0;
  waiters: Waiter[] = [];
  private messages = 0;
  private readonly asking: Asking;

  constructor(
    readonly attempt: Attempt,
    askedAt: Instant,
  ) {
    this.asking = new Asking(askedAt);
  }

  vote(place: number): void {
    this.votes |= voteOf(place);
    this.messages++;
  }

  get count(): number {
    return planted("R7.count-messages") ? this.messages : countVotes(this.votes);
  }

  /** True when it is time to ask again those who did not answer; counts as asked. */
  due(now: Instant, patience: Patience): boolean {
    return this.asking.due(now, patience, ~this.votes);
  }
}
