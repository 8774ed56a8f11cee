import type { Brand } from "../../base/brand.js";

/** A node's identity, drawn at first start; it names one incarnation of its storage. A uint32, never 0. */
export type NodeId = Brand<number, "NodeId">;

/** Index of one of the P equal slices of all positions: 0 … P−1. */
export type Partition = Brand<number, "Partition">;

/**
 * Stands for the voters of a view where elections are told of by partition: they elect a proposer as a group elects its
 * writer.
 */
export const VOTERS = (2 ** 32 - 1) as Partition;

/** Number of a view, cluster-wide; the first is 1. 0 means: knows no view yet. */
export type ViewEpoch = Brand<number, "ViewEpoch">;

/** Number of a partition's group, raised whenever its replica list changes. */
export type GroupEpoch = Brand<number, "GroupEpoch">;

/** A key, one character per byte (latin1): immutable, comparable and safe as a Map key whatever its bytes. */
export type Key = Brand<string, "Key">;

/** A partition's counter of decided requests: what clients see and hand back. 0 is before the first. */
export type Revision = Brand<number, "Revision">;

/**
 * A replica's own count of the changes of its copy of a partition: what "changes since" is asked by. 0 is before the
 * first.
 */
export type ChangeNumber = Brand<number, "ChangeNumber">;

/** Names one attempt to gather a quorum; unique per node and never used again (R7). */
export type Attempt = Brand<number, "Attempt">;

export const nodeId = (value: number): NodeId => value as NodeId;
export const partition = (value: number): Partition => value as Partition;
export const viewEpoch = (value: number): ViewEpoch => value as ViewEpoch;
export const groupEpoch = (value: number): GroupEpoch => value as GroupEpoch;
export const key = (value: string): Key => value as Key;
/**
 * Restored clusters count revisions in eras of so many: in the one after the backup's. The old cluster may have gone on
 * after the backup, and nobody knows how far; not so far.
 */
export const ERA = 2 ** 40;

export const revision = (value: number): Revision => value as Revision;
export const changeNumber = (value: number): ChangeNumber => value as ChangeNumber;
export const attempt = (value: number): Attempt => value as Attempt;

/** The epoch of groups that the founding made. Their copies hold all there is, which is nothing. */
export const FOUNDING = 1 as GroupEpoch;
export const NO_NODE = 0 as NodeId;
/** Before the first one. */
export const NO_REVISION = 0 as Revision;
/** Before the first change of a copy. */
export const NO_CHANGE = 0 as ChangeNumber;
/**
 * A replica that has just started cannot tell its partition's revision: clients are told none, rather than a low one
 * (R9).
 */
export const UNKNOWN_REVISION = -1 as Revision;
