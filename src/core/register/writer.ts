/**
 * The writer: the 1 of the (1,N) register. It decides every write of its partition, one after the other, in its own memory, and each
 * decision counts once a majority holds it.
 *
 * The intuition: winning a ballot freezes, at a majority, everything that older ballots could still do. What that majority then holds of a
 * key (Recover) is all there is to know, so the writer may decide on it and on its own decisions since, without asking again. One round
 * trip a write; any number in flight, also on one key, since each Write carries the whole register.
 *
 * Invariants:
 *   I1  It decides on a key only from what a majority that promised its ballot holds, or from its own decisions in this office (R4).
 *   I2  A (ballot, seq) is given to one register only; memory is never rolled back (R6).
 *   I3  A revision is handed out only below a reservation that a majority holds (R13).
 *   I4  A state that the request did not write is revealed only when it is on a majority and a round begun later was confirmed (R5).
 *   I5  The settled seq stops below the lowest one that is not on a majority itself or by a later one of its key (R14).
 *
 * Source: Read-Impose Write-Majority (1,N) register (Cachin et al., 4.2.4) with the round structure of Paxos' phase 2; the confirming
 * round is Raft's ReadIndex without its log.
 */
import { assert } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import { countVotes, voteOf } from "../../base/votes.js";
import { type Ballot, compareTimestamps, sameBallot, timestamp } from "../ballot.js";
import type { Attempt, Key, NodeId, Revision } from "../ids.js";
import type { Confirmed, CoreMessage, HandOver, Promised, Recovered, Reserved, Written } from "../message.js";
import type { Outbox, Ticket } from "../outbox.js";
import { planted } from "../planted.js";
import type { Attempts } from "./attempts.js";
import { answerFromRecord, answerOf, evaluate, findRecord, retain, successor } from "./decide.js";
import { Flights } from "./flights.js";
import type { Group } from "./group.js";
import { KeyState, type Queued } from "./key-state.js";
import type { Refusal, Result, WriteRequest } from "./operation.js";
import { Register } from "./register.js";
import type { Replica } from "./replica.js";
import { Round } from "./round.js";
import { type Asker, Waiter } from "./waiter.js";

/** Revisions reserved at a time; a writer change skips at most this many. */
export const RESERVATION_WINDOW = 10_000;
/** Writes of one partition that may wait for their majority; more are refused as overload. */
export const MAX_FLIGHTS = 8_192;
/** Keys a writer remembers; beyond it, it forgets settled ones and recovers them when they are touched again. */
export const MAX_KEYS = 65_536;
/** What was not answered after this long is asked again, in the same attempt. */
export const RESEND_MS = 100;

export interface WriterOptions {
  readonly group: Group;
  readonly replica: Replica;
  readonly attempts: Attempts;
  /** Sends to every replica of the group, this node's own included. */
  readonly broadcast: (message: CoreMessage, out: Outbox) => void;
  /** Sends to the replicas whose bit is set in `places`. */
  readonly multicast: (places: number, message: CoreMessage, out: Outbox) => void;
}

export class Writer {
  private readonly group: Group;
  private readonly replica: Replica;
  private readonly attempts: Attempts;
  private readonly broadcast: WriterOptions["broadcast"];
  private readonly multicast: WriterOptions["multicast"];

  /** null: no office, no candidacy. */
  ballot: Ballot | null = null;
  /** A majority promised. */
  elected = false;
  /** Handing the office over: requests wait, nothing is decided. */
  paused = false;
  /** Replicas that promised this ballot, one bit each. */
  promised = 0;
  private seq = 0;
  private lastRevision = 0 as Revision;
  private highestReported = 0 as Revision;
  /** A majority holds this reservation. */
  private reserved = 0 as Revision;
  private reserving: Round | null = null;
  private reservingUpTo = 0 as Revision;
  private confirming: Round | null = null;
  private confirmNext: Waiter[] = [];
  private keys = new Map<Key, KeyState>();
  private readonly recoveries = new Map<Attempt, KeyState>();
  private readonly flights: Flights;
  /** Requests that wait for a reservation, or for the end of a pause. */
  private waitingForOffice: Queued[] = [];

  constructor(options: WriterOptions) {
    this.group = options.group;
    this.replica = options.replica;
    this.attempts = options.attempts;
    this.broadcast = options.broadcast;
    this.multicast = options.multicast;
    this.flights = new Flights(options.group);
  }

  // ---- office

  /** The election decided: take this new ballot. An office held before ends here; nothing of it is remembered (R4). */
  campaign(ballot: Ballot, out: Outbox): void {
    this.resign(out);
    this.ballot = ballot;
    this.promised = 0;
    this.seq = 0;
    this.highestReported = 0 as Revision;
    this.reserved = 0 as Revision;
    this.replica.promiseOwn(ballot, out);
    this.prepare(this.group.everyone, out);
  }

  /** The same Prepare again: a lost one is repeated in the same ballot, never with a new one. */
  prepare(places: number, out: Outbox): void {
    const { ballot } = this;
    assert(ballot !== null, "a Prepare has a ballot");
    const message: CoreMessage = { kind: "prepare", partition: this.group.partition, ballot };
    for (let place = 0; place < this.group.replicas.length; place++) {
      if ((places & voteOf(place)) === 0) continue;
      const to = this.group.replicas[place] as NodeId;
      if (place === this.group.place) this.replica.onPrepare(to, message as never, out);
      // After the own promise is durable (R8).
      else out.sendDurable.push(to, message);
    }
  }

  onPromised(now: Instant, place: number, message: Promised, out: Outbox): void {
    if (this.ballot === null || !sameBallot(this.ballot, message.ballot)) return;
    this.promised |= voteOf(place);
    if (this.elected) return;
    if (message.reservation > this.highestReported) this.highestReported = message.reservation;
    if (countVotes(this.promised) < this.group.majority) return;
    this.elected = true;
    this.lastRevision = planted("R13.no-reservation") ? this.replica.settledRevision : this.highestReported;
    this.reserve(now, out);
  }

  /** Office or candidacy ends: who was decided may or may not count, who was not is told to go elsewhere. */
  resign(out: Outbox): void {
    if (this.ballot === null) return;
    this.ballot = null;
    this.elected = false;
    this.paused = false;
    this.reserving = null;
    for (const waiter of this.flights.drain()) this.lose(waiter, out);
    if (this.confirming !== null) for (const waiter of this.confirming.waiters) this.lose(waiter, out);
    for (const waiter of this.confirmNext) this.lose(waiter, out);
    this.confirming = null;
    this.confirmNext = [];
    for (const state of this.recoveries.values()) {
      for (const queued of state.waiting) this.turnAway(queued, out);
      this.keys.delete(state.key);
    }
    this.recoveries.clear();
    for (const queued of this.waitingForOffice) this.turnAway(queued, out);
    this.waitingForOffice = [];
    if (!planted("R4.earlier-office")) this.keys = new Map();
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
    return this.flights.undone === 0 && this.confirming === null;
  }

  get settledSeq(): number {
    return planted("R14.over-unacknowledged") ? this.seq : this.flights.settledSeq(this.seq);
  }

  get inFlight(): number {
    return this.flights.undone;
  }

  /** Something may have to be asked again. */
  get busy(): boolean {
    return (
      this.ballot !== null &&
      (this.flights.unreplicated > 0 || this.recoveries.size > 0 || this.reserving !== null || this.confirming !== null)
    );
  }

  /** Replicas that lack nothing older than about a batch, one bit each. */
  caughtUp(now: Instant): number {
    return this.flights.caughtUp(now);
  }

  // ---- requests

  write(now: Instant, ticket: Ticket, request: WriteRequest, out: Outbox): void {
    this.enter(now, { asker: { kind: "client", ticket }, request, key: request.operation.key }, out);
  }

  /** A reader hands its read over: answered in a round begun now (R5). */
  onHandOver(now: Instant, from: NodeId, message: HandOver, out: Outbox): void {
    this.enter(
      now,
      { asker: { kind: "reader", node: from, attempt: message.attempt }, request: null, key: message.key },
      out,
    );
  }

  private enter(now: Instant, queued: Queued, out: Outbox): void {
    if (!this.elected) return this.turnAway(queued, out);
    if (this.flights.undone >= MAX_FLIGHTS || this.waitingForOffice.length >= MAX_FLIGHTS) {
      return this.reply(queued.asker, { status: "refused", refusal: { reason: "overloaded" } }, out);
    }
    if (this.paused) {
      this.waitingForOffice.push(queued);
      return;
    }
    const state = this.keys.get(queued.key);
    if (state === undefined) this.recover(now, queued, out);
    else if (state.recovery !== null) state.waiting.push(queued);
    else this.decide(now, state, queued, out);
  }

  private turnAway(queued: Queued, out: Outbox): void {
    const hint = this.replica.promise.node;
    this.reply(queued.asker, notWriter(hint === this.group.self ? (0 as NodeId) : hint), out);
  }

  // ---- first touch of a key

  private recover(now: Instant, queued: Queued, out: Outbox): void {
    if (this.keys.size >= MAX_KEYS) this.forgetSettled();
    const state = new KeyState(queued.key);
    const round = new Round(this.attempts.next(), now);
    state.recovery = round;
    state.waiting.push(queued);
    this.keys.set(queued.key, state);
    this.recoveries.set(round.attempt, state);
    this.broadcast(this.recoverMessage(state.key, round.attempt), out);
  }

  onRecovered(now: Instant, place: number, message: Recovered, out: Outbox): void {
    if (this.ballot === null || !sameBallot(this.ballot, message.ballot)) return;
    const state = this.recoveries.get(message.attempt);
    const round = state?.recovery;
    if (state === undefined || round === undefined || round === null) return;
    const { register } = message;
    if (
      register !== null &&
      (state.register === null || compareTimestamps(register.timestamp, state.register.timestamp) > 0)
    ) {
      state.register = register;
    }
    if (message.floor > state.floor) state.floor = message.floor;
    round.vote(place);
    const enough = planted("R4.one-replica") ? 1 : this.group.majority;
    if (round.count < enough) return;
    this.recoveries.delete(round.attempt);
    state.recovery = null;
    if (state.register !== null && planted("R9.drop-on-recover")) {
      const r = state.register;
      state.register = new Register(r.key, r.timestamp, r.value, r.version, r.revision, r.floor, []);
    }
    state.recoveredAt(now);
    const { waiting } = state;
    state.waiting = [];
    for (const queued of waiting) this.enter(now, queued, out);
  }

  private recoverMessage(key: Key, attempt: Attempt): CoreMessage {
    return { kind: "recover", partition: this.group.partition, ballot: this.mustHaveBallot(), attempt, key };
  }

  private forgetSettled(): void {
    let excess = this.keys.size - Math.floor(MAX_KEYS * 0.9);
    for (const state of this.keys.values()) {
      if (excess <= 0) return;
      if (state.recovery !== null || state.undone.length > 0) continue;
      this.keys.delete(state.key);
      excess--;
    }
  }

  // ---- decisions

  private decide(now: Instant, state: KeyState, queued: Queued, out: Outbox): void {
    const { request } = queued;
    if (request === null) return this.reveal(now, state, queued.asker, null, out);
    const record = findRecord(state.register, request);
    if (record !== null) {
      if (record.fingerprint !== request.fingerprint) {
        return this.reply(queued.asker, refused({ reason: "request-id-reused" }), out);
      }
      return this.reveal(
        now,
        state,
        queued.asker,
        answerFromRecord(request.operation, record, state.register as Register),
        out,
      );
    }
    if (request.requestId !== null && request.after !== null) {
      if (request.after < state.floor) {
        return this.reply(
          queued.asker,
          { status: "unknown", unknown: { reason: "request-expired", revision: this.atLeast(state.floor) } },
          out,
        );
      }
      if (request.after > this.lastRevision && !planted("R9.ignore-client-revision")) {
        // Either the client is wrong or this writer is deposed and does not know it: a round tells.
        const refusal: Refusal = { reason: "after-in-future", revision: this.lastRevision };
        return this.confirm(now, new Waiter(queued.asker, refusal, null, NO_REVISION, false), out);
      }
    }
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
    if (this.lastRevision >= this.reserved && !planted("R13.no-reservation")) {
      this.waitingForOffice.push(queued);
      this.reserve(now, out);
      return;
    }
    this.lastRevision = (this.lastRevision + 1) as Revision;
    const revision = this.lastRevision;
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
    if (this.reserved - this.lastRevision < RESERVATION_WINDOW / 2) this.reserve(now, out);
  }

  private send(now: Instant, state: KeyState, register: Register, waiter: Waiter, out: Outbox): void {
    this.flights.depart(now, state, register, waiter);
    this.broadcast(
      {
        kind: "write",
        partition: this.group.partition,
        register,
        settledSeq: this.settledSeq,
        settledRevision: this.replica.settledRevision,
      },
      out,
    );
  }

  /**
   * Tells the asker of the state as it is, once that is safe (R5): a state of an older ballot is first written again in this one; a state
   * of this ballot must be on a majority; in both cases by a round begun after the asker came in. `reply` is null for a reader.
   */
  private reveal(now: Instant, state: KeyState, asker: Asker, reply: Waiter["reply"], out: Outbox): void {
    const { register } = state;
    const waiter = new Waiter(asker, reply, register, NO_REVISION, false);
    if (planted("R5.from-memory")) return this.tell(waiter, out);
    if (register !== null && !sameBallot(register.timestamp.ballot, this.mustHaveBallot())) {
      const again = new Register(
        register.key,
        timestamp(this.mustHaveBallot(), ++this.seq),
        register.value,
        register.version,
        register.revision,
        register.floor,
        register.records,
      );
      state.imposed(again);
      waiter.outstanding = 1;
      this.send(now, state, again, waiter, out);
      return;
    }
    if (register !== null && this.flights.await(state, register.timestamp.seq, waiter)) waiter.outstanding++;
    if (planted("R5.round-before")) {
      if (waiter.outstanding === 0) this.tell(waiter, out);
      return;
    }
    this.confirm(now, waiter, out);
  }

  onWritten(place: number, message: Written, out: Outbox): void {
    if (this.ballot === null || !sameBallot(this.ballot, message.ballot)) return;
    const done = this.flights.acknowledge(message.seq, place);
    if (done === null) return;
    this.replica.settle(this.ballot, this.settledSeq, done.revision);
    for (const waiter of done.waiters) this.settleOne(waiter, out);
  }

  // ---- rounds

  private confirm(now: Instant, waiter: Waiter, out: Outbox): void {
    waiter.outstanding++;
    this.confirmNext.push(waiter);
    if (this.confirming === null) this.beginConfirm(now, out);
  }

  private beginConfirm(now: Instant, out: Outbox): void {
    const round = new Round(this.attempts.next(), now);
    round.waiters = this.confirmNext;
    this.confirmNext = [];
    this.confirming = round;
    this.broadcast(this.confirmMessage(round.attempt), out);
  }

  private confirmMessage(attempt: Attempt): CoreMessage {
    return { kind: "confirm", partition: this.group.partition, ballot: this.mustHaveBallot(), attempt };
  }

  onConfirmed(now: Instant, place: number, message: Confirmed, out: Outbox): void {
    const round = this.confirming;
    if (this.ballot === null || !sameBallot(this.ballot, message.ballot) || round?.attempt !== message.attempt) return;
    round.vote(place);
    if (round.count < this.group.majority) return;
    this.confirming = null;
    for (const waiter of round.waiters) this.settleOne(waiter, out);
    if (this.confirmNext.length > 0) this.beginConfirm(now, out);
  }

  private reserve(now: Instant, out: Outbox): void {
    if (this.reserving !== null || planted("R13.no-reservation")) return;
    this.reserving = new Round(this.attempts.next(), now);
    this.reservingUpTo = (Math.max(this.lastRevision, this.reserved) + RESERVATION_WINDOW) as Revision;
    this.broadcast(this.reserveMessage(this.reserving.attempt), out);
  }

  private reserveMessage(attempt: Attempt): CoreMessage {
    return {
      kind: "reserve",
      partition: this.group.partition,
      ballot: this.mustHaveBallot(),
      attempt,
      reservation: this.reservingUpTo,
    };
  }

  onReserved(now: Instant, place: number, message: Reserved, out: Outbox): void {
    const round = this.reserving;
    if (this.ballot === null || !sameBallot(this.ballot, message.ballot) || round?.attempt !== message.attempt) return;
    round.vote(place);
    if (round.count < (planted("R13.one-replica") ? 1 : this.group.majority)) return;
    this.reserving = null;
    this.reserved = this.reservingUpTo;
    this.drainWaiting(now, out);
  }

  private drainWaiting(now: Instant, out: Outbox): void {
    const waiting = this.waitingForOffice;
    this.waitingForOffice = [];
    for (const queued of waiting) this.enter(now, queued, out);
  }

  // ---- answers

  private settleOne(waiter: Waiter, out: Outbox): void {
    waiter.outstanding--;
    if (waiter.outstanding === 0) this.tell(waiter, out);
  }

  private tell(waiter: Waiter, out: Outbox): void {
    if (waiter.reply === null) return this.tellReader(waiter.asker, true, waiter.register, out);
    if ("reason" in waiter.reply) return this.reply(waiter.asker, refused(waiter.reply), out);
    const standing = {
      revision: Math.max(this.replica.settledRevision, waiter.revision) as Revision,
      groupEpoch: this.group.epoch,
      writer: this.group.self,
    };
    this.reply(waiter.asker, { status: "done", answer: waiter.reply, standing }, out);
  }

  private lose(waiter: Waiter, out: Outbox): void {
    if (waiter.told) return;
    waiter.told = true;
    const result: Result = waiter.decided
      ? { status: "unknown", unknown: { reason: "outcome-unknown" } }
      : notWriter(0 as NodeId);
    this.reply(waiter.asker, result, out);
  }

  private reply(asker: Asker, result: Result, out: Outbox): void {
    if (asker.kind === "client") out.outcomes.push({ ticket: asker.ticket, result });
    else this.tellReader(asker, false, null, out);
  }

  private tellReader(asker: Asker, done: boolean, register: Register | null, out: Outbox): void {
    assert(asker.kind === "reader", "only a reader is told a register");
    out.sendDurable.push(asker.node, {
      kind: "handed-over",
      partition: this.group.partition,
      groupEpoch: this.group.epoch,
      attempt: asker.attempt,
      done,
      register,
      settledRevision: this.replica.settledRevision,
    });
  }

  // ---- time

  /** Asks again what was not answered: the same attempt, the same registers (R6, R7). Called every RESEND_MS by the driver. */
  resend(now: Instant, heard: number, out: Outbox): void {
    if (this.ballot === null || !this.elected) return;
    if (planted("R6") && this.flights.unclear(now, this.seq)) this.seq--;
    this.resendRound(now, this.reserving, (attempt) => this.reserveMessage(attempt), out);
    this.resendRound(now, this.confirming, (attempt) => this.confirmMessage(attempt), out);
    for (const state of this.recoveries.values()) {
      this.resendRound(now, state.recovery, (attempt) => this.recoverMessage(state.key, attempt), out);
    }
    this.flights.resend(now, heard, (register, places) => {
      this.multicast(
        places,
        {
          kind: "write",
          partition: this.group.partition,
          register,
          settledSeq: this.settledSeq,
          settledRevision: this.replica.settledRevision,
        },
        out,
      );
    });
  }

  private resendRound(
    now: Instant,
    round: Round | null,
    message: (attempt: Attempt) => CoreMessage,
    out: Outbox,
  ): void {
    if (round?.due(now, RESEND_MS)) this.multicast(this.group.everyone & ~round.votes, message(round.attempt), out);
  }

  private atLeast(floor: Revision): Revision {
    return Math.max(floor, this.replica.settledRevision) as Revision;
  }

  private mustHaveBallot(): Ballot {
    assert(this.ballot !== null, "the writer has a ballot");
    return this.ballot;
  }
}

const NO_REVISION = 0 as Revision;
const refused = (refusal: Refusal): Result => ({ status: "refused", refusal });
const notWriter = (hint: NodeId): Result => refused({ reason: "not-writer", hint });
