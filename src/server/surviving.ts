/**
 * The directories that survived the loss of too much: what stopped nodes hold together, for `onar recover`.
 *
 * A partition is whole if a majority of its group is here: whatever was acknowledged is then on one of these copies.
 * While it moves, the writes of the group before must be here, too. They are on a majority of that group, and on a
 * replica that the view records as ready. Otherwise the highest timestamp of each key counts that is here, and nobody
 * knows what the missing copies had acknowledged.
 */
import { majorityOf } from "../base/votes.js";
import { compareTimestamps, type Timestamp } from "../core/model/ballot.js";
import type { Key, NodeId, Partition, Revision } from "../core/model/ids.js";
import { partition as partitionOf, revision } from "../core/model/ids.js";
import type { Register } from "../core/model/register.js";
import { BAD } from "../core/model/table.js";
import { type Placement, placementOf, type View } from "../core/view/view.js";
import type { HeldCopy } from "../ports/storage.js";
import { isForPeople } from "../storage/home.js";
import { StoppedNode } from "../storage/inspect.js";
import { InspectError } from "./inspecting.js";

/** As many directories can be named as a cluster has members. */
const MAX_DIRECTORIES = 100;

/** "whole": all that was acknowledged; "minority": what these copies hold; "none": no copy is here. */
export type Standing = "whole" | "minority" | "none";

export interface SurvivingPartition {
  readonly partition: Partition;
  readonly standing: Standing;
  readonly replicas: readonly NodeId[];
  /** Those of them whose copy is here. */
  readonly here: readonly NodeId[];
}

/** A key of a partition, as the copies here have it. */
export interface SurvivingKey {
  readonly key: Key;
  /** The one with the highest timestamp; null: each copy that has one fails its checksum. */
  readonly register: Register | null;
  /** A copy fails its checksum, and the others are no majority: a later state may be lost. */
  readonly doubtful: boolean;
}

interface Source {
  readonly node: StoppedNode;
  readonly copy: HeldCopy;
}

export class Survivors {
  /** The newest one of them all. */
  readonly view: View;
  private readonly sources = new Map<Partition, Source[]>();

  private constructor(
    readonly nodes: readonly StoppedNode[],
    view: View,
  ) {
    this.view = view;
    for (const node of nodes)
      for (const copy of node.copies()) {
        const sources = this.sources.get(copy.partition) ?? [];
        this.sources.set(copy.partition, [...sources, { node, copy }]);
      }
  }

  /** Opens them all, and keeps them from nodes until it is closed; rejects with an InspectError. */
  static async open(paths: readonly string[]): Promise<Survivors> {
    if (paths.length > MAX_DIRECTORIES)
      throw new InspectError(
        `${paths.length} directories are named, and a cluster has at most ${MAX_DIRECTORIES} nodes`,
      );
    const nodes: StoppedNode[] = [];
    try {
      for (const path of paths) nodes.push(await StoppedNode.open(path));
      return new Survivors(nodes, newestOf(nodes));
    } catch (error) {
      for (const node of nodes) await node.close();
      throw isForPeople(error) ? new InspectError(error.message) : error;
    }
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await node.close();
  }

  get partitions(): Partition[] {
    return this.view.partitions.map((_, p) => partitionOf(p));
  }

  /** Voters of the newest view whose directory is here. Without a majority a later view may have been decided. */
  get votersHere(): NodeId[] {
    return this.view.voters.filter((voter) => this.nodes.some(({ facts }) => facts.node === voter));
  }

  /** A majority of the voters is here, so no later view can have been decided. */
  get knowsNewest(): boolean {
    return this.votersHere.length >= majorityOf(this.view.voters.length);
  }

  /** No revision above it was handed out, as far as these directories know. */
  get highestReserved(): Revision {
    return revision(Math.max(0, ...this.nodes.map((node) => node.highestReserved())));
  }

  partition(partition: Partition): SurvivingPartition {
    const placement = placementOf(this.view, partition);
    const { replicas } = placement;
    const keepers = this.keepersOf(partition);
    const here = replicas.filter((node) => keepers.has(node));
    const whole = this.knowsNewest && isWhole(placement, keepers);
    return { partition, replicas, here, standing: whole ? "whole" : keepers.size > 0 ? "minority" : "none" };
  }

  /** Each key of the partition that some copy here has, deleted ones included. In memory: a timestamp for each. */
  async *keys(partition: Partition): AsyncIterable<SurvivingKey> {
    const sources = this.sources.get(partition) ?? [];
    const best = new Map<Key, { timestamp: Timestamp | null; source: Source; bad: Set<NodeId> }>();
    for (const source of sources)
      for await (const { key, register } of source.node.registersOf(partition, source.copy.table)) {
        const known = best.get(key) ?? { timestamp: null, source, bad: new Set<NodeId>() };
        best.set(key, known);
        if (register === BAD) known.bad.add(source.node.facts.node);
        else if (known.timestamp === null || compareTimestamps(register.timestamp, known.timestamp) > 0) {
          known.timestamp = register.timestamp;
          known.source = source;
        }
      }
    const { replicas, here } = this.partition(partition);
    for (const [key, { timestamp, source, bad }] of best) {
      const found = timestamp === null ? null : source.copy.table.get(key);
      const sound = here.filter((node) => !bad.has(node)).length;
      const doubtful = bad.size > 0 && sound < majorityOf(replicas.length);
      yield { key, register: found === BAD ? null : found, doubtful };
    }
  }

  /** Nodes here with a copy of it that is not dropped. */
  private keepersOf(partition: Partition): ReadonlySet<NodeId> {
    return new Set((this.sources.get(partition) ?? []).map(({ node }) => node.facts.node));
  }
}

/** Writes that either group acknowledged are on one of these copies at least. */
export function isWhole({ replicas, previous, ready = [] }: Placement, keepers: ReadonlySet<NodeId>): boolean {
  const hasMajority = (group: readonly NodeId[]): boolean =>
    group.filter((node) => keepers.has(node)).length >= majorityOf(group.length);
  if (!hasMajority(replicas)) return false;
  return previous === undefined || hasMajority(previous.replicas) || ready.some(({ node }) => keepers.has(node));
}

/** They are of one cluster, each of another node of it. */
function newestOf(nodes: readonly StoppedNode[]): View {
  let newest: View | null = null;
  let of = "";
  const paths = new Map<NodeId, string>();
  for (const { facts } of nodes) {
    const { view, path, node } = facts;
    if (view === null)
      throw new InspectError(`${path} has not been in a cluster yet: there is nothing to recover in it`);
    if (newest !== null && view.clusterId !== newest.clusterId)
      throw new InspectError(
        `${path} is of cluster ${view.clusterId}, and ${of} of cluster ${newest.clusterId}: name the directories of one cluster`,
      );
    const twice = paths.get(node);
    if (twice !== undefined)
      throw new InspectError(`${path} and ${twice} are both of node ${node}: name the newer one alone`);
    paths.set(node, path);
    if (newest !== null && view.epoch <= newest.epoch) continue;
    newest = view;
    of = path;
  }
  if (newest === null) throw new InspectError("no directory is named");
  return newest;
}
