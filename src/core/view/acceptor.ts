/**
 * One voter's part in one decision: which ballot it promised, and which successor it accepted last. Whoever joins the
 * machines makes both durable before an answer leaves. A new object for each view: a vote is forgotten only when the
 * view that it was about is known.
 *
 * Invariants
 * A1 The promise never falls, and is at least the ballot of the vote.
 *
 * Source: Lamport, "Paxos Made Simple", the acceptor.
 */
import { assert } from "../../base/assert.js";
import { type Ballot, compareBallots, initialBallot } from "../model/ballot.js";
import type { GroupEpoch } from "../model/ids.js";
import type { ViewVote } from "./message.js";

export class Acceptor {
  promised: Ballot;
  vote: ViewVote | null = null;

  /** `epoch`: of the view whose successor is voted on. */
  constructor(readonly epoch: GroupEpoch) {
    this.promised = initialBallot(epoch);
  }

  /** False: the ballot is below the promise. */
  allows(ballot: Ballot): boolean {
    return compareBallots(ballot, this.promised) >= 0;
  }

  promise(ballot: Ballot): void {
    assert(ballot.groupEpoch === this.epoch && this.allows(ballot), "A1: a promise never falls");
    this.promised = ballot;
  }

  accept(vote: ViewVote): void {
    this.promise(vote.ballot);
    this.vote = vote;
  }
}
