/**
 * Writes under way. A flight is done when a majority holds its register or a later one of its key. It stays on the list
 * of flights that some replica may still lack until one of three things happens. Every replica has it, or a later one
 * of its key departs. Or only replicas lack it that are not heard: those catch up when they are back. The settled seq
 * stops below the oldest flight that is not done (R14).
 *
 * Nobody may wait for a write any more while it is still under way, and a later write of its key is, too. The later one
 * carries the whole register, so the earlier one goes, and the later one takes its place. The settled seq stays below
 * both until the later one is on a majority.
 */
import { assert } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import { since } from "../../base/time.js";
import { TransientMap } from "../../base/transient-map.js";
import { countVotes, voteOf } from "../../base/votes.js";
import type { Key, Revision } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { Register } from "../model/register.js";
import type { Group } from "../quorum/group.js";
import { Asking, type Patience, RESEND_MS } from "../quorum/patience.js";
import type { Waiter } from "../quorum/waiter.js";
import type { NodeLoad, Retained } from "./node-load.js";

/**
 * Registers of a partition remembered for replicas that lack them; beyond it the oldest on a majority are left to
 * reads.
 */
export const MAX_UNREPLICATED = 2_048;
/** Flights that are over and still on the list, at most, while few are under way: each holds its register. */
const MAX_PAST = 32;
const MAX_PAST_BYTES = 64 * 1_024;
/** Writes that have been under way for longer are looked through for waiters whose deadline has come. */
const LONG_MS = 1_000;
/** Registers sent again at a time. */
const MAX_RESEND = 256;

export class Flight extends Asking implements Retained {
  votes = 0;
  readonly bytes: number;
  messages = 0;
  done = false;
  waiters: Waiter[];
  /** The lowest seq for which this write stands: its own, or that of the first write whose place it took. */
  firstSeq: number;

  constructor(
    /** The writes of its key that are not on a majority yet, oldest first; itself among them. */
    readonly undone: Flight[],
    readonly register: Register,
    waiter: Waiter,
    public departedAt: Instant,
    private readonly owner: Flights,
  ) {
    super(departedAt);
    this.bytes = register.bytes;
    this.firstSeq = register.timestamp.seq;
    this.waiters = [waiter];
  }

  leave(): void {
    this.owner.leave(this);
  }
}

type Send = (register: Register, places: number) => void;

export interface Landing {
  readonly key: Key;
  /** The revision of the register that is now on a majority. */
  readonly revision: Revision;
  readonly waiters: readonly Waiter[];
}

export class Flights {
  /** By seq: the flights that some replica may still lack. */
  private readonly bySeq = new TransientMap<number, Flight>();
  private readonly latest = new TransientMap<Key, Flight>();
  /**
   * Flights in the order of their first seq; those before `head` are done, those before `first` on every replica that
   * is heard.
   */
  private order: Flight[] = [];
  private head = 0;
  private first = 0;
  undone = 0;
  /** Those of them that nobody waits for any more, as of the last look. */
  deserted = 0;

  constructor(
    private readonly group: Group,
    private readonly load: NodeLoad,
  ) {}

  /** `undone`: the writes of the key that are not on a majority yet, oldest first. */
  depart(now: Instant, undone: Flight[], register: Register, waiter: Waiter): void {
    const newest = this.order.at(-1)?.register.timestamp.seq ?? 0;
    assert(register.timestamp.seq > newest || planted("R6"), "writer I2: a seq is given to one register only");
    const flight = new Flight(undone, register, waiter, now, this);
    const before = this.latest.get(register.key);
    if (before?.done) {
      this.bySeq.delete(before.register.timestamp.seq);
      this.load.release(before);
    }
    this.load.flightBytes += flight.bytes;
    // In the order of departure: a key written again moves to the end.
    if (before !== undefined) this.latest.delete(register.key);
    this.latest.set(register.key, flight);
    this.bySeq.set(register.timestamp.seq, flight);
    this.order.push(flight);
    undone.push(flight);
    this.undone++;
    if (this.latest.size > MAX_UNREPLICATED) this.forgetOldest();
  }

  /** Adds a waiter to the write of that seq; false when it is on a majority already. */
  await(undone: readonly Flight[], seq: number, waiter: Waiter): boolean {
    const flight = undone.at(-1);
    if (flight === undefined || flight.register.timestamp.seq !== seq) return false;
    flight.waiters.push(waiter);
    return true;
  }

  /** A replica holds the register of that seq. Returns what landed by that, if anything. */
  acknowledge(seq: number, place: number): Landing | null {
    const flight = this.bySeq.get(seq);
    if (flight === undefined) return null;
    flight.votes |= voteOf(place);
    flight.messages++;
    const count = planted("R7.count-messages") ? flight.messages : countVotes(flight.votes);
    let landing: Landing | null = null;
    if (!flight.done && count >= this.group.majority) landing = this.land(flight);
    if (flight.votes === this.group.everyone) this.retire(flight);
    return landing;
  }

  /** Every seq of the ballot up to this one is on a majority, itself or by a later one of its key. */
  settledSeq(last: number): number {
    const first = this.order[this.head];
    assert((first === undefined) === (this.undone === 0), "writer I5: the settled seq stops below what is under way");
    return first === undefined ? last : first.firstSeq - 1;
  }

  /**
   * The office is over: empties everything and returns the writes that no majority has, with those who wait for them.
   */
  drain(): Flight[] {
    const undone: Flight[] = [];
    for (let i = this.head; i < this.order.length; i++) {
      const flight = this.order[i] as Flight;
      if (!flight.done) {
        undone.push(flight);
        this.load.flightBytes -= flight.bytes;
      }
      flight.undone.length = 0;
    }
    for (const flight of this.latest.values()) this.load.release(flight);
    this.bySeq.clear();
    this.latest.clear();
    this.order = [];
    this.head = 0;
    this.first = 0;
    this.undone = 0;
    this.deserted = 0;
    return undone;
  }

  /**
   * Sends again what was not acknowledged for a while: to everybody what no majority has, to the replicas that are
   * heard what they lack. A flight that all of those have is over.
   */
  resend(now: Instant, heard: number, patience: Patience, send: Send): void {
    let budget = MAX_RESEND;
    while (this.first < this.order.length) {
      const flight = this.order[this.first] as Flight;
      if (!this.replicated(flight, heard)) break;
      this.pass(flight);
      this.first++;
    }
    for (let i = this.first; i < this.order.length && budget > 0; i++) {
      const flight = this.order[i] as Flight;
      if (since(now, flight.departedAt) < RESEND_MS) break;
      if (this.replicated(flight, heard)) this.pass(flight);
      else if (this.sendAgain(now, flight, flight.done ? heard : this.group.everyone, patience, send)) budget--;
    }
    this.trim();
  }

  /**
   * Those who have waited for a write until their deadline; they wait no more. The write goes on, itself or by a later
   * one of its key: it was decided. Called every RESEND_MS; a write that has been under way for less than a second is
   * not looked at.
   */
  overdue(now: Instant): Waiter[] {
    const left: Waiter[] = [];
    let keys: Set<Flight[]> | null = null;
    this.deserted = 0;
    for (let i = this.head; i < this.order.length; i++) {
      const flight = this.order[i] as Flight;
      if (since(now, flight.departedAt) < LONG_MS) break;
      if (flight.done) continue;
      const over = flight.waiters.filter((waiter) => waiter.over(now));
      if (over.length > 0) flight.waiters = flight.waiters.filter((waiter) => !over.includes(waiter));
      left.push(...over);
      if (flight.waiters.length > 0) continue;
      this.deserted++;
      if (flight.undone.at(-1) === flight) continue;
      keys ??= new Set();
      keys.add(flight.undone);
    }
    if (keys !== null && !planted("I3.keeps-deserted")) this.leaveToLater(keys);
    return left;
  }

  /** Each write of these keys that nobody waits for gives its place to the next one that stays. */
  private leaveToLater(keys: Iterable<Flight[]>): void {
    const gone = new Set<Flight>();
    for (const undone of keys) {
      let oldest: Flight | null = null;
      let kept = 0;
      const last = undone.at(-1);
      for (const flight of undone) {
        oldest ??= flight;
        if (flight !== last && flight.waiters.length === 0) {
          gone.add(flight);
          continue;
        }
        if (!planted("R14.over-deserted")) flight.firstSeq = oldest.firstSeq;
        flight.departedAt = oldest.departedAt;
        oldest = null;
        undone[kept++] = flight;
      }
      undone.length = kept;
    }
    for (const { register, bytes } of gone) {
      this.bySeq.delete(register.timestamp.seq);
      this.load.flightBytes -= bytes;
    }
    this.undone -= gone.size;
    this.deserted -= gone.size;
    const staying = this.order.slice(this.head).filter((flight) => !gone.has(flight));
    this.order = [...this.order.slice(0, this.head), ...staying.sort((a, b) => a.firstSeq - b.firstSeq)];
  }

  /** Something may have to be sent again. */
  get busy(): boolean {
    return this.first < this.order.length;
  }

  private sendAgain(now: Instant, flight: Flight, to: number, patience: Patience, send: Send): boolean {
    const lacking = this.group.everyone & ~flight.votes & to;
    if (lacking === 0 || this.latest.get(flight.register.key) !== flight) return false;
    if (!this.load.mayResend || !flight.due(now, patience, lacking)) return false;
    this.load.resent(flight.bytes);
    send(flight.register, lacking);
    return true;
  }

  /** Every replica that is heard has it, or a later register of its key is under way to them. */
  private replicated(flight: Flight, heard: number): boolean {
    return flight.done && ((heard & ~flight.votes) === 0 || this.latest.get(flight.register.key) !== flight);
  }

  /** A replica that is not heard and lacks it catches up when it is back. */
  private pass(flight: Flight): void {
    if (flight.votes !== this.group.everyone) this.retire(flight);
  }

  /** Nobody knows what became of that seq, though a resend is overdue; asked by a planted bug alone. */
  unclear(now: Instant, seq: number): boolean {
    const flight = this.bySeq.get(seq);
    return flight !== undefined && !flight.done && since(now, flight.askedAt) >= RESEND_MS;
  }

  /** Replicas that acknowledged all that departed longer ago than that, one bit each. */
  caughtUp(now: Instant, withinMs: number): number {
    let places = this.group.everyone;
    for (const flight of this.latest.values()) {
      if (since(now, flight.departedAt) >= withinMs) places &= flight.votes;
      if (places === 0) break;
    }
    return places;
  }

  /** Flights held in memory, those that are over included. */
  get listed(): number {
    return this.order.length;
  }

  /** Registers that some replica may lack. */
  get unreplicated(): number {
    return this.latest.size;
  }

  private land(flight: Flight): Landing {
    const { undone } = flight;
    const waiters: Waiter[] = [];
    // Earlier writes of the key land with it: every later state is made of theirs.
    while (undone.length > 0) {
      const first = undone[0] as Flight;
      if (first.register.timestamp.seq > flight.register.timestamp.seq) break;
      undone.shift();
      first.done = true;
      this.undone--;
      this.load.flightBytes -= first.bytes;
      waiters.push(...first.waiters);
      first.waiters = [];
      if (this.latest.get(first.register.key) !== first) this.bySeq.delete(first.register.timestamp.seq);
      else this.load.retain(first);
    }
    while (this.order[this.head]?.done) this.head++;
    this.trim();
    const { key, revision } = flight.register;
    return { key, revision, waiters };
  }

  /** Flights that are over hold no more than a few registers, and no large ones. */
  private trim(): void {
    const past = Math.min(this.head, this.first);
    if (past === 0 || past * 2 <= this.order.length) return;
    if (past <= MAX_PAST && past * (this.order[past - 1] as Flight).bytes <= MAX_PAST_BYTES) return;
    this.order = this.order.slice(past);
    this.head -= past;
    this.first -= past;
  }

  /** Too much is kept: who lacks this register gets it by catching up, or by reads. */
  leave(flight: Flight): void {
    this.retire(flight);
  }

  private retire(flight: Flight): void {
    this.load.release(flight);
    this.bySeq.delete(flight.register.timestamp.seq);
    if (this.latest.get(flight.register.key) === flight) this.latest.delete(flight.register.key);
  }

  private forgetOldest(): void {
    for (const flight of this.latest.values()) {
      if (flight.done) return this.leave(flight);
    }
  }
}
