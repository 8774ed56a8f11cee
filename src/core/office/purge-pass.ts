/**
 * Decides when the tombstones of a partition are purged. Now and then the working writer pauses and lets its writes
 * complete. Then it takes a new ballot and has all tombstones removed that rested long enough (R12). The new ballot
 * costs a round trip and the recovery of the keys in use, so passes are minutes apart. There is no pass when there is
 * nothing to purge, or when a replica is away, without which nothing may be purged.
 *
 * A Purge may reach some replicas and not others, when the office ends meanwhile. Then whoever is the writer finds the
 * tombstone at some of them only, and no pass can remove it. So every replica, in office or not, asks the writer for
 * those of its tombstones that outlived the passes. The writer writes such a key again in its own ballot, for the next
 * pass to find everywhere. Or it says that the key is absent, and then the replica removes the tombstone by itself
 * (Replica.mend).
 */
import { type Duration, type Instant, never, since } from "../../base/time.js";
import type { Election, ElectionAction } from "../election/election.js";
import { type Ballot, sameBallot } from "../model/ballot.js";
import { type ChangeNumber, type Key, NO_CHANGE } from "../model/ids.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Change, RegisterTable } from "../model/table.js";
import { MAX_PURGED } from "../writer/purging.js";
import type { Writer } from "../writer/writer.js";

/** A writer that cannot let its writes complete within this goes on instead; the next pass tries again. */
const PATIENCE_MS = 1_000;
/** A tombstone that a replica has held for so many looks has outlived a pass or two. */
const OVERDUE_LOOKS = 4;
/** Overdue ones that the writer is asked for after one look. It takes them for keys in use, and leaves them out of a
 * pass under way. */
const MAX_OVERDUE = 32;
/** Tombstones looked at first. */
const FEW = 32;

export interface PurgePassOptions {
  readonly table: RegisterTable;
  readonly writer: Writer;
  readonly election: Election;
  /** How long a tombstone rests at least, and passes are apart. */
  readonly every: Duration;
  /** Every replica of the group is heard. */
  readonly complete: () => boolean;
  /** A pass should have removed this key's tombstone and has not: the writer is to be asked for it. */
  readonly overdue: (key: Key) => void;
  /** Carries out what the election says. */
  readonly act: (now: Instant, action: ElectionAction, out: Outbox) => void;
}

export class PurgePass {
  private readonly options: PurgePassOptions;
  /** Changes up to this number had happened by the last look but one. */
  private ripeUpTo = NO_CHANGE;
  private lastLook = NO_CHANGE;
  /** The change numbers of the last looks, the latest first. */
  private readonly looks: ChangeNumber[] = [];
  private lookedAt: Instant = never;
  /** Set while a pass waits for its ballot: since when, and the ballot it began in. */
  private waiting: { readonly since: Instant; readonly before: Ballot } | null = null;

  constructor(options: PurgePassOptions) {
    this.options = options;
  }

  /** A pass is on its way to its ballot. */
  get underWay(): boolean {
    return this.waiting !== null;
  }

  /** Once a round. `free`: the office is not being handed over. */
  consider(now: Instant, free: boolean, out: Outbox): void {
    const { table, writer, election, every, complete } = this.options;
    if (this.lookedAt === never) this.lookedAt = now;
    if (this.waiting !== null || since(now, this.lookedAt) < every) return;
    this.lookedAt = now;
    this.ripeUpTo = this.lastLook;
    this.lastLook = table.lastChange;
    this.remind(complete());
    const { ballot } = writer;
    // A pass that has not ended goes on: a new ballot would make all that it asked void.
    // A campaign may have begun at this very end of a round: then this is no office any more, or not yet.
    const inOffice = ballot !== null && writer.elected && election.working;
    if (!free || !inOffice || writer.purgeUnderWay || !complete() || this.ripe(1).length === 0) return;
    if (planted("R12.without-promise")) return writer.purge(now, this.ripe(MAX_PURGED), out);
    this.waiting = { since: now, before: ballot };
    writer.pause();
    this.proceed(now, out);
  }

  /** Takes the pass's ballot as soon as no write is under way, so that no outcome gets lost by it. */
  proceed(now: Instant, out: Outbox): void {
    const { waiting } = this;
    if (waiting === null) return;
    const { writer, election, act } = this.options;
    const { ballot } = writer;
    if (ballot === null) {
      this.waiting = null;
    } else if (!sameBallot(ballot, waiting.before)) {
      if (!writer.elected) return;
      this.waiting = null;
      writer.purge(now, this.ripe(MAX_PURGED), out);
    } else if (since(now, waiting.since) > PATIENCE_MS) {
      this.giveUp(now, out);
    } else if (writer.quiet) {
      const action = election.renew();
      if (action === null) this.giveUp(now, out);
      else act(now, action, out);
    }
  }

  /** Only looks at which all replicas were heard count: otherwise there was no pass. */
  private remind(complete: boolean): void {
    const { table, overdue } = this.options;
    const { looks } = this;
    const upTo = looks[OVERDUE_LOOKS - 1] ?? 0;
    if (!complete) looks.length = 0;
    else if (upTo > 0) for (const { key, change } of table.tombstones(MAX_OVERDUE)) if (change <= upTo) overdue(key);
    looks.unshift(table.lastChange);
    if (looks.length > OVERDUE_LOOKS) looks.pop();
  }

  /**
   * The office is about to be handed over. A pass that still waits is given up, so that it does not end the pause that
   * the offer needs.
   */
  stop(now: Instant, out: Outbox): void {
    if (this.waiting !== null && !planted("B3.purge-goes-on")) this.giveUp(now, out);
  }

  private giveUp(now: Instant, out: Outbox): void {
    this.waiting = null;
    this.options.writer.resume(now, out);
  }

  private ripe(limit: number): Change[] {
    return withinBytes(this.options.table, limit, this.options.writer.load.purgeRoom).filter(
      ({ change }) => change <= this.ripeUpTo,
    );
  }
}

/** The first tombstones, with no more than `room` bytes of keys; one at least. */
function withinBytes(table: RegisterTable, limit: number, room: number): Change[] {
  const few = table.tombstones(Math.min(limit, FEW));
  // Keys are mostly alike: so many are looked at as would fit.
  const longest = few.reduce((most, { key }) => Math.max(most, key.length), 1);
  const many = Math.min(limit, Math.max(FEW, Math.floor(room / longest)));
  const found: Change[] = [];
  let bytes = 0;
  for (const change of few.length < FEW ? few : table.tombstones(many)) {
    bytes += change.key.length;
    if (bytes > room && found.length > 0) break;
    found.push(change);
  }
  return found;
}
