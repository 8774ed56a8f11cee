/**
 * The sources of a merge: the replicas of the group before, one stream of pages for each. They are asked for their next
 * pages, and asked again, until enough of them have told what a stretch of keys needs. More are asked when some of them
 * are silent. This copy may be one of them, and needs no message.
 */
import { assert } from "../../base/assert.js";
import { type Instant, since } from "../../base/time.js";
import { majorityOf, voteOf } from "../../base/votes.js";
import { attempt, type GroupEpoch, type Key, NO_NODE, type NodeId } from "../model/ids.js";
import { compareKeys } from "../model/key-order.js";
import type { Sink } from "../model/outbox.js";
import type { AskKeys, AskStates, SealedCopy } from "../model/transfer-message.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Patience } from "../quorum/patience.js";
import type { ReceiverOutbox } from "./receiver.js";
import { type SourceCopy, statesPage } from "./source.js";
import { EXPECTED_STATES, Stream } from "./stream.js";
import type { TransferLoad } from "./transfer-load.js";

/** Without an answer for so long, another replica is asked besides. */
export const STALL_MS = 2_000;

/** The group that a copy takes over from, as the view names it. */
export interface PreviousGroup {
  readonly epoch: GroupEpoch;
  readonly replicas: readonly NodeId[];
}

export interface MergeSourcesOptions {
  /** The copy's own, of which it is not ready. */
  readonly group: Group;
  readonly previous: PreviousGroup;
  /**
   * This copy as one of the sources, when it was a ready replica of the group before and has sealed it; otherwise null.
   */
  readonly own: SourceCopy | null;
  readonly attempts: Attempts;
  readonly load: TransferLoad;
}

export interface MergeOutbox extends ReceiverOutbox {
  readonly sendNow: Sink<AskStates | AskKeys>;
}

export class MergeSources {
  readonly majority: number;
  readonly ownPlace: number;
  readonly streams: readonly Stream[];
  /** Replicas of the group before that are heard, one bit each by place there. */
  heard = 0;
  /** Those that stay in the group are asked first. Then this copy knows from where to catch up with each of them. */
  private readonly askingOrder: readonly Stream[];

  constructor(private readonly options: MergeSourcesOptions) {
    const { previous, group, own } = options;
    this.majority = majorityOf(previous.replicas.length);
    this.ownPlace = own === null ? -1 : previous.replicas.indexOf(group.self);
    assert(own === null || this.ownPlace >= 0, "a copy that is its own source was in the group before");
    this.streams = previous.replicas.map((_, place) => new Stream(place));
    const stays = ({ place }: Stream): boolean => group.placeOf(previous.replicas[place] ?? NO_NODE) >= 0;
    this.askingOrder = [...this.streams.filter(stays), ...this.streams.filter((stream) => !stays(stream))];
  }

  /** Bytes of pages that are held. */
  get buffered(): number {
    let bytes = 0;
    for (const stream of this.streams) bytes += stream.bytes;
    return bytes;
  }

  /** Registers that the largest of the sources holds, as far as they have told. */
  get expectedKeys(): number {
    let most = 0;
    for (const { size } of this.streams) most = Math.max(most, size);
    return most;
  }

  placeOf(node: NodeId): number {
    return this.options.previous.replicas.indexOf(node);
  }

  /** This copy is one of its own sources: its page needs no message. Returns what it says of itself; null: no page. */
  listOwn(after: Key | null): SealedCopy | null {
    const { own, group, previous } = this.options;
    const stream = this.streams[this.ownPlace];
    if (own === null || stream === undefined || stream.covers(after)) return null;
    const { partition, epoch: groupEpoch } = group;
    const asked = { kind: "ask-states", partition, groupEpoch, previous: previous.epoch, attempt: attempt(0) } as const;
    const page = statesPage({ ...asked, after }, own);
    stream.take(after, page);
    return page.sealed;
  }

  /** Enough replicas that are heard are asked, and more when some of them are silent. False: too few are heard. */
  widen(now: Instant): boolean {
    let live = 0;
    for (const { active, place, question } of this.streams) {
      const silent = question !== null && since(now, question.firstAskedAt) >= STALL_MS;
      if (place === this.ownPlace || (active && !silent && this.hears(place))) live++;
    }
    for (const stream of this.askingOrder) {
      if (live >= this.majority) break;
      if (stream.active || stream.place === this.ownPlace || !this.hears(stream.place)) continue;
      stream.active = true;
      live++;
    }
    return live >= this.majority;
  }

  /** Asks for the pages that come behind that key. False: the load of transfers does not let it ask for all of them. */
  askMore(after: Key | null, now: Instant, out: MergeOutbox): boolean {
    for (const stream of this.streams) {
      if (!stream.active || stream.place === this.ownPlace || stream.question !== null) continue;
      if (stream.covers(after) || !this.hears(stream.place)) continue;
      if (!this.options.load.ask(now, EXPECTED_STATES)) return false;
      stream.ask(this.options.attempts.next(), after, now);
      this.send(stream.place, this.statesQuestion(stream), out);
    }
    return true;
  }

  askAgain(now: Instant, patience: Patience, out: MergeOutbox): void {
    for (const stream of this.streams)
      if (stream.question?.due(now, patience, voteOf(stream.place)))
        this.send(stream.place, this.statesQuestion(stream), out);
  }

  send(place: number, question: AskStates | AskKeys, out: MergeOutbox): void {
    const node = this.options.previous.replicas[place];
    if (node !== undefined) out.sendNow.push(node, question);
  }

  /** Waits for no page any more that was asked for. */
  stop(): void {
    for (const stream of this.streams) {
      if (stream.question !== null) this.options.load.came(EXPECTED_STATES, 0);
      stream.question = null;
    }
  }

  private statesQuestion({ question }: Stream): AskStates {
    assert(question !== null, "a stream that is asked has a question");
    const { group, previous } = this.options;
    const { partition, epoch: groupEpoch } = group;
    const { attempt, after } = question;
    return { kind: "ask-states", partition, groupEpoch, previous: previous.epoch, attempt, after };
  }

  private hears(place: number): boolean {
    return (this.heard & voteOf(place)) !== 0;
  }
}

/** The first key that somebody tells of next; null: nobody does. */
export function lowest(covering: readonly Stream[], own: Key | null): Key | null {
  let first = own;
  for (const stream of covering) {
    const key = stream.peek()?.key ?? null;
    if (key !== null && (first === null || compareKeys(key, first) < 0)) first = key;
  }
  return first;
}
