/**
 * A node's candidacy, and then its office as the proposer of one view's successor. A majority of the view's voters must
 * promise its ballot, and a majority accept the one view that it proposes in it.
 *
 * Intuition: a view that may have been decided already was accepted by a majority, and every majority of promises meets
 * that one. So the proposer first takes over the promises' report from the highest ballot. It proposes a view of its
 * own only when they report none.
 *
 * Invariants
 * P1 A ballot carries one view.
 * P2 Only voters of the view that is ended count, each once.
 *
 * Source: Lamport, "Paxos Made Simple", the proposer.
 */
import { assert } from "../../base/assert.js";
import { type Instant, since } from "../../base/time.js";
import { countVotes, majorityOf, voteOf } from "../../base/votes.js";
import { type Ballot, compareBallots } from "../model/ballot.js";
import type { NodeId } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { EncodedView } from "./encoded-view.js";
import type { ViewVote } from "./message.js";

export class Proposer {
  /** A majority promised. */
  elected = false;
  /** The view of this ballot; null: none yet. */
  next: EncodedView | null = null;
  /** Places whose promise of this ballot was counted. */
  promised = 0;
  /** Places that accepted `next`. */
  accepted = 0;
  /** Never offered to another node: nothing is to be caught up with. */
  readonly caughtUp = 0;
  private highest: ViewVote | null = null;
  private askedAt: Instant;

  constructor(
    readonly ballot: Ballot,
    /** Voters of the view that is to be ended, ordered. */
    readonly voters: readonly NodeId[],
    readonly majority: number,
    now: Instant,
  ) {
    this.askedAt = now;
  }

  /** True when this promise makes the majority. The view to propose then is in `next`. */
  onPromised(from: NodeId, vote: ViewVote | null): boolean {
    const place = this.voters.indexOf(from);
    if (place < 0) return false; // P2
    this.promised |= voteOf(place);
    if (this.elected) return false;
    if (vote !== null && (this.highest === null || compareBallots(vote.ballot, this.highest.ballot) > 0))
      this.highest = vote;
    if (countVotes(this.promised) < this.majority) return false;
    this.elected = true;
    if (this.highest !== null && !planted("V1.no-adopt")) this.next = this.highest.next;
    return true;
  }

  propose(next: EncodedView): void {
    assert(this.elected && this.next === null, "P1: a ballot carries one view");
    this.next = next;
  }

  /** True when this vote makes the majority: `next` is decided. */
  onAccepted(from: NodeId): boolean {
    if (this.next === null) return false;
    const { voters, majority } = this.judges(this.next);
    const place = voters.indexOf(from);
    if (place < 0) return false; // P2
    const before = countVotes(this.accepted);
    this.accepted |= voteOf(place);
    return before < majority && countVotes(this.accepted) >= majority;
  }

  /** Voters that have not answered what was asked last; none while nothing is asked. */
  silent(): readonly NodeId[] {
    if (!this.elected) return this.voters.filter((_, place) => (this.promised & voteOf(place)) === 0);
    if (this.next === null) return [];
    return this.judges(this.next).voters.filter((_, place) => (this.accepted & voteOf(place)) === 0);
  }

  asked(now: Instant): void {
    this.askedAt = now;
  }

  /** True when it is time to ask the silent ones again, in the same ballot and for the same view; counts as asked. */
  due(now: Instant, afterMs: number): boolean {
    if (since(now, this.askedAt) < afterMs) return false;
    this.askedAt = now;
    return true;
  }

  private judges(next: EncodedView): { readonly voters: readonly NodeId[]; readonly majority: number } {
    const { voters } = next.view;
    return planted("V1.new-voters") ? { voters, majority: majorityOf(voters.length) } : this;
  }
}
