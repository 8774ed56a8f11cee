/**
 * The things that nodes tell each other in every round: that they are there, what their replicas say about themselves,
 * and where they hold offices.
 */
import type { Ballot, Timestamp } from "./ballot.js";
import type { ChangeNumber, GroupEpoch, NodeId, Partition, Revision } from "./ids.js";

/** Each node to each peer, once a round: are you there, and what is new? Proves nothing by itself. */
export interface Heartbeat {
  readonly kind: "heartbeat";
  /** The sender's round, from 1. */
  readonly round: number;
  /** Version of the addressee's reports that the sender has; 0: none. */
  readonly reportsSeen: number;
  /**
   * Durable records of the sender's log as the message leaves (R10); 0: nothing told. The core knows no disk and says
   * 0: the driver, which does, fills it in.
   */
  readonly logPosition: number;
  /** Made of it with a key that only the sender has, one character per byte; missing when it has none. */
  readonly positionProof?: string;
}

/**
 * To the sender of a heartbeat, at once. Proves that the link works both ways; the rest is as of `version` at the
 * answering node.
 */
export interface HeartbeatAnswer {
  readonly kind: "heartbeat-answer";
  /** The round of the heartbeat answered. */
  readonly round: number;
  /** The peers that the sender hears, ascending, without itself. */
  readonly heard: readonly NodeId[];
  /** The version of everything in this answer; counts changes at the sender since it started. */
  readonly version: number;
  /** The answer carries what changed after this version; 0: everything. */
  readonly since: number;
  /** The sender's disk is full: it wants no office, and takes in no registers. */
  readonly full: boolean;
  /** For partitions that both nodes are replicas of. */
  readonly reports: readonly PartitionReport[];
  /** To every peer, so that a node outside a group knows where to forward. */
  readonly offices: readonly OfficeReport[];
}

/** A replica's word about itself; durable before it is said (R8). */
export interface PartitionReport {
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  /** V4: serves in this group epoch. Nobody infers it. */
  readonly ready: boolean;
  readonly promise: Ballot;
  /**
   * The owner of that promise is working in exactly that ballot, which the sender knows from the owner itself. Never
   * passed on twice.
   */
  readonly live: boolean;
  /** Highest settled (ballot, seq) that the sender knows of; null: none. */
  readonly settled: Timestamp | null;
  readonly settledRevision: Revision;
  /** Number of the latest change of the sender's copy. */
  readonly lastChange: ChangeNumber;
  /** The sender lacks many changes of others, and gets them: it should have no office yet. */
  readonly lagging: boolean;
}

/** The sender began or ended to be the working writer of a partition. */
export interface OfficeReport {
  readonly partition: Partition;
  /** The ballot it works in, its own; null: it is not the working writer any more. */
  readonly ballot: Ballot | null;
}
