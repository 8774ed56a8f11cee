/**
 * The merge: how a copy that is not ready becomes a whole replica of its group (V3). It asks a majority of the group
 * before what they held at their seals, or hold by now. It goes along all keys in one order, and takes the highest
 * timestamp of each.
 *
 * Intuition: each of those replicas tells the timestamps of its keys in pages (stream.ts). Once a majority has told a
 * stretch of keys, it is decided. A register that is here already stays if it is the one that counts; the rest is
 * fetched whole or dropped. So a pre-copy only saves fetching, and never decides anything. Memory is bounded by a page
 * for each replica, however large the partition.
 *
 * Invariants:
 *   I1  A key is decided by replicas that can speak for it and are a majority of the group before; sealed, or they do
 *       not answer. Other keys may be decided by others, so that a source may die in the middle.
 *   I2  A key that none of them holds is dropped, whatever was here.
 *   I3  A register counts as settled when one of them knows it to be. It does, too, when it is native to that group and
 *       a majority of the whole group held it at their seals (M1).
 *   I4  A key that too few can speak for is inherited as bad, after a bounded wait, and never taken as absent (H12).
 *   I5  Ready is durable after everything that it speaks of: entries keep their order.
 *
 * Source: the join of sorted streams, as in LSM trees. Here they are votes, so each key needs a majority of them.
 */
import { type Instant, since } from "../../base/time.js";
import { countVotes, voteOf } from "../../base/votes.js";
import { compareTimestamps, sameTimestamp } from "../model/ballot.js";
import { TRANSFER_PAGE_BYTES } from "../model/bounds.js";
import type { Entry } from "../model/entry.js";
import { type Key, NO_NODE, type NodeId } from "../model/ids.js";
import { compareKeys } from "../model/key-order.js";
import { planted } from "../model/planted.js";
import { BAD, type Held, orderedPage } from "../model/table.js";
import type { Merged } from "../model/transfer-entry.js";
import type { KeysHeld, States } from "../model/transfer-message.js";
import type { Patience } from "../quorum/patience.js";
import { Fetching } from "./fetching.js";
import { lowest, type MergeOutbox, MergeSources, type MergeSourcesOptions, STALL_MS } from "./merge-sources.js";
import type { Receiver } from "./receiver.js";
import { EXPECTED_STATES, type Stream } from "./stream.js";
import { Verdict } from "./verdict.js";

/**
 * For so long replicas that do not answer are waited for, before keys that the others cannot speak for are inherited as
 * bad.
 */
export const BAD_WAIT_MS = 5_000;
/** Inherited bad keys of a partition. At it: the merge waits until more replicas can speak. */
export const MAX_INHERITED = 1_024;
/** Own registers looked at for one stretch. */
const MAX_OWN = 512;

/** Own registers taken in a tick, as the other partitions of the node want their turn. */
const OWN_BYTES = 8 * TRANSFER_PAGE_BYTES;

export interface MergeOptions extends MergeSourcesOptions {
  readonly receiver: Receiver;
  /** How far an earlier life came; null: nothing of it is durable. */
  readonly restored: Merged | null;
}

/** The reason why it waits, other than for answers. */
export type MergeWait = "sources" | "bad keys" | "too many bad keys" | "room" | "rate";

export class Merge {
  /** All keys are as they must be. The copy is ready once it says so, behind all entries of this machine. */
  ready = false;
  /** Where catching up with each source goes on from; known at the end. */
  readonly cursors: Extract<Entry, { kind: "cursor" }>[] = [];
  /** Keys decided, and bytes that came, since the machine started. */
  keys = 0;
  bytes = 0;
  waitsFor: MergeWait | null = null;
  private readonly sources: MergeSources;
  private readonly fetching = new Fetching();
  /** Keys up to this one are as they must be; null: none. */
  private merged: Key | null;
  /** Where the stretch ends that registers are fetched for; null: with the last key. */
  private stretchEnd: Key | null = null;
  private fetchingStretch = false;
  /** Since when too few can speak for the next key, and who spoke at the end of the last such wait, one bit each. */
  private undecidedSince: Instant | null = null;
  private waitedFor = 0;
  /** Bytes of own registers that may be taken before the next tick. */
  private ownBytes = OWN_BYTES;

  constructor(private readonly options: MergeOptions) {
    const { group, restored } = options;
    this.sources = new MergeSources(options);
    this.merged = restored !== null && restored.groupEpoch === group.epoch ? restored.upTo : null;
  }

  /** Bytes of pages that are held. */
  get buffered(): number {
    return this.sources.buffered;
  }

  /** Registers that the largest of the sources holds, as far as they have told. */
  get expectedKeys(): number {
    return this.sources.expectedKeys;
  }

  /** Called every tick. `heard`: replicas of the group before that are heard, one bit each by place there. */
  tick(now: Instant, heard: number, patience: Patience, out: MergeOutbox): void {
    if (this.ready) return;
    this.sources.heard = heard;
    this.ownBytes = OWN_BYTES;
    if (!this.sources.widen(now) && !this.fetchingStretch) this.waitsFor = "sources";
    this.askAgain(now, patience, out);
    this.proceed(now, out);
  }

  onStates(now: Instant, from: NodeId, message: States, out: MergeOutbox): void {
    const stream = this.sources.streams[this.sources.placeOf(from)];
    const question = stream?.question ?? null;
    if (this.ready || stream === undefined || question === null) return;
    if (question.attempt !== message.attempt && !planted("V3.any-attempt")) return;
    stream.take(question.after, message);
    this.arrived(EXPECTED_STATES, stream.bytes);
    stream.question = null;
    this.options.receiver.learn(message.sealed, out);
    this.proceed(now, out);
  }

  onKeysHeld(now: Instant, from: NodeId, message: KeysHeld, out: MergeOutbox): void {
    const { fetching } = this;
    const { question } = fetching;
    if (this.ready || question === null) return;
    if (question.attempt !== message.attempt && !planted("V3.any-attempt")) return;
    if (question.place !== this.sources.placeOf(from)) return;
    let bytes = 0;
    for (const { register } of message.held) bytes += register?.bytes ?? 0;
    this.arrived(TRANSFER_PAGE_BYTES, bytes);
    fetching.question = null;
    this.options.receiver.learn(message.sealed, out);
    let contradicted = message.held.length === 0;
    for (const { key, register, settled } of message.held) {
      const lacking = fetching.get(key);
      if (lacking === undefined) continue;
      const order = register === null ? -1 : compareTimestamps(register.timestamp, lacking.timestamp);
      // It is bad there by now, or another copy answered.
      if (register === null || register.key !== key || order < 0) {
        contradicted = true;
        continue;
      }
      this.options.receiver.adopt(register, settled || (order === 0 && lacking.settled), out);
      fetching.came(key);
    }
    if (contradicted) this.listAgain(question.place);
    this.proceed(now, out);
  }

  /** Waits for nothing any more that was asked for. */
  stop(): void {
    this.sources.stop();
    this.stopFetching();
  }

  // ---- Deciding. ----

  private proceed(now: Instant, out: MergeOutbox): void {
    while (!this.ready) {
      if (this.fetchingStretch) {
        this.takeOwn(now, out);
        if (!this.fetching.done) break;
        this.fetchingStretch = false;
        this.advance(this.stretchEnd, out);
      } else if (!this.decideStretch(now, out)) break;
    }
    if (!this.ready) this.askMore(now, out);
  }

  /** Decides the next keys. False: it needs more pages, or the next key cannot be decided yet. */
  private decideStretch(now: Instant, out: MergeOutbox): boolean {
    const { receiver } = this.options;
    const { streams, majority } = this.sources;
    const sealed = this.sources.listOwn(this.merged);
    if (sealed !== null) receiver.learn(sealed, out);
    const covering = streams.filter((stream) => stream.covers(this.merged));
    const needed = planted("V3.one-replica") ? 1 : majority;
    if (covering.length < needed) return false;
    const own = orderedPage(receiver.table, this.merged, MAX_OWN, TRANSFER_PAGE_BYTES);
    let end: Key | null = own.more ? (own.found.at(-1)?.key ?? null) : null;
    for (const { upTo } of covering) end = earlier(end, upTo);
    for (const stream of covering) stream.seek(this.merged);
    let undecided: Key | null = null;
    let last = this.merged;
    for (let at = 0; ; ) {
      const held = own.found[at];
      const key = lowest(covering, held?.key ?? null);
      if (key === null || (end !== null && compareKeys(key, end) > 0)) break;
      const mine = held?.key === key ? held : null;
      if (mine !== null) at++;
      if (!this.decide(key, mine, covering, out)) {
        undecided = key;
        break;
      }
      this.keys++;
      last = key;
    }
    for (const stream of streams) if (!covering.includes(stream)) stream.missed();
    if (undecided === null) return this.reached(end, out);
    if (last !== this.merged) return this.reached(last, out);
    return this.giveUpOn(undecided, now, covering, out);
  }

  /** False: too few can speak for the key. */
  private decide(key: Key, mine: Held | null, covering: readonly Stream[], out: MergeOutbox): boolean {
    const { receiver, previous } = this.options;
    const verdict = new Verdict();
    for (const stream of covering) verdict.hear(stream.place, stream.pass(key), stream.votes);
    const speakers = planted("V3.bad-is-absent") ? covering.length : verdict.speakers;
    if (speakers < this.sources.majority && !planted("V3.one-replica")) return false;
    const { highest } = verdict;
    if (highest === null) {
      if (!planted("V3.keeps-leftovers")) receiver.discard(key, out);
      return true;
    }
    const native = highest.ballot.groupEpoch === previous.epoch;
    const settled =
      verdict.settled ||
      receiver.covers(highest) ||
      (native && verdict.votes >= this.sources.majority) ||
      planted("V3.in-doubt-settled");
    if (mine === null || mine.held === BAD || !sameTimestamp(mine.held.timestamp, highest))
      this.fetching.add({ key, timestamp: highest, settled, places: verdict.places });
    else if (settled && !mine.settled && !receiver.covers(highest)) receiver.adopt(mine.held, true, out);
    return true;
  }

  /** The stretch up to there is decided: what is lacking of it is fetched. */
  private reached(end: Key | null, out: MergeOutbox): boolean {
    this.waitsFor = null;
    this.undecidedSince = null;
    if (this.fetching.done) this.advance(end, out);
    else {
      this.stretchEnd = end;
      this.fetchingStretch = true;
      if (planted("V3.noted-early") && end !== null) this.note(end, out);
    }
    return true;
  }

  private advance(end: Key | null, out: MergeOutbox): void {
    if (end === null) return this.finish(out);
    this.merged = end;
    this.note(end, out);
  }

  private note(upTo: Key, out: MergeOutbox): void {
    const { receiver, group } = this.options;
    receiver.note({ kind: "merged", partition: group.partition, groupEpoch: group.epoch, upTo }, out);
  }

  /** Whether the key is inherited as bad, and passed over. */
  private giveUpOn(key: Key, now: Instant, covering: readonly Stream[], out: MergeOutbox): boolean {
    const { receiver } = this.options;
    const spoke = covering.reduce((votes, { place }) => votes | voteOf(place), 0);
    for (const stream of this.sources.streams) stream.active = true;
    // Nobody is waited for who may not be asked.
    if (this.undecidedSince === null || this.options.load.heldUpBy(now) !== null) this.undecidedSince = now;
    const waited = since(now, this.undecidedSince) >= BAD_WAIT_MS || (spoke & ~this.waitedFor) === 0;
    if (covering.length < this.sources.streams.length && !waited) {
      this.waitsFor = "bad keys";
      return false;
    }
    if (receiver.inherited.marks.size >= MAX_INHERITED && !receiver.inherited.has(key)) {
      this.waitsFor = "too many bad keys";
      return false;
    }
    this.waitedFor = spoke;
    receiver.inherit(key, out);
    this.keys++;
    return this.reached(key, out);
  }

  private finish(out: MergeOutbox): void {
    const { receiver, group, previous } = this.options;
    for (const { place, since } of this.sources.streams) {
      const node = previous.replicas[place] ?? NO_NODE;
      if (since !== null && place !== this.sources.ownPlace && group.placeOf(node) >= 0)
        this.cursors.push(receiver.follow(node, since.copy, since.change, out));
    }
    this.ready = true;
    this.waitsFor = null;
    this.stop();
    for (const stream of this.sources.streams) stream.drop();
  }

  // ---- Asking. ----

  /** No message is needed for registers that this node sealed itself. */
  private takeOwn(now: Instant, out: MergeOutbox): void {
    const { own, receiver, load } = this.options;
    if (own === null) return;
    for (const { key, timestamp, settled } of this.fetching.heldBy(this.sources.ownPlace)) {
      if (this.ownBytes <= 0) return;
      this.waitsFor = load.heldUpBy(now);
      if (this.waitsFor !== null) return;
      const held = own.look(key);
      // It is bad by now.
      if (held === null || held === BAD || !sameTimestamp(held.timestamp, timestamp))
        return this.listAgain(this.sources.ownPlace);
      this.ownBytes -= held.bytes;
      receiver.adopt(held, settled || own.isSettled(held), out);
      this.fetching.came(key);
    }
  }

  private askMore(now: Instant, out: MergeOutbox): void {
    const { load } = this.options;
    if (this.fetchingStretch) return this.fetch(now, out);
    if (!this.sources.askMore(this.merged, now, out)) this.waitsFor = load.heldUpBy(now) ?? this.waitsFor;
  }

  private fetch(now: Instant, out: MergeOutbox): void {
    const { fetching } = this;
    const { load, attempts } = this.options;
    if (fetching.question !== null) return;
    // Its own ones it takes at the next tick.
    if (this.sources.ownPlace >= 0 && (fetching.holders & voteOf(this.sources.ownPlace)) !== 0) return;
    const holders = fetching.holders & this.sources.heard;
    if (holders === 0) return this.loseHolders();
    if (!load.ask(now, TRANSFER_PAGE_BYTES)) {
      this.waitsFor = load.heldUpBy(now) ?? this.waitsFor;
      return;
    }
    this.waitsFor = null;
    fetching.ask(attempts.next(), 31 - Math.clz32(holders), now);
    this.sendFetch(out);
  }

  private askAgain(now: Instant, patience: Patience, out: MergeOutbox): void {
    this.sources.askAgain(now, patience, out);
    const { fetching } = this;
    const { question } = fetching;
    if (question === null) return;
    if (fetching.silent(now) >= STALL_MS && countVotes(this.sources.heard & ~voteOf(question.place)) > 0)
      return this.listAgain(question.place);
    if (question.due(now, patience, voteOf(question.place))) this.sendFetch(out);
  }

  /** That replica does not hold what it told of, or is silent: the stretch is decided anew, by what the others told. */
  private listAgain(place: number): void {
    this.stopFetching();
    this.sources.streams[place]?.drop();
  }

  /** Nobody who is heard holds what is lacking. */
  private loseHolders(): void {
    const { holders } = this.fetching;
    this.stopFetching();
    for (const stream of this.sources.streams) if ((holders & voteOf(stream.place)) !== 0) stream.drop();
  }

  private stopFetching(): void {
    if (this.fetching.question !== null) this.options.load.came(TRANSFER_PAGE_BYTES, 0);
    this.fetching.clear();
    this.fetchingStretch = false;
  }

  private arrived(expected: number, bytes: number): void {
    this.options.load.came(expected, bytes);
    this.bytes += bytes;
  }

  private sendFetch(out: MergeOutbox): void {
    const { question } = this.fetching;
    if (question === null) return;
    const { group, previous } = this.options;
    const { partition, epoch: groupEpoch } = group;
    const { attempt, keys } = question;
    this.sources.send(
      question.place,
      { kind: "ask-keys", partition, groupEpoch, previous: previous.epoch, attempt, keys },
      out,
    );
  }
}

/** The earlier one of two ends of stretches; null is behind the last key. */
function earlier(a: Key | null, b: Key | null): Key | null {
  if (a === null || b === null) return a ?? b;
  return compareKeys(a, b) <= 0 ? a : b;
}
