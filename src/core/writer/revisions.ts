/**
 * The revisions a writer hands out. Each lies below a reservation that a majority holds durably. The next writer begins
 * above the highest reservation a majority reports. So none is ever handed out twice in a partition, whoever crashed in
 * between (R13). A writer change skips what was reserved and not used.
 */
import { assert } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import type { Ballot } from "../model/ballot.js";
import { NO_REVISION, type Revision, revision } from "../model/ids.js";
import type { Reserved } from "../model/message.js";
import type { Outbox, Ticket } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import type { Patience } from "../quorum/patience.js";
import { Round } from "../quorum/round.js";

/** Requests to raise revisions that wait in a partition; further ones are turned away. */
export const MAX_RAISES = 64;

/** Revisions reserved at a time; a writer change skips at most this many. */
export const RESERVATION_WINDOW = 10_000;

/** A request to raise revisions. */
export interface Raise {
  readonly ticket: Ticket;
  readonly above: Revision;
  readonly deadline: Instant;
}

export class Revisions {
  /** The last one handed out, or the one to begin above. */
  last = NO_REVISION;
  /** Where this office began: nothing below it is ever handed out again once a majority has its first reservation. */
  base = NO_REVISION;
  /** A majority holds this reservation. */
  private reserved = NO_REVISION;
  private ballot: Ballot | null = null;
  private round: Round | null = null;
  private asked = NO_REVISION;
  /** The floor that the partition is to have; 0: none was asked for in this office. */
  private wantedFloor = NO_REVISION;
  private askedFloor = NO_REVISION;
  /** A majority holds this floor, as far as this office knows because it asked for it. */
  floor = NO_REVISION;
  /** Those that no majority has yet, in the order in which they came. */
  private raises: Raise[] = [];

  constructor(
    private readonly group: Group,
    private readonly attempts: Attempts,
    private readonly multicast: Multicast,
  ) {}

  /** An office begins: `above` is the highest reservation that a majority of promises reported. */
  begin(now: Instant, ballot: Ballot, above: Revision, out: Outbox): void {
    this.ballot = ballot;
    this.last = above;
    this.base = above;
    this.reserved = NO_REVISION;
    this.round = null;
    this.wantedFloor = NO_REVISION;
    this.floor = NO_REVISION;
    this.ask(now, out);
  }

  /**
   * Nothing up to `above` is handed out any more. Once a majority has reserved beyond it, the replicas' floors rise to
   * it, too. An earlier request, whose record nobody here can have, is refused instead of run (R9). In this order, so
   * that whoever knows of the floor may hand it out as the partition's revision: no later writer begins below it. The
   * ticket gets its outcome when a majority has the floor, when the office ends, or at the deadline.
   */
  raise(now: Instant, raise: Raise, out: Outbox): void {
    const { ticket, above } = raise;
    if (above <= this.floor || this.raises.length >= MAX_RAISES) {
      out.raised.push({ ticket, done: above <= this.floor });
      return;
    }
    this.raises.push(raise);
    if (above > this.last) this.last = above;
    if (above > this.wantedFloor) this.wantedFloor = above;
    this.ask(now, out);
  }

  /** Nothing up to that is handed out any more; what is reserved stays so. */
  goOnAbove(revision: Revision): void {
    if (revision > this.last) this.last = revision;
  }

  end(out: Outbox): void {
    this.ballot = null;
    this.round = null;
    for (const { ticket } of this.raises) out.raised.push({ ticket, done: false });
    this.raises = [];
  }

  /** A majority holds the office's first reservation. */
  get begun(): boolean {
    return this.reserved > NO_REVISION || planted("R13.no-reservation");
  }

  /** A floor was asked for, and no majority has it yet. */
  get raising(): boolean {
    return this.floor < this.wantedFloor;
  }

  /** Waits for an answer. */
  get busy(): boolean {
    return this.round !== null || this.raises.length > 0;
  }

  /** The next write can be given one, and no floor is on its way that might be above what it knows. */
  get ready(): boolean {
    return this.begun && !this.raising && (this.last < this.reserved || planted("R13.no-reservation"));
  }

  /** null: none is reserved any more; it has been asked for. */
  next(now: Instant, out: Outbox): Revision | null {
    const unreserved = planted("R13.no-reservation");
    if (this.last >= this.reserved && !unreserved) {
      this.ask(now, out);
      return null;
    }
    this.last = revision(this.last + 1);
    assert(this.last <= this.reserved || unreserved, "writer I3: a revision handed out is reserved at a majority");
    // Renewed ahead of need.
    if (this.reserved - this.last < RESERVATION_WINDOW / 2) this.ask(now, out);
    return this.last;
  }

  /** True when a majority holds the new reservation. */
  onReserved(now: Instant, place: number, message: Reserved, out: Outbox): boolean {
    const { round } = this;
    if (round === null || round.attempt !== message.attempt) return false;
    round.vote(place);
    if (round.count < (planted("R13.one-replica") ? 1 : this.group.majority)) return false;
    this.round = null;
    this.reserved = this.asked;
    if (this.askedFloor > this.floor) this.floor = this.askedFloor;
    if (this.floor < this.wantedFloor) this.ask(now, out);
    const early = planted("R9.raise-told-early");
    this.tell((raise) => (early || raise.above <= this.floor ? "done" : "waits"), out);
    return true;
  }

  resend(now: Instant, patience: Patience, out: Outbox): void {
    if (this.raises.length > 0) this.tell((raise) => (now >= raise.deadline ? "given up" : "waits"), out);
    const { round } = this;
    if (round?.due(now, patience)) this.send(round, this.group.everyone & ~round.votes, out);
  }

  private tell(judge: (raise: Raise) => "done" | "given up" | "waits", out: Outbox): void {
    if (this.raises.length === 0) return;
    this.raises = this.raises.filter((raise) => {
      const verdict = judge(raise);
      if (verdict !== "waits") out.raised.push({ ticket: raise.ticket, done: verdict === "done" });
      return verdict === "waits";
    });
  }

  private ask(now: Instant, out: Outbox): void {
    if (this.round !== null || planted("R13.no-reservation")) return;
    this.asked = revision(Math.max(this.last, this.reserved) + RESERVATION_WINDOW);
    this.askedFloor = this.reserved >= this.wantedFloor ? this.wantedFloor : NO_REVISION;
    this.round = new Round(this.attempts.next(), now);
    this.send(this.round, this.group.everyone, out);
  }

  private send(round: Round, places: number, out: Outbox): void {
    if (this.ballot === null) return;
    this.multicast.send(
      places,
      {
        kind: "reserve",
        partition: this.group.partition,
        ballot: this.ballot,
        attempt: round.attempt,
        reservation: this.asked,
        floor: this.askedFloor,
      },
      out,
    );
  }
}
