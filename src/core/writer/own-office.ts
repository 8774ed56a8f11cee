/** The writer's own office, or its candidacy: the ballot that it decides in, and the numbers given out in it (R6). */
import { assert } from "../../base/assert.js";
import { countVotes, voteOf } from "../../base/votes.js";
import { type Ballot, sameBallot, type Timestamp, timestamp } from "../model/ballot.js";
import { NO_REVISION } from "../model/ids.js";
import type { Promised } from "../model/message.js";

export class OwnOffice {
  /** null: no office, no candidacy. */
  ballot: Ballot | null = null;
  /** A majority promised. */
  elected = false;
  /** Handing the office over: requests wait, nothing is decided. */
  paused = false;
  /** Replicas that promised this ballot, one bit each. */
  promised = 0;
  /** The last seq that was given to a register. */
  seq = 0;
  /** The highest reservation that they told of. */
  highestReported = NO_REVISION;

  campaign(ballot: Ballot): void {
    this.ballot = ballot;
    this.promised = 0;
    this.seq = 0;
    this.highestReported = NO_REVISION;
  }

  /** True when this makes the majority: the office begins. */
  takePromise(place: number, message: Promised, majority: number): boolean {
    this.promised |= voteOf(place);
    if (this.elected) return false;
    if (message.reservation > this.highestReported) this.highestReported = message.reservation;
    this.elected = countVotes(this.promised) >= majority;
    return this.elected;
  }

  end(): void {
    this.ballot = null;
    this.elected = false;
    this.paused = false;
  }

  holds(ballot: Ballot): boolean {
    return this.ballot !== null && sameBallot(this.ballot, ballot);
  }

  get mustHaveBallot(): Ballot {
    assert(this.ballot !== null, "the writer has a ballot");
    return this.ballot;
  }

  /** Given to one register only (R6). */
  nextTimestamp(): Timestamp {
    return timestamp(this.mustHaveBallot, ++this.seq);
  }
}
