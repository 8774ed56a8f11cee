/**
 * Catching up: how a replica that was away, or cut off, gets what it missed without waiting for somebody to touch each
 * key.
 *
 * Intuition: every replica numbers the changes of its copy. For each of the others, this one keeps the number up to
 * which it has everything (its cursor there). Their heartbeats say how far they are. When one is ahead, it is asked for
 * what changed since, except the states that this copy had (taken.ts). It answers with pages of whole registers
 * (feed.ts), which are taken over under the fence (R1). A register that may not be taken is not skipped. The writer is
 * asked to settle it, and the cursor stays until this copy holds at least what was listed. A replica that was never
 * away asks for timestamps first, as most of what it lacks is on its way.
 *
 * Invariants:
 *   I1  The cursor moves over a change only when this copy had that state or a later one of its key. Or the change was
 *       refused, and the writer has told since, in a higher ballot, which state counts. If none does, the other copy
 *       keeps what reached it alone. A key whose copy is bad is left to the writer, who is asked for it after it was
 *       listed.
 *   I2  An answer to a question that was asked before a key was purged here is dropped (R12).
 *   I3  One page is asked for at a time, under one attempt until it has come: what is under way is not asked for once
 *       more.
 *
 * Source: anti-entropy by version numbers, as in Bayou and Dynamo; the fence is what a register needs besides.
 */
import { assert } from "../../base/assert.js";
import { after, duration, type Instant, instant, since } from "../../base/time.js";
import { voteOf } from "../../base/votes.js";
import { compareTimestamps, type Timestamp } from "../model/ballot.js";
import { PAGE_BYTES } from "../model/bounds.js";
import type { Entry } from "../model/entry.js";
import { type Attempt, type ChangeNumber, type GroupEpoch, NO_CHANGE, type NodeId } from "../model/ids.js";
import type { AskChanges, Changes } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Register } from "../model/register.js";
import { BAD } from "../model/table.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import { Asking, MAX_PATIENCE_MS, type Patience } from "../quorum/patience.js";
import type { CatchUpLoad } from "./catch-up-load.js";
import type { Mending } from "./mending.js";
import type { Replica } from "./replica.js";

/** The largest of the last registers counts for this much less with each that comes. */
const FADING = 0.98;
/** States that are on their way here anyhow are given this long before they are asked for. */
const ON_ITS_WAY_MS = 200;
/**
 * A replica that is heard all the time is asked no more often than this, whatever its heartbeats say: most of it came
 * by Writes.
 */
export const FOLLOW_MS = 5_000;
/** A copy whose replica says for so long that it has fewer changes than it once listed is listed from its beginning. */
export const BEYOND_MS = 10_000;
/** Without progress for this long the source is given up; a later round begins again. */
const GIVE_UP_MS = 5_000;

/** A register that could not be taken over. */
interface Refused {
  readonly register: Register;
  readonly settled: boolean;
  /** By the fence: the writer is asked what counts. */
  fenced: boolean;
  /** There was room for it among what the writer is asked. */
  wanted: boolean;
}

interface Cursor {
  copy: GroupEpoch;
  change: ChangeNumber;
  /** Since when that is more than its replica says to have; null: it is not. */
  beyondSince: Instant | null;
}

/** Up to which change this copy has all of another one, or later states of the keys. */
export interface Position {
  readonly source: NodeId;
  readonly copy: GroupEpoch;
  readonly change: ChangeNumber;
}

export interface CatchUpOptions {
  readonly group: Group;
  readonly replica: Replica;
  readonly mending: Mending;
  readonly attempts: Attempts;
  readonly load: CatchUpLoad;
  readonly now: Instant;
  readonly send: (place: number, message: AskChanges, out: Outbox) => void;
}

export class CatchUp {
  /** Registers taken over from another copy since the node started, and those that the fence refused. */
  takenOver = 0;
  refused = 0;
  private readonly group: Group;
  private readonly replica: Replica;
  private readonly mending: Mending;
  private readonly attempts: Attempts;
  private readonly load: CatchUpLoad;
  private readonly send: CatchUpOptions["send"];
  /** By place. */
  private readonly cursors: Cursor[];
  /** When each may be asked next, by place; null: as soon as it is ahead. */
  private readonly due: (Instant | null)[];
  /** Replicas heard at the last look, one bit each, and those heard ever. */
  private heardBefore = 0;
  private heardEver = 0;
  /**
   * Those that have been heard ever since all of their changes were here, one bit each: what they had since came by
   * Writes.
   */
  private inStep = 0;
  /** −1: not catching up. */
  private source = -1;
  /** Registers are asked for, and not their timestamps alone. */
  private whole = true;
  /** null: the next page waits until the node may ask for more. */
  private attempt: Attempt | null = null;
  private readonly asking = new Asking(instant(0));
  /** Bytes that count as asked for. */
  private expected = 0;
  private askedAt = instant(0);
  private listedAt = instant(0);
  private progressAt = instant(0);
  /** The page that the source listed last; null: it has not answered yet. */
  private page: Changes | null = null;
  /** From that page: registers that were refused, and states that may be on their way here. */
  private waiting: Refused[] = [];
  private awaited: Timestamp[] = [];
  /** Bytes of the largest of the last registers that came, and how long the last page was under way. */
  private largest = 0;
  private pageMs = 0;

  constructor(options: CatchUpOptions) {
    this.group = options.group;
    this.replica = options.replica;
    this.mending = options.mending;
    this.attempts = options.attempts;
    this.load = options.load;
    this.send = options.send;
    this.cursors = options.group.replicas.map(() => ({
      copy: options.group.epoch,
      change: NO_CHANGE,
      beyondSince: null,
    }));
    // A copy of an earlier life has been away.
    const wasAway = options.replica.table.lastChange > 0;
    this.due = options.group.replicas.map(() => (wasAway ? null : after(options.now, duration(FOLLOW_MS))));
  }

  get running(): boolean {
    return this.source >= 0;
  }

  /** The node has had an earlier life: also a copy that holds nothing has been away. */
  wasAway(): void {
    this.due.fill(null);
  }

  restore({ source, copy, change }: Position | Extract<Entry, { kind: "cursor" }>): void {
    const cursor = this.cursors[this.group.placeOf(source)];
    if (cursor === undefined) return;
    cursor.copy = copy;
    cursor.change = change;
  }

  /** Up to which change this copy has all of each other one: for the next epoch, if it stays. */
  get positions(): readonly Position[] {
    return this.cursors.map(({ copy, change }, place) => ({
      source: this.group.replicas[place] as NodeId,
      copy,
      change,
    }));
  }

  /** How many changes of that replica's copy, of which it has so many, are not known to be here. */
  behind(place: number, lastChange: ChangeNumber): number {
    return Math.max(0, lastChange - (this.cursors[place]?.change ?? 0));
  }

  /**
   * As `behind`, for people. For replicas that are heard all the time, only listed and lacking changes count, not all
   * that was written since the last question.
   */
  lacks(place: number, lastChange: ChangeNumber): number {
    const { page } = this;
    const lacking = this.waiting.length + this.awaited.length;
    if (place === this.source && page !== null) {
      return lacking + (page.more ? Math.max(0, lastChange - page.upTo) : 0);
    }
    if ((this.inStep & voteOf(place)) === 0) return this.behind(place, lastChange);
    return place === this.source ? lacking : 0;
  }

  /**
   * Once a round: asks who is ahead the most. `lastChange` of a place: how many changes its copy has; null: not heard,
   * or not known.
   */
  consider(now: Instant, heard: number, lastChange: (place: number) => ChangeNumber | null, out: Outbox): void {
    const back = heard & ~this.heardBefore & this.heardEver;
    const stayed = heard & this.heardBefore;
    this.heardBefore = heard;
    this.heardEver |= heard;
    this.inStep &= heard;
    for (let place = 0; place < this.due.length; place++) if ((back & voteOf(place)) !== 0) this.due[place] = null;
    let most = 0;
    let ahead = -1;
    for (let place = 0; place < this.due.length; place++) {
      const last = (heard & voteOf(place)) === 0 ? null : lastChange(place);
      if (last === null) continue;
      this.doubt(now, place, last);
      const due = this.due[place] ?? null;
      const behind = this.behind(place, last);
      if (behind === 0) this.inStep |= stayed & voteOf(place);
      if (behind <= most || (due !== null && now < due)) continue;
      most = behind;
      ahead = place;
    }
    if (this.running || ahead < 0) return;
    this.source = ahead;
    this.progressAt = now;
    this.whole = (this.inStep & voteOf(this.source)) === 0;
    this.ask(now, out);
  }

  /** A replica's word on its copy is not believed for good: its reports of every round say what it has. */
  private doubt(now: Instant, place: number, last: ChangeNumber): void {
    const cursor = this.cursors[place];
    if (cursor === undefined || planted("H5.cursor-lasts")) return;
    if (cursor.change <= last) cursor.beyondSince = null;
    else if (cursor.beyondSince === null) cursor.beyondSince = now;
    else if (since(now, cursor.beyondSince) >= BEYOND_MS) {
      cursor.change = NO_CHANGE;
      cursor.beyondSince = null;
    }
  }

  /** A key was purged here: what was asked for before might bring it back (I2). */
  onPurge(): void {
    if (!planted("R12.old-transfer")) this.stop();
  }

  /** Drops whatever was asked for; the cursors stay. */
  stop(): void {
    this.came();
    this.source = -1;
    this.attempt = null;
    this.page = null;
    this.waiting = [];
    this.awaited = [];
  }

  onChanges(now: Instant, place: number, message: Changes, out: Outbox): void {
    if (place !== this.source || message.attempt !== this.attempt || this.page !== null) return;
    this.came();
    this.page = message;
    this.listedAt = now;
    this.progressAt = now;
    this.pageMs = Math.min(since(now, this.askedAt), MAX_PATIENCE_MS);
    this.awaited = [];
    for (const { timestamp, register, settled } of message.changes) {
      if (register !== null) this.take(register, settled, out);
      else if (!this.replica.recollection.taken.has(timestamp)) this.awaited.push(timestamp);
    }
    this.proceed(now, out);
  }

  /** Asks again what was not answered, and sees what has come in another way. */
  resend(now: Instant, patience: Patience, out: Outbox): void {
    if (this.source < 0) return;
    // It waits for others of this node.
    if (this.page === null && this.attempt === null) {
      this.progressAt = now;
      return this.ask(now, out);
    }
    if (since(now, this.progressAt) > GIVE_UP_MS) {
      this.due[this.source] = after(now, duration(FOLLOW_MS));
      this.inStep &= ~voteOf(this.source);
      return this.stop();
    }
    if (this.page !== null) return this.proceed(now, out);
    if (!this.asking.due(now, this.patienceWith(patience), voteOf(this.source))) return;
    if (planted("R7.forget-attempt")) this.attempt = this.attempts.next();
    this.sendAsk(out);
  }

  /** A page takes as long as the last one did, however soon a heartbeat is answered. */
  private patienceWith({ firstMs, returned }: Patience): Patience {
    return { firstMs: Math.max(firstMs, 2 * this.pageMs), returned };
  }

  private take(register: Register, settled: boolean, out: Outbox): void {
    this.largest = Math.max(register.bytes, this.largest * FADING);
    const refused: Refused = { register, settled, fenced: false, wanted: false };
    if (this.lacking(refused, out)) this.waiting.push(refused);
  }

  /** Goes on once all that was listed is here. */
  private proceed(now: Instant, out: Outbox): void {
    if (this.waiting.length > 0) this.waiting = this.waiting.filter((refused) => this.lacking(refused, out));
    if (this.awaited.length > 0)
      this.awaited = this.awaited.filter((timestamp) => !this.replica.recollection.taken.has(timestamp));
    if (this.waiting.length > 0) return;
    if (this.awaited.length === 0) return this.advance(now, out);
    if (since(now, this.listedAt) < ON_ITS_WAY_MS) return;
    this.page = null;
    this.whole = true;
    this.ask(now, out);
  }

  /** Takes it over if that is possible now. */
  private lacking(refused: Refused, out: Outbox): boolean {
    const { register, settled } = refused;
    const held = this.replica.look(register.key);
    // The writer is asked anew, and tells at least what was listed. It may not be able to for long; other keys do not
    // wait.
    if (held === BAD) return planted("R11.holds-up-others") || !this.replica.foundAgain(register.key);
    if (held !== null && compareTimestamps(held.timestamp, register.timestamp) >= 0) return false;
    if (!refused.fenced) {
      if (this.replica.takeOver(register, settled, out)) {
        this.takenOver++;
        return false;
      }
      this.refused++;
      refused.fenced = true;
    }
    // The writer's word is of a higher ballot than what was refused.
    if (refused.wanted) return this.mending.wants(register.key);
    refused.wanted = this.mending.want(register.key);
    return true;
  }

  private ask(now: Instant, out: Outbox): void {
    assert(this.page === null, "I3: one page is asked for at a time");
    const expected = this.whole ? Math.max(PAGE_BYTES, this.largest) : 0;
    this.attempt = null;
    if (!this.load.ask(expected)) return;
    this.expected = expected;
    this.attempt = this.attempts.next();
    this.askedAt = now;
    this.asking.again(now);
    this.sendAsk(out);
  }

  private sendAsk(out: Outbox): void {
    const cursor = this.cursors[this.source] as Cursor;
    if (this.attempt === null) return;
    this.send(
      this.source,
      {
        kind: "ask-changes",
        partition: this.group.partition,
        groupEpoch: this.group.epoch,
        attempt: this.attempt,
        copy: cursor.copy,
        after: cursor.change,
        taken: this.replica.recollection.taken.list(),
        whole: this.whole,
      },
      out,
    );
  }

  private came(): void {
    this.load.came(this.expected);
    this.expected = 0;
  }

  /** All that was listed is here. */
  private advance(now: Instant, out: Outbox): void {
    const { page } = this;
    if (page === null) return;
    assert(this.waiting.length === 0 && this.awaited.length === 0, "I1: the cursor moves once all listed is here");
    const cursor = this.cursors[this.source] as Cursor;
    cursor.copy = page.copy;
    cursor.change = page.upTo;
    out.entries.push({
      kind: "cursor",
      partition: this.group.partition,
      source: this.group.replicas[this.source] as NodeId,
      copy: page.copy,
      change: page.upTo,
    });
    // All that the other copy has is here: what it had need not be sent here any more.
    this.replica.recollection.taken.learn(page.taken);
    this.page = null;
    if (!page.more) {
      this.due[this.source] = after(now, duration(FOLLOW_MS));
      this.inStep |= voteOf(this.source);
      return this.stop();
    }
    this.progressAt = now;
    this.ask(now, out);
  }
}
