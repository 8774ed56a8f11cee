/**
 * Catching up: how a replica that was away, or cut off, gets what it missed without waiting for somebody to touch each key.
 *
 * Intuition: every replica numbers the changes of its copy. This one keeps, for each of the others, up to which number it has everything (its
 * cursor there), and their heartbeats say how far they are. When one is ahead, it is asked which keys changed since; of those that are newer
 * there than here the register is read, like any reader would, and taken over under the fence (R1). What may not be taken is not skipped:
 * the writer is asked to settle it, and the cursor stays until this copy holds at least what was listed.
 *
 * Invariants:
 *   I1  The cursor moves over a change only when this copy holds that key at least as new, or it was refused and the writer has told since what
 *       counts, in a higher ballot: it may be that nothing does, and then the other copy keeps what reached it alone. A key whose copy is bad
 *       is left to the writer, who is asked for it after it was listed.
 *   I2  What was asked for before a key was purged here is dropped (R12).
 *
 * Source: anti-entropy by version numbers, as in Bayou and Dynamo; the fence is what a register needs besides.
 */
import { after, duration, type Instant, since } from "../../base/time.js";
import { voteOf } from "../../base/votes.js";
import { compareTimestamps, type Timestamp } from "../model/ballot.js";
import { CATCH_UP_BYTES } from "../model/bounds.js";
import type { Entry } from "../model/entry.js";
import type { Attempt, ChangeNumber, GroupEpoch, Key, NodeId } from "../model/ids.js";
import type { Changes, CoreMessage, ReadAnswer } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import { BAD } from "../model/table.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import { Asking, type Patience } from "../quorum/patience.js";
import type { Mending } from "./mending.js";
import type { Replica } from "./replica.js";

/** Registers asked for at a time, fewer if they are large (CATCH_UP_BYTES); more wait. */
const MAX_READS = 128;
/** A register is taken for this large until some have come. */
const GUESSED_BYTES = 64 * 1_024;
/** What the largest of the last registers counts for fades by this much with each that comes. */
const FADING = 0.98;
/** What is on its way here anyhow is given this long before it is asked for. */
const ON_ITS_WAY_MS = 200;
/** A replica that is heard all the time is asked no more often than this, whatever its heartbeats say: most of it came by Writes. */
export const FOLLOW_MS = 5_000;
/** A copy whose replica says for so long that it has fewer changes than it once listed is listed from its beginning. */
export const BEYOND_MS = 10_000;
/** Without progress for this long the source is given up; a later round begins again. */
const GIVE_UP_MS = 5_000;

/** A key that is newer at the source. */
class Lacking {
  /** null: not asked for, or answered. */
  attempt: Attempt | null = null;
  readonly asking: Asking;
  /** Refused by the fence: the writer is asked. */
  refused = false;

  constructor(
    readonly key: Key,
    readonly timestamp: Timestamp,
    now: Instant,
  ) {
    this.asking = new Asking(now);
  }
}

interface Cursor {
  copy: GroupEpoch;
  change: ChangeNumber;
  /** Since when that is more than its replica says to have; null: it is not. */
  beyondSince: Instant | null;
}

export interface CatchUpOptions {
  readonly group: Group;
  readonly replica: Replica;
  readonly mending: Mending;
  readonly attempts: Attempts;
  readonly now: Instant;
  readonly send: (place: number, message: CoreMessage, out: Outbox) => void;
}

export class CatchUp {
  /** Registers taken over from another copy since the node started, and those that the fence refused. */
  takenOver = 0;
  refused = 0;
  private readonly group: Group;
  private readonly replica: Replica;
  private readonly mending: Mending;
  private readonly attempts: Attempts;
  private readonly send: CatchUpOptions["send"];
  /** By place. */
  private readonly cursors: Cursor[];
  /** When each may be asked next, by place; null: as soon as it is ahead. */
  private readonly due: (Instant | null)[];
  /** Replicas heard at the last look, one bit each, and those heard ever. */
  private heardBefore = 0;
  private heardEver = 0;
  /** Those that have been heard ever since all of their changes were here, one bit each: what they had since came by Writes. */
  private inStep = 0;
  /** −1: not catching up. */
  private source = -1;
  private attempt: Attempt | null = null;
  private readonly asking = new Asking(0 as Instant);
  private listedAt = 0 as Instant;
  private progressAt = 0 as Instant;
  /** What the source listed last; null: it has not answered yet. */
  private listed: Changes | null = null;
  private lacking: Lacking[] = [];
  /** Bytes of the largest of the last registers that came. */
  private largest = GUESSED_BYTES;

  constructor(options: CatchUpOptions) {
    this.group = options.group;
    this.replica = options.replica;
    this.mending = options.mending;
    this.attempts = options.attempts;
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

  restore(entry: Extract<Entry, { kind: "cursor" }>): void {
    const cursor = this.cursors[this.group.placeOf(entry.source)];
    if (cursor === undefined) return;
    cursor.copy = entry.copy;
    cursor.change = entry.change;
  }

  /** How many changes of that replica's copy, of which it has so many, are not known to be here. */
  behind(place: number, lastChange: ChangeNumber): number {
    return Math.max(0, lastChange - (this.cursors[place]?.change ?? 0));
  }

  /**
   * As `behind`, for people: of who is heard all the time, only what was listed and is lacking counts, and not all that was written since it
   * was asked last.
   */
  lacks(place: number, lastChange: ChangeNumber): number {
    const { listed } = this;
    if (place === this.source && listed !== null) {
      return this.lacking.length + (listed.more ? Math.max(0, lastChange - listed.upTo) : 0);
    }
    return (this.inStep & voteOf(place)) === 0 ? this.behind(place, lastChange) : 0;
  }

  /** Once a round: asks who is ahead the most. `lastChange` of a place: how many changes its copy has; null: not heard, or not known. */
  consider(now: Instant, heard: number, lastChange: (place: number) => ChangeNumber | null, out: Outbox): void {
    const back = heard & ~this.heardBefore & this.heardEver;
    this.heardBefore = heard;
    this.heardEver |= heard;
    this.inStep &= heard;
    for (let place = 0; place < this.due.length; place++) if ((back & voteOf(place)) !== 0) this.due[place] = null;
    if (this.running) return;
    let most = 0;
    for (let place = 0; place < this.due.length; place++) {
      const due = this.due[place] ?? null;
      const last = (heard & voteOf(place)) === 0 || (due !== null && now < due) ? null : lastChange(place);
      if (last === null) continue;
      this.doubt(now, place, last);
      if (this.behind(place, last) <= most) continue;
      most = this.behind(place, last);
      this.source = place;
    }
    if (this.source < 0) return;
    this.progressAt = now;
    this.ask(now, out);
  }

  /** What a replica said of its copy once is not believed for good: its reports of every round say what it has. */
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
    this.source = -1;
    this.attempt = null;
    this.listed = null;
    this.lacking = [];
  }

  onChanges(now: Instant, place: number, message: Changes, out: Outbox): void {
    if (place !== this.source || message.attempt !== this.attempt || this.listed !== null) return;
    this.listed = message;
    this.listedAt = now;
    this.progressAt = now;
    for (const { key, timestamp } of message.changes) {
      if (!this.holds(key, timestamp)) this.lacking.push(new Lacking(key, timestamp, now));
    }
    if (this.lacking.length === 0) return this.advance(now, out);
    // Who lacks a good part of a long list was away: nothing of it is on its way.
    if (message.more) this.pump(now, null, out);
  }

  /** True when the answer was to a read of this machine. */
  onReadAnswer(now: Instant, place: number, message: ReadAnswer, out: Outbox): boolean {
    if (place !== this.source) return false;
    const at = this.lacking.findIndex(({ attempt }) => attempt === message.attempt);
    const lacking = this.lacking[at];
    if (lacking === undefined) return false;
    const { register } = message;
    if (register !== null && register.key !== lacking.key) return true;
    lacking.attempt = null;
    this.progressAt = now;
    this.largest = Math.max(register?.bytes ?? 1, this.largest * FADING);
    if (register !== null && !this.replica.takeOver(register, message.settled, out)) {
      this.refused++;
      lacking.refused = this.mending.want(lacking.key);
      return true;
    }
    if (register !== null) this.takenOver++;
    // Nothing newer than what is here: purged there meanwhile, or written here.
    this.lacking.splice(at, 1);
    if (this.lacking.length === 0) this.advance(now, out);
    else this.pump(now, null, out);
    return true;
  }

  /** Asks again what was not answered, and sees what has come in another way. */
  resend(now: Instant, patience: Patience, out: Outbox): void {
    if (this.source < 0) return;
    if (since(now, this.progressAt) > GIVE_UP_MS) {
      this.due[this.source] = after(now, duration(FOLLOW_MS));
      this.inStep &= ~voteOf(this.source);
      return this.stop();
    }
    if (this.listed === null) {
      if (this.asking.due(now, patience, voteOf(this.source))) {
        if (planted("R7.forget-attempt")) this.attempt = this.attempts.next();
        this.sendAsk(out);
      }
      return;
    }
    if (since(now, this.listedAt) < ON_ITS_WAY_MS) return;
    this.lacking = this.lacking.filter(
      ({ key, timestamp, refused }) =>
        !this.holds(key, timestamp) && !(refused && !this.mending.wants(key)) && !this.leftToMending(key),
    );
    if (this.lacking.length === 0) return this.advance(now, out);
    this.pump(now, patience, out);
  }

  /** The copy is bad: the writer is asked anew, and tells at least what was listed. It may not be able to for long; other keys do not wait. */
  private leftToMending(key: Key): boolean {
    return this.replica.look(key) === BAD && !planted("R11.holds-up-others") && this.replica.foundAgain(key);
  }

  private holds(key: Key, timestamp: Timestamp): boolean {
    const held = this.replica.look(key);
    return held !== BAD && held !== null && compareTimestamps(held.timestamp, timestamp) >= 0;
  }

  private ask(now: Instant, out: Outbox): void {
    this.attempt = this.attempts.next();
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
      },
      out,
    );
  }

  /** Asks for what is lacking: what was not asked for yet; and, with a patience, what was not answered in time, under the same attempt. */
  private pump(now: Instant, patience: Patience | null, out: Outbox): void {
    const most = Math.min(MAX_READS, Math.max(1, Math.floor(CATCH_UP_BYTES / this.largest)));
    let open = 0;
    for (const lacking of this.lacking) {
      if (open >= most) return;
      if (lacking.refused) continue;
      if (lacking.attempt !== null && patience === null) {
        open++;
        continue;
      }
      const held = this.replica.look(lacking.key);
      // The writer mends it; nothing else may.
      if (held === BAD) continue;
      open++;
      if (lacking.attempt === null) lacking.asking.again(now);
      else if (patience !== null && !lacking.asking.due(now, patience, voteOf(this.source))) continue;
      if (lacking.attempt === null || planted("R7.forget-attempt")) lacking.attempt = this.attempts.next();
      this.send(
        this.source,
        {
          kind: "read",
          partition: this.group.partition,
          groupEpoch: this.group.epoch,
          attempt: lacking.attempt,
          key: lacking.key,
          holding: held === null ? null : held.timestamp,
        },
        out,
      );
    }
  }

  /** All that was listed is here. */
  private advance(now: Instant, out: Outbox): void {
    const { listed } = this;
    if (listed === null) return;
    const cursor = this.cursors[this.source] as Cursor;
    cursor.copy = listed.copy;
    cursor.change = listed.upTo;
    out.entries.push({
      kind: "cursor",
      partition: this.group.partition,
      source: this.group.replicas[this.source] as NodeId,
      copy: listed.copy,
      change: listed.upTo,
    });
    this.listed = null;
    if (!listed.more) {
      this.due[this.source] = after(now, duration(FOLLOW_MS));
      this.inStep |= voteOf(this.source);
      return this.stop();
    }
    this.progressAt = now;
    this.ask(now, out);
  }
}

const NO_CHANGE = 0 as ChangeNumber;
