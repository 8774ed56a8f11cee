/** The cluster as several nodes see it, put together: what `onar status` shows, and what it is judged by. */
import type { NodeStatus } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";

export interface NodeRow {
  readonly node: NodeStatus;
  /** Whether it answered this command. */
  readonly answers: boolean;
  /** Partitions whose writer it is. */
  readonly writes: number;
  /** Partitions that it keeps a replica of. */
  readonly keeps: number;
  /** Changes of other replicas that it lacks, all its partitions together, by its own word; null: it did not say. */
  readonly behind: number | null;
  /** In all its copies together, by its own word; null: it did not say. */
  readonly held: { readonly keys: number; readonly bytes: number } | null;
  /** Free bytes of its disk; null: it did not say, or is in memory. */
  readonly diskFree: number | null;
  /** By its own word; false and 0 when it did not answer. */
  readonly diskFull: boolean;
  readonly diskStandingMs: number;
  readonly descriptorsShortMs: number;
}

/** Nobody who was asked hears it, and it did not answer. */
export const isGone = ({ node, answers }: Pick<NodeRow, "node" | "answers">): boolean => !node.heard && !answers;

/** How people are told a node. */
export const nameOf = ({ clientAddress, id }: NodeStatus): string => clientAddress || `node ${id}`;

export interface Summary {
  /** The node that was asked first. */
  readonly askedNodeId: number;
  readonly clusterId: string;
  readonly viewEpoch: bigint;
  readonly nodes: readonly NodeRow[];
  readonly partitions: number;
  readonly withWriter: number;
  /** Partitions without a writer, in order. */
  readonly withoutWriter: readonly number[];
  /** Partitions whose replicas move, in order. */
  readonly moving: readonly number[];
  /** Partitions with a replica on a node that is gone, in order. */
  readonly underReplicated: readonly number[];
  /** Those of them whose replicas that are there make no majority. */
  readonly withoutQuorum: readonly number[];
  /** The gone nodes with replicas of partitions without quorum, by address. */
  readonly waitingFor: readonly string[];
}
