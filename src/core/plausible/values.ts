/**
 * Whether single values can be, wherever a message brings them: partitions, members, ballots, timestamps, revisions,
 * keys and registers.
 */
import { MAX_KEY_BYTES, MAX_RECORDS, MAX_VALUE_BYTES } from "../../base/limits.js";
import type { Instant } from "../../base/time.js";
import type { Ballot, SeqRanges, Timestamp } from "../model/ballot.js";
import { type Key, NO_NODE, type NodeId, type Partition } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { Register } from "../model/register.js";
import { MAX_RANGES } from "../replica/taken.js";
import { memberOf, type View } from "../view/view.js";
import type { PlausibleOptions } from "./known.js";
import { Numbers, Rise } from "./rise.js";
import { first, listed, type Wrong } from "./wrong.js";

/** Bytes of a completion record, with its framing. */
const MAX_RECORD_BYTES = 64;

/** Bytes of a register beside key, value and records. */
const REGISTER_BYTES = 256;

/** Changes of membership that a node may have missed. */
export const MAX_EPOCHS_BEHIND = 2 ** 20;

export class Values {
  private readonly numbers: (Numbers | undefined)[];
  /** Rounds of the voters' elections, of whatever epoch. */
  private readonly voting = new Rise(2 ** 30, 2 ** 10);

  constructor(private readonly options: Pick<PlausibleOptions, "view" | "known" | "partitionOf">) {
    this.numbers = new Array<Numbers | undefined>(options.view().partitions.length).fill(undefined);
  }

  get partitions(): number {
    return this.numbers.length;
  }

  get view(): View {
    return this.options.view();
  }

  partition(partition: Partition): Wrong {
    return partition < this.numbers.length ? null : `partition ${partition} of ${this.numbers.length}`;
  }

  member(node: NodeId): Wrong {
    return node === NO_NODE || memberOf(this.options.view(), node) !== undefined
      ? null
      : `node ${node}, which is no member`;
  }

  /** A ballot of the voters' elections. Its epoch may be a later one: this node may be behind. */
  voters(now: Instant, { round }: Ballot): Wrong {
    if (this.voting.takes(now, round, NOTHING_KNOWN)) return null;
    return `a ballot of round ${round}, far above all that is known of the voters`;
  }

  /** P1: what only the owner of a ballot says. */
  writers(now: Instant, partition: Partition, from: NodeId, ballot: Ballot): Wrong {
    return owner(from, ballot) ?? this.ballot(now, partition, ballot);
  }

  ballot(now: Instant, partition: Partition, ballot: Ballot): Wrong {
    const wrong = this.partition(partition);
    if (wrong !== null) return wrong;
    const numbers = this.of(partition);
    const { view } = this;
    if (numbers.ballot === ballot && numbers.view === view) return null;
    const { groupEpoch, round, node } = ballot;
    const placement = view.partitions[partition];
    if (placement === undefined || groupEpoch > view.epoch + MAX_EPOCHS_BEHIND)
      return `a ballot of epoch ${groupEpoch}, far above all that is known`;
    if (node !== NO_NODE && groupEpoch === placement.groupEpoch && !placement.replicas.includes(node))
      return `a ballot of node ${node}, which is no replica of partition ${partition}`;
    if (numbers.rounds.takes(now, round, () => this.options.known(partition).round)) {
      numbers.ballot = ballot;
      numbers.view = view;
      return null;
    }
    return `a ballot of round ${round}, far above all that is known of partition ${partition}`;
  }

  timestamp(now: Instant, partition: Partition, { ballot, seq }: Timestamp): Wrong {
    return this.ballot(now, partition, ballot) ?? this.seq(now, partition, seq);
  }

  seq(now: Instant, partition: Partition, seq: number): Wrong {
    if (this.of(partition).seqs.takes(now, seq, NOTHING_KNOWN)) return null;
    return `seq ${seq}, far above all that is known of partition ${partition}`;
  }

  revision(now: Instant, partition: Partition, revision: number): Wrong {
    const { revisions } = this.of(partition);
    if (revisions.seen(revision)) return null;
    if (revisions.takes(now, revision, () => this.options.known(partition).revision)) return null;
    return `revision ${revision}, far above all that is known of partition ${partition}`;
  }

  ranges(now: Instant, partition: Partition, list: readonly SeqRanges[]): Wrong {
    const count = list.reduce((sum, { ranges }) => sum + ranges.length / 2, 0);
    return (
      listed(count, MAX_RANGES, "ranges of seqs") ??
      first(list, ({ ballot, ranges }) => this.timestamp(now, partition, { ballot, seq: ranges.at(-1) ?? 0 }))
    );
  }

  optional(now: Instant, partition: Partition, register: Register | null): Wrong {
    return register === null ? null : this.register(now, partition, register);
  }

  register(now: Instant, partition: Partition, register: Register): Wrong {
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
  key(partition: Partition, text: Key): Wrong {
    const wrong = key(text);
    const { partitionOf } = this.options;
    if (wrong !== null || partitionOf === null || planted("W9.any-key")) return wrong;
    const home = partitionOf(text, this.numbers.length);
    return home === partition ? null : `a key of partition ${home}, as one of partition ${partition}`;
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

const NOTHING_KNOWN = (): number => 0;

export const owner = (from: NodeId, ballot: Ballot): Wrong =>
  ballot.node === from ? null : `what only the owner of a ballot says, node ${ballot.node}`;

const key = (text: Key): Wrong => (text.length > MAX_KEY_BYTES ? `a key of ${text.length} bytes` : null);

export const value = (bytes: Uint8Array): Wrong =>
  bytes.length <= MAX_VALUE_BYTES ? null : `a value of ${bytes.length} bytes, of at most ${MAX_VALUE_BYTES}`;
