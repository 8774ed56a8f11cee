/**
 * A node's word on itself: services, metrics, health, the log and whoever embeds it read it here, and nobody else
 * reaches into a running machine. Everything is as it is at the moment of the question.
 */
import { KeyList } from "../core/key-list.js";
import {
  NO_NODE,
  type NodeId,
  type Partition,
  partition as partitionOf,
  type Revision,
  UNKNOWN_REVISION,
} from "../core/model/ids.js";
import type { RegisterTable } from "../core/model/table.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import { isHealed } from "../core/view/operation.js";
import { placementOf } from "../core/view/view.js";
import { type CopySize, CopySizes } from "./copy-sizes.js";
import type { Loop } from "./loop.js";

/** One partition; a node knows less of a partition that it keeps no replica of. */
export interface PartitionSnapshot {
  readonly partition: Partition;
  readonly replicas: readonly NodeId[];
  /** NO_NODE: unknown. */
  readonly writer: NodeId;
  /** The highest ballot promised here; zeros: there is no replica here. */
  readonly round: number;
  readonly ballotNode: NodeId;
  /** null: there is no replica here. */
  readonly settledRevision: Revision | null;
  readonly heldRequests: number;
  /** Changes of other copies that are not known to be here; null: nobody knows. */
  readonly behind: number | null;
}

/** One replica of a partition as this node hears of it. */
export interface ReplicaSnapshot {
  readonly node: NodeId;
  readonly ready: boolean;
  readonly heard: boolean;
  /** null: unknown. */
  readonly lag: number | null;
}

/** All replicas of this node together. */
export interface Upkeep {
  /** Ballot rounds promised. */
  readonly rounds: number;
  /** Offices that this node offered to another replica. */
  readonly offers: number;
  readonly bad: number;
  readonly mended: number;
  readonly purged: number;
}

/** The changes of other replicas that those of this node lack. */
export interface Lacking {
  readonly changes: number;
  readonly partitions: number;
  /** In the partition where they are most. */
  readonly most: number;
}

/** This node's own copy of a partition, for whoever raises its revisions. */
export interface CopySnapshot {
  readonly settledRevision: Revision;
  /** No revision above this one, or the settled one, was handed out as far as this copy knows. */
  readonly reservation: Revision;
  /** The writer here has raised the partition's revisions above this one; 0: it has not. */
  readonly raisedAbove: Revision;
}

/** A copy that belongs to the newest group, or to the last one that this node knows. */
export interface HeldSize extends CopySize {
  /** It has all that its group needs; otherwise it is being filled. */
  readonly ready: boolean;
}

export class NodeStatus {
  private readonly copySizes = new CopySizes();

  constructor(private readonly loop: Pick<Loop, "machine" | "diskStanding">) {}

  get self(): NodeId {
    return this.core.self;
  }

  hears(node: NodeId): boolean {
    return this.core.hears(node);
  }

  get diskStandingMs(): number {
    return this.loop.diskStanding;
  }

  /** The working writer, as far as this node knows; null: unknown. */
  writerOf(partition: Partition): NodeId | null {
    return this.core.writerOf(partition);
  }

  /** This node would decide a write of the partition now. */
  isWriter(partition: Partition): boolean {
    return this.core.isWriter(partition);
  }

  get partitionCount(): number {
    return this.core.view.partitions.length;
  }

  /** Partitions of which no working writer is known. */
  get withoutWriter(): number {
    let count = 0;
    for (let p = 0; p < this.partitionCount; p++) if (this.writerOf(partitionOf(p)) === null) count++;
    return count;
  }

  /** Partitions whose replicas move, in the newest view. */
  get moving(): number {
    return this.core.view.partitions.filter(({ previous }) => previous !== undefined).length;
  }

  /** Members that were not heard for long: others get their replicas, or have them. */
  get lost(): readonly NodeId[] {
    const { view } = this.core;
    return view.members.map(({ id }) => id).filter((id) => isHealed(view, id));
  }

  /** Partitions that still have a replica on such a member: one more loss may cost them their majority. */
  get underReplicated(): number {
    const { lost } = this;
    if (lost.length === 0) return 0;
    return this.core.view.partitions.filter(({ replicas }) => replicas.some((node) => lost.includes(node))).length;
  }

  /** Copies that this node gets from others: how many are under way, and the bytes that came since it started. */
  get transfers(): { readonly merging: number; readonly asked: number; readonly received: number } {
    const { running, load } = this.core.transfers;
    return { merging: running.size, asked: load.bytes, received: load.received };
  }

  /** How much the copies of this node hold, except those that it has left. */
  get sizes(): ReadonlyMap<Partition, HeldSize> {
    const tables = new Map<Partition, RegisterTable>();
    const ready = new Set<Partition>();
    for (const [partition, { life, replica }] of this.core.copies.newest) {
      if (replica === null || life.left !== null) continue;
      tables.set(partition, replica.table);
      if (life.ready) ready.add(partition);
    }
    const sizes = new Map<Partition, HeldSize>();
    for (const [partition, size] of this.copySizes.of(tables))
      sizes.set(partition, { ...size, ready: ready.has(partition) });
    return sizes;
  }

  /** The newest view that this node holds durably. */
  get heldView(): EncodedView {
    return this.core.views?.chain.heldView ?? this.core.newest;
  }

  /** A view left this node out, and nobody needs it for that any more. */
  get mayLeave(): boolean {
    return this.core.views?.chain.mayLeave === true;
  }

  /** This node asks the voters for the operation with this id. */
  isAsked(operation: string): boolean {
    return this.core.views?.chain.isAsked(operation) === true;
  }

  /** Partitions that this node is the working writer of. */
  get offices(): number {
    return this.core.offices;
  }

  /** Partitions that this node keeps a replica of. */
  get kept(): Iterable<Partition> {
    return this.core.partitions.keys();
  }

  get keptCount(): number {
    return this.core.partitions.size;
  }

  /** Requests of clients under way, those of them that nobody can take, and those that other nodes passed on. */
  get requests(): {
    readonly pending: number;
    readonly held: number;
    readonly visiting: number;
    readonly bytes: number;
  } {
    const { pendingCount, heldCount, visitorCount, requestBytes } = this.loop.machine.router;
    return { pending: pendingCount, held: heldCount, visiting: visitorCount, bytes: requestBytes };
  }

  /** The bytes that all writers of this node hold together; registers left to catch-up. */
  get load(): {
    readonly flights: number;
    readonly retained: number;
    readonly memory: number;
    readonly left: number;
    readonly catchUp: number;
    readonly mending: number;
    readonly purging: number;
  } {
    const { flightBytes, retainedBytes, memoryBytes, purgeBytes, left } = this.core.load;
    const catchUp = this.core.catchUpLoad.bytes;
    const mending = this.core.mendingLoad.bytes;
    return {
      flights: flightBytes,
      retained: retainedBytes,
      memory: memoryBytes,
      left,
      catchUp,
      mending,
      purging: purgeBytes,
    };
  }

  /** Messages that could not be. */
  get implausible(): number {
    return this.loop.machine.refused;
  }

  partition(partition: Partition): PartitionSnapshot {
    const { core, router } = this.loop.machine;
    const served = core.partitions.get(partition);
    const promise = served?.copy.replica.promise;
    return {
      partition,
      replicas: placementOf(core.view, partition).replicas,
      writer: core.writerOf(partition) ?? NO_NODE,
      round: promise?.round ?? 0,
      ballotNode: promise?.node ?? NO_NODE,
      settledRevision: served?.copy.replica.revisions.settledRevision ?? null,
      heldRequests: router.heldOf(partition),
      behind: served?.behind ?? null,
    };
  }

  replicasOf(partition: Partition): readonly ReplicaSnapshot[] {
    const { core } = this;
    const { replicas, groupEpoch } = placementOf(core.view, partition);
    const served = core.partitions.get(partition);
    const settled = served?.copy.replica.revisions.settledRevision ?? UNKNOWN_REVISION;
    return replicas.map((node, place) => {
      const own = node === core.self;
      const report = served?.report(place);
      const known = own || report?.groupEpoch === groupEpoch;
      const behind = own ? 0 : Math.max(0, Math.max(0, settled) - Math.max(0, report?.settledRevision ?? 0));
      return {
        node,
        ready: own || (known && report?.ready === true),
        heard: core.hears(node),
        lag: known ? behind : null,
      };
    });
  }

  /**
   * By node: how many revisions it is behind in the partition, of those that this node writes, where it is behind most.
   */
  get lags(): ReadonlyMap<NodeId, number> {
    const most = new Map<NodeId, number>();
    for (const partition of this.core.partitions.keys()) {
      if (!this.core.isWriter(partition)) continue;
      const settled = Math.max(0, this.partition(partition).settledRevision ?? 0);
      for (const { node, lag } of this.replicasOf(partition))
        if (node !== this.self) most.set(node, Math.max(most.get(node) ?? 0, lag ?? settled));
    }
    return most;
  }

  get upkeep(): Upkeep {
    let [rounds, offers, bad, mended, purged] = [0, 0, 0, 0, 0];
    for (const { copy, upkeep, offers: sent } of this.core.partitions.values()) {
      const { replica, writer } = copy;
      rounds += replica.promise.round;
      offers += sent;
      bad += replica.bad.size;
      mended += upkeep.mending.mended;
      purged += writer.purged;
    }
    return { rounds, offers, bad, mended, purged };
  }

  get lacking(): Lacking {
    let [changes, partitions, most] = [0, 0, 0];
    for (const { behind } of this.core.partitions.values()) {
      if (behind === null || behind === 0) continue;
      changes += behind;
      partitions++;
      most = Math.max(most, behind);
    }
    return { changes, partitions, most };
  }

  /** null: this node keeps none. */
  copyOf(partition: Partition): CopySnapshot | null {
    const served = this.core.partitions.get(partition);
    if (served === undefined) return null;
    const { settledRevision, reservation } = served.copy.replica.revisions;
    return { settledRevision, reservation, raisedAbove: served.copy.writer.raisedAbove };
  }

  /** The keys of this node's own copy, page by page. */
  keysOf(partition: Partition): KeyList {
    return new KeyList(() => this.core.copies.listed(partition));
  }

  private get core() {
    return this.loop.machine.core;
  }
}
