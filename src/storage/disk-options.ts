/**
 * The surroundings of storage on disk: the files, the checkpoint and the timers that it stands on, and whom it tells
 * what.
 */
import type { Key, NodeId, Partition } from "../core/model/ids.js";
import type { Checkpoint } from "./checkpoint/checkpoint.js";
import type { Files } from "./files.js";
import type { PositionKey } from "./position-key.js";
import type { StorageSettings } from "./settings.js";

export interface DiskOptions {
  /** Files of the log. */
  readonly files: Files;
  readonly checkpoint: Checkpoint;
  readonly node: NodeId;
  /** null or missing: this node's positions are told without proof. */
  readonly positionKey?: PositionKey | null;
  readonly settings: StorageSettings;
  /** This node has been in a cluster, so there must be something: if there is nothing, it was taken away (R10). */
  readonly mustExist?: boolean;
  /** A random number below 2^31 for each new segment. */
  readonly salt: () => number;
  readonly later: (ms: number, call: () => void) => void;
  /** Whether CPU is what lacks: then writes are made fuller. Without it: never. */
  readonly shortOfTime?: () => boolean;
  /** The free space; without it the disk counts as full only from a write that fails until one that does not. */
  readonly space?: Space;
  readonly events: DiskEvents;
}

export interface DiskEvents {
  /** One line for the operator. */
  notice(text: string): void;
  /** The disk failed: no entry becomes durable any more, and the node must stop. */
  failed(why: string): void;
  /** The system is too short of something to write to the log, which is tried again; null: it is so no longer. */
  short?(error: Error | null): void;
  /** A peer's word goes into the log behind the batch that is being appended. */
  remembers?(peer: NodeId, position: number): void;
  /** A register fails its checksum. Told when it is found, and again by each pass of the scrub until it is mended. */
  bad(partition: Partition, key: Key, first: boolean): void;
}

export interface Space {
  readonly writable: boolean;
  /** There is room for deletions; as `writable` when missing. */
  readonly deletable?: boolean;
  /** A write found no space. */
  exhausted(): void;
  /** So many bytes were written. */
  wrote(bytes: number): void;
}

export interface BadRegister {
  readonly partition: Partition;
  readonly key: Key;
}
