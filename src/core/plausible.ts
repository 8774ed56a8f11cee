/**
 * Whether what a peer says can be, before any machine sees it. Decoding has seen to it that numbers are whole and below
 * 2^53; here they are held against what this node knows.
 *
 * The intuition: some numbers only ever rise, are durable, and everybody goes on above the highest. One message with
 * 2^53 − 1 would end a partition for good. So a number may leap only so far above what is known here, and the room for
 * leaps refills slowly. A liar uses it up and is refused from then on, and never reaches the end in all the years there
 * are. Honest nodes stay far below:
 *
 *   ballots' rounds   2^30 at once, 2^10 a second     a campaign a round, of which there are five a second
 *   revisions         2^48 at once, 2^20 a second     a restored cluster begins 2^40 above its backup
 *   seqs              2^40 at once, 2^20 a second     a write each, and each office begins anew
 *
 * Attempts, heartbeats' rounds, report versions and change numbers are the sender's own or come back to whoever drew
 * them. They are compared, and no number of this node is ever drawn above them. Log positions are judged by the node
 * that they are of (rolled-back.ts).
 *
 * Invariants:
 *   P1 A writer's message comes from the owner of its ballot.
 *   P2 A ballot's owner is a replica of its partition, and no register is of a later epoch than the message that brings
 *      it. The message's own epoch may be a later one than this node's: this node may be behind.
 *   P3  In a register neither the version nor the floor is above the revision.
 *   P4  A key lies in the partition that it is told of.
 */

import { unreachable } from "../base/assert.js";
import { MAX_KEY_BYTES, MAX_RECORDS, MAX_VALUE_BYTES, REQUEST_ID_BYTES } from "../base/limits.js";
import { type Instant, since } from "../base/time.js";
import { type Ballot, type SeqRanges, sameBallot, type Timestamp } from "./model/ballot.js";
import type { PartitionReport } from "./model/heartbeat.js";
import { type Key, NO_NODE, type NodeId, type Partition, type Revision, VOTERS } from "./model/ids.js";
import { compareKeys } from "./model/key-order.js";
import { type GroupMessage, groupEpochOf, type HandedOver } from "./model/message.js";
import type { Forwarded, NodeMessage, Request } from "./model/node-message.js";
import type { Answer, KeyEntry } from "./model/operation.js";
import { planted } from "./model/planted.js";
import type { Register } from "./model/register.js";
import type { HeldState, KeysHeld, MergeMessage, States } from "./model/transfer-message.js";
import { MAX_BALLOTS } from "./replica/settled.js";
import { MAX_RANGES } from "./replica/taken.js";
import { MAX_KEYS, MAX_STATES } from "./transfer/source.js";
import { MAX_MEMBERS } from "./view/check.js";
import type { ViewOperation } from "./view/operation.js";
import { memberOf, type View } from "./view/view.js";

/** Room for one kind of number to rise in one partition. */
class Rise {
  private high = 0;
  private room: number;
  private refilledAt: Instant | null = null;

  constructor(
    private readonly most: number,
    private readonly perSecond: number,
  ) {
    this.room = most;
  }

  /** `known`: what this node holds itself; asked only when the number is above all that was seen. */
  takes(now: Instant, value: number, known: () => number): boolean {
    if (value <= this.high) return true;
    this.high = Math.max(this.high, known());
    const leap = value - this.high;
    if (leap <= 0) return true;
    if (leap > this.room) this.refill(now);
    if (leap > this.room) return planted("W6.any-leap");
    this.room -= leap;
    this.high = value;
    return true;
  }

  private refill(now: Instant): void {
    const passed = this.refilledAt === null ? 0 : since(now, this.refilledAt);
    this.refilledAt = now;
    this.room = Math.min(this.most, this.room + (passed * this.perSecond) / 1_000);
  }
}

class Numbers {
  readonly rounds = new Rise(2 ** 30, 2 ** 10);
  readonly revisions = new Rise(2 ** 48, 2 ** 20);
  readonly seqs = new Rise(2 ** 40, 2 ** 20);
}

/** The numbers that this node holds of a partition; zeros for one that it does not serve. */
export interface KnownNumbers {
  readonly round: number;
  readonly revision: number;
}

export interface PlausibleOptions {
  /** The newest that counts. */
  readonly view: () => View;
  readonly known: (partition: Partition) => KnownNumbers;
  /** The partition of a request that was passed on and is not answered yet; null: there is none of that id. */
  readonly asked: (forward: number) => Partition | null;
  /** Where a key lies; null: any key may lie anywhere, as in tests that place keys by themselves. */
  readonly partitionOf: PlacesKeys | null;
}

/** Where a key lies in a view with so many partitions. */
export type PlacesKeys = (key: Key, partitions: number) => Partition;

/** Bytes of a completion record, with its framing. */
const MAX_RECORD_BYTES = 64;
/** Bytes of a register beside key, value and records. */
const REGISTER_BYTES = 256;
/** Senders list 512. */
const MAX_CHANGES = 4_096;
const MAX_REMAINING_MS = 120_000;

/** Changes of membership that a node may have missed. */
const MAX_EPOCHS_BEHIND = 2 ** 20;

type Wrong = string | null;

export class Plausible {
  private readonly numbers: (Numbers | undefined)[];
  /** Rounds of the voters' elections, of whatever epoch. */
  private readonly voting = new Rise(2 ** 30, 2 ** 10);

  constructor(private readonly options: PlausibleOptions) {
    this.numbers = new Array<Numbers | undefined>(options.view().partitions.length).fill(undefined);
  }

  /** null: it can be; otherwise what cannot, in words. */
  wrong(now: Instant, from: NodeId, message: NodeMessage): Wrong {
    switch (message.kind) {
      case "heartbeat":
        return null;
      case "heartbeat-answer":
        return (
          this.listed(message.heard.length, MAX_MEMBERS, "nodes") ??
          // One more of each: of the voters.
          this.listed(message.reports.length, this.numbers.length + 1, "reports") ??
          this.listed(message.offices.length, this.numbers.length + 1, "offices") ??
          first(message.reports, (report) => this.report(now, report)) ??
          first(message.offices, ({ partition, ballot }) => this.office(now, partition, ballot))
        );
      case "forward":
        return (
          this.partition(message.partition) ??
          remaining(message.remaining) ??
          request(message.request) ??
          this.key(message.partition, keyOf(message.request))
        );
      case "forwarded":
        return this.answer(now, message);
      case "view-prepare":
      case "view-accept":
        return owner(from, message.ballot) ?? this.voters(now, message.ballot);
      case "view-promised":
        return (
          this.voters(now, message.ballot) ?? (message.vote === null ? null : this.voters(now, message.vote.ballot))
        );
      case "view-accepted":
        return this.voters(now, message.ballot);
      case "view-refused":
        return this.voters(now, message.ballot) ?? this.voters(now, message.promised);
      case "view-news":
        return this.news(message.decided.view);
      case "view-wanted":
      case "view-held":
        return null;
      case "join-wish":
        return message.member.id === from ? null : `a wish of node ${message.member.id}`;
      case "operation-wish":
        return this.operation(message.operation);
      case "copies-ready":
        return (
          this.listed(message.ready.length, this.numbers.length, "copies") ??
          first(message.ready, ({ partition }) => this.partition(partition))
        );
      case "ask-states":
      case "ask-keys":
      case "states":
      case "keys-held":
        return this.partition(message.partition) ?? this.ofMerge(now, message);
      default:
        return this.partition(message.partition) ?? epochs(message) ?? this.ofGroup(now, from, message);
    }
  }

  private operation(operation: ViewOperation): Wrong {
    if (operation.kind !== "transfer-writer" || operation.partitions === null) return null;
    const { partitions } = operation;
    return (
      this.listed(partitions.length, this.numbers.length, "partitions") ?? first(partitions, (p) => this.partition(p))
    );
  }

  /** A ballot of the voters' elections. Its epoch may be a later one: this node may be behind. */
  private voters(now: Instant, { round }: Ballot): Wrong {
    if (this.voting.takes(now, round, () => 0)) return null;
    return `a ballot of round ${round}, far above all that is known of the voters`;
  }

  /** The parts of a view that stay as they are in a cluster, and how far a node may be behind. */
  private news(told: View): Wrong {
    const { epoch, partitions, clusterId } = this.options.view();
    if (planted("W4.any-news")) return null;
    if (told.clusterId !== clusterId) return `a view of cluster ${told.clusterId}`;
    if (told.partitions.length !== partitions.length) return `a view of ${told.partitions.length} partitions`;
    return told.epoch <= epoch + MAX_EPOCHS_BEHIND ? null : `a view of epoch ${told.epoch}, far above ${epoch}`;
  }

  private office(now: Instant, partition: Partition, ballot: Ballot | null): Wrong {
    if (partition === VOTERS) return ballot === null ? null : this.voters(now, ballot);
    return ballot === null ? this.partition(partition) : this.ballot(now, partition, ballot);
  }

  /** P2 holds here, too: nothing that a copy holds is of a later epoch than the group that asks. */
  private ofMerge(now: Instant, message: MergeMessage): Wrong {
    const { partition, groupEpoch, previous } = message;
    if (previous >= groupEpoch) return `a group of epoch ${previous} before that of epoch ${groupEpoch}`;
    switch (message.kind) {
      case "ask-states":
        return message.after === null ? null : this.key(partition, message.after);
      case "ask-keys":
        return (
          this.listed(message.keys.length, MAX_KEYS, "keys") ?? first(message.keys, (one) => this.key(partition, one))
        );
      case "states":
        return (
          this.listed(message.states.length, MAX_STATES, "states") ??
          ordered(message.states) ??
          this.sealed(now, message) ??
          (message.upTo === null ? null : this.key(partition, message.upTo)) ??
          first(
            message.states,
            ({ key: one, timestamp }) =>
              this.key(partition, one) ?? (timestamp === null ? null : this.held(now, message, timestamp)),
          )
        );
      case "keys-held":
        return (
          this.listed(message.held.length, MAX_KEYS, "keys") ??
          this.sealed(now, message) ??
          first(
            message.held,
            ({ key: one, register }) =>
              this.key(partition, one) ??
              this.optional(now, partition, register) ??
              (register === null ? null : this.held(now, message, register.timestamp)),
          )
        );
      default:
        return unreachable(message);
    }
  }

  private held(now: Instant, { partition, groupEpoch }: MergeMessage, timestamp: Timestamp): Wrong {
    const { groupEpoch: of } = timestamp.ballot;
    if (of > groupEpoch) return `a state of epoch ${of} in a message of epoch ${groupEpoch}`;
    return this.timestamp(now, partition, timestamp);
  }

  private sealed(now: Instant, message: States | KeysHeld): Wrong {
    const { floor, reservation, settled } = message.sealed;
    const { partition } = message;
    return (
      this.listed(settled.length, MAX_BALLOTS, "ballots") ??
      this.revision(now, partition, floor) ??
      this.revision(now, partition, reservation) ??
      first(settled, (timestamp) => this.held(now, message, timestamp))
    );
  }

  private ofGroup(now: Instant, from: NodeId, message: GroupMessage): Wrong {
    const { partition } = message;
    switch (message.kind) {
      case "prepare":
      case "your-turn":
      case "confirm":
        return this.writers(now, partition, from, message.ballot);
      case "recover":
        return this.writers(now, partition, from, message.ballot) ?? this.key(partition, message.key);
      case "ask-tombstone":
      case "purge":
        return (
          this.writers(now, partition, from, message.ballot) ??
          this.key(partition, message.key) ??
          this.timestamp(now, partition, message.timestamp)
        );
      case "reserve":
        return (
          this.writers(now, partition, from, message.ballot) ??
          (message.floor > message.reservation ? "a floor above its reservation" : null) ??
          this.revision(now, partition, message.reservation)
        );
      case "write":
        return (
          owner(from, message.register.timestamp.ballot) ??
          this.register(now, partition, message.register) ??
          this.seq(now, partition, message.settledSeq) ??
          this.revision(now, partition, message.settledRevision)
        );
      case "impose":
        return this.register(now, partition, message.register);
      case "promised":
        return this.ballot(now, partition, message.ballot) ?? this.revision(now, partition, message.reservation);
      case "recovered":
        return (
          this.ballot(now, partition, message.ballot) ??
          this.optional(now, partition, message.register) ??
          this.revision(now, partition, message.floor)
        );
      case "reserved":
      case "confirmed":
      case "tombstone-held":
      case "purged":
        return this.ballot(now, partition, message.ballot);
      case "written":
        return this.ballot(now, partition, message.ballot) ?? this.seq(now, partition, message.seq);
      case "nack":
        return this.ballot(now, partition, message.ballot) ?? this.ballot(now, partition, message.promised);
      case "read":
        return (
          this.key(partition, message.key) ??
          (message.holding === null ? null : this.timestamp(now, partition, message.holding))
        );
      case "read-answer":
        return (
          this.ballot(now, partition, message.promised) ??
          (message.timestamp === null ? null : this.timestamp(now, partition, message.timestamp)) ??
          this.optional(now, partition, message.register) ??
          this.revision(now, partition, message.settledRevision)
        );
      case "imposed":
        return null;
      case "ask-changes":
        return this.ranges(now, partition, message.taken);
      case "hand-over":
        return this.key(partition, message.key);
      case "handed-over":
        return (
          handedOver(message) ??
          (message.ballot === null ? null : this.writers(now, partition, from, message.ballot)) ??
          this.optional(now, partition, message.register) ??
          this.revision(now, partition, message.settledRevision)
        );
      case "changes":
        return (
          this.listed(message.changes.length, MAX_CHANGES, "changes") ??
          this.ranges(now, partition, message.taken) ??
          first(message.changes, (one) =>
            one.register === null
              ? this.timestamp(now, partition, one.timestamp)
              : this.register(now, partition, one.register),
          )
        );
      default:
        return unreachable(message);
    }
  }

  /** Nothing is read for a request that nobody waits for any more. */
  private answer(now: Instant, { id, result: told }: Forwarded): Wrong {
    const partition = this.options.asked(id);
    if (partition === null) return null;
    switch (told.status) {
      case "done": {
        const { revision, writer } = told.standing;
        return (
          answered(told.answer) ??
          this.member(writer) ??
          this.revision(now, partition, revision) ??
          first(versionsIn(told.answer), (version) => this.revision(now, partition, version))
        );
      }
      case "refused": {
        const { refusal } = told;
        if (refusal.reason === "not-writer") return this.member(refusal.hint);
        if (refusal.reason === "after-in-future") return this.revision(now, partition, refusal.revision);
        if (refusal.reason !== "no-quorum") return null;
        return (
          this.listed(refusal.missing.length, this.options.view().members.length, "nodes") ??
          first(refusal.missing, (node) => this.member(node))
        );
      }
      case "unknown":
        return told.unknown.reason === "request-expired" ? this.revision(now, partition, told.unknown.revision) : null;
      default:
        return unreachable(told);
    }
  }

  private member(node: NodeId): Wrong {
    return node === NO_NODE || memberOf(this.options.view(), node) !== undefined
      ? null
      : `node ${node}, which is no member`;
  }

  private partition(partition: Partition): Wrong {
    return partition < this.numbers.length ? null : `partition ${partition} of ${this.numbers.length}`;
  }

  private report(now: Instant, { partition, promise, settled, settledRevision }: PartitionReport): Wrong {
    if (partition === VOTERS) return this.voters(now, promise);
    return (
      this.partition(partition) ??
      this.ballot(now, partition, promise) ??
      (settled === null ? null : this.timestamp(now, partition, settled)) ??
      this.revision(now, partition, settledRevision)
    );
  }

  /** P1: what only the owner of a ballot says. */
  private writers(now: Instant, partition: Partition, from: NodeId, ballot: Ballot): Wrong {
    return owner(from, ballot) ?? this.ballot(now, partition, ballot);
  }

  private ballot(now: Instant, partition: Partition, { groupEpoch, round, node }: Ballot): Wrong {
    const wrong = this.partition(partition);
    if (wrong !== null) return wrong;
    const placement = this.options.view().partitions[partition];
    if (placement === undefined || groupEpoch > this.options.view().epoch + MAX_EPOCHS_BEHIND)
      return `a ballot of epoch ${groupEpoch}, far above all that is known`;
    if (node !== NO_NODE && groupEpoch === placement.groupEpoch && !placement.replicas.includes(node))
      return `a ballot of node ${node}, which is no replica of partition ${partition}`;
    const rounds = this.of(partition).rounds;
    if (rounds.takes(now, round, () => this.options.known(partition).round)) return null;
    return `a ballot of round ${round}, far above all that is known of partition ${partition}`;
  }

  private timestamp(now: Instant, partition: Partition, { ballot, seq }: Timestamp): Wrong {
    return this.ballot(now, partition, ballot) ?? this.seq(now, partition, seq);
  }

  private seq(now: Instant, partition: Partition, seq: number): Wrong {
    if (this.of(partition).seqs.takes(now, seq, () => 0)) return null;
    return `seq ${seq}, far above all that is known of partition ${partition}`;
  }

  private revision(now: Instant, partition: Partition, revision: number): Wrong {
    if (this.of(partition).revisions.takes(now, revision, () => this.options.known(partition).revision)) return null;
    return `revision ${revision}, far above all that is known of partition ${partition}`;
  }

  private ranges(now: Instant, partition: Partition, list: readonly SeqRanges[]): Wrong {
    const count = list.reduce((sum, { ranges }) => sum + ranges.length / 2, 0);
    return (
      this.listed(count, MAX_RANGES, "ranges of seqs") ??
      first(list, ({ ballot, ranges }) => this.timestamp(now, partition, { ballot, seq: ranges.at(-1) ?? 0 }))
    );
  }

  private optional(now: Instant, partition: Partition, register: Register | null): Wrong {
    return register === null ? null : this.register(now, partition, register);
  }

  private register(now: Instant, partition: Partition, register: Register): Wrong {
    const { version, revision, floor, encoded, valueBytes } = register;
    if (valueBytes > MAX_VALUE_BYTES) return `a value of ${valueBytes} bytes, of at most ${MAX_VALUE_BYTES}`;
    const most = MAX_KEY_BYTES + MAX_VALUE_BYTES + MAX_RECORDS * MAX_RECORD_BYTES + REGISTER_BYTES;
    if (encoded !== null && encoded.length > most) return `a register of ${encoded.length} bytes`;
    if (version > revision || floor > revision)
      return `a register of revision ${revision} with version ${version} and floor ${floor}`;
    return (
      this.key(partition, register.key) ??
      this.timestamp(now, partition, register.timestamp) ??
      this.revision(now, partition, revision)
    );
  }

  /** P4. Otherwise it would be kept where nobody looks for it, and count beside the key's own copies. */
  private key(partition: Partition, text: Key): Wrong {
    const wrong = key(text);
    const { partitionOf } = this.options;
    if (wrong !== null || partitionOf === null || planted("W9.any-key")) return wrong;
    const home = partitionOf(text, this.numbers.length);
    return home === partition ? null : `a key of partition ${home}, as one of partition ${partition}`;
  }

  private listed(count: number, most: number, what: string): Wrong {
    return count <= most ? null : `${count} ${what}, of at most ${most}`;
  }

  private of(partition: Partition): Numbers {
    let numbers = this.numbers[partition];
    if (numbers === undefined) {
      numbers = new Numbers();
      this.numbers[partition] = numbers;
    }
    return numbers;
  }
}

/** Whoever merges relies on it, and would decide a key before it was told. */
function ordered(states: readonly HeldState[]): Wrong {
  for (let i = 1; i < states.length; i++) {
    const [before, after] = [states[i - 1], states[i]];
    if (before !== undefined && after !== undefined && compareKeys(before.key, after.key) >= 0)
      return "states that are not in the order of keys";
  }
  return null;
}

/** P2: what a message brings along was decided in its epoch, or before. */
function epochs(message: GroupMessage): Wrong {
  const epoch = groupEpochOf(message);
  const later = broughtBy(message).find(({ ballot }) => ballot.groupEpoch > epoch);
  return later === undefined ? null : `a state of epoch ${later.ballot.groupEpoch} in a message of epoch ${epoch}`;
}

function broughtBy(message: GroupMessage): readonly Timestamp[] {
  switch (message.kind) {
    case "recovered":
    case "handed-over":
      return message.register === null ? [] : [message.register.timestamp];
    case "read-answer": {
      const { timestamp, register } = message;
      return [timestamp, register?.timestamp ?? null].filter((one) => one !== null);
    }
    case "changes":
      return message.changes.flatMap(({ timestamp, register }) =>
        register === null ? [timestamp] : [timestamp, register.timestamp],
      );
    default:
      return [];
  }
}

const owner = (from: NodeId, ballot: Ballot): Wrong =>
  ballot.node === from ? null : `what only the owner of a ballot says, node ${ballot.node}`;

const key = (text: Key): Wrong => (text.length > MAX_KEY_BYTES ? `a key of ${text.length} bytes` : null);

const remaining = (ms: number): Wrong => (ms <= MAX_REMAINING_MS ? null : `a request with ${ms} ms to go`);

const value = (bytes: Uint8Array): Wrong =>
  bytes.length <= MAX_VALUE_BYTES ? null : `a value of ${bytes.length} bytes, of at most ${MAX_VALUE_BYTES}`;

const entry = (found: KeyEntry | null): Wrong => (found === null ? null : value(found.value));

const keyOf = (asked: Request): Key => (asked.kind === "read" ? asked.read.key : asked.write.operation.key);

function request(asked: Request): Wrong {
  if (asked.kind === "read") return null;
  const { operation, requestId } = asked.write;
  if (requestId !== null && requestId.length !== REQUEST_ID_BYTES) return `a request id of ${requestId.length} bytes`;
  const condition = "condition" in operation ? operation.condition : null;
  return (
    ("value" in operation ? value(operation.value) : null) ??
    (condition?.kind === "value" ? value(condition.value) : null)
  );
}

function answered(answer: Answer): Wrong {
  if (answer.kind === "get") return entry(answer.entry);
  return "found" in answer ? entry(answer.found) : null;
}

function versionsIn(answer: Answer): readonly Revision[] {
  switch (answer.kind) {
    case "get":
      return answer.entry === null ? [] : [answer.entry.version];
    case "cas":
      return answer.found === null ? [answer.version] : [answer.version, answer.found.version];
    case "delete":
      return answer.found === null ? [answer.versionFound] : [answer.versionFound, answer.found.version];
    case "put":
    case "add":
      return [answer.version];
    default:
      return unreachable(answer);
  }
}

function handedOver({ done, ballot, register }: HandedOver): Wrong {
  if (done !== (ballot !== null)) return "a hand-over with a ballot and not done, or done without one";
  if (register === null) return null;
  if (ballot === null || !sameBallot(register.timestamp.ballot, ballot))
    return "a hand-over of another ballot's register";
  return null;
}

function first<T>(items: readonly T[], look: (item: T) => Wrong): Wrong {
  for (const item of items) {
    const wrong = look(item);
    if (wrong !== null) return wrong;
  }
  return null;
}
