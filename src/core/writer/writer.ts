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
import { after, type Duration, duration, type Instant, instant, since } from "../../base/time.js";
import { countVotes, voteOf } from "../../base/votes.js";
import { type Ballot, sameBallot, timestamp } from "../model/ballot.js";
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
  Write,
  Written,
} from "../model/message.js";
import type { Refusal, WriteRequest } from "../model/operation.js";
import type { Outbox, Ticket } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import { Register } from "../model/register.js";
import { BAD, type Change } from "../model/table.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import { type Patience, RESEND_MS } from "../quorum/patience.js";
import { type Asker, Waiter } from "../quorum/waiter.js";
import type { Replica } from "../replica/replica.js";
import { Answers } from "./answers.js";
import { Confirmations } from "./confirmations.js";
import { answerFromRecord, answerOf, evaluate, findRecord, retain, successor } from "./decide.js";
import { Flights } from "./flights.js";
import type { KeyState } from "./key-state.js";
import { Keys } from "./keys.js";
import type { Lined } from "./line.js";
import { Lines } from "./lines.js";
import { NodeLoad } from "./node-load.js";
import { Purging } from "./purging.js";
import type { Queued } from "./queued.js";
import { type Raise, Revisions } from "./revisions.js";
import { includes, type Unclear } from "./unclear.js";

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

  /** null: no office, no candidacy. */
  ballot: Ballot | null = null;
  /** A majority promised. */
  elected = false;
  /** Handing the office over: requests wait, nothing is decided. */
  paused = false;
  /** Replicas that promised this ballot, one bit each. */
  promised = 0;
  private seq = 0;
  private highestReported = NO_REVISION;
  private readonly revisions: Revisions;
  private readonly confirmations: Confirmations;
  private readonly keys: Keys;
  private readonly lines = new Lines();
  private readonly answers: Answers;
  private readonly flights: Flights;
  private readonly purging: Purging;
  /** Requests that wait for a reservation, or for the end of a pause. */
  private waitingForOffice: Queued[] = [];
  /** Writes of the epoch before, until this office begins. */
  private readonly unclear: Unclear[] = [];
  private lookedAt = instant(0);

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
  }

  // ---- office

  /** The election decided: take this new ballot. An office held before ends here; nothing of it is remembered (R4). */
  campaign(ballot: Ballot, out: Outbox): void {
    this.resign(out);
    this.ballot = ballot;
    this.promised = 0;
    this.seq = 0;
    this.highestReported = NO_REVISION;
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
    const { ballot } = this;
    if (ballot === null || !sameBallot(ballot, message.ballot)) return;
    this.promised |= voteOf(place);
    if (this.elected) return;
    if (message.reservation > this.highestReported) this.highestReported = message.reservation;
    if (countVotes(this.promised) < this.group.majority) return;
    this.elected = true;
    this.answers.begin(ballot);
    this.keys.begin(ballot);
    this.confirmations.begin(ballot);
    const above = planted("R13.no-reservation") ? this.replica.settledRevision : this.highestReported;
    this.revisions.begin(now, ballot, above, out);
    this.resolve(now, out);
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
    const unclear: Unclear[] = this.unclear.splice(0);
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
    this.unclear.push(...unclear);
  }

  private end(out: Outbox): void {
    this.ballot = null;
    this.elected = false;
    this.paused = false;
    this.revisions.end(out);
    this.purging.end();
    for (const { waiter } of this.unclear.splice(0)) this.answers.lose(waiter, out);
    for (const waiter of this.confirmations.end()) this.answers.lose(waiter, out);
    for (const queued of this.lines.end()) this.answers.turnAway(queued, out);
    for (const queued of this.keys.end()) this.answers.turnAway(queued, out);
    for (const queued of this.waitingForOffice) this.answers.turnAway(queued, out);
    this.waitingForOffice = [];
  }

  /** Stops deciding, so that the office can be handed over. */
  pause(): void {
    this.paused = true;
  }

  resume(now: Instant, out: Outbox): void {
    this.paused = false;
    this.drainWaiting(now, out);
  }

  /** Every decision is on a majority. */
  get quiet(): boolean {
    return this.flights.undone === 0 && !this.confirmations.busy;
  }

  get settledSeq(): number {
    return planted("R14.over-unacknowledged") ? this.seq : this.flights.settledSeq(this.seq);
  }

  /** Something may have to be asked again. */
  get busy(): boolean {
    return (
      this.unclear.length > 0 ||
      (this.ballot !== null &&
        (this.flights.busy ||
          this.keys.busy ||
          this.lines.busy ||
          this.revisions.busy ||
          this.confirmations.busy ||
          this.purging.busy ||
          this.waitingForOffice.length > 0))
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
    if (this.holds(message.ballot)) this.purging.onHeld(now, place, message, out);
  }

  onPurged(now: Instant, place: number, message: Purged, out: Outbox): void {
    if (this.holds(message.ballot)) this.purging.onPurged(now, place, message, out);
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
    this.enter(now, queued, out);
  }

  private enter(now: Instant, queued: Queued, out: Outbox): void {
    if (!this.elected) return this.answers.turnAway(queued, out);
    if (this.paused) {
      this.waitingForOffice.push(queued);
      return;
    }
    this.purging.touch(queued.key);
    const state = this.keys.touch(now, queued, out);
    if (state !== null) this.decide(now, state, queued, out);
  }

  onRecovered(now: Instant, place: number, message: Recovered, out: Outbox): void {
    if (!this.holds(message.ballot)) return;
    // An office begins above all that was ever decided (R13): what is beyond it was made up, and would outlive whoever
    // did.
    const beyond = Math.max(message.floor, message.register?.revision ?? NO_REVISION) > this.revisions.last;
    const reserved = !planted("R13.no-reservation") && !planted("R13.one-replica");
    if (beyond && reserved && !planted("R13.recovers-beyond")) return;
    for (const queued of this.keys.onRecovered(now, place, message)) this.enterAgain(now, queued, out);
  }

  // ---- decisions

  /** `turn`: it has waited in the key's line. */
  private decide(now: Instant, state: KeyState, queued: Queued, out: Outbox, turn?: Lined): void {
    assert(this.elected && state.recovery === null, "I1: a key is decided on once a majority has told of it");
    assert(!this.paused, "handing-back B3: nothing is decided while the office is offered");
    const { request, unclear } = queued;
    if (unclear !== undefined) return this.tellFate(now, state, unclear, out);
    if (request === null) return this.reveal(now, state, queued.asker, null, out);
    const record = findRecord(state.register, request);
    if (record !== null) {
      if (record.fingerprint !== request.fingerprint) {
        return this.answers.refuse(queued.asker, { reason: "request-id-reused" }, out);
      }
      if (record.outcome === "untold") return this.answers.unknown(queued.asker, out);
      return this.reveal(
        now,
        state,
        queued.asker,
        answerFromRecord(request.operation, record, state.register as Register),
        out,
        true,
      );
    }
    // Until a majority has the floor, an earlier request could still run. And until one has the first reservation,
    // nobody can tell what a refused one should have known (R9).
    const raising = this.revisions.raising && !planted("R9.raise-lets-in");
    if (request.requestId !== null && (raising || !this.revisions.begun)) {
      this.waitingForOffice.push(queued);
      return;
    }
    if (request.requestId !== null && request.after !== null) {
      if (request.after < state.floor && turn?.placed !== true) {
        return this.answers.expire(queued.asker, state.floor, out);
      }
      if (request.after > this.revisions.last && !planted("R9.ignore-client-revision")) {
        // Either the client is wrong or this writer is deposed and does not know it: a round tells.
        const refusal: Refusal = { reason: "after-in-future", revision: this.revisions.last };
        return this.confirm(
          now,
          new Waiter(queued.asker, refusal, null, NO_REVISION, false, this.goOnAbove(queued)),
          out,
        );
      }
    }
    if (turn === undefined && this.lines.isFull(state, queued)) return this.lines.join(state, queued);
    const decision = evaluate(request.operation, state.register);
    if (decision.outcome !== "applied" && request.requestId === null) {
      return this.reveal(
        now,
        state,
        queued.asker,
        answerOf(request.operation, decision, state.register, NO_REVISION),
        out,
      );
    }
    const revision = this.revisions.next(now, out);
    if (revision === null) {
      this.waitingForOffice.push(queued);
      return;
    }
    const adding = request.requestId === null ? 0 : 1;
    const retained = retain(state.register, state.floor, state.knownSince, now, adding);
    const reply = answerOf(request.operation, decision, state.register, revision);
    const next = successor(
      state.key,
      state.register,
      request,
      decision,
      timestamp(this.mustHaveBallot(), ++this.seq),
      revision,
      retained,
    );
    state.decided(next, retained.forgotten, now);
    const waiter = new Waiter(queued.asker, reply, null, revision, true);
    waiter.outstanding = 1;
    this.send(now, state, next, waiter, out);
  }

  /**
   * Peers told this node of a revision that its writer, whose round is confirmed, has not come to: so nobody has. A
   * wrong word, told once, would keep out for good whoever hands it back. The writer goes on above it instead, within
   * what it may reserve (R13). null: nobody told.
   */
  private goOnAbove(queued: Queued): Waiter["again"] {
    const after = queued.request?.after ?? null;
    if (after === null || after > this.replica.settledRevision || planted("R13.told-too-much")) return null;
    return (now, out) => {
      this.revisions.goOnAbove(after);
      this.enterAgain(now, queued, out);
    };
  }

  private send(now: Instant, state: KeyState, register: Register, waiter: Waiter, out: Outbox): void {
    const crowded = state.undone.length > 0;
    this.flights.depart(now, state.undone, register, waiter);
    this.keys.weigh(state);
    this.multicast.send(this.group.everyone, this.writeOf(register, crowded), out);
  }

  private writeOf(register: Register, crowded: boolean): Write {
    const { settledSeq } = this;
    const { settledRevision } = this.replica;
    const message: Write = { kind: "write", partition: this.group.partition, register, settledSeq, settledRevision };
    return crowded ? { ...message, crowded } : message;
  }

  /**
   * Tells the asker of the state as it is, once that is safe (R5). A state of an older ballot is first written again in
   * this one; a state of this ballot must be on a majority. In both cases a round must confirm it that began after the
   * asker came in. `reply` is null for a reader. `ran`: a copy of the request has been decided, so that its outcome is
   * unknown, not "not executed", when the office is lost first.
   */
  private reveal(now: Instant, state: KeyState, asker: Asker, reply: Waiter["reply"], out: Outbox, ran = false): void {
    const { register } = state;
    if (planted("R5.from-memory")) {
      return this.answers.tell(new Waiter(asker, reply, register, NO_REVISION, false), out);
    }
    if (register !== null && !sameBallot(register.timestamp.ballot, this.mustHaveBallot())) {
      const again = this.again(register);
      state.imposed(again);
      const waiter = new Waiter(asker, reply, again, NO_REVISION, ran);
      waiter.outstanding = 1;
      this.send(now, state, again, waiter, out);
      return;
    }
    const waiter = new Waiter(asker, reply, register, NO_REVISION, ran);
    if (register !== null && this.flights.await(state.undone, register.timestamp.seq, waiter)) waiter.outstanding++;
    if (planted("R5.round-before")) {
      if (waiter.outstanding === 0) this.answers.tell(waiter, out);
      return;
    }
    this.confirm(now, waiter, out);
  }

  onWritten(now: Instant, place: number, message: Written, out: Outbox): void {
    const { ballot } = this;
    if (ballot === null || !sameBallot(ballot, message.ballot)) return;
    const done = this.flights.acknowledge(message.seq, place);
    if (done === null) return;
    this.replica.settle(ballot, this.settledSeq, done.revision);
    for (const waiter of done.waiters) this.answers.advance(waiter, out);
    if (!this.lines.busy) return;
    const state = this.keys.known(done.key);
    if (state !== null) this.admit(now, state, out);
  }

  /** Decides on those of the key whose turn it is. */
  private admit(now: Instant, state: KeyState, out: Outbox): void {
    while (this.elected && !this.paused && this.revisions.ready) {
      const turn = this.lines.next(state);
      if (turn === null) return;
      const { queued } = turn;
      if (now >= queued.asker.deadline) this.answers.leaveUndecided(queued, NOBODY, out);
      else this.decide(now, state, queued, out, turn);
    }
  }

  // ---- writes of the epoch before

  /** The office begins: their keys are recovered before any other request comes. */
  private resolve(now: Instant, out: Outbox): void {
    for (const unclear of this.unclear.splice(0)) {
      const { key, waiter } = unclear;
      if (planted("H18.unlooked")) {
        this.answers.tell(waiter, out);
        continue;
      }
      const state = this.keys.touch(now, { asker: waiter.asker, request: null, key, unclear }, out);
      // A bad copy cannot tell, and is not waited for.
      if (state === null && this.replica.look(key) !== BAD) this.keys.needOwnCopy(key);
      if (state !== null) this.tellFate(now, state, unclear, out);
    }
  }

  /** Done, once the state that counts it is on a majority in this ballot. Otherwise nobody can say. */
  private tellFate(now: Instant, state: KeyState, unclear: Unclear, out: Outbox): void {
    const { asker, reply, revision } = unclear.waiter;
    if (!includes(state.found, unclear)) return this.answers.unknown(asker, out);
    const waiter = new Waiter(asker, reply, null, revision, true);
    waiter.outstanding = 1;
    const { register } = state;
    assert(register !== null, "a key that was found has a register");
    if (!sameBallot(register.timestamp.ballot, this.mustHaveBallot())) {
      const again = this.again(register);
      state.imposed(again);
      return this.send(now, state, again, waiter, out);
    }
    if (!this.flights.await(state.undone, register.timestamp.seq, waiter)) this.answers.advance(waiter, out);
  }

  /** The same state in this ballot. */
  private again(register: Register): Register {
    const { key, value, version, revision, floor, records } = register;
    return new Register(key, timestamp(this.mustHaveBallot(), ++this.seq), value, version, revision, floor, records);
  }

  // ---- rounds

  private confirm(now: Instant, waiter: Waiter, out: Outbox): void {
    waiter.outstanding++;
    this.confirmations.add(now, waiter, out);
  }

  onConfirmed(now: Instant, place: number, message: Confirmed, out: Outbox): void {
    if (!this.holds(message.ballot)) return;
    for (const waiter of this.confirmations.onConfirmed(now, place, message, out)) {
      if (waiter.again === null) this.answers.advance(waiter, out);
      else if (!waiter.told) waiter.again(now, out);
    }
  }

  onReserved(now: Instant, place: number, message: Reserved, out: Outbox): void {
    if (!this.holds(message.ballot)) return;
    const floor = this.revisions.floor;
    if (!this.revisions.onReserved(now, place, message, out)) return;
    // No later office begins below it: clients may be told, so that what they say they know is not below what was
    // forgotten (R9).
    if (!planted("R9.base-untold")) this.replica.knowRevision(this.revisions.base);
    if (this.revisions.floor > floor && !planted("R9.raise-without-floor")) {
      this.keys.raiseFloor(this.revisions.floor);
      this.lines.displace();
    }
    this.drainWaiting(now, out);
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

  private drainWaiting(now: Instant, out: Outbox): void {
    for (const state of this.lines.keys()) this.admit(now, state, out);
    const waiting = this.waitingForOffice;
    this.waitingForOffice = [];
    for (const queued of waiting) this.enterAgain(now, queued, out);
  }

  /** After a wait: whose time is over meanwhile is not decided any more. */
  private enterAgain(now: Instant, queued: Queued, out: Outbox): void {
    if (now < queued.asker.deadline) this.enter(now, queued, out);
    else this.answers.leaveUndecided(queued, NOBODY, out);
  }

  /** Tells those whose deadline has come. */
  private lookForOverdue(now: Instant, out: Outbox): void {
    if (planted("I3.waits-on")) return;
    this.keys.overdue(now, (queued, missing) => this.answers.leaveUndecided(queued, missing, out));
    const late = this.waitingForOffice.filter(({ asker }) => now >= asker.deadline);
    if (late.length > 0) {
      this.waitingForOffice = this.waitingForOffice.filter(({ asker }) => now < asker.deadline);
      for (const queued of late) this.answers.turnAway(queued, out);
    }
    if (since(now, this.lookedAt) < RESEND_MS) return;
    this.lookedAt = now;
    for (const queued of this.lines.overdue(now)) this.answers.leaveUndecided(queued, NOBODY, out);
    for (const waiter of this.flights.overdue(now)) this.answers.leave(waiter, NOBODY, out);
    // Writes that nobody waits for have made room.
    for (const state of this.lines.keys()) this.admit(now, state, out);
    for (const waiter of this.confirmations.overdue(now)) this.answers.leave(waiter, NOBODY, out);
  }

  // ---- time

  /**
   * Asks again what was not answered in time: the same attempt, the same registers (R6, R7). Called every tick by the
   * driver.
   */
  resend(now: Instant, heard: number, patience: Patience, out: Outbox): void {
    this.leaveUnclear(now, out);
    if (this.ballot === null || !this.elected) return;
    this.lookForOverdue(now, out);
    if (planted("R6") && this.flights.unclear(now, this.seq)) this.seq--;
    this.revisions.resend(now, patience, out);
    this.confirmations.resend(now, patience, out);
    this.keys.resend(now, patience, out);
    this.purging.resend(now, patience, out);
    this.flights.resend(now, heard, patience, (register, places) =>
      this.multicast.send(places, this.writeOf(register, true), out),
    );
  }

  /** As of any write whose deadline has come. */
  private leaveUnclear(now: Instant, out: Outbox): void {
    for (let i = this.unclear.length - 1; i >= 0; i--) {
      const { waiter } = this.unclear[i] as Unclear;
      if (!waiter.over(now)) continue;
      this.unclear.splice(i, 1);
      this.answers.leave(waiter, NOBODY, out);
    }
  }

  private holds(ballot: Ballot): boolean {
    return this.ballot !== null && sameBallot(this.ballot, ballot);
  }

  private mustHaveBallot(): Ballot {
    assert(this.ballot !== null, "the writer has a ballot");
    return this.ballot;
  }
}

const NOBODY: readonly NodeId[] = [];
