/**
 * The next view as it should be. It is a pure function of the newest view and of the wishes, so that any proposer goes
 * on where another one stopped. Operations are told in operation.ts, and the moves that wishes ask for in
 * wished-moves.ts.
 *
 * Voters: as many as an odd number of members allows, at most MAX_VOTERS, one change a view (V1). One that leaves is
 * replaced first.
 *
 * A new node at the address of a member replaces that member: its directory is gone, or it was in memory. It votes in
 * that one's place, and gets its replicas, all in one view, if their groups can give them up. A member that the
 * proposer heard just now is never replaced so (V7).
 */
import { type NodeId, type Partition, partition as partitionOf, viewEpoch } from "../model/ids.js";
import { planted } from "../model/planted.js";
import { MAX_MEMBERS } from "./check.js";
import type { EncodedView } from "./encoded-view.js";
import type { JoinWish } from "./message.js";
import { isTowards, moved, recording } from "./move.js";
import {
  endsMembership,
  isDone,
  isEmptying,
  ledgerOf,
  operationFault,
  preferring,
  remembering,
  takers,
  type ViewOperation,
} from "./operation.js";
import { byId, plannedVoters } from "./planned-voters.js";
import { isEven, misplaced, withEvenWriters } from "./rebalancing.js";
import { type ClusterSettings, changedSettings } from "./settings.js";
import {
  type Ledger,
  type Member,
  memberOf,
  type Placement,
  type ReadyReplica,
  sameAddresses,
  type View,
  type Wish,
} from "./view.js";
import { isBlockedBy, voidings } from "./void-epoch.js";
import { isEmptied, type Move, mayChange, mayGiveUp } from "./wished-moves.js";

export interface Asked {
  readonly wishing: readonly JoinWish[];
  /** At most one of them gets into the next view. */
  readonly operations: readonly ViewOperation[];
  /** Whether that node holds the newest view durably and is heard: only such a one becomes a voter. */
  readonly mayVote: (node: NodeId) => boolean;
  /** Whether the proposer has asked that node for a while, and heard nothing: only such a one is replaced. */
  readonly isLost: (node: NodeId) => boolean;
  /** Replicas that said that they are ready. */
  readonly ready?: ReadonlyMap<Partition, readonly ReadyReplica[]>;
  /** Replicas that vouched for the groups that the newest view names, by partition (V8). */
  readonly vouched?: ReadonlyMap<Partition, readonly NodeId[]>;
  /** Members that are lost (suspicion.ts): others get their replicas. */
  readonly lost?: readonly NodeId[];
  /** Whether a member that was lost is heard again. */
  readonly isBack?: (node: NodeId) => boolean;
  /** Wanted moves. Those that may not be yet are left alone. */
  readonly moves?: readonly Move[];
}

/** null: nothing is to be changed. */
export function plannedView(newest: EncodedView, asked: Asked): View | null {
  const { view } = newest;
  const change = new Change(newest);
  const current = (operation: ViewOperation): boolean =>
    operation.epoch === view.epoch || planted("V1.operation-again");
  const operation = asked.operations.find((one) => current(one) && operationFault(view, one) === null);
  if (operation !== undefined) change.carry(operation);
  if (asked.vouched !== undefined) change.undo(voidings(view, { vouched: asked.vouched, isHeard: asked.mayVote }));
  for (const [partition, ready] of asked.ready ?? []) change.record(partition, ready);
  for (const node of asked.lost ?? []) change.heal(node, asked.mayVote);
  for (const wish of change.wishes) change.fulfil(wish, asked);
  if (!planted("V7.one-by-one")) change.rehouse(asked.wishing);
  for (const wish of asked.wishing) change.join(wish, asked);
  if (change.voters === view.voters) change.fillVoters(asked.mayVote);
  for (const move of asked.moves ?? []) change.move(move, asked.mayVote);
  return change.isNone ? null : change.after();
}

class Change {
  members: ReadonlyMap<NodeId, Member>;
  voters: readonly NodeId[];
  /** As many as there will be: those that others found, and a new one. */
  wishes: readonly Wish[];
  private partitions: readonly Placement[];
  /** These, once one of them has changed. */
  private placed: Placement[] | null = null;
  private readonly ended: Wish[] = [];
  /** The first operation of this view. */
  private operation: string | null = null;
  private replicationFactor: number;
  private settings: ClusterSettings | undefined;

  private readonly before: View;

  constructor(private readonly newest: EncodedView) {
    const before = newest.view;
    this.before = before;
    this.replicationFactor = before.replicationFactor;
    this.members = new Map(before.members.map((member) => [member.id, member]));
    this.voters = before.voters;
    this.partitions = before.partitions;
    this.settings = planted("C1.dropped") ? undefined : before.settings;
    this.wishes = planted("V7.wish-dropped") ? [] : ledgerOf(before).wishes;
  }

  get isNone(): boolean {
    return this.operation === null && this.voters === this.before.voters && this.partitions === this.before.partitions;
  }

  carry(operation: ViewOperation): void {
    const { id, epoch, kind, node } = operation;
    this.operation = id;
    if (kind === "transfer-writer") {
      this.partitions = preferring(this.before, node, operation.partitions);
      this.ended.push({ id, epoch, kind, node });
      return;
    }
    if (kind === "change-settings") {
      this.settings = changedSettings(this.settings, operation);
      this.ended.push({ id, epoch, kind, node });
      return;
    }
    if (kind === "set-replication") return this.resize(operation);
    const by = kind === "replace" ? { by: operation.by } : {};
    this.wishes = [...this.wishes, { id, epoch, kind, node, ...by }];
  }

  /** Another wish for a number of replicas ends: what it asked for is wanted no more. */
  private resize({ id, epoch, kind, node, replicas }: ViewOperation & { kind: "set-replication" }): void {
    const over = this.wishes.filter((wish) => wish.kind === "set-replication");
    this.ended.push(...over);
    this.wishes = [...this.wishes.filter((wish) => !over.includes(wish)), { id, epoch, kind, node, replicas }];
    this.replicationFactor = replicas;
  }

  /** As far as this view can. */
  fulfil(wish: Wish, { mayVote, isBack }: Asked): void {
    if (wish.kind === "rebalance") return this.even(wish);
    if (wish.kind === "set-replication") return this.endResizing(wish);
    if (wish.kind === "heal") return this.welcome(wish, mayVote, isBack?.(wish.node) === true);
    // Others may still ask it for what it held.
    if (!isEmptied(this.partitions, wish.node)) return;
    if (endsMembership(wish)) return this.remove(wish, mayVote);
    if (!isEmptying(wish)) return;
    this.ended.push(wish);
    this.operation ??= wish.id;
  }

  /** Once all replicas are where they should be, offices follow in the view that ends the wish. */
  private even(wish: Wish): void {
    // A view that carries the wish for the first time, or changes who could keep replicas, does not end it.
    if (!ledgerOf(this.before).wishes.includes(wish) || !isEven(this.before, this.partitions)) return;
    this.partitions = withEvenWriters(this.before, this.partitions);
    this.placed = null;
    this.ended.push(wish);
    this.operation ??= wish.id;
  }

  /** Every group has its size, and no view waits for a replica to be ready. Offices follow then, and what is uneven. */
  private endResizing(wish: Wish): void {
    const { before, replicationFactor } = this;
    const isThere = ({ replicas, previous }: Placement): boolean =>
      previous === undefined && replicas.length === replicationFactor;
    if (!ledgerOf(before).wishes.includes(wish) || !this.partitions.every(isThere)) return;
    this.partitions = withEvenWriters(before, this.partitions);
    this.placed = null;
    this.ended.push(wish);
    this.operation ??= wish.id;
    if (misplaced(before) > 0) this.rebalance(wish.node);
  }

  /**
   * A lost member: others get its replicas, if there are enough others. A group can do without it only when what it
   * held is on a ready majority that is heard. A member of no such group is left alone.
   */
  heal(node: NodeId, isHeard: (node: NodeId) => boolean): void {
    if (!this.members.has(node) || this.wishes.some((wish) => wish.node === node && !isOfAll(wish))) return;
    if (takers(this.before).filter((id) => id !== node).length < this.before.replicationFactor) return;
    const kept = this.partitions.filter(({ replicas }) => replicas.includes(node));
    const isFree = (placement: Placement): boolean =>
      mayGiveUp(placement, node, isHeard) || isBlockedBy(placement, node, isHeard);
    if (kept.length > 0 && !kept.some(isFree)) return;
    this.begin("heal", node);
  }

  /** One that comes back gets its share again. Until then its vote is another member's. */
  private welcome(wish: Wish, mayVote: (node: NodeId) => boolean, isBack: boolean): void {
    const { node } = wish;
    if (!this.members.has(node) || isBack) {
      this.ended.push(wish);
      this.operation ??= wish.id;
      if (isBack) this.rebalance(node);
      return;
    }
    const { voters, before } = this;
    if (!voters.includes(node) || voters !== before.voters) return;
    const left = new Map([...this.members].filter(([id]) => id !== node));
    const next = plannedVoters(voters, left, this.fit(mayVote));
    if (next !== null && next.length === voters.length) this.voters = next;
  }

  /** Unless one goes on: one that this very view ends knows nothing of what it changes. */
  private rebalance(node: NodeId): void {
    const goesOn = (wish: Wish): boolean => wish.kind === "rebalance" && !this.ended.includes(wish);
    if (!this.wishes.some(goesOn)) this.begin("rebalance", node);
  }

  /** A wish that the cluster has by itself. Whoever works out this view names it alike, and no other wish so. */
  private begin(kind: "rebalance" | "heal", node: NodeId): void {
    const drawn = this.newest.digest.slice(0, OPERATION_DIGITS - NODE_DIGITS);
    const about = node.toString(16).padStart(NODE_DIGITS, "0");
    const id = kind === "heal" ? `${drawn}${about}` : `${about}${drawn}`;
    this.wishes = [...this.wishes, { id, epoch: this.before.epoch, kind, node }];
    this.operation ??= id;
  }

  /** When two voters leave, one waits for the next view (V1). */
  private remove(wish: Wish, mayVote: (node: NodeId) => boolean): void {
    const { members, voters, before } = this;
    if (!members.has(wish.node) || members.size === 1) return;
    const left = new Map([...members].filter(([id]) => id !== wish.node));
    const changed = voters.includes(wish.node) ? plannedVoters(voters, left, this.fit(mayVote)) : voters;
    if (changed === null || (changed !== voters && voters !== before.voters)) return;
    this.voters = changed;
    this.members = left;
    this.ended.push(wish, ...this.wishes.filter(({ kind, node }) => kind === "heal" && node === wish.node));
    this.operation ??= wish.id;
  }

  /**
   * Members that are elsewhere now, all at once: one may be where another one was. Those that would share an address
   * wait. Replicas follow one that is in another zone.
   */
  rehouse(wishing: readonly JoinWish[]): void {
    let going = wishing.filter(({ member, operation }) => {
      const known = this.members.get(member.id);
      return known !== undefined && !sameAddresses(known, member) && !isDone(this.before, operation);
    });
    for (;;) {
      const after = new Map(this.members);
      for (const { member } of going) after.set(member.id, member);
      const [clash] = going.filter(({ member }) => memberAtAddressOf(after, member) !== null).slice(-1);
      if (clash !== undefined) {
        going = going.filter((wish) => wish !== clash);
        continue;
      }
      const known = this.members;
      if (going.length > 0) this.members = after;
      for (const { member, operation, epoch } of going) {
        if (known.get(member.id)?.zone !== member.zone) this.rebalance(member.id);
        this.ended.push({ id: operation, epoch, kind: "join", node: member.id });
        this.operation ??= operation;
      }
      return;
    }
  }

  join({ member, operation, epoch, share }: JoinWish, asked: Asked): void {
    const known = this.members.get(member.id);
    if (known !== undefined && sameAddresses(known, member)) return;
    const there = memberAtAddressOf(this.members, member);
    if (there !== null && !this.mayReplace(there, member, asked)) return this.unblock(there, asked);
    const full = this.members.size >= MAX_MEMBERS && known === undefined && there === null;
    // A node that was left out is a member again only by another wish than before (V7).
    const leaves =
      this.ended.some(({ kind, node }) => kind === "leave" && node === member.id) || isDone(this.before, operation);
    if (full || (leaves && !planted("V7.re-add-leaving"))) return;
    if (there !== null) this.replace(there, member.id);
    this.members = new Map(this.members).set(member.id, member);
    this.ended.push({ id: operation, epoch, kind: "join", node: member.id });
    this.operation ??= operation;
    // One that takes the place of another has what that one had.
    const isEmpty = !this.partitions.some(({ replicas }) => replicas.includes(member.id));
    if (share === true && known === undefined && isEmpty) this.rebalance(member.id);
  }

  /** It is gone with its disk, and groups wait for it to be ready: others get those replicas first (V8). */
  private unblock(there: NodeId, { isLost, mayVote }: Asked): void {
    const waits = (placement: Placement): boolean => isBlockedBy(placement, there, mayVote);
    if (isLost(there) && this.before.partitions.some(waits)) this.heal(there, mayVote);
  }

  private mayReplace(there: NodeId, { id }: Member, { isLost, mayVote }: Asked): boolean {
    if (this.members.has(id) || memberOf(this.before, there) === undefined) return false;
    if (!isLost(there) && !planted("V7.replaces-heard")) return false;
    // All of its replicas at once: one of each group.
    const kept = this.before.partitions.filter(({ replicas }) => replicas.includes(there));
    const isHeard = (node: NodeId): boolean => mayVote(node) && !isLost(node);
    if (!kept.every((placement) => mayGiveUp(placement, there, isHeard))) return false;
    // Another voter changes in this view already: one waits for the next.
    return !this.voters.includes(there) || this.voters === this.before.voters;
  }

  private replace(there: NodeId, by: NodeId): void {
    this.members = new Map([...this.members].filter(([id]) => id !== there));
    if (this.voters.includes(there))
      this.voters = this.voters.map((voter) => (voter === there ? by : voter)).sort((a, b) => a - b);
    const epoch = viewEpoch(this.before.epoch + 1);
    for (const [index, placement] of this.before.partitions.entries())
      if (placement.replicas.includes(there))
        this.place(partitionOf(index), moved(placement, { leaves: there, comes: by }, epoch));
    // It was to leave, or to be emptied, and has so.
    this.ended.push(...this.wishes.filter((wish) => wish.node === there && !isOfAll(wish)));
  }

  record(partition: Partition, ready: readonly ReadyReplica[]): void {
    const placement = this.partitions[partition];
    if (placement === undefined || placement !== this.before.partitions[partition]) return;
    this.place(partition, recording(placement, ready));
  }

  /** Epochs in which nothing was decided, nor ever will be, are as if they had never been. */
  undo(placements: ReadonlyMap<Partition, Placement>): void {
    for (const [partition, placement] of placements) {
      const before = placement.previous?.replicas.length ?? 0;
      // Another size may be wanted from this view on.
      if (isTowards(this.replicationFactor, before, placement.replicas.length)) this.place(partition, placement);
    }
  }

  /**
   * Only from a group of which a ready majority stays and can be asked now (H16), and to a member that knows the newest
   * view.
   */
  move({ partition, leaves, comes }: Move, mayVote: (node: NodeId) => boolean): void {
    const placement = this.partitions[partition];
    if (placement === undefined || placement !== this.before.partitions[partition]) return;
    const { replicas } = placement;
    if (leaves !== null && !replicas.includes(leaves)) return;
    if (comes !== null && (replicas.includes(comes) || !this.members.has(comes))) return;
    const size = replicas.length + Number(comes !== null) - Number(leaves !== null);
    if (!isTowards(this.replicationFactor, replicas.length, size)) return;
    if (!mayChange(placement, { leaves, comes }, mayVote)) return;
    this.place(partition, moved(placement, { leaves, comes }, viewEpoch(this.before.epoch + 1)));
  }

  private place(partition: Partition, placement: Placement): void {
    if (this.partitions[partition] === placement) return;
    this.placed ??= this.partitions.slice();
    this.placed[partition] = placement;
    this.partitions = this.placed;
  }

  fillVoters(mayVote: (node: NodeId) => boolean): void {
    // A lost member makes no room for a voter: their number would be even.
    const lost = new Set(this.wishes.filter(({ kind }) => kind === "heal").map(({ node }) => node));
    const possible = [...this.members].filter(([id]) => !lost.has(id) || this.voters.includes(id));
    this.voters = plannedVoters(this.voters, new Map(possible), this.fit(mayVote)) ?? this.voters;
  }

  after(): View {
    const { newest, members, voters, partitions, operation, ended, wishes, replicationFactor, settings } = this;
    const { settings: _, ...before } = this.before;
    const epoch = viewEpoch(before.epoch + 1);
    const ledger: Ledger = remembering({ ...ledgerOf(before), wishes }, ended, epoch);
    return {
      ...before,
      epoch,
      previousDigest: newest.digest,
      // A change that nobody asked for is named by the view that it follows.
      operationId: operation ?? newest.digest.slice(0, OPERATION_DIGITS),
      replicationFactor,
      members: byId(members),
      partitions,
      voters,
      ledger,
      ...(settings === undefined ? {} : { settings }),
    };
  }

  /** A member that leaves becomes no voter. */
  private fit(mayVote: (node: NodeId) => boolean): (node: NodeId) => boolean {
    if (planted("V7.leaving-votes")) return mayVote;
    return (node) => mayVote(node) && !this.wishes.some((wish) => endsMembership(wish) && wish.node === node);
  }
}

/** It is about the cluster. The node is only the one that was asked. */
const isOfAll = ({ kind }: Wish): boolean => kind === "rebalance" || kind === "set-replication";

const OPERATION_DIGITS = 32;
const NODE_DIGITS = 8;
/** The other member that is known at the address that this one wants. */
function memberAtAddressOf(members: ReadonlyMap<NodeId, Member>, wanted: Member): NodeId | null {
  for (const { id, peerAddress } of members.values())
    if (id !== wanted.id && peerAddress === wanted.peerAddress) return id;
  return null;
}
