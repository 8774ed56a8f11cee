/**
 * One copy of a partition as storage knows it: which one it is, its table, and everything durable of it but the
 * registers. Always in memory; goes into the checkpoint whole when it has changed.
 */
import { unreachable } from "../base/assert.js";
import type { StateEntry, TableEntry } from "../codec/disk/entry.js";
import { FIRST_BEGUN_TABLE, type TableId } from "../codec/disk/table-id.js";
import { type Ballot, compareBallots, type Timestamp } from "../core/model/ballot.js";
import type { Entry } from "../core/model/entry.js";
import {
  type ChangeNumber,
  type GroupEpoch,
  type Key,
  NO_REVISION,
  type NodeId,
  type Partition,
  type Revision,
} from "../core/model/ids.js";
import type { Merged, PreCopied } from "../core/model/transfer-entry.js";
import { SettledSeqs } from "../core/replica/settled.js";
import type { FoldedState } from "./checkpoint/checkpoint.js";

/** While the log is replayed. At it: the oldest ballots' registers get no mark, which costs an impose. */
const MAX_FADED = 4_096;

/** "dropped": something of it may still lie in the log or the checkpoint. */
type End = "dropped" | "swept" | null;

export class CopyState {
  ended: End = null;
  /**
   * Group epochs: in which it became ready, in which it stayed last, and whose group it does not belong to any more.
   */
  private ready: GroupEpoch | null = null;
  private stayed: GroupEpoch | null = null;
  private left: GroupEpoch | null = null;
  /** The last group epochs in which it accepted anything, and that it vouched for. */
  private accepted: GroupEpoch | null = null;
  private vouched: GroupEpoch | null = null;
  private promise: Ballot | null = null;
  private reservation: Revision = NO_REVISION;
  private floor: Revision = NO_REVISION;
  private readonly settled = new SettledSeqs((last) => this.faded.push(last));
  private faded: Timestamp[] = [];
  private readonly cursors = new Map<NodeId, { readonly copy: GroupEpoch; readonly change: ChangeNumber }>();
  private preCopied: PreCopied | null = null;
  private merged: Merged | null = null;
  private tookOver: GroupEpoch | null = null;
  private readonly inherited = new Map<Key, number>();

  constructor(
    readonly table: TableId,
    readonly partition: Partition,
    readonly copy: GroupEpoch,
  ) {}

  apply(entry: Exclude<TableEntry, { kind: "register" | "removed" }>): void {
    switch (entry.kind) {
      case "begun":
        return;
      case "dropped":
      case "swept":
        this.ended = entry.kind;
        return;
      case "promise":
        if (this.promise === null || compareBallots(entry.ballot, this.promise) > 0) this.promise = entry.ballot;
        return;
      case "reservation":
        if (entry.reservation > this.reservation) this.reservation = entry.reservation;
        return;
      case "floor":
        if (entry.floor > this.floor) this.floor = entry.floor;
        return;
      case "settled":
        this.settled.learn(entry.ballot, entry.seq);
        if (this.faded.length > MAX_FADED) this.faded.shift();
        return;
      case "sealed":
        if (entry.stays) this.stayed = entry.epoch;
        else this.left = entry.epoch;
        return;
      case "ready":
        this.ready = entry.epoch;
        return;
      case "accepted":
        this.accepted = entry.epoch;
        return;
      case "vouched":
        this.vouched = entry.epoch;
        return;
      case "cursor":
        this.cursors.set(entry.source, { copy: entry.copy, change: entry.change });
        return;
      case "pre-copied":
        this.preCopied = entry;
        return;
      case "merged":
        this.merged = entry;
        return;
      case "took-over":
        this.tookOver = entry.groupEpoch;
        return;
      case "inherited":
        if (entry.mark === 0) this.inherited.delete(entry.key);
        else this.inherited.set(entry.key, entry.mark);
        return;
      default:
        unreachable(entry);
    }
  }

  /** Whether the register with that timestamp is settled, as far as is still known here. */
  covers(timestamp: Timestamp): boolean {
    return this.settled.covers(timestamp);
  }

  /**
   * Ballots that were forgotten, with their last settled seq: the registers that they cover get their marks now (H10).
   */
  takeFaded(): readonly Timestamp[] {
    if (this.faded.length === 0) return this.faded;
    const { faded } = this;
    this.faded = [];
    return faded;
  }

  /** Entries that give the same state again. */
  *entries(): Iterable<Exclude<Entry, { kind: "register" | "removed" }>> {
    const { partition, promise, reservation, floor } = this;
    if (this.ready !== null) yield { kind: "ready", partition, epoch: this.ready };
    if (this.stayed !== null) yield { kind: "sealed", partition, epoch: this.stayed, stays: true };
    if (this.left !== null) yield { kind: "sealed", partition, epoch: this.left, stays: false };
    if (promise !== null) yield { kind: "promise", partition, ballot: promise };
    if (reservation > 0) yield { kind: "reservation", partition, reservation };
    if (floor > 0) yield { kind: "floor", partition, floor };
    for (const { ballot, seq } of this.settled.list()) yield { kind: "settled", partition, ballot, seq };
    for (const [source, { copy, change }] of this.cursors) yield { kind: "cursor", partition, source, copy, change };
    const { preCopied, merged, tookOver, accepted, vouched } = this;
    if (accepted !== null) yield { kind: "accepted", partition, epoch: accepted };
    if (vouched !== null) yield { kind: "vouched", partition, epoch: vouched };
    if (preCopied !== null) yield preCopied;
    if (tookOver !== null) yield { kind: "took-over", partition, groupEpoch: tookOver };
    if (merged !== null) yield merged;
    for (const [key, mark] of this.inherited) yield { kind: "inherited", partition, key, mark };
  }

  /** As the checkpoint keeps it: first which copy it is, or that it is gone. */
  get folded(): FoldedState {
    const { table, partition, copy, ended } = this;
    const first: StateEntry = { kind: ended ?? "begun", partition, copy };
    return { table, entries: ended === null ? [first, ...this.entries()] : [first] };
  }

  /** The checkpoint keeps this once nothing is left of it. Copies of a founding have tables that are not counted. */
  get remainder(): FoldedState | null {
    const { table, partition, copy } = this;
    return table < FIRST_BEGUN_TABLE ? { table, entries: [{ kind: "swept", partition, copy }] } : null;
  }
}
