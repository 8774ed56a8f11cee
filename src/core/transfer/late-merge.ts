/**
 * The late merge: a ready copy goes on asking for its inherited bad keys, until a majority of the group before has
 * spoken (H12). Then the key is merged as all others were. Meanwhile the copy says nothing of it, so the writer may
 * mend it first.
 *
 * Invariants:
 *   I1  Answers are collected under the number of the mark, and die with it. A key that was mended and is bad again has
 *       acknowledged something in this group: what the group before held says nothing of that (R11).
 *   I2  A register that is taken counts as taken over by a transfer: this copy has no vote on what was settled before
 *       (M1).
 */
import { type Instant, instant } from "../../base/time.js";
import { countVotes, majorityOf, voteOf } from "../../base/votes.js";
import { compareTimestamps } from "../model/ballot.js";
import { TRANSFER_PAGE_BYTES } from "../model/bounds.js";
import type { Attempt, Key, NodeId } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { Register } from "../model/register.js";
import { BAD } from "../model/table.js";
import type { HeldKey, KeysHeld } from "../model/transfer-message.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import { Asking, type Patience } from "../quorum/patience.js";
import type { MergeOutbox, PreviousGroup } from "./merge-sources.js";
import type { Receiver } from "./receiver.js";
import type { TransferLoad } from "./transfer-load.js";

/** Keys asked for at a time: the highest register of each is kept until a majority has spoken. */
const MAX_KEYS = 8;
/** After so long the next keys have their turn, and those that have waited are asked for again later. */
const TURN_MS = 5_000;

/** The answers on one key. */
class Collected {
  speakers = 0;
  votes = 0;
  settled = false;
  highest: Register | null = null;

  constructor(readonly mark: number) {}

  hear(place: number, { register, settled }: HeldKey, votes: boolean): void {
    if ((this.speakers & voteOf(place)) !== 0) return;
    this.speakers |= voteOf(place);
    if (register === null) return;
    const order = this.highest === null ? 1 : compareTimestamps(register.timestamp, this.highest.timestamp);
    if (order < 0) return;
    if (order > 0) {
      this.highest = register;
      this.votes = 0;
      this.settled = false;
    }
    if (votes) this.votes++;
    if (settled) this.settled = true;
  }
}

class Question extends Asking {
  constructor(
    readonly attempt: Attempt,
    readonly keys: readonly Key[],
    now: Instant,
  ) {
    super(now);
  }
}

export interface LateMergeOptions {
  readonly group: Group;
  readonly previous: PreviousGroup;
  readonly receiver: Receiver;
  readonly attempts: Attempts;
  readonly load: TransferLoad;
}

export class LateMerge {
  /** Keys merged since the machine started. */
  merged = 0;
  private readonly majority: number;
  /** By place of the group before; undefined: nothing is asked of it, or it has answered in this turn. */
  private readonly questions = new Map<number, Question>();
  private readonly collected = new Map<Key, Collected>();
  private turnEndsAt = instant(0);
  private begun = false;

  constructor(private readonly options: LateMergeOptions) {
    this.majority = majorityOf(options.previous.replicas.length);
  }

  get busy(): boolean {
    return this.options.receiver.inherited.marks.size > 0;
  }

  /** Called every tick while `busy`. `heard`: replicas of the group before that are heard, one bit each. */
  tick(now: Instant, heard: number, patience: Patience, out: MergeOutbox): void {
    this.forgetDead();
    if (this.collected.size === 0 || !this.begun || now >= this.turnEndsAt) this.nextTurn(now, out);
    for (const [place, question] of this.questions)
      if ((heard & voteOf(place)) !== 0 && question.due(now, patience, voteOf(place))) this.send(place, question, out);
  }

  onKeysHeld(now: Instant, from: NodeId, message: KeysHeld, out: MergeOutbox): void {
    const { previous, receiver, load } = this.options;
    const place = previous.replicas.indexOf(from);
    const question = this.questions.get(place);
    if (question === undefined || question.attempt !== message.attempt) return;
    this.questions.delete(place);
    load.came(
      TRANSFER_PAGE_BYTES,
      message.held.reduce((bytes, { register }) => bytes + (register?.bytes ?? 0), 0),
    );
    receiver.learn(message.sealed, out);
    for (const held of message.held) {
      const collected = this.collected.get(held.key);
      if (collected === undefined || held.bad || (held.register !== null && held.register.key !== held.key)) continue;
      collected.hear(place, held, message.sealed.votes);
      if (countVotes(collected.speakers) >= this.majority) this.conclude(held.key, collected, out);
    }
    // The page was cut short.
    const rest = question.keys.slice(message.held.length);
    if (message.held.length > 0 && rest.length > 0) this.ask(now, place, rest, out);
  }

  stop(): void {
    for (const place of [...this.questions.keys()]) this.drop(place);
    this.collected.clear();
  }

  private conclude(key: Key, { mark, highest, settled, votes }: Collected, out: MergeOutbox): void {
    const { receiver, previous } = this.options;
    this.collected.delete(key);
    if (!this.stands(key, mark)) return;
    this.merged++;
    if (highest === null) return receiver.conclude(key, out);
    const native = highest.timestamp.ballot.groupEpoch === previous.epoch;
    const known = settled || receiver.covers(highest.timestamp) || (native && votes >= this.majority);
    receiver.adopt(highest, known, out);
  }

  /** The mark under which the answers were asked for is still on the key (I1). */
  private stands(key: Key, mark: number): boolean {
    const { receiver } = this.options;
    if (planted("V3.late-after-mended")) return receiver.inherited.has(key) || receiver.table.get(key) === BAD;
    return receiver.inherited.marks.get(key) === mark;
  }

  private forgetDead(): void {
    if (planted("V3.late-after-mended")) return;
    for (const [key, { mark }] of this.collected) if (!this.stands(key, mark)) this.collected.delete(key);
  }

  /** The keys that have waited longest are asked for. */
  private nextTurn(now: Instant, out: MergeOutbox): void {
    const { receiver, group, previous } = this.options;
    this.stop();
    this.begun = true;
    this.turnEndsAt = instant(now + TURN_MS);
    const keys: Key[] = [];
    for (const [key, mark] of receiver.inherited.marks) {
      if (keys.length >= MAX_KEYS) break;
      keys.push(key);
      this.collected.set(key, new Collected(mark));
    }
    receiver.inherited.standBack(keys);
    if (keys.length === 0) return;
    for (const [place, node] of previous.replicas.entries()) if (node !== group.self) this.ask(now, place, keys, out);
  }

  private ask(now: Instant, place: number, keys: readonly Key[], out: MergeOutbox): void {
    const { attempts, load } = this.options;
    if (!load.ask(now, TRANSFER_PAGE_BYTES)) return;
    const question = new Question(attempts.next(), keys, now);
    this.questions.set(place, question);
    this.send(place, question, out);
  }

  private drop(place: number): void {
    this.questions.delete(place);
    this.options.load.came(TRANSFER_PAGE_BYTES, 0);
  }

  private send(place: number, { attempt, keys }: Question, out: MergeOutbox): void {
    const { group, previous } = this.options;
    const to = previous.replicas[place];
    if (to === undefined) return;
    const { partition, epoch: groupEpoch } = group;
    out.sendNow.push(to, { kind: "ask-keys", partition, groupEpoch, previous: previous.epoch, attempt, keys });
  }
}
