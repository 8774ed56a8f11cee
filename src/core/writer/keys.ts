/**
 * The writer's knowledge of its keys in one office, and how it comes to know. The first touch of a key asks a majority
 * that promised the ballot what it holds, and the highest timestamp wins (R4). After that its own decisions are all
 * there is.
 */
import type { Instant } from "../../base/time.js";
import { TransientMap } from "../../base/transient-map.js";
import { voteOf } from "../../base/votes.js";
import { type Ballot, compareTimestamps } from "../model/ballot.js";
import { CompletionRecords } from "../model/completion-records.js";
import type { Attempt, Key, NodeId, Revision } from "../model/ids.js";
import type { Recovered } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import { Register } from "../model/register.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import type { Patience } from "../quorum/patience.js";
import { Round } from "../quorum/round.js";
import { KeyState } from "./key-state.js";
import type { NodeLoad, Rememberer } from "./node-load.js";
import type { Queued } from "./queued.js";

/**
 * Keys of a partition that a writer remembers; beyond it, it forgets settled ones and recovers them when they are
 * touched again.
 */
export const MAX_KEYS = 4_096;

/** Keys that are forgotten together. */
const FORGOTTEN_TOGETHER = 64;

export class Keys implements Rememberer {
  private ballot: Ballot | null = null;
  private states = new Map<Key, KeyState>();
  private readonly recoveries = new TransientMap<Attempt, KeyState>();
  /** About to be decided on: it is not forgotten now. */
  private weighed: KeyState | null = null;
  /** Requests that wait for a first touch. */
  waiting = 0;

  constructor(
    private readonly group: Group,
    private readonly attempts: Attempts,
    private readonly multicast: Multicast,
    private readonly load: NodeLoad,
  ) {}

  begin(ballot: Ballot): void {
    this.ballot = ballot;
  }

  /** The office is over: nothing is remembered; returns the requests that wait for a first touch. */
  end(): Queued[] {
    const waiting: Queued[] = [];
    for (const state of this.recoveries.values()) {
      waiting.push(...state.waiting);
      this.states.delete(state.key);
    }
    this.recoveries.clear();
    this.waiting = 0;
    this.ballot = null;
    if (planted("R4.earlier-office")) return waiting;
    let bytes = 0;
    for (const state of this.states.values()) bytes += state.bytes;
    this.load.remember(this, -bytes);
    this.load.forgotten(this);
    this.states = new Map();
    return waiting;
  }

  get busy(): boolean {
    return this.recoveries.size > 0;
  }

  /** The known state of the request's key; null: the request waits until that is recovered. */
  touch(now: Instant, queued: Queued, out: Outbox): KeyState | null {
    const known = this.states.get(queued.key);
    if (known === undefined) {
      this.recover(now, queued, out);
      return null;
    }
    if (known.recovery === null) return known;
    this.waiting++;
    known.waiting.push(queued);
    return null;
  }

  /** Requests on the key that wait for it to be known, or whose writes are under way, and askers for its latest
   * state. */
  loadOf(key: Key): number {
    const state = this.states.get(key);
    if (state === undefined) return 0;
    const { waiting, undone, line } = state;
    return waiting.length + (line?.length ?? 0) + undone.length + (undone.at(-1)?.waiters.length ?? 0);
  }

  /**
   * Those who have waited for a first touch until their deadline, each with the replicas that did not tell; they wait
   * no more. A key for which nobody waits is not asked for any more.
   */
  overdue(now: Instant, leave: (queued: Queued, missing: readonly NodeId[]) => void): void {
    for (const state of this.recoveries.values()) {
      const { recovery, waiting } = state;
      if (recovery === null || !waiting.some(({ asker }) => now >= asker.deadline)) continue;
      const missing = this.group.replicas.filter((_, place) => (recovery.votes & voteOf(place)) === 0);
      state.waiting = waiting.filter(({ asker }) => now < asker.deadline);
      this.waiting -= waiting.length - state.waiting.length;
      if (state.waiting.length === 0) {
        this.recoveries.delete(recovery.attempt);
        this.states.delete(state.key);
      }
      for (const queued of waiting) if (now >= queued.asker.deadline) leave(queued, missing);
    }
  }

  /** The known state of a key; null: it is not known, or being found out. */
  known(key: Key): KeyState | null {
    const state = this.states.get(key);
    return state === undefined || state.recovery !== null ? null : state;
  }

  /** Known in this office, or being found out. */
  has(key: Key): boolean {
    return this.states.has(key);
  }

  /**
   * The partition's floor has risen: keys that are known to be absent begin with it, as those that are not known yet
   * will.
   */
  raiseFloor(floor: Revision): void {
    for (const state of this.states.values()) {
      if (state.register === null && floor > state.floor) state.floor = floor;
    }
  }

  /** The requests that no longer wait: their key is known now. */
  onRecovered(now: Instant, place: number, message: Recovered): readonly Queued[] {
    const state = this.recoveries.get(message.attempt);
    const round = state?.recovery;
    if (state === undefined || round === undefined || round === null) return NONE;
    const { register } = message;
    if (register !== null && register.key !== state.key) return NONE;
    const highest = state.register;
    if (register !== null && (highest === null || compareTimestamps(register.timestamp, highest.timestamp) > 0)) {
      state.register = register;
    }
    if (message.floor > state.floor) state.floor = message.floor;
    round.vote(place);
    if (round.count < (planted("R4.one-replica") ? 1 : this.group.majority)) return NONE;
    if (state.withOwnCopy && (round.votes & voteOf(this.group.place)) === 0) return NONE;
    this.recoveries.delete(round.attempt);
    state.recovery = null;
    if (planted("R9.drop-on-recover")) dropRecords(state);
    state.recoveredAt(now);
    this.weigh(state);
    const { waiting } = state;
    state.waiting = [];
    this.waiting -= waiting.length;
    return waiting;
  }

  resend(now: Instant, patience: Patience, out: Outbox): void {
    for (const state of this.recoveries.values()) {
      const round = state.recovery;
      if (round?.due(now, patience)) this.ask(state.key, round, this.group.everyone & ~round.votes, out);
    }
  }

  /** The key's register is another one now. */
  weigh(state: KeyState): void {
    const bytes = state.register === null ? 0 : state.register.bytes;
    const more = bytes - state.bytes;
    state.bytes = bytes;
    if (more === 0) return;
    this.weighed = state;
    this.load.remember(this, more);
    this.weighed = null;
  }

  forgetSome(): boolean {
    return this.forgetSettled(FORGOTTEN_TOGETHER);
  }

  /** The own copy has to tell of the key, too: at its first touch in this office. */
  needOwnCopy(key: Key): void {
    const state = this.states.get(key);
    if (state !== undefined) state.withOwnCopy = true;
  }

  private recover(now: Instant, queued: Queued, out: Outbox): void {
    if (this.states.size >= MAX_KEYS) this.forgetSettled(this.states.size - Math.floor(MAX_KEYS * 0.9));
    const state = new KeyState(queued.key);
    const round = new Round(this.attempts.next(), now);
    state.recovery = round;
    this.waiting++;
    state.waiting.push(queued);
    this.states.set(queued.key, state);
    this.recoveries.set(round.attempt, state);
    this.ask(state.key, round, this.group.everyone, out);
  }

  private ask(key: Key, round: Round, places: number, out: Outbox): void {
    if (this.ballot === null) return;
    const { partition } = this.group;
    this.multicast.send(places, { kind: "recover", partition, ballot: this.ballot, attempt: round.attempt, key }, out);
  }

  /** The oldest, at most so many; false: there was none. */
  private forgetSettled(most: number): boolean {
    let left = most;
    for (const state of this.states.values()) {
      if (left <= 0) break;
      if (state === this.weighed || state.recovery !== null || state.undone.length > 0 || state.line !== null) continue;
      this.states.delete(state.key);
      this.load.remember(this, -state.bytes);
      left--;
    }
    return left < most;
  }
}

const NONE: readonly Queued[] = [];

/** Only a planted bug calls this. */
function dropRecords(state: KeyState): void {
  const r = state.register;
  if (r !== null)
    state.register = new Register(r.key, r.timestamp, r.value, r.version, r.revision, r.floor, CompletionRecords.none);
}
