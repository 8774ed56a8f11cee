/**
 * Rules that must always hold in the world of transfers. The checks know what was durable where, and ask no machine.
 */
import { countVotes, majorityOf, voteOf } from "../../src/base/votes.js";
import {
  compareBallots,
  compareTimestamps,
  formatTimestamp,
  sameBallot,
  type Timestamp,
} from "../../src/core/model/ballot.js";
import type { GroupEpoch, Key, NodeId } from "../../src/core/model/ids.js";
import type { Register } from "../../src/core/model/register.js";
import { BAD } from "../../src/core/model/table.js";
import type { Delta } from "../../src/core/model/transfer-message.js";
import type { GroupView, TransferNode, WorldEntry } from "./node.js";

export type TransferCheck =
  | "moves lose no version"
  | "nothing purged comes back"
  | "the floor is taken over"
  | "the reservation is taken over"
  | "settled is never over-claimed"
  | "the promise covers what was taken"
  | "a cursor has all up to it"
  | "a pre-copy holds what its source holds"
  | "memory is bounded by pages"
  | "nothing is asked for without room"
  | "the rate is kept"
  | "a healthy majority moves on"
  | "assertion in the core";

export class Broken extends Error {
  constructor(
    readonly check: TransferCheck,
    detail: string,
  ) {
    super(detail);
  }
}

/** One state of a key: which replicas took it durably in its own group epoch. */
interface State {
  readonly timestamp: Timestamp;
  holders: number;
}

export class TransferChecks {
  private readonly states = new Map<Key, State[]>();
  /** The highest state of a key that was on a majority of its group. */
  private readonly complete = new Map<Key, Timestamp>();
  /** Durable states at nodes that are not ready. */
  private readonly taken = new Map<NodeId, Map<Key, Timestamp>>();
  private readonly purged = new Map<Key, { readonly timestamp: Timestamp; readonly floor: number }>();
  /** The highest reservation of each replica at its seal of a group, by group epoch. */
  private readonly reservations = new Map<GroupEpoch, Map<NodeId, number>>();

  constructor(private readonly views: readonly GroupView[]) {}

  /**
   * An entry is durable at a node that knows that group. `serves`: its copy was ready before the step. A copy that is
   * not has no vote on what it holds: it has told nobody of it, and its merge may yet decide otherwise.
   */
  durable(node: NodeId, epoch: GroupEpoch, entry: WorldEntry, serves: boolean): void {
    const taken = this.taken.get(node) ?? new Map<Key, Timestamp>();
    this.taken.set(node, taken);
    if (entry.kind === "ready") {
      for (const [key, timestamp] of taken) this.votes(node, epoch, key, timestamp);
      taken.clear();
    } else if (entry.kind === "removed") taken.delete(entry.key);
    else if (entry.kind === "register") {
      const { timestamp, key } = entry.register;
      if (serves) this.votes(node, epoch, key, timestamp);
      else taken.set(key, timestamp);
    }
  }

  private votes(node: NodeId, epoch: GroupEpoch, key: Key, timestamp: Timestamp): void {
    // The copy that a node has beforehand is no vote.
    if (timestamp.ballot.groupEpoch !== epoch || this.groupOf(epoch)?.replicas.includes(node) !== true) return;
    const state = this.stateOf(key, timestamp);
    state.holders |= voteOf(node);
    if (this.onMajority(state)) this.completed(key, timestamp);
  }

  /** The writer had the tombstone purged: every replica has confirmed it. */
  removed(register: Register): void {
    let floor: number = register.floor;
    for (const record of register.records) floor = Math.max(floor, record.revision);
    const before = this.purged.get(register.key);
    if (before !== undefined && compareTimestamps(before.timestamp, register.timestamp) >= 0) return;
    this.purged.set(register.key, { timestamp: register.timestamp, floor });
  }

  sealed(node: NodeId, epoch: GroupEpoch, reservation: number): void {
    const of = this.reservations.get(epoch) ?? new Map<NodeId, number>();
    this.reservations.set(epoch, of);
    if (!of.has(node)) of.set(node, reservation);
  }

  /**
   * The copy is a ready replica by a merge, and that is durable. `cursors`: up to which change it has what another copy
   * has.
   */
  ready(node: TransferNode, nodes: ReadonlyMap<NodeId, TransferNode>): void {
    const { view } = node;
    const where = `n${node.id} at group ${view.epoch}`;
    const { replica } = node.copy;
    for (const [key, complete] of this.complete) {
      const gone = this.purged.get(key);
      if (complete.ballot.groupEpoch >= view.epoch) continue;
      if (gone !== undefined && compareTimestamps(complete, gone.timestamp) <= 0) continue;
      const held = replica.look(key);
      if (held === BAD) continue;
      if (held === null || compareTimestamps(held.timestamp, complete) < 0)
        throw new Broken(
          "moves lose no version",
          `${where} holds ${held === null ? "nothing" : formatTimestamp(held.timestamp)} of ${shown(key)}, ${formatTimestamp(complete)} was on a majority`,
        );
    }
    for (const [key, { timestamp, floor }] of this.purged) {
      const held = replica.look(key);
      if (held === BAD) continue;
      if (held !== null && compareTimestamps(held.timestamp, timestamp) < 0)
        throw new Broken(
          "nothing purged comes back",
          `${where} holds ${formatTimestamp(held.timestamp)} of ${shown(key)}, whose tombstone ${formatTimestamp(timestamp)} was purged`,
        );
      if (held === null && replica.revisions.floor < floor)
        throw new Broken(
          "the floor is taken over",
          `${where} has floor ${replica.revisions.floor}, ${shown(key)} left ${floor}`,
        );
    }
    const { previous } = view;
    const told = [...(this.reservations.get(previous?.epoch ?? view.epoch)?.values() ?? [])].sort((a, b) => b - a);
    const reserved = told[majorityOf(previous?.replicas.length ?? 1) - 1] ?? 0;
    if (replica.revisions.reservation < reserved)
      throw new Broken(
        "the reservation is taken over",
        `${where} has ${replica.revisions.reservation}, a majority ${reserved}`,
      );
    this.marks(node);
    for (const { key, held } of node.table.orderedAfter(null, Number.POSITIVE_INFINITY)) {
      if (held === BAD || held.timestamp.ballot.groupEpoch !== view.epoch) continue;
      if (compareBallots(held.timestamp.ballot, replica.promise) > 0)
        throw new Broken(
          "the promise covers what was taken",
          `${where} holds ${formatTimestamp(held.timestamp)} of ${shown(key)}`,
        );
    }
    for (const [id, { copy, change }] of node.cursors) {
      const other = nodes.get(id);
      if (other === undefined || other.copyId !== copy) continue;
      for (const found of other.table.changesAfter(0 as never, Number.POSITIVE_INFINITY)) {
        if (found.change > change || found.timestamp === null) continue;
        const held = replica.look(found.key);
        if (held === BAD || (held !== null && compareTimestamps(held.timestamp, found.timestamp) >= 0)) continue;
        throw new Broken(
          "a cursor has all up to it",
          `${where} has n${id} up to ${change}, and lacks ${found.change}: ${shown(found.key)}`,
        );
      }
    }
  }

  /** Everything that a copy takes for settled is. */
  marks(node: TransferNode): void {
    for (const { key, held, settled } of node.table.orderedAfter(null, Number.POSITIVE_INFINITY)) {
      if (held === BAD || !(settled || node.copy.replica.revisions.settled.covers(held.timestamp))) continue;
      if (!this.isSettled(key, held.timestamp))
        throw new Broken(
          "settled is never over-claimed",
          `n${node.id} takes ${formatTimestamp(held.timestamp)} of ${shown(key)} for settled`,
        );
    }
  }

  /** No majority of those that serve the newest group may hold less of a key than what was complete. */
  serving(view: GroupView, nodes: readonly TransferNode[]): void {
    const majority = majorityOf(view.replicas.length);
    const serve = nodes.filter((node) => node.known === view.epoch && node.ready);
    for (const [key, complete] of this.complete) {
      const gone = this.purged.get(key);
      if (gone !== undefined && compareTimestamps(complete, gone.timestamp) <= 0) continue;
      let behind = 0;
      for (const node of serve) {
        const held = node.copy.replica.look(key);
        if (held !== BAD && (held === null || compareTimestamps(held.timestamp, complete) < 0)) behind++;
      }
      if (behind >= majority)
        throw new Broken(
          "moves lose no version",
          `${behind} of group ${view.epoch} hold less than ${formatTimestamp(complete)} of ${shown(key)}`,
        );
    }
  }

  /** A pre-copy from one source has got everything up to the present. */
  preCopied(node: TransferNode, source: TransferNode, message: Delta): void {
    const { preCopy } = node;
    if (preCopy === null || !preCopy.exact || !preCopy.inStep) return;
    if (source.copyId !== message.source.copy || source.table.lastChange !== preCopy.change) return;
    const where = `n${node.id} has pre-copied n${source.id}`;
    const theirs = new Map<Key, Timestamp | null>();
    for (const { key, held } of source.table.orderedAfter(null, Number.POSITIVE_INFINITY)) {
      theirs.set(key, held === BAD ? null : held.timestamp);
      if (held === BAD) continue;
      const mine = node.table.get(key);
      if (mine !== BAD && (mine === null || compareTimestamps(mine.timestamp, held.timestamp) < 0))
        throw new Broken("a pre-copy holds what its source holds", `${where} and lacks ${shown(key)}`);
    }
    for (const { key } of node.table.orderedAfter(null, Number.POSITIVE_INFINITY))
      if (!theirs.has(key))
        throw new Broken("a pre-copy holds what its source holds", `${where}, which does not hold ${shown(key)}`);
  }

  private isSettled(key: Key, timestamp: Timestamp): boolean {
    for (const state of this.states.get(key) ?? [])
      if (
        sameBallot(state.timestamp.ballot, timestamp.ballot) &&
        state.timestamp.seq >= timestamp.seq &&
        this.onMajority(state)
      )
        return true;
    return false;
  }

  private onMajority({ timestamp, holders }: State): boolean {
    const group = this.groupOf(timestamp.ballot.groupEpoch);
    return group !== undefined && countVotes(holders) >= majorityOf(group.replicas.length);
  }

  private groupOf(epoch: GroupEpoch): GroupView | undefined {
    return this.views.find((view) => view.epoch === epoch);
  }

  private completed(key: Key, timestamp: Timestamp): void {
    const before = this.complete.get(key);
    if (before === undefined || compareTimestamps(before, timestamp) < 0) this.complete.set(key, timestamp);
  }

  private stateOf(key: Key, timestamp: Timestamp): State {
    const states = this.states.get(key) ?? [];
    this.states.set(key, states);
    const found = states.find((state) => compareTimestamps(state.timestamp, timestamp) === 0);
    if (found !== undefined) return found;
    const state = { timestamp, holders: 0 };
    states.push(state);
    return state;
  }
}

/** A key may be long. */
export const shown = (key: Key): string => (key.length > 24 ? `${key.slice(0, 8)}… of ${key.length}` : key);
