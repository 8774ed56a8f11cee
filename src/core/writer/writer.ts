/**
 * The writer: the 1 of the (1,N) register. It decides every write of its partition, one after the other, in its own
 * memory, and each decision counts once a majority holds it.
 *
 * The intuition: winning a ballot freezes, at a majority, everything that older ballots could still do. Whatever that
 * majority then holds of a key (Recover) is all there is to know. So the writer may decide on it and on its own
 * decisions since, without asking again. One round trip a write; any number in flight, also on one key, since each
 * Write carries the whole register.
 *
 * Invariants:
 *   I1  It decides on a key only from what a majority that promised its ballot holds, or from its own decisions in this
 *       office (R4).
 *   I2  A (ballot, seq) is given to one register only; memory is never rolled back (R6).
 *   I3  A revision is handed out only below a reservation that a majority holds (R13).
 *   I4  A state that the request did not write is revealed only when it is on a majority and a round begun later was
 *       confirmed (R5).
 *   I5  The settled seq stops below the lowest one that is not on a majority itself or by a later one of its key (R14).
 *
 * Source: the (1,N) register by Read-Impose Write-Majority (Cachin et al.), with Paxos' rounds of phase 2; for the
 * confirming round, Raft's ReadIndex without its log.
 */
import { assert } from "../../base/assert.js";
import { after, type Duration, duration, type Instant } from "../../base/time.js";
import { voteOf } from "../../base/votes.js";
import type { Ballot } from "../model/ballot.js";
import { NO_REVISION, type NodeId, type Revision } from "../model/ids.js";
import type {
  Confirmed,
  HandOver,
  Prepare,
  Promised,
  Purged,
  Recovered,
  Reserved,
  TombstoneHeld,
  Written,
} from "../model/message.js";
import type { WriteRequest } from "../model/operation.js";
import type { Outbox, Ticket } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Change } from "../model/table.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import type { Patience } from "../quorum/patience.js";
import type { Asker } from "../quorum/waiter.js";
import type { Replica } from "../replica/replica.js";
import { Answers } from "./answers.js";
import { Confirmations } from "./confirmations.js";
import { Deadlines } from "./deadlines.js";
import { Decisions } from "./decisions.js";
import { Flights } from "./flights.js";
import { Keys } from "./keys.js";
import { Lines } from "./lines.js";
import { NodeLoad } from "./node-load.js";
import { OwnOffice } from "./own-office.js";
import { Purging } from "./purging.js";
import type { Queued } from "./queued.js";
import { type Raise, Revisions } from "./revisions.js";
import { type Unclear, UnclearWrites } from "./unclear.js";
import { WaitingRequests } from "./waiting-requests.js";

/** Requests of one partition that the writer has taken on and not finished; more are refused as overload. */
export const MAX_FLIGHTS = 8_192;
/** A bound for one key: a key that nobody can recover, or whose writes do not land, must not use up its partition. */
export const MAX_OF_KEY = MAX_FLIGHTS / 4;
/** A reader that handed its read over is turned away after this long, and asks again if it still wants to know. */
const HAND_OVER_WAIT: Duration = duration(3_000);

export interface WriterOptions {
  readonly group: Group;
  readonly replica: Replica;
  readonly attempts: Attempts;
  readonly multicast: Multicast;
  /** The load of all writers of the node together; one of its own by default. */
  readonly load?: NodeLoad;
}

export class Writer {
  private readonly group: Group;
  private readonly replica: Replica;
  private readonly multicast: Multicast;
  readonly load: NodeLoad;

  private readonly office = new OwnOffice();
  private readonly revisions: Revisions;
  private readonly confirmations: Confirmations;
  private readonly keys: Keys;
  private readonly lines = new Lines();
  private readonly answers: Answers;
  private readonly flights: Flights;
  private readonly purging: Purging;
  private readonly requests = new WaitingRequests();
  private readonly unclear = new UnclearWrites();
  private readonly decisions: Decisions;
  private readonly deadlines: Deadlines;

  constructor(options: WriterOptions) {
    this.group = options.group;
    this.replica = options.replica;
    this.multicast = options.multicast;
    this.load = options.load ?? new NodeLoad();
    this.flights = new Flights(options.group, this.load);
    this.keys = new Keys(options.group, options.attempts, options.multicast, this.load);
    this.purging = new Purging(options.group, options.attempts, options.multicast, this.load);
    this.answers = new Answers(options.group, options.replica);
    this.revisions = new Revisions(options.group, options.attempts, options.multicast);
    this.confirmations = new Confirmations(options.group, options.attempts, options.multicast);
    const { group, replica, multicast, office, revisions, confirmations, keys, lines, answers, flights, purging } =
      this;
    const { requests: waiting, unclear } = this;
    const parts = { office, revisions, confirmations, keys, lines, answers, flights, purging, waiting };
    this.decisions = new Decisions({ group, replica, multicast, ...parts });
    this.deadlines = new Deadlines({ ...parts, unclear, decisions: this.decisions });
  }

  /** null: no office, no candidacy. */
  get ballot(): Ballot | null {
    return this.office.ballot;
  }

  /** A majority promised. */
  get elected(): boolean {
    return this.office.elected;
  }

  /** Handing the office over: requests wait, nothing is decided. */
  get paused(): boolean {
    return this.office.paused;
  }

  /** Replicas that promised this ballot, one bit each. */
  get promised(): number {
    return this.office.promised;
  }

  // ---- office

  /** The election decided: take this new ballot. An office held before ends here; nothing of it is remembered (R4). */
  campaign(ballot: Ballot, out: Outbox): void {
    this.resign(out);
    this.office.campaign(ballot);
    this.replica.promiseOwn(ballot, out);
    this.prepare(this.group.everyone, out);
  }

  /** The same Prepare again: a lost one is repeated in the same ballot, never with a new one. */
  prepare(places: number, out: Outbox): void {
    const { ballot } = this;
    assert(ballot !== null, "a Prepare has a ballot");
    const message: Prepare = { kind: "prepare", partition: this.group.partition, ballot };
    for (let place = 0; place < this.group.replicas.length; place++) {
      if ((places & voteOf(place)) === 0) continue;
      const to = this.group.replicas[place] as NodeId;
      if (place === this.group.place) this.replica.onPrepare(to, message, out);
      // After the own promise is durable (R8).
      else out.sendDurable.push(to, message);
    }
  }

  onPromised(now: Instant, place: number, message: Promised, out: Outbox): void {
    const { ballot } = message;
    if (!this.office.holds(ballot)) return;
    if (!this.office.takePromise(place, message, this.group.majority)) return;
    this.answers.begin(ballot);
    this.keys.begin(ballot);
    this.confirmations.begin(ballot);
    const above = planted("R13.no-reservation") ? this.replica.revisions.settledRevision : this.office.highestReported;
    this.revisions.begin(now, ballot, above, out);
    this.decisions.resolve(now, this.unclear.takeAll(), out);
  }

  /** Office or candidacy ends: who was decided may or may not count, who was not is told to go elsewhere. */
  resign(out: Outbox): void {
    if (this.ballot === null) return;
    for (const { waiters } of this.flights.drain()) for (const waiter of waiters) this.answers.lose(waiter, out);
    this.end(out);
  }

  /**
   * The group's epoch is over (V2). Office and candidacy end as in `resign`. But the clients' writes whose fate is open
   * are returned, for the writer of the next epoch on this node.
   */
  seal(out: Outbox): readonly Unclear[] {
    const unclear: Unclear[] = this.unclear.takeAll();
    if (this.ballot === null) return unclear;
    for (const { register, waiters } of this.flights.drain()) {
      const { key, timestamp } = register;
      for (const waiter of waiters) {
        const isOpen = waiter.decided && !waiter.told && waiter.outstanding === 1 && waiter.asker.kind === "client";
        if (planted("H18.not-writer")) this.answers.notRun(waiter, out);
        else if (isOpen) unclear.push({ key, timestamp, waiter });
        else this.answers.lose(waiter, out);
      }
    }
    this.end(out);
    return unclear;
  }

  /** Writes of the epoch before that this node decided: what became of them is found out in the office that follows. */
  inherit(unclear: readonly Unclear[]): void {
    for (const { waiter } of unclear) this.answers.take(waiter.asker);
    this.unclear.add(unclear);
  }

  private end(out: Outbox): void {
    this.office.end();
    this.revisions.end(out);
    this.purging.end();
    for (const { waiter } of this.unclear.takeAll()) this.answers.lose(waiter, out);
    for (const waiter of this.confirmations.end()) this.answers.lose(waiter, out);
    for (const queued of this.lines.end()) this.answers.turnAway(queued, out);
    for (const queued of this.keys.end()) this.answers.turnAway(queued, out);
    for (const queued of this.requests.takeAll()) this.answers.turnAway(queued, out);
  }

  /** Stops deciding, so that the office can be handed over. */
  pause(): void {
    this.office.paused = true;
  }

  resume(now: Instant, out: Outbox): void {
    this.office.paused = false;
    this.decisions.goOn(now, out);
  }

  /** Every decision is on a majority. */
  get quiet(): boolean {
    return this.flights.undone === 0 && !this.confirmations.busy;
  }

  get settledSeq(): number {
    return this.decisions.settledSeq;
  }

  /** Something may have to be asked again. */
  get busy(): boolean {
    return (
      this.unclear.any ||
      (this.ballot !== null &&
        (this.flights.busy ||
          this.keys.busy ||
          this.lines.busy ||
          this.revisions.busy ||
          this.confirmations.busy ||
          this.purging.busy ||
          this.requests.any))
    );
  }

  /** Replicas that lack nothing that departed longer ago than that, one bit each. */
  caughtUp(now: Instant, withinMs: number): number {
    return this.flights.caughtUp(now, withinMs);
  }

  /** A pass has asked for something and waits for it. */
  get purgeUnderWay(): boolean {
    return this.purging.busy;
  }

  /** Tombstones purged as the writer since the node started. */
  get purged(): number {
    return this.purging.purged;
  }

  /** Begins a pass over these, in an office that has just begun (R12). */
  purge(now: Instant, tombstones: readonly Change[], out: Outbox): void {
    if (this.ballot === null || !this.elected) return;
    const untouched = tombstones.filter(({ key }) => !this.keys.has(key) || planted("R12.without-promise"));
    this.purging.begin(now, this.ballot, untouched, out);
  }

  onTombstoneHeld(now: Instant, place: number, message: TombstoneHeld, out: Outbox): void {
    if (this.office.holds(message.ballot)) this.purging.onHeld(now, place, message, out);
  }

  onPurged(now: Instant, place: number, message: Purged, out: Outbox): void {
    if (this.office.holds(message.ballot)) this.purging.onPurged(now, place, message, out);
  }

  // ---- requests

  /** The ticket gets its outcome by the deadline, or within a tick after it. */
  write(now: Instant, ticket: Ticket, request: WriteRequest, deadline: Instant, out: Outbox): void {
    this.takeOn(now, { asker: { kind: "client", ticket, deadline }, request, key: request.operation.key }, out);
  }

  /** A reader hands its read over: answered in a round begun now (R5). */
  onHandOver(now: Instant, from: NodeId, message: HandOver, out: Outbox): void {
    const asker: Asker = {
      kind: "reader",
      node: from,
      attempt: message.attempt,
      deadline: after(now, HAND_OVER_WAIT),
    };
    this.takeOn(now, { asker, request: null, key: message.key }, out);
  }

  /** Requests taken on and not finished, and writes that go on though nobody waits for them any more. */
  get waiting(): number {
    return this.answers.waiting + this.flights.deserted;
  }

  private takeOn(now: Instant, queued: Queued, out: Outbox): void {
    const { asker, key } = queued;
    const full = this.load.full || this.waiting >= MAX_FLIGHTS || this.keys.loadOf(key) >= MAX_OF_KEY;
    if (!this.answers.take(asker)) return;
    if (!this.elected) return this.answers.turnAway(queued, out);
    if (full && !planted("I3.waits-on")) return this.answers.refuse(asker, { reason: "overloaded" }, out);
    this.decisions.enter(now, queued, out);
  }

  onRecovered(now: Instant, place: number, message: Recovered, out: Outbox): void {
    if (!this.office.holds(message.ballot)) return;
    // An office begins above all that was ever decided (R13): what is beyond it was made up, and would outlive whoever
    // did.
    const beyond = Math.max(message.floor, message.register?.revision ?? NO_REVISION) > this.revisions.last;
    const reserved = !planted("R13.no-reservation") && !planted("R13.one-replica");
    if (beyond && reserved && !planted("R13.recovers-beyond")) return;
    for (const queued of this.keys.onRecovered(now, place, message)) this.decisions.enterAgain(now, queued, out);
  }

  onWritten(now: Instant, place: number, message: Written, out: Outbox): void {
    const { ballot } = message;
    if (!this.office.holds(ballot)) return;
    const done = this.flights.acknowledge(message.seq, place);
    if (done === null) return;
    this.replica.revisions.settle(ballot, this.settledSeq, done.revision);
    for (const waiter of done.waiters) this.answers.advance(waiter, out);
    if (!this.lines.busy) return;
    const state = this.keys.known(done.key);
    if (state !== null) this.decisions.admit(now, state, out);
  }

  // ---- rounds

  onConfirmed(now: Instant, place: number, message: Confirmed, out: Outbox): void {
    if (!this.office.holds(message.ballot)) return;
    for (const waiter of this.confirmations.onConfirmed(now, place, message, out)) {
      if (waiter.again === null) this.answers.advance(waiter, out);
      else if (!waiter.told) waiter.again(now, out);
    }
  }

  onReserved(now: Instant, place: number, message: Reserved, out: Outbox): void {
    if (!this.office.holds(message.ballot)) return;
    const floor = this.revisions.floor;
    if (!this.revisions.onReserved(now, place, message, out)) return;
    // No later office begins below it: clients may be told, so that what they say they know is not below what was
    // forgotten (R9).
    if (!planted("R9.base-untold")) this.replica.revisions.knowRevision(this.revisions.base);
    if (this.revisions.floor > floor && !planted("R9.raise-without-floor")) {
      this.keys.raiseFloor(this.revisions.floor);
      this.lines.displace();
    }
    this.decisions.goOn(now, out);
  }

  /**
   * From now on all revisions are above this one, and requests that know only of lower ones are refused as expired (R9,
   * R13).
   */
  raise(now: Instant, raise: Raise, out: Outbox): void {
    if (this.elected) this.revisions.raise(now, raise, out);
    else out.raised.push({ ticket: raise.ticket, done: false });
  }

  /** The last revision handed out, or where the next will begin; of an office. */
  get lastRevision(): Revision {
    return this.revisions.last;
  }

  /** In this office a majority confirmed that everything is above this revision; 0: nothing was raised. */
  get raisedAbove(): Revision {
    return this.elected ? this.revisions.floor : NO_REVISION;
  }

  // ---- time

  /**
   * Asks again what was not answered in time: the same attempt, the same registers (R6, R7). Called every tick by the
   * driver.
   */
  resend(now: Instant, heard: number, patience: Patience, out: Outbox): void {
    this.deadlines.lookAtUnclear(now, out);
    if (this.ballot === null || !this.elected) return;
    this.deadlines.look(now, out);
    if (planted("R6") && this.flights.unclear(now, this.office.seq)) this.office.seq--;
    this.revisions.resend(now, patience, out);
    this.confirmations.resend(now, patience, out);
    if (this.keys.busy) this.keys.resend(now, patience, out);
    if (this.purging.busy) this.purging.resend(now, patience, out);
    this.flights.resend(now, heard, patience, (register, places) =>
      this.multicast.send(places, this.decisions.writeOf(register, true), out),
    );
  }
}

const _NOBODY: readonly NodeId[] = [];
