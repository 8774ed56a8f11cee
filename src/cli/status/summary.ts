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
}
