/**
 * The way of a request in an office. It waits until its key is known and is decided on; its register leaves for the
 * replicas at once. A state that it did not write is told only when that is safe (R5). This class keeps no state of its
 * own: keys, flights and all the rest are the writer's.
 */
import { assert } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import { sameBallot } from "../model/ballot.js";
import { NO_REVISION, type NodeId } from "../model/ids.js";
import type { Write } from "../model/message.js";
import type { Refusal } from "../model/operation.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import { Register } from "../model/register.js";
import { BAD } from "../model/table.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import { type Asker, Waiter } from "../quorum/waiter.js";
import type { Replica } from "../replica/replica.js";
import type { Answers } from "./answers.js";
import type { Confirmations } from "./confirmations.js";
import { answerFromRecord, answerOf, evaluate, findRecord, retain, successor } from "./decide.js";
import type { Flights } from "./flights.js";
import type { KeyState } from "./key-state.js";
import type { Keys } from "./keys.js";
import type { Lined } from "./line.js";
import type { Lines } from "./lines.js";
import type { OwnOffice } from "./own-office.js";
import type { Purging } from "./purging.js";
import type { Queued } from "./queued.js";
import type { Revisions } from "./revisions.js";
import { includes, type Unclear } from "./unclear.js";
import type { WaitingRequests } from "./waiting-requests.js";

/** Parts of the writer. */
export interface DecisionParts {
  readonly group: Group;
  readonly replica: Replica;
  readonly multicast: Multicast;
  readonly office: OwnOffice;
  readonly revisions: Revisions;
  readonly confirmations: Confirmations;
  readonly keys: Keys;
  readonly lines: Lines;
  readonly answers: Answers;
  readonly flights: Flights;
  readonly waiting: WaitingRequests;
  readonly purging: Purging;
}

export class Decisions {
  private readonly group: Group;
  private readonly replica: Replica;
  private readonly multicast: Multicast;
  private readonly office: OwnOffice;
  private readonly revisions: Revisions;
  private readonly confirmations: Confirmations;
  private readonly keys: Keys;
  private readonly lines: Lines;
  private readonly answers: Answers;
  private readonly flights: Flights;
  private readonly waiting: WaitingRequests;
  private readonly purging: Purging;

  constructor(parts: DecisionParts) {
    this.group = parts.group;
    this.replica = parts.replica;
    this.multicast = parts.multicast;
    this.office = parts.office;
    this.revisions = parts.revisions;
    this.confirmations = parts.confirmations;
    this.keys = parts.keys;
    this.lines = parts.lines;
    this.answers = parts.answers;
    this.flights = parts.flights;
    this.waiting = parts.waiting;
    this.purging = parts.purging;
  }

  get settledSeq(): number {
    const { seq } = this.office;
    return planted("R14.over-unacknowledged") ? seq : this.flights.settledSeq(seq);
  }

  /** A request that was taken on. */
  enter(now: Instant, queued: Queued, out: Outbox): void {
    if (!this.office.elected) return this.answers.turnAway(queued, out);
    if (this.office.paused) return this.waiting.add(queued);
    this.purging.touch(queued.key);
    const state = this.keys.touch(now, queued, out);
    if (state !== null) this.decide(now, state, queued, out);
  }

  /** Requests that had to wait go on, as the reason may be over. */
  goOn(now: Instant, out: Outbox): void {
    for (const state of this.lines.keys()) this.admit(now, state, out);
    for (const queued of this.waiting.takeAll()) this.enterAgain(now, queued, out);
  }

  /** After a wait: whose time is over meanwhile is not decided any more. */
  enterAgain(now: Instant, queued: Queued, out: Outbox): void {
    if (now < queued.asker.deadline) this.enter(now, queued, out);
    else this.answers.leaveUndecided(queued, NOBODY, out);
  }

  /** `turn`: it has waited in the key's line. */
  private decide(now: Instant, state: KeyState, queued: Queued, out: Outbox, turn?: Lined): void {
    assert(
      this.office.elected && state.recovery === null,
      "writer I1: a key is decided on once a majority has told of it",
    );
    assert(!this.office.paused, "handing-back B3: nothing is decided while the office is offered");
    const { request, unclear } = queued;
    if (unclear !== undefined) return this.tellFate(now, state, unclear, out);
    if (request === null) return this.reveal(now, state, queued.asker, null, out);
    const { register } = state;
    const record = findRecord(register, request);
    if (register !== null && record !== null) {
      if (record.fingerprint !== request.fingerprint) {
        return this.answers.refuse(queued.asker, { reason: "request-id-reused" }, out);
      }
      if (record.outcome === "untold") return this.answers.unknown(queued.asker, out);
      const answer = answerFromRecord(request.operation, record, register);
      return this.reveal(now, state, queued.asker, answer, out, true);
    }
    // Until a majority has the floor, an earlier request could still run. And until one has the first reservation,
    // nobody can tell what a refused one should have known (R9).
    const raising = this.revisions.raising && !planted("R9.raise-lets-in");
    if (request.requestId !== null && (raising || !this.revisions.begun)) {
      this.waiting.add(queued);
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
      this.waiting.add(queued);
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
      this.office.nextTimestamp(),
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
    if (after === null || after > this.replica.revisions.settledRevision || planted("R13.told-too-much")) return null;
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

  writeOf(register: Register, crowded: boolean): Write {
    const { settledSeq } = this;
    const { settledRevision } = this.replica.revisions;
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
    if (register !== null && !sameBallot(register.timestamp.ballot, this.office.mustHaveBallot)) {
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

  /** Done, once the state that counts it is on a majority in this ballot. Otherwise nobody can say. */
  private tellFate(now: Instant, state: KeyState, unclear: Unclear, out: Outbox): void {
    const { asker, reply, revision } = unclear.waiter;
    if (!includes(state.found, unclear)) return this.answers.unknown(asker, out);
    const waiter = new Waiter(asker, reply, null, revision, true);
    waiter.outstanding = 1;
    const { register } = state;
    assert(register !== null, "a key that was found has a register");
    if (!sameBallot(register.timestamp.ballot, this.office.mustHaveBallot)) {
      const again = this.again(register);
      state.imposed(again);
      return this.send(now, state, again, waiter, out);
    }
    if (!this.flights.await(state.undone, register.timestamp.seq, waiter)) this.answers.advance(waiter, out);
  }

  /** The same state in this ballot. */
  private again(register: Register): Register {
    const { key, value, version, revision, floor, records } = register;
    return new Register(key, this.office.nextTimestamp(), value, version, revision, floor, records);
  }

  private confirm(now: Instant, waiter: Waiter, out: Outbox): void {
    waiter.outstanding++;
    this.confirmations.add(now, waiter, out);
  }

  /** Decides on those of the key whose turn it is. */
  admit(now: Instant, state: KeyState, out: Outbox): void {
    while (this.office.elected && !this.office.paused && this.revisions.ready) {
      const turn = this.lines.next(state);
      if (turn === null) return;
      const { queued } = turn;
      if (now >= queued.asker.deadline) this.answers.leaveUndecided(queued, NOBODY, out);
      else this.decide(now, state, queued, out, turn);
    }
  }

  /**
   * The office begins. These are writes of the epoch before: their keys are recovered before any other request comes.
   */
  resolve(now: Instant, writes: readonly Unclear[], out: Outbox): void {
    for (const unclear of writes) {
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
}

const NOBODY: readonly NodeId[] = [];
