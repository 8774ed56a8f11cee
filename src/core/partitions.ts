/**
 * The copies of partitions on this node, each in its phase of life (life.ts), and what the newest view makes of them. A
 * partition that keeps its group notices nothing of a view. One that gets another group is sealed here, in the step
 * that learns the view. A copy that stays serves the next epoch from there on.
 *
 * Invariants
 * V2 Nothing of an epoch is answered after the step that sealed it: whoever served it is gone by then.
 * V4 A newcomer answers nothing before it is ready.
 * V6 A copy outside the newest group is dropped only when the newest view names no group before. Then every replica of
 *    the newest group is recorded as ready.
 * V8 A copy that vouched for its epoch answers nothing of it, as long as a view may make that epoch void.
 */

import { present, unreachable } from "../base/assert.js";
import type { Instant } from "../base/time.js";
import { Life, turnOf } from "./life.js";
import type { Entry } from "./model/entry.js";
import {
  FOUNDING,
  type GroupEpoch,
  NO_NODE,
  type NodeId,
  type Partition,
  partition as partitionOf,
} from "./model/ids.js";
import type { Outbox } from "./model/outbox.js";
import { planted } from "./model/planted.js";
import type { RegisterTable } from "./model/table.js";
import { ServedPartition, type ServedPartitionOptions } from "./partition.js";
import { Group } from "./quorum/group.js";
import { Replica } from "./replica/replica.js";
import type { ReadyCopy, VouchedCopy } from "./view/message.js";
import { isRecorded, mayAnswer, writerToBe } from "./view/move.js";
import { type Placement, placementOf, type View } from "./view/view.js";
import { wantsVouches } from "./view/void-epoch.js";

/** A copy that storage brings back. */
export interface RestoredCopy {
  readonly partition: Partition;
  /** The group epoch in which it began with nothing. */
  readonly copy: GroupEpoch;
  readonly table: RegisterTable;
  /** Its durable entries but registers and removals, in order. */
  restored(): Iterable<Entry>;
}

/** A copy, in whatever phase. */
export interface KeptCopy {
  readonly life: Life;
  /** null: it is not durable yet that it began, so storage may have no table for it. */
  replica: Replica | null;
}

/** A copy whose keys may be listed. */
export interface ListedCopy {
  readonly epoch: GroupEpoch;
  readonly replica: Replica;
}

export interface PartitionsOptions {
  readonly self: NodeId;
  readonly view: View;
  /** The registers of the newest copy. */
  readonly table: (partition: Partition) => RegisterTable;
  /** All copies that storage holds, the newest of each partition last. Missing: at most the newest ones. */
  readonly copies: Iterable<RestoredCopy>;
  /** Durable entries of the newest copies, in order. */
  readonly restored: readonly Entry[];
  readonly parts: Omit<ServedPartitionOptions, "group" | "table" | "replica" | "now">;
  readonly now: Instant;
}

/** Partitions of a node whose word is told in one message; the rest is told once these are recorded. */
const MAX_TOLD = 4_096;

export class Partitions {
  /** Those that answer. */
  readonly served = new Map<Partition, ServedPartition>();
  /** The newest copy of each partition, whether it answers or not. */
  readonly newest = new Map<Partition, KeptCopy>();
  /** Sealed copies besides that others may still need. */
  readonly older = new Map<Partition, KeptCopy[]>();
  /** Those that a planted bug leaves in the epoch before. */
  readonly unsealed = new Map<Partition, ServedPartition>();
  private readonly self: NodeId;
  private readonly table: PartitionsOptions["table"];
  private readonly parts: PartitionsOptions["parts"];

  constructor(options: PartitionsOptions) {
    const { self, view, now } = options;
    this.self = self;
    this.table = options.table;
    this.parts = options.parts;
    const held = byPartition(options.copies);
    const entries = byPartition(options.restored);
    for (const [p, placement] of view.partitions.entries()) {
      const partition = partitionOf(p);
      const copies = held.get(partition) ?? [];
      const own = entries.get(partition) ?? [];
      const isFoundings = own.length > 0 || this.hasFoundings(placement);
      const newest = copies.at(-1)?.copy ?? (isFoundings ? FOUNDING : null);
      for (const older of copies.slice(0, -1)) this.keep(partition, this.restoredCopy(older));
      if (newest === null) continue;
      const life = new Life(newest);
      for (const entry of own) life.restore(entry);
      const kept: KeptCopy = { life, replica: this.replicaOf(partition, life, options.table(partition), own) };
      this.newest.set(partition, kept);
      if (this.isServing(life, placement)) this.serve(now, partition, placement, kept, own);
    }
    if (options.restored.length > 0) for (const { upkeep } of this.served.values()) upkeep.catchUp.wasAway();
  }

  /**
   * The newest view counts from here on. Returns the partitions that another group serves from now on. `pausing`: this
   * node takes no offices now.
   */
  follow(now: Instant, view: View, pausing: boolean, out: Outbox): readonly Partition[] {
    const turned: Partition[] = [];
    for (const [p, placement] of view.partitions.entries()) {
      const partition = partitionOf(p);
      if (this.turn(now, partition, placement, pausing, out)) turned.push(partition);
      if (placement.previous === undefined && this.older.size + this.newest.size > 0) this.drop(partition, out);
      const isAsked = wantsVouches(view, placement);
      if (isAsked ? this.vouches(partition, placement, out) : this.speaksAgain(now, partition, placement))
        turned.push(partition);
    }
    return turned;
  }

  /** Copies that were begun by then are durable: their tables are there. */
  durable(now: Instant, view: View, out: Outbox): void {
    for (const [partition, kept] of this.newest) {
      if (kept.replica !== null) continue;
      kept.replica = this.replicaOf(partition, kept.life, this.table(partition), []);
      if (planted("V4.answers-early")) this.becomeReady(now, partition, placementOf(view, partition), [], out);
    }
  }

  /** The newcomer has all that its group needs, all of it on its way to the disk (V4). */
  becomeReady(
    now: Instant,
    partition: Partition,
    placement: Placement,
    cursors: readonly Entry[],
    out: Outbox,
  ): ServedPartition | null {
    const kept = this.newest.get(partition);
    if (kept === undefined || kept.replica === null || kept.life.ready || kept.life.left !== null) return null;
    if (kept.life.epoch !== placement.groupEpoch || kept.life.isSilent(placement)) return null;
    const { epoch } = kept.life;
    kept.life.ready = true;
    out.entries.push({ kind: "ready", partition, epoch });
    return this.serve(now, partition, placement, kept, cursors);
  }

  /** Copies that are ready here, and that the view does not record as such. */
  news(view: View): readonly ReadyCopy[] {
    const news: ReadyCopy[] = [];
    for (const [partition, { group }] of this.served) {
      if (!group.moved) continue;
      const placement = placementOf(view, partition);
      const bad = this.newest.get(partition)?.replica?.inherited.marks.size ?? 0;
      if (placement.groupEpoch !== group.epoch || isRecorded(placement, this.self, bad)) continue;
      news.push({ partition, groupEpoch: group.epoch, bad });
      if (news.length >= MAX_TOLD) break;
    }
    return news;
  }

  /** Copies here that vouched for the epochs of the groups that the view names. */
  vouched(view: View): readonly VouchedCopy[] {
    const told: VouchedCopy[] = [];
    for (const [partition, { life }] of this.newest) {
      if (life.vouched === null || life.left !== null) continue;
      const placement = placementOf(view, partition);
      const { epoch } = life;
      if (life.vouches(placement) && epoch === placement.groupEpoch) told.push({ partition, groupEpoch: epoch });
      if (told.length >= MAX_TOLD) break;
    }
    return told;
  }

  /** The copy that is ready, and not sealed (H11); null: there is none. */
  listed(partition: Partition): ListedCopy | null {
    const served = this.served.get(partition);
    if (served !== undefined) return { epoch: served.group.epoch, replica: served.copy.replica };
    if (!planted("H11.not-ready")) return null;
    const { life, replica } = this.newest.get(partition) ?? {};
    return life === undefined || replica == null ? null : { epoch: life.epoch, replica };
  }

  /**
   * A newcomer without which the group cannot work is to give its replicas away. If the copy here accepted nothing, it
   * says so from now on, and takes no part in this epoch (V8).
   */
  private vouches(partition: Partition, placement: Placement, out: Outbox): boolean {
    const { life, replica } = this.newest.get(partition) ?? {};
    if (life === undefined || life.left !== null || life.epoch !== placement.groupEpoch) return false;
    if (life.vouched === life.epoch || (replica?.hasAccepted === true && !planted("V8.accepted"))) return false;
    life.vouched = life.epoch;
    if (!planted("V8.lost")) out.entries.push({ kind: "vouched", partition, epoch: life.epoch });
    if (planted("V8.answers")) return false;
    this.end(partition, out);
    this.parts.heartbeats.setGroup(partition, placement.replicas);
    return true;
  }

  /** The epoch that the copy vouched for can be void no more: all were recorded as ready before that was proposed. */
  private speaksAgain(now: Instant, partition: Partition, placement: Placement): boolean {
    const kept = this.newest.get(partition);
    if (kept === undefined || kept.life.vouched === null || placement.previous !== undefined) return false;
    const speaks = kept.life.vouched === kept.life.epoch && !this.served.has(partition);
    kept.life.vouched = null;
    if (!speaks || !this.isServing(kept.life, placement)) return false;
    this.serve(now, partition, placement, kept, []);
    return true;
  }

  private turn(now: Instant, partition: Partition, placement: Placement, pausing: boolean, out: Outbox): boolean {
    const kept = this.newest.get(partition) ?? null;
    const turn = turnOf(kept?.life ?? null, placement, this.self);
    const { groupEpoch: epoch } = placement;
    switch (turn) {
      case "none":
        return false;
      case "stays":
        if (kept !== null) this.stay(now, partition, placement, kept, pausing, out);
        return true;
      case "leaves":
        this.end(partition, out);
        this.leave(partition, epoch, kept, out);
        if (planted("V6.drops-on-seal")) this.drop(partition, out);
        return true;
      case "begins": {
        this.end(partition, out);
        this.leave(partition, epoch, kept, out);
        if (kept !== null) this.keep(partition, kept);
        out.entries.push({ kind: "begun", partition, copy: epoch });
        const life = new Life(epoch);
        this.newest.set(partition, { life, replica: null });
        this.parts.heartbeats.setGroup(partition, placement.replicas);
        return true;
      }
      default:
        return unreachable(turn);
    }
  }

  private stay(
    now: Instant,
    partition: Partition,
    placement: Placement,
    kept: KeptCopy,
    pausing: boolean,
    out: Outbox,
  ): void {
    const before = this.served.get(partition);
    const positions = before?.upkeep.catchUp.positions ?? [];
    if (before !== undefined && planted("V2.serves-on")) {
      this.unsealed.set(partition, before);
      kept.replica = new Replica({ partition, epoch: kept.life.epoch }, before.copy.replica.table);
    }
    const succeeds = before?.isWriter === true && !pausing;
    const inOffice = succeeds || (!pausing && this.takesOver(partition, placement, kept));
    const unclear = this.unsealed.has(partition) ? [] : (before?.seal(succeeds, out) ?? []);
    kept.life.seal(placement.groupEpoch, true);
    present(kept.replica, "a copy that stays").stay({ partition, epoch: placement.groupEpoch }, out);
    const served = this.serve(now, partition, placement, kept, []);
    for (const position of positions) served.upkeep.catchUp.restore(position);
    if (inOffice) served.succeed(now, succeeds ? unclear : [], out);
  }

  /**
   * The last writer leaves the group, and this replica campaigns at once in its place. It is the one that should be the
   * writer, or the next that is heard. Two that do so at a time fence each other at worst, as ever.
   */
  private takesOver(partition: Partition, placement: Placement, { replica }: KeptCopy): boolean {
    const last = replica?.promise.node ?? NO_NODE;
    const { replicas } = placement;
    if (last === NO_NODE || replicas.includes(last) || planted("H14.stayers-wait")) return false;
    const first = Math.max(0, replicas.indexOf(writerToBe(placement, partition) ?? NO_NODE));
    const inLine = [...replicas.slice(first), ...replicas.slice(0, first)];
    const isThere = (node: NodeId): boolean => node === this.self || this.parts.detector.hears(node);
    return inLine.find((node) => mayAnswer(placement, node) && isThere(node)) === this.self;
  }

  /** Whoever served the epoch before does so no more. */
  private end(partition: Partition, out: Outbox): void {
    const before = this.served.get(partition);
    if (before === undefined) return;
    before.seal(false, out);
    this.served.delete(partition);
    this.parts.heartbeats.removeGroup(partition);
  }

  private leave(partition: Partition, epoch: GroupEpoch, kept: KeptCopy | null, out: Outbox): void {
    if (kept === null || kept.life.left !== null) return;
    kept.life.seal(epoch, false);
    kept.replica?.end();
    out.entries.push({ kind: "sealed", partition, epoch, stays: false });
  }

  private serve(
    now: Instant,
    partition: Partition,
    placement: Placement,
    { replica }: KeptCopy,
    entries: readonly Entry[],
  ): ServedPartition {
    const { replicas, groupEpoch } = placement;
    const group = new Group(partition, groupEpoch, replicas, this.self);
    const served = new ServedPartition({ ...this.parts, group, replica: present(replica, "a copy that serves"), now });
    for (const entry of entries) if (entry.kind === "cursor") served.upkeep.catchUp.restore(entry);
    this.served.set(partition, served);
    return served;
  }

  private drop(partition: Partition, out: Outbox): void {
    const older = this.older.get(partition) ?? [];
    const kept = this.newest.get(partition);
    const gone = kept === undefined || kept.life.left === null ? older : [...older, kept];
    for (const { life } of gone) out.entries.push({ kind: "dropped", partition, copy: life.copy });
    this.older.delete(partition);
    if (kept !== undefined && kept.life.left !== null) this.newest.delete(partition);
  }

  private keep(partition: Partition, copy: KeptCopy): void {
    this.older.set(partition, [...(this.older.get(partition) ?? []), copy]);
  }

  private restoredCopy({ partition, copy, table, restored }: RestoredCopy): KeptCopy {
    const life = new Life(copy);
    const entries = [...restored()];
    for (const entry of entries) life.restore(entry);
    return { life, replica: this.replicaOf(partition, life, table, entries) };
  }

  private replicaOf(partition: Partition, life: Life, table: RegisterTable, entries: readonly Entry[]): Replica {
    const { epoch, copy } = life;
    const replica = new Replica({ partition, epoch }, table, this.parts.mendingLoad, copy);
    for (const entry of entries) replica.restore(entry);
    return replica;
  }

  private isServing(life: Life, placement: Placement): boolean {
    const { groupEpoch, replicas } = placement;
    if (life.isSilent(placement)) return false;
    return life.left === null && life.ready && life.epoch === groupEpoch && replicas.includes(this.self);
  }

  /** Storage does not tell of a copy that the founding gave and that never was written to. */
  private hasFoundings({ groupEpoch, replicas, previous }: Placement): boolean {
    if (groupEpoch === FOUNDING) return replicas.includes(this.self);
    return previous?.groupEpoch === FOUNDING && previous.replicas.includes(this.self);
  }
}

function byPartition<T extends { readonly partition: Partition }>(all: Iterable<T>): Map<Partition, T[]> {
  const lists = new Map<Partition, T[]>();
  for (const one of all) {
    const list = lists.get(one.partition);
    if (list === undefined) lists.set(one.partition, [one]);
    else list.push(one);
  }
  return lists;
}
