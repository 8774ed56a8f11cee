/**
 * The settled states that a replica knows. It keeps a seq for each ballot. Every register of that ballot up to it, or a
 * later one of its key, is on a majority. Numbers of one ballot say nothing of another's (R14). The list is bounded.
 * Registers of ballots that are forgotten have a mark of their own in the table, as far as they were settled (H10).
 * Without it they cost an impose.
 */
import { present } from "../../base/assert.js";
import { type Ballot, compareBallots, sameBallot, type Timestamp } from "../model/ballot.js";
import { planted } from "../model/planted.js";

export const MAX_BALLOTS = 64;
/** Ballots whose settled seq waits to be saved. At it: the oldest is not, which costs an impose. */
const MAX_UNSAVED = 16;

interface SettledSeq {
  readonly ballot: Ballot;
  seq: number;
}

export class SettledSeqs {
  /** Newest ballot first. */
  private readonly known: SettledSeq[] = [];
  /** Ballots of which more is settled than is saved, the latest last. */
  private unsaved: Ballot[] = [];

  /** `forgotten`: told of each ballot that is forgotten, with its settled seq. */
  constructor(private readonly forgotten: (last: Timestamp) => void = () => {}) {}

  /** True when that was news. */
  learn(ballot: Ballot, seq: number): boolean {
    if (seq === 0) return false;
    let at = 0;
    for (; at < this.known.length; at++) {
      const entry = this.known[at] as SettledSeq;
      if (sameBallot(entry.ballot, ballot)) {
        if (entry.seq >= seq) return false;
        entry.seq = seq;
        return true;
      }
      if (compareBallots(entry.ballot, ballot) < 0) break;
    }
    this.known.splice(at, 0, { ballot, seq });
    if (this.known.length > MAX_BALLOTS) this.forgotten(present(this.known.pop(), "one of many"));
    return true;
  }

  /** As `learn`; saved with the next. */
  hear(ballot: Ballot, seq: number): void {
    if (!this.learn(ballot, seq)) return;
    const last = this.unsaved.at(-1);
    if (last !== undefined && sameBallot(last, ballot)) return;
    this.unsaved = [...this.unsaved.filter((other) => !sameBallot(other, ballot)).slice(1 - MAX_UNSAVED), ballot];
  }

  /** To be saved now. */
  takeUnsaved(): readonly Timestamp[] {
    const unsaved = this.unsaved.map((ballot) => ({ ballot, seq: this.seqOf(ballot) })).filter(({ seq }) => seq > 0);
    this.unsaved = [];
    return unsaved;
  }

  covers(timestamp: Timestamp): boolean {
    if (planted("R14.merely-accepted")) return true;
    for (const entry of this.known) {
      if (sameBallot(entry.ballot, timestamp.ballot)) return entry.seq >= timestamp.seq;
      if (planted("R14.across-ballots") && compareBallots(entry.ballot, timestamp.ballot) > 0) return true;
    }
    return false;
  }

  /** The highest ballot of which something is known, with its settled seq. */
  get highest(): Timestamp | null {
    const entry = this.known[0];
    return entry === undefined ? null : { ballot: entry.ballot, seq: entry.seq };
  }

  /** One for each ballot, the newest first. */
  list(): readonly Timestamp[] {
    return this.known.map(({ ballot, seq }) => ({ ballot, seq }));
  }

  seqOf(ballot: Ballot): number {
    for (const entry of this.known) if (sameBallot(entry.ballot, ballot)) return entry.seq;
    return 0;
  }
}
