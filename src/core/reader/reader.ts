/**
 * The reader: any replica answers GETs of its group, without the writer, by asking a majority what it holds.
 *
 * The intuition: if a majority holds the same state, nothing can undo it. If the highest state is on fewer, it may be
 * the trace of a write that is still on its way or was cut short. The reader then finishes it for the writer (Impose)
 * before it shows it, so that no later read sees less. If a newer writer has fenced that off, only that writer can tell
 * what counts: the read is handed over to it.
 *
 * Invariants:
 *   I1  Answers only what a majority took under the fence, for this read or before it, or is known to be settled (R3,
 *       R14).
 *   I2  A state of an earlier epoch that is not settled is in doubt: only the writer of this epoch makes it readable.
 *   I3  Only distinct replicas' answers to this very attempt count (R7).
 *
 * Source: Read-Impose Write-Majority, Cachin et al. 4.2.4; skipping the impose on unanimity is folklore, argued in
 * docs/protocol.md.
 */
import { assert, unreachable } from "../../base/assert.js";
import { type Instant, since } from "../../base/time.js";
import { TransientMap } from "../../base/transient-map.js";
import { countVotes, voteOf } from "../../base/votes.js";
import { compareTimestamps, type Timestamp } from "../model/ballot.js";
import { type Attempt, attempt as attemptOf, type Key, NO_NODE, NO_REVISION, UNKNOWN_REVISION } from "../model/ids.js";
import type { HandedOver, Imposed, Nack, Read, ReadAnswer } from "../model/message.js";
import type { ReadRequest, Refusal, Result } from "../model/operation.js";
import type { Outbox, Ticket } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Register } from "../model/register.js";
import { BAD } from "../model/table.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import { type Patience, RESEND_MS } from "../quorum/patience.js";
import type { Replica } from "../replica/replica.js";
import { entryOf } from "../writer/decide.js";
import { ReadState } from "./read-state.js";

/** A read asks just a majority first, and everybody when those have not answered this long after they could have. */
export const ASK_ALL_MS = 30;

export interface ReaderOptions {
  readonly group: Group;
  readonly replica: Replica;
  readonly attempts: Attempts;
  readonly multicast: Multicast;
  /** Replicas now heard, one bit each. */
  readonly heard: () => number;
  /** Place of the working writer as far as known; −1: unknown. */
  readonly writerPlace: () => number;
}

export class Reader {
  private readonly group: Group;
  private readonly replica: Replica;
  private readonly attempts: Attempts;
  private readonly multicast: Multicast;
  private readonly heard: ReaderOptions["heard"];
  private readonly writerPlace: ReaderOptions["writerPlace"];
  private readonly reads = new TransientMap<Attempt, ReadState>();
  /** Spreads the reads over the other replicas. */
  private turn = 0;

  constructor(options: ReaderOptions) {
    this.group = options.group;
    this.replica = options.replica;
    this.attempts = options.attempts;
    this.multicast = options.multicast;
    this.heard = options.heard;
    this.writerPlace = options.writerPlace;
  }

  get running(): number {
    return this.reads.size;
  }

  read(now: Instant, ticket: Ticket, request: ReadRequest, deadline: Instant, out: Outbox): void {
    const looked = this.replica.look(request.key);
    const held = looked === BAD ? null : looked;
    // That a key is absent is never said without a round trip: a tombstone is asked about like any other absence.
    const local = request.consistency === "local" && held !== null && !held.tombstone;
    if (local && this.replica.isSettled(held)) {
      return this.answer(ticket, held, "local", out);
    }
    const state = new ReadState(ticket, request, held, this.nextAttempt(request), deadline, now);
    this.reads.set(state.attempt, state);
    this.ask(state, looked !== BAD, out);
  }

  onAnswer(now: Instant, place: number, message: ReadAnswer, out: Outbox): void {
    const state = this.reads.get(message.attempt);
    if (state === undefined || state.phase !== "asking" || !isOf(state.request.key, message.register)) return;
    this.replica.revisions.learnRevision(message.settledRevision);
    if ((state.answers & voteOf(place)) !== 0 && !planted("R7.count-messages")) return;
    this.count(state, place, message.timestamp, message.register, message.settled);
    this.judge(now, state, out);
  }

  onImposed(place: number, message: Imposed, out: Outbox): void {
    const state = this.reads.get(message.attempt);
    if (state === undefined || state.phase !== "imposing") return;
    state.holders |= voteOf(place);
    state.messages++;
    const count = planted("R7.count-messages") ? state.messages : countVotes(state.holders);
    if (count >= this.group.majority) this.finish(state, out);
  }

  onNack(now: Instant, place: number, message: Nack, out: Outbox): void {
    const state = this.reads.get(attemptOf(message.attempt));
    if (state === undefined || state.phase !== "imposing") return;
    state.refusals |= voteOf(place);
    // Enough replicas have promised more: the impose can never get its majority.
    if (countVotes(state.refusals) > this.group.replicas.length - this.group.majority) this.handOver(now, state, out);
  }

  onHandedOver(message: HandedOver, out: Outbox): void {
    const state = this.reads.get(message.attempt);
    if (state === undefined || state.phase !== "handing-over" || !isOf(state.request.key, message.register)) return;
    this.replica.revisions.learnRevision(message.settledRevision);
    // Not done: somebody else is the writer by now; asked again at the next resend.
    if (!message.done) return state.asking.answered();
    this.reads.delete(state.attempt);
    this.answer(state.ticket, message.register, "linearizable", out);
  }

  /** The group's epoch is over: nothing was shown, and the reads begin again at whoever serves the next one. */
  seal(out: Outbox): void {
    for (const { ticket } of this.reads.values()) {
      const result: Result = { status: "refused", refusal: { reason: "not-replica" } };
      out.outcomes.push({ ticket, result, afterSync: false });
    }
    this.reads.clear();
  }

  /** Asks again what was not answered, and gives up what is past its deadline. */
  resend(now: Instant, patience: Patience, out: Outbox): void {
    for (const state of this.reads.values()) {
      if (now >= state.deadline) {
        this.reads.delete(state.attempt);
        const result: Result = { status: "refused", refusal: this.unanswered(state) };
        out.outcomes.push({ ticket: state.ticket, result, afterSync: false });
        continue;
      }
      switch (state.phase) {
        case "asking":
          this.askAgain(now, state, patience, out);
          break;
        case "imposing":
          this.imposeAgain(now, state, patience, out);
          break;
        case "handing-over":
          this.handOverAgain(now, state, patience, out);
          break;
        default:
          unreachable(state.phase);
      }
    }
  }

  /** The others once those first asked are late; all that are silent once they are later still. */
  private askAgain(now: Instant, state: ReadState, patience: Patience, out: Outbox): void {
    const silent = this.group.everyone & ~state.answers;
    const late = since(now, state.begunAt) >= patience.firstMs - RESEND_MS + ASK_ALL_MS;
    const places = state.asking.due(now, patience, silent) ? silent : late ? silent & ~state.asked : 0;
    if (places === 0) return;
    state.asked |= places;
    this.multicast.send(places, this.readMessage(state), out);
  }

  private nextAttempt(request: ReadRequest): Attempt {
    if (planted("R7.reuse-attempt")) {
      let hash = 0;
      for (let i = 0; i < request.key.length; i++) hash = (hash * 31 + request.key.charCodeAt(i)) & 0xffff;
      return attemptOf(2 ** 40 + hash);
    }
    return this.attempts.next();
  }

  private ask(state: ReadState, ownCounts: boolean, out: Outbox): void {
    const { place, majority } = this.group;
    // The own copy is one of the answers; what it holds is durable before the answer leaves, as a read's outcome waits
    // for the sync.
    const { own } = state;
    if (ownCounts && own === null) this.count(state, place, null, null, false);
    if (ownCounts && own !== null) this.count(state, place, own.timestamp, own, this.replica.isSettled(own));
    const wanted = ownCounts ? majority - 1 : majority;
    if (wanted === 0) return this.judge(state.begunAt, state, out);
    state.asked = this.firstAsked(wanted);
    this.multicast.send(state.asked, this.readMessage(state), out);
  }

  /** The writer first, as it has the newest; then others that are heard, in turn. */
  private firstAsked(wanted: number): number {
    const { place, replicas } = this.group;
    const heard = this.heard();
    const writer = this.writerPlace();
    let places = 0;
    let count = 0;
    if (writer >= 0 && writer !== place && (heard & voteOf(writer)) !== 0) {
      places = voteOf(writer);
      count = 1;
    }
    this.turn++;
    for (let i = 0; i < replicas.length && count < wanted; i++) {
      const candidate = (this.turn + i) % replicas.length;
      const vote = voteOf(candidate);
      if (candidate === place || (places & vote) !== 0 || (heard & vote) === 0) continue;
      places |= vote;
      count++;
    }
    return count < wanted ? this.group.everyone & ~voteOf(place) : places;
  }

  private readMessage(state: ReadState): Read {
    return {
      kind: "read",
      partition: this.group.partition,
      groupEpoch: this.group.epoch,
      attempt: state.attempt,
      key: state.request.key,
      holding: state.own === null ? null : state.own.timestamp,
    };
  }

  /** `register` is there when it is newer than the asker's copy, or is that copy. */
  private count(
    state: ReadState,
    place: number,
    timestamp: Timestamp | null,
    register: Register | null,
    settledThere: boolean,
  ): void {
    const vote = voteOf(place);
    const order =
      timestamp === null ? -1 : state.best === null ? 1 : compareTimestamps(timestamp, state.best.timestamp);
    // States newer than the asker's copy are sent whole: an answer that does not is none.
    if (order > 0 && register === null) return;
    assert((state.answers & vote) === 0 || planted("R7.count-messages"), "I3: each replica's answer counts once");
    state.answers |= vote;
    state.messages++;
    if (timestamp === null) {
      state.sawAbsent = true;
      return;
    }
    if (order < 0) return;
    const settled = settledThere || this.replica.revisions.settled.covers(timestamp);
    if (order === 0) {
      state.holders |= vote;
      state.bestSettled ||= settled;
      return;
    }
    state.best = register;
    state.holders = vote;
    state.bestSettled = settled;
  }

  private judge(now: Instant, state: ReadState, out: Outbox): void {
    const count = planted("R7.count-messages") ? state.messages : countVotes(state.answers);
    if (count < this.group.majority) return;
    const { best } = state;
    if (best === null) return this.finish(state, out);
    const native = best.timestamp.ballot.groupEpoch === this.group.epoch;
    // Each of them took it under the fence, as it would an impose.
    const onMajority = planted("R7.count-messages")
      ? state.holders === state.answers
      : countVotes(state.holders) >= this.group.majority;
    if (native && onMajority) return this.finish(state, out);
    if (state.bestSettled && (!state.sawAbsent || planted("R3.settled-though-absent"))) return this.finish(state, out);
    if (planted("R3.no-impose")) return this.finish(state, out);
    if (!native) return this.handOver(now, state, out);
    this.impose(now, state, out);
  }

  private impose(now: Instant, state: ReadState, out: Outbox): void {
    this.reads.delete(state.attempt);
    state.attempt = this.nextAttempt(state.request);
    state.phase = "imposing";
    state.asking.again(now);
    state.messages = countVotes(state.holders);
    this.reads.set(state.attempt, state);
    this.sendImpose(state, out);
  }

  private sendImpose(state: ReadState, out: Outbox): void {
    const { best } = state;
    assert(best !== null, "I1: an impose has a register");
    this.multicast.send(
      this.group.everyone & ~state.holders,
      { kind: "impose", partition: this.group.partition, attempt: state.attempt, register: best },
      out,
    );
  }

  private handOver(now: Instant, state: ReadState, out: Outbox): void {
    this.reads.delete(state.attempt);
    state.attempt = this.nextAttempt(state.request);
    state.phase = "handing-over";
    state.asking.again(now);
    this.reads.set(state.attempt, state);
    this.sendHandOver(state, out);
  }

  private sendHandOver(state: ReadState, out: Outbox): void {
    const writer = this.writerPlace();
    state.writer = writer;
    if (writer < 0) return;
    this.multicast.send(
      voteOf(writer),
      {
        kind: "hand-over",
        partition: this.group.partition,
        groupEpoch: this.group.epoch,
        attempt: state.attempt,
        key: state.request.key,
      },
      out,
    );
  }

  private imposeAgain(now: Instant, state: ReadState, patience: Patience, out: Outbox): void {
    // A replica that refused promised a newer writer, and a silent one may be gone: that writer need not wait for it.
    const refused = state.refusals !== 0 && this.writerPlace() >= 0;
    if (refused && since(now, state.asking.askedAt) >= patience.firstMs) this.handOver(now, state, out);
    else if (state.asking.due(now, patience, ~state.holders)) this.sendImpose(state, out);
  }

  /** The same question to whoever is the writer by now. */
  private handOverAgain(now: Instant, state: ReadState, patience: Patience, out: Outbox): void {
    const writer = this.writerPlace();
    if (writer < 0 || (writer === state.writer && !state.asking.due(now, patience, voteOf(writer)))) return;
    if (writer !== state.writer) state.asking.again(now);
    this.sendHandOver(state, out);
  }

  private finish(state: ReadState, out: Outbox): void {
    const { best, bestSettled } = state;
    const counts = best === null || bestSettled || planted("R3.no-impose") || planted("R7.count-messages");
    const native = best?.timestamp.ballot.groupEpoch === this.group.epoch;
    assert(counts || countVotes(state.holders) >= this.group.majority, "I1: a majority took what is answered");
    assert(counts || native, "I2: a state of an earlier epoch is answered only if it is settled");
    this.reads.delete(state.attempt);
    this.answer(state.ticket, state.best, "linearizable", out);
  }

  private answer(ticket: Ticket, register: Register | null, consistency: "linearizable" | "local", out: Outbox): void {
    const writer = this.writerPlace();
    const known = this.replica.revisions.settledRevision;
    const held = register?.revision ?? NO_REVISION;
    const revision = known === UNKNOWN_REVISION || known > held ? known : held;
    const result: Result = {
      status: "done",
      answer: { kind: "get", entry: entryOf(register), consistency },
      standing: {
        revision,
        groupEpoch: this.group.epoch,
        writer: this.group.replicas[writer] ?? NO_NODE,
      },
    };
    // A local answer shows what a majority has on disk, whatever this node's disk does.
    const afterSync = consistency !== "local" && !planted("R8.own-copy-early");
    out.outcomes.push({ ticket, result, afterSync });
  }

  /** Why a read got no answer in time: only a hand-over needs a writer. */
  private unanswered(state: ReadState): Refusal {
    if (state.phase === "handing-over") return { reason: "not-writer", hint: NO_NODE };
    const heard = this.heard();
    return { reason: "no-quorum", missing: this.group.replicas.filter((_, place) => (heard & voteOf(place)) === 0) };
  }
}

/** An answer tells of the key that was asked for, or of none. */
const isOf = (key: Key, register: Register | null): boolean => register === null || register.key === key;
