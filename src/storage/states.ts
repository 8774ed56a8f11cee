/**
 * The copies that a node keeps with their small states, the views, and what the node remembers of its peers: everything
 * durable but the registers. They are always in memory, and go into the checkpoint whole when they have changed.
 *
 * Invariants:
 *   T1  A table is of one copy forever: numbers only grow, and those of a founding's copies are never given again (H9).
 *   T2  The entries of a partition are its newest copy's. A dropped copy gets none.
 */
import { assert, unreachable } from "../base/assert.js";
import {
  isTableEntry,
  type NextTable,
  type SeenPosition,
  type StateEntry,
  type TableEntry,
} from "../codec/disk/entry.js";
import {
  FIRST_BEGUN_TABLE,
  FIRST_COPY,
  firstTableOf,
  partitionOfFirst,
  type TableId,
  tableId,
} from "../codec/disk/table-id.js";
import { type Ballot, compareBallots } from "../core/model/ballot.js";
import type { GroupEpoch, NodeId, Partition } from "../core/model/ids.js";
import type { NodeEntry } from "../core/model/node-entry.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import type { ViewEntry, ViewVote } from "../core/view/message.js";
import type { FoldedState } from "./checkpoint/checkpoint.js";
import { CopyState } from "./copy-state.js";

/** The last number is nobody's. */
const MAX_TABLE = 2 ** 32 - 1;

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
  private readonly tables = new Map<TableId, CopyState>();
  /** Those held of each partition, the newest last; none is empty. */
  private readonly held = new Map<Partition, CopyState[]>();
  /** The copy that takes a partition's entries (T2). */
  private readonly newest = new Map<Partition, CopyState>();
  private readonly positions = new Map<NodeId, SeenPosition>();
  private readonly changed = new Set<CopyState>();
  private readonly views = new ViewState();
  private nextTable: TableId = FIRST_BEGUN_TABLE;
  private nodeChanged = false;

  /** An entry of the node. */
  apply(entry: SeenPosition | NextTable | ViewEntry): void {
    this.nodeChanged = true;
    if (entry.kind === "seen") {
      if (entry.position > this.positionOf(entry.node)) this.positions.set(entry.node, entry);
    } else if (entry.kind === "next-table") {
      if (entry.next > this.nextTable) this.nextTable = entry.next;
    } else this.views.apply(entry);
  }

  /** An entry of a copy. */
  applyTo(state: CopyState, entry: Exclude<TableEntry, { kind: "register" | "removed" }>): void {
    this.changed.add(state);
    state.apply(entry);
    if (state.ended !== null) this.leave(state);
  }

  /** The copy that the log has begun under that number. */
  begun(table: TableId, partition: Partition, copy: GroupEpoch): CopyState {
    const known = this.tables.get(table);
    if (known !== undefined) return known;
    const state = new CopyState(table, partition, copy);
    this.tables.set(table, state);
    this.changed.add(state);
    if (table >= this.nextTable) {
      this.nextTable = tableId(table + 1);
      this.nodeChanged = true;
    }
    this.enter(state);
    return state;
  }

  /** A new copy, with nothing in it. */
  begin(partition: Partition, copy: GroupEpoch): CopyState {
    const before = this.newest.get(partition);
    assert(before === undefined || before.copy < copy, "a copy begins in a later group epoch than those before it");
    assert(this.nextTable < MAX_TABLE, "there are numbers left for tables");
    return this.begun(this.nextTable, partition, copy);
  }

  /** The newest copy of a partition; the one that the founding gave when none was begun. */
  of(partition: Partition): CopyState {
    return this.newest.get(partition) ?? this.first(partition);
  }

  /** There is a copy, or the founding's can be begun. */
  keeps(partition: Partition): boolean {
    return this.newest.has(partition) || !this.tables.has(firstTableOf(partition));
  }

  /** null: no such copy is held. */
  copy(partition: Partition, copy: GroupEpoch): CopyState | null {
    return this.held.get(partition)?.find((state) => state.copy === copy) ?? null;
  }

  /** null: nothing is known of it. */
  known(table: TableId): CopyState | null {
    return this.tables.get(table) ?? null;
  }

  /** null: a table that was never begun. A founding's copy needs no begin. */
  at(table: TableId): CopyState | null {
    const found = this.tables.get(table);
    if (found !== undefined) return found;
    const partition = partitionOfFirst(table);
    return partition === null ? null : this.first(partition);
  }

  /** Those that are not dropped, of each partition the newest last. */
  *copies(): Iterable<CopyState> {
    for (const states of this.held.values()) yield* states;
  }

  /** Those that are dropped, too. */
  all(): Iterable<CopyState> {
    return this.tables.values();
  }

  /** Dropped, and not all of it may be gone. */
  *dropped(): Iterable<CopyState> {
    for (const state of this.tables.values()) if (state.ended === "dropped") yield state;
  }

  /** Nothing is left of it. */
  swept(state: CopyState): void {
    state.ended = "swept";
    if (state.remainder === null) this.tables.delete(state.table);
  }

  /** As the checkpoint has it: not changed since. */
  load(folded: Iterable<FoldedState>): void {
    for (const { table, entries } of folded) {
      let state: CopyState | null = null;
      for (const entry of entries) {
        if (!isTableEntry(entry)) this.apply(entry);
        else if (table !== null) {
          const begins = entry.kind === "begun" || entry.kind === "dropped" || entry.kind === "swept";
          state ??= begins ? this.begun(table, entry.partition, entry.copy) : this.at(table);
          if (state !== null) this.applyTo(state, entry);
        }
      }
    }
    this.takeChanged();
  }

  seen(node: NodeId): SeenPosition | null {
    return this.positions.get(node) ?? null;
  }

  positionOf(node: NodeId): number {
    return this.seen(node)?.position ?? 0;
  }

  /** Entries that give the same state of the newest copies, and of the views. */
  *entries(): Iterable<NodeEntry> {
    yield* this.views.entries();
    for (const state of this.newest.values()) yield* state.entries();
  }

  /** All that has changed since the last time, for the checkpoint. */
  takeChanged(): FoldedState[] {
    const taken: FoldedState[] = [];
    for (const state of this.changed) if (this.tables.get(state.table) === state) taken.push(state.folded);
    if (this.nodeChanged) taken.push({ table: null, entries: [...this.nodeEntries()] });
    this.changed.clear();
    this.nodeChanged = false;
    return taken;
  }

  private *nodeEntries(): Iterable<StateEntry> {
    yield* this.views.entries();
    yield* this.positions.values();
    if (this.nextTable > FIRST_BEGUN_TABLE) yield { kind: "next-table", next: this.nextTable };
  }

  private first(partition: Partition): CopyState {
    const table = firstTableOf(partition);
    const state = this.tables.get(table);
    assert(state === undefined, "after the founding's copy was dropped, a copy is begun before it is used");
    return this.begun(table, partition, FIRST_COPY);
  }

  private enter(state: CopyState): void {
    const { partition } = state;
    this.keep(
      partition,
      [...(this.held.get(partition) ?? []), state].sort((a, b) => a.copy - b.copy),
    );
  }

  private leave(state: CopyState): void {
    const { partition } = state;
    this.keep(partition, this.held.get(partition)?.filter((other) => other !== state) ?? []);
  }

  private keep(partition: Partition, states: CopyState[]): void {
    const newest = states.at(-1);
    if (newest === undefined) {
      this.held.delete(partition);
      this.newest.delete(partition);
    } else {
      this.held.set(partition, states);
      this.newest.set(partition, newest);
    }
  }
}
