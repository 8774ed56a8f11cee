/** The records that heartbeats keep: of each partition what this node tells, and of each peer what that one told. */
import type { Ballot } from "../model/ballot.js";
import type { PartitionReport } from "../model/heartbeat.js";
import type { NodeId, Partition } from "../model/ids.js";

export const NOBODY: readonly NodeId[] = [];

/** This node's report and office of one partition. */
export class OwnPartition {
  others: readonly NodeId[] = NOBODY;
  report: PartitionReport | null = null;
  reportChangedAt = 0;
  /** Newer than `report` in its settled numbers alone; told from the next round on. */
  parkedReport: PartitionReport | null = null;
  office: Ballot | null = null;
  officeChangedAt = 0;

  constructor(readonly partition: Partition) {}
}

/** The reports and offices that a peer told. */
export class Peer {
  version = 0;
  /** The round in which that came: later heartbeats told the peer of it. */
  versionIn = 0;
  /** Answers to this round and earlier ones may come from an earlier incarnation. */
  resetIn = 0;
  heard: readonly NodeId[] = NOBODY;
  full = false;
  /** The last round that it answered. */
  answeredIn = 0;
  /** The round of its last question, and the version that it was told since; null: it asked nothing yet. */
  asked: { readonly round: number; told: number } | null = null;
  readonly reports = new Map<Partition, PartitionReport>();
  readonly offices = new Map<Partition, Ballot>();

  constructor(
    /** The round in which everything was last asked for unasked (H6). */
    public wholeIn: number,
  ) {}
}
