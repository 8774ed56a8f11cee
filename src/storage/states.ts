/**
 * The small states of all partitions, the views, and what the node remembers of its peers: everything durable but the registers. They are always in
 * memory, and go into the checkpoint whole when they have changed.
 */
import { unreachable } from "../base/assert.js";
import type { SeenPosition, StateEntry } from "../codec/disk/entry.js";
import { type Ballot, compareBallots } from "../core/model/ballot.js";
import type { ChangeNumber, GroupEpoch, NodeId, Partition, Revision } from "../core/model/ids.js";
import { isViewEntry, type NodeEntry } from "../core/model/node-entry.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import type { ViewEntry, ViewVote } from "../core/view/message.js";
import type { FoldedState } from "./checkpoint/checkpoint.js";

/** Settled seqs are kept of the newest ballots: forgetting an old one costs an impose. */
const MAX_BALLOTS = 64;

class PartitionState {
  promise: Ballot | null = null;
  reservation = 0 as Revision;
  floor = 0 as Revision;
  /** Newest ballot first. */
  readonly settled: { readonly ballot: Ballot; seq: number }[] = [];
  readonly cursors = new Map<NodeId, { readonly copy: GroupEpoch; readonly change: ChangeNumber }>();

  constructor(readonly partition: Partition) {}

  learn(ballot: Ballot, seq: number): void {
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

  *entries(): Iterable<Extract<StateEntry, { partition: Partition }>> {
    const { partition, promise, reservation, floor } = this;
    if (promise !== null) yield { kind: "promise", partition, ballot: promise };
    if (reservation > 0) yield { kind: "reservation", partition, reservation };
    if (floor > 0) yield { kind: "floor", partition, floor };
    for (const { ballot, seq } of this.settled) yield { kind: "settled", partition, ballot, seq };
    for (const [source, { copy, change }] of this.cursors) yield { kind: "cursor", partition, source, copy, change };
  }
}

/** The newest view that this node knows, and what it promised and accepted for its successor. */
class ViewState {
  private view: EncodedView | null = null;
  private promise: Ballot | null = null;
  private vote: ViewVote | null = null;

  apply(entry: ViewEntry): void {
    switch (entry.kind) {
      case "view":
        if (entry.decided.view.epoch <= this.epoch) return;
        this.view = entry.decided;
        // A promise for an earlier successor is void.
        if (this.isVoid(this.promise)) this.promise = null;
        if (this.vote !== null && this.isVoid(this.vote.ballot)) this.vote = null;
        return;
      case "view-promise":
        this.raise(entry.ballot);
        return;
      case "view-vote":
        if (this.isVoid(entry.vote.ballot)) return;
        this.vote = entry.vote;
        this.raise(entry.vote.ballot);
        return;
      default:
        unreachable(entry);
    }
  }

  *entries(): Iterable<ViewEntry> {
    if (this.view !== null) yield { kind: "view", decided: this.view };
    if (this.vote !== null) yield { kind: "view-vote", vote: this.vote };
    if (this.promise !== null) yield { kind: "view-promise", ballot: this.promise };
  }

  private get epoch(): number {
    return this.view?.view.epoch ?? 0;
  }

  private isVoid(ballot: Ballot | null): boolean {
    return ballot !== null && ballot.groupEpoch < this.epoch;
  }

  private raise(ballot: Ballot): void {
    if (this.isVoid(ballot)) return;
    if (this.promise === null || compareBallots(ballot, this.promise) > 0) this.promise = ballot;
  }
}

export class States {
  private readonly partitions = new Map<Partition, PartitionState>();
  private readonly positions = new Map<NodeId, SeenPosition>();
  private readonly changed = new Set<PartitionState>();
  private readonly views = new ViewState();
  private nodeChanged = false;

  apply(entry: StateEntry): void {
    if (entry.kind === "seen") {
      if (entry.position > this.positionOf(entry.node)) this.positions.set(entry.node, entry);
      this.nodeChanged = true;
      return;
    }
    if (isViewEntry(entry)) {
      this.views.apply(entry);
      this.nodeChanged = true;
      return;
    }
    const state = this.of(entry.partition);
    this.changed.add(state);
    switch (entry.kind) {
      case "promise":
        if (state.promise === null || compareBallots(entry.ballot, state.promise) > 0) state.promise = entry.ballot;
        return;
      case "reservation":
        if (entry.reservation > state.reservation) state.reservation = entry.reservation;
        return;
      case "floor":
        if (entry.floor > state.floor) state.floor = entry.floor;
        return;
      case "settled":
        return state.learn(entry.ballot, entry.seq);
      case "cursor":
        state.cursors.set(entry.source, { copy: entry.copy, change: entry.change });
        return;
      default:
        return unreachable(entry);
    }
  }

  /** As the checkpoint has it: not changed since. */
  load(entries: Iterable<StateEntry>): void {
    for (const entry of entries) this.apply(entry);
    this.takeChanged();
  }

  seen(node: NodeId): SeenPosition | null {
    return this.positions.get(node) ?? null;
  }

  positionOf(node: NodeId): number {
    return this.seen(node)?.position ?? 0;
  }

  /** Entries that give the same state of all partitions, and of the views. */
  *entries(): Iterable<NodeEntry> {
    yield* this.views.entries();
    for (const state of this.partitions.values()) yield* state.entries();
  }

  /** States that have changed since the last time, for the checkpoint. */
  takeChanged(): FoldedState[] {
    const taken: FoldedState[] = [];
    for (const state of this.changed) taken.push({ partition: state.partition, entries: [...state.entries()] });
    if (this.nodeChanged) {
      taken.push({ partition: null, entries: [...this.views.entries(), ...this.positions.values()] });
    }
    this.changed.clear();
    this.nodeChanged = false;
    return taken;
  }

  private of(partition: Partition): PartitionState {
    let state = this.partitions.get(partition);
    if (state === undefined) {
      state = new PartitionState(partition);
      this.partitions.set(partition, state);
    }
    return state;
  }
}
