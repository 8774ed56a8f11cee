/**
 * One copy of a partition as storage knows it: which one it is, its table, and everything durable of it but the registers. Always in memory;
 * goes into the checkpoint whole when it has changed.
 */
import { unreachable } from "../base/assert.js";
import type { StateEntry, TableEntry } from "../codec/disk/entry.js";
import { FIRST_BEGUN_TABLE, type TableId } from "../codec/disk/table-id.js";
import { type Ballot, compareBallots } from "../core/model/ballot.js";
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
import type { FoldedState } from "./checkpoint/checkpoint.js";

/** Settled seqs are kept of the newest ballots: forgetting an old one costs an impose. */
const MAX_BALLOTS = 64;

/** "dropped": something of it may still lie in the log or the checkpoint. */
type End = "dropped" | "swept" | null;

export class CopyState {
  ended: End = null;
  /** Group epochs: in which it became ready, in which it stayed last, and whose group it does not belong to any more. */
  private ready: GroupEpoch | null = null;
  private stayed: GroupEpoch | null = null;
  private left: GroupEpoch | null = null;
  private promise: Ballot | null = null;
  private reservation: Revision = NO_REVISION;
  private floor: Revision = NO_REVISION;
  /** Newest ballot first. */
  private readonly settled: { readonly ballot: Ballot; seq: number }[] = [];
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
        return this.learn(entry.ballot, entry.seq);
      case "sealed":
        if (entry.stays) this.stayed = entry.epoch;
        else this.left = entry.epoch;
        return;
      case "ready":
        this.ready = entry.epoch;
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

  /** Entries that give the same state again. */
  *entries(): Iterable<Exclude<Entry, { kind: "register" | "removed" }>> {
    const { partition, promise, reservation, floor } = this;
    if (this.ready !== null) yield { kind: "ready", partition, epoch: this.ready };
    if (this.stayed !== null) yield { kind: "sealed", partition, epoch: this.stayed, stays: true };
    if (this.left !== null) yield { kind: "sealed", partition, epoch: this.left, stays: false };
    if (promise !== null) yield { kind: "promise", partition, ballot: promise };
    if (reservation > 0) yield { kind: "reservation", partition, reservation };
    if (floor > 0) yield { kind: "floor", partition, floor };
    for (const { ballot, seq } of this.settled) yield { kind: "settled", partition, ballot, seq };
    for (const [source, { copy, change }] of this.cursors) yield { kind: "cursor", partition, source, copy, change };
    const { preCopied, merged, tookOver } = this;
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

  private learn(ballot: Ballot, seq: number): void {
    let at = 0;
    for (; at < this.settled.length; at++) {
      const known = this.settled[at] as { readonly ballot: Ballot; seq: number };
      const order = compareBallots(known.ballot, ballot);
      if (order === 0) {
        if (seq > known.seq) known.seq = seq;
        return;
      }
      if (order < 0) break;
    }
    this.settled.splice(at, 0, { ballot, seq });
    if (this.settled.length > MAX_BALLOTS) this.settled.pop();
  }
}
