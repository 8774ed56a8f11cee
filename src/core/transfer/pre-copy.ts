/**
 * The pre-copy: most of a partition gets to its next replica while the group before goes on serving. So the merge has
 * little left to fetch.
 *
 * Intuition: all keys of one copy are listed in order, in pages of whole registers. Then its changes since the listing
 * began are asked for, again and again. A cursor says how far that is: it counts the changes of that one copy. Whatever
 * goes wrong here costs bytes and never correctness, as the merge decides every key anew.
 *
 * Invariants:
 *   I1  The cursor is of one copy of one replica. When that one has another copy by now, its keys are listed anew.
 *   I2  A key that the source removed since is removed here, and so is a key between two that it lists. Otherwise
 *       purged keys would pile up (H8).
 */
import { type Instant, instant, since } from "../../base/time.js";
import { voteOf } from "../../base/votes.js";
import { compareTimestamps } from "../model/ballot.js";
import { TRANSFER_PAGE_BYTES } from "../model/bounds.js";
import {
  type Attempt,
  type ChangeNumber,
  type GroupEpoch,
  groupEpoch,
  type Key,
  NO_NODE,
  type NodeId,
} from "../model/ids.js";
import { compareKeys } from "../model/key-order.js";
import type { Sink } from "../model/outbox.js";
import { BAD, orderedPage } from "../model/table.js";
import type { PreCopied } from "../model/transfer-entry.js";
import type {
  AskDelta,
  AskRegisters,
  Delta,
  GivenRegister,
  Registers,
  SourceNumbers,
} from "../model/transfer-message.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import { Asking, type Patience } from "../quorum/patience.js";
import type { PreviousGroup } from "./merge-sources.js";
import type { Receiver, ReceiverOutbox } from "./receiver.js";
import type { TransferLoad } from "./transfer-load.js";

/** Without an answer for so long the source is given up for another one. */
export const GIVE_UP_MS = 5_000;
/** Once everything is here, the pause before the source is asked for what changed. */
const FOLLOW_MS = 1_000;
/** Own registers looked at together. */
const MAX_OWN = 512;

export interface PreCopyOutbox extends ReceiverOutbox {
  readonly sendNow: Sink<AskRegisters | AskDelta>;
}

export interface PreCopyOptions {
  /** The copy's own, or the one that it will be of. */
  readonly group: Group;
  readonly from: PreviousGroup;
  readonly receiver: Receiver;
  readonly attempts: Attempts;
  readonly load: TransferLoad;
  readonly now: Instant;
  /** How far an earlier life came; null: nothing of it is durable. */
  readonly restored: PreCopied | null;
}

/** The cursor is of no copy yet. */
const NO_COPY = groupEpoch(0);

/** Where in a copy the pre-copy is. */
interface Position {
  readonly copy: GroupEpoch;
  readonly change: ChangeNumber;
  readonly upTo: Key | null;
  readonly listedAll: boolean;
}

export class PreCopy {
  /** Registers taken or found to be here, and bytes that came, since the machine started. */
  keys = 0;
  bytes = 0;
  /** Registers that the source holds, as it told last. */
  size = 0;
  waitsFor: "sources" | "room" | "rate" | null = null;
  /** All keys were listed, and what changed until the last answer is here. */
  inStep = false;
  /** One source listed all keys, and everything that it told is here. */
  exact = false;
  /** Place of the source; −1: none. */
  source = -1;
  private position: Position | null = null;
  private attempt: Attempt | null = null;
  private readonly asking = new Asking(instant(0));
  private progressAt: Instant;
  private dueAt: Instant;

  constructor(private readonly options: PreCopyOptions) {
    const { from, restored } = options;
    this.progressAt = options.now;
    this.dueAt = options.now;
    if (restored === null) return;
    this.source = from.replicas.indexOf(restored.source);
    if (this.source >= 0) this.position = restored;
  }

  /** Up to which change of the source everything is here, once all keys were listed. */
  get change(): ChangeNumber | null {
    return this.position?.listedAll === true ? this.position.change : null;
  }

  /** Called every tick. `heard`: replicas of the group that are heard, one bit each. */
  tick(now: Instant, heard: number, patience: Patience, out: PreCopyOutbox): void {
    if (this.source < 0 || (heard & voteOf(this.source)) === 0 || since(now, this.progressAt) > GIVE_UP_MS)
      this.changeSource(now, heard);
    if (this.source < 0) return;
    if (this.attempt === null) {
      // It waits for its turn, not for the source.
      this.progressAt = now;
      if (now >= this.dueAt) this.ask(now, out);
    } else if (this.asking.due(now, patience, voteOf(this.source))) this.send(out);
  }

  onRegisters(now: Instant, from: NodeId, message: Registers, out: PreCopyOutbox): void {
    if (!this.expects(from, message.attempt) || this.position?.listedAll === true) return;
    this.arrived(now, message.registers, message.source);
    const { position } = this;
    const sameCopy = position !== null && position.copy === message.source.copy;
    const change = sameCopy ? position.change : message.source.lastChange;
    if (position === null) this.exact = true;
    else if (!sameCopy) this.exact = false;
    const upTo = this.dropBetween(position?.upTo ?? null, message, out);
    this.take(message.registers, out);
    this.moveTo({ copy: message.source.copy, change, upTo, listedAll: upTo === null }, out);
    this.ask(now, out);
  }

  onDelta(now: Instant, from: NodeId, message: Delta, out: PreCopyOutbox): void {
    const { position } = this;
    if (!this.expects(from, message.attempt) || position === null || !position.listedAll) return;
    this.arrived(now, message.changed, message.source);
    if (!message.known) return this.unknown(now, position, message.source, out);
    for (const key of message.removed) this.options.receiver.discard(key, out);
    this.take(message.changed, out);
    const more = message.upTo < message.source.lastChange;
    if (message.upTo !== position.change) this.moveTo({ ...position, change: message.upTo }, out);
    this.inStep = !more;
    if (more) this.ask(now, out);
    else this.dueAt = instant(now + FOLLOW_MS);
  }

  /** The source cannot tell what changed since the cursor. */
  private unknown(now: Instant, position: Position, { copy, lastChange }: SourceNumbers, out: PreCopyOutbox): void {
    this.inStep = false;
    // Another replica took the place of the one that listed the keys. It goes on from now, and the merge finds what
    // lies between.
    if (position.copy === NO_COPY) this.moveTo({ ...position, copy, change: lastChange }, out);
    else this.position = null;
    this.ask(now, out);
  }

  /** Waits for nothing any more that was asked for. */
  stop(): void {
    if (this.attempt !== null) this.options.load.came(TRANSFER_PAGE_BYTES, 0);
    this.attempt = null;
  }

  private expects(from: NodeId, attempt: Attempt): boolean {
    return attempt === this.attempt && this.options.from.replicas.indexOf(from) === this.source;
  }

  private arrived(now: Instant, given: readonly GivenRegister[], { size }: SourceNumbers): void {
    let bytes = 0;
    for (const { register } of given) bytes += register.bytes;
    this.options.load.came(TRANSFER_PAGE_BYTES, bytes);
    this.bytes += bytes;
    this.size = size;
    this.attempt = null;
    this.progressAt = now;
  }

  private take(given: readonly GivenRegister[], out: PreCopyOutbox): void {
    const { receiver } = this.options;
    for (const { register, settled } of given) {
      const held = receiver.table.get(register.key);
      const order = held === null || held === BAD ? 1 : compareTimestamps(register.timestamp, held.timestamp);
      if (order > 0) receiver.adopt(register, settled, out);
      this.keys++;
    }
  }

  /**
   * Drops what was listed in this stretch of keys no more. The key where the next page begins; null: that was the last
   * one.
   */
  private dropBetween(after: Key | null, { registers, upTo }: Registers, out: PreCopyOutbox): Key | null {
    const { receiver } = this.options;
    const own = orderedPage(receiver.table, after, MAX_OWN, TRANSFER_PAGE_BYTES);
    const listed = new Set<Key>();
    for (const { register } of registers) listed.add(register.key);
    for (const { key } of own.found) {
      if (upTo !== null && compareKeys(key, upTo) > 0) return upTo;
      if (!listed.has(key)) receiver.discard(key, out);
    }
    return own.more ? (own.found.at(-1)?.key ?? upTo) : upTo;
  }

  private moveTo(position: Position, out: PreCopyOutbox): void {
    this.position = position;
    const { group, from, receiver } = this.options;
    const { copy, change, upTo, listedAll } = position;
    const source = from.replicas[this.source] ?? NO_NODE;
    receiver.note({ kind: "pre-copied", partition: group.partition, source, copy, change, upTo, listedAll }, out);
  }

  /** Goes on with another source, from the key that was reached; the merge finds what that leaves out. */
  private changeSource(now: Instant, heard: number): void {
    this.stop();
    const { replicas } = this.options.from;
    const before = this.source;
    this.source = -1;
    this.waitsFor = "sources";
    for (let step = 1; step <= replicas.length; step++) {
      const place = (Math.max(before, 0) + step) % replicas.length;
      if ((heard & voteOf(place)) === 0 || (place === before && step < replicas.length)) continue;
      this.source = place;
      this.waitsFor = null;
      break;
    }
    this.progressAt = now;
    this.dueAt = now;
    if (this.source === before) return;
    this.exact = false;
    this.inStep = false;
    if (this.position !== null) this.position = { ...this.position, copy: NO_COPY };
  }

  private ask(now: Instant, out: PreCopyOutbox): void {
    const { load, attempts } = this.options;
    if (!load.ask(now, TRANSFER_PAGE_BYTES)) {
      this.waitsFor = load.heldUpBy(now);
      return;
    }
    this.waitsFor = null;
    this.attempt = attempts.next();
    this.asking.again(now);
    this.send(out);
  }

  private send(out: PreCopyOutbox): void {
    const { group, from } = this.options;
    const to = from.replicas[this.source];
    if (to === undefined || this.attempt === null) return;
    const header = { partition: group.partition, groupEpoch: from.epoch, attempt: this.attempt };
    const { position } = this;
    if (position?.listedAll === true)
      out.sendNow.push(to, { kind: "ask-delta", ...header, copy: position.copy, after: position.change });
    else out.sendNow.push(to, { kind: "ask-registers", ...header, after: position?.upTo ?? null });
  }
}
