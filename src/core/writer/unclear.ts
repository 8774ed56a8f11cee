/**
 * Writes that a writer decided and that no majority had when its group epoch ended. The group of that epoch will never
 * have them. The same node may be the writer of the next epoch. Then it recovers their keys, with its own copy among
 * the majority, as that copy has them all. It may find the register of such a write, or one that it decided after it.
 * The write counts as soon as that register is on a majority in the new ballot (H18). The request never runs again.
 */
import type { Instant } from "../../base/time.js";
import { sameBallot, type Timestamp } from "../model/ballot.js";
import type { Key } from "../model/ids.js";
import type { Waiter } from "../quorum/waiter.js";

export interface Unclear {
  readonly key: Key;
  /** The timestamp of the register that the request was decided with. */
  readonly timestamp: Timestamp;
  readonly waiter: Waiter;
}

/** Whether the state found counts the write: its own register, or a later one of that key in the same office. */
export const includes = (found: Timestamp | null, { timestamp }: Unclear): boolean =>
  found !== null && sameBallot(found.ballot, timestamp.ballot) && found.seq >= timestamp.seq;

/** Those of the epoch before, until the office begins. */
export class UnclearWrites {
  private readonly writes: Unclear[] = [];

  get any(): boolean {
    return this.writes.length > 0;
  }

  add(writes: readonly Unclear[]): void {
    this.writes.push(...writes);
  }

  takeAll(): Unclear[] {
    return this.writes.splice(0);
  }

  /** As of any write whose deadline has come. */
  takeOverdue(now: Instant): readonly Unclear[] {
    const overdue: Unclear[] = [];
    for (let i = this.writes.length - 1; i >= 0; i--)
      if (this.writes[i]?.waiter.over(now) === true) overdue.push(...this.writes.splice(i, 1));
    return overdue;
  }
}
