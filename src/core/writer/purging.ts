/**
 * Purging: how the space of deleted keys is given back (R12).
 *
 * Intuition: a tombstone may go once nothing can bring an older state of its key back. So the writer takes a new
 * ballot, which fences off every earlier Write and Impose. It asks all replicas, not just a majority, whether they hold
 * exactly this tombstone under exactly this ballot. Only when all of them do, it has the tombstone removed. Replicas
 * drop what they asked others for before, and keep the floor of what they forget.
 *
 * Invariants:
 *   I1  A Purge leaves only after every replica has confirmed that very tombstone in this ballot, which is above the
 *       tombstone's.
 *   I2  No key is purged that the writer knows or is recovering in this office.
 *
 * Source: garbage collection of CASPaxos registers (Rystsov 2018, 3.1), with the fence of a ballot in the place of its
 * clocks.
 */
import { assert, present } from "../../base/assert.js";
import { type Instant, since } from "../../base/time.js";
import { type Ballot, compareBallots, type Timestamp } from "../model/ballot.js";
import type { Attempt, Key } from "../model/ids.js";
import type { Purged, TombstoneHeld } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Change } from "../model/table.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import type { Patience } from "../quorum/patience.js";
import { Round } from "../quorum/round.js";
import type { NodeLoad } from "./node-load.js";

/** Tombstones of one pass; further ones wait for the next. */
export const MAX_PURGED = 4_096;
/** So many of these are asked about at a time. */
const MAX_ASKED = 256;
/** A replica that does not answer for so long ends the pass: it is away. */
export const ANSWER_WITHIN_MS = 3_000;

class PurgedKey {
  purging = false;
  round: Round;

  constructor(
    readonly key: Key,
    readonly timestamp: Timestamp,
    attempt: Attempt,
    /** Asked for the first time, or told to go. */
    public begunAt: Instant,
  ) {
    this.round = new Round(attempt, begunAt);
  }
}

export class Purging {
  /** Tombstones purged by this node as the writer since it started. */
  purged = 0;
  private ballot: Ballot | null = null;
  /** Bytes of the keys that wait or are asked about. */
  private bytes = 0;
  private waiting: Change[] = [];
  private readonly byAttempt = new Map<Attempt, PurgedKey>();
  private readonly byKey = new Map<Key, PurgedKey>();

  constructor(
    private readonly group: Group,
    private readonly attempts: Attempts,
    private readonly multicast: Multicast,
    private readonly load: NodeLoad,
  ) {}

  get busy(): boolean {
    return this.byAttempt.size > 0;
  }

  begin(now: Instant, ballot: Ballot, tombstones: readonly Change[], out: Outbox): void {
    this.end();
    this.ballot = ballot;
    this.waiting = tombstones.filter(
      ({ timestamp }) =>
        timestamp !== null && (compareBallots(timestamp.ballot, ballot) < 0 || planted("R12.without-promise")),
    );
    for (const { key } of this.waiting) this.count(key.length);
    this.next(now, out);
  }

  end(): void {
    this.ballot = null;
    this.waiting = [];
    this.count(-this.bytes);
    this.byAttempt.clear();
    this.byKey.clear();
  }

  /** A request concerns the key: it is not purged in this pass, unless it is as good as done (I2). */
  touch(key: Key): void {
    if (this.ballot === null) return;
    const left = this.waiting.filter((change) => change.key !== key);
    this.count(-key.length * (this.waiting.length - left.length));
    this.waiting = left;
    const entry = this.byKey.get(key);
    if (entry !== undefined && !entry.purging) this.drop(entry);
  }

  onHeld(now: Instant, place: number, message: TombstoneHeld, out: Outbox): void {
    const entry = this.byAttempt.get(message.attempt);
    if (entry === undefined || entry.purging) return;
    entry.round.vote(place);
    const needed = planted("R12.at-a-majority") ? this.group.majority : this.group.replicas.length;
    if (entry.round.count < needed) return;
    const everyone = entry.round.votes === this.group.everyone || planted("R12.at-a-majority");
    assert(everyone || planted("R7.count-messages"), "I1: every replica has confirmed the tombstone");
    this.byAttempt.delete(entry.round.attempt);
    entry.purging = true;
    entry.begunAt = now;
    entry.round = new Round(this.attempts.next(), now);
    this.byAttempt.set(entry.round.attempt, entry);
    this.purged++;
    this.ask(entry, this.group.everyone, out);
  }

  onPurged(now: Instant, place: number, message: Purged, out: Outbox): void {
    const entry = this.byAttempt.get(message.attempt);
    if (entry === undefined || !entry.purging) return;
    entry.round.vote(place);
    if (entry.round.votes !== this.group.everyone) return;
    this.drop(entry);
    this.next(now, out);
  }

  resend(now: Instant, patience: Patience, out: Outbox): void {
    for (const entry of this.byAttempt.values()) {
      if (!entry.round.due(now, patience)) continue;
      if (since(now, entry.begunAt) < ANSWER_WITHIN_MS) this.ask(entry, this.group.everyone & ~entry.round.votes, out);
      else if (entry.purging) this.drop(entry);
      else return this.end();
    }
  }

  private next(now: Instant, out: Outbox): void {
    while (this.waiting.length > 0 && this.byAttempt.size < MAX_ASKED) {
      const { key, timestamp } = present(this.waiting.pop(), "one that waits");
      if (timestamp === null) continue;
      const entry = new PurgedKey(key, timestamp, this.attempts.next(), now);
      this.byAttempt.set(entry.round.attempt, entry);
      this.byKey.set(key, entry);
      this.ask(entry, this.group.everyone, out);
    }
  }

  private ask(entry: PurgedKey, places: number, out: Outbox): void {
    if (this.ballot === null) return;
    const { key, timestamp } = entry;
    const above = compareBallots(timestamp.ballot, this.ballot) < 0 || planted("R12.without-promise");
    assert(above, "I1: a tombstone is purged in a ballot above its own");
    this.multicast.send(
      places,
      {
        kind: entry.purging ? "purge" : "ask-tombstone",
        partition: this.group.partition,
        ballot: this.ballot,
        attempt: entry.round.attempt,
        key,
        timestamp,
      },
      out,
    );
  }

  private drop(entry: PurgedKey): void {
    this.byAttempt.delete(entry.round.attempt);
    this.byKey.delete(entry.key);
    this.count(-entry.key.length);
  }

  private count(bytes: number): void {
    this.bytes += bytes;
    this.load.purgeBytes += bytes;
  }
}
