/** The word of several replicas on one key: who can speak for it, and what the highest of their states is. */
import { voteOf } from "../../base/votes.js";
import { compareTimestamps, type Timestamp } from "../model/ballot.js";

export class Verdict {
  /** How many can speak for the key: those whose register of it is not bad. */
  speakers = 0;
  highest: Timestamp | null = null;
  /** The replicas that told of the highest, one bit each. */
  places = 0;
  /** How many of them held it at their seals (M1). */
  votes = 0;
  settled = false;

  /** `timestamp`: null when the register is bad there. `told`: null when the key is absent there. */
  hear(place: number, told: Told | null, votes: boolean): void {
    if (told === null) {
      this.speakers++;
      return;
    }
    const { timestamp, settled } = told;
    if (timestamp === null) return;
    this.speakers++;
    const order = this.highest === null ? 1 : compareTimestamps(timestamp, this.highest);
    if (order < 0) return;
    if (order > 0) {
      this.highest = timestamp;
      this.places = 0;
      this.votes = 0;
      this.settled = false;
    }
    this.places |= voteOf(place);
    if (votes) this.votes++;
    if (settled) this.settled = true;
  }
}

/** A state as one replica tells it. */
interface Told {
  readonly timestamp: Timestamp | null;
  readonly settled: boolean;
}
