/**
 * Ballots and timestamps, the two orders that safety stands on. Compare them only by the functions here.
 *
 * A ballot names one office of one writer: (group epoch, round, node id), ordered lexicographically; a node uses a
 * ballot for one office only. A timestamp (ballot, seq) orders the states of a register; a seq is group-wide and never
 * used twice in a ballot (R6).
 */
import { type GroupEpoch, NO_NODE, type NodeId } from "./ids.js";

export interface Ballot {
  readonly groupEpoch: GroupEpoch;
  readonly round: number;
  readonly node: NodeId;
}

export interface Timestamp {
  readonly ballot: Ballot;
  readonly seq: number;
}

/** Ranges of one ballot's seqs. */
export interface SeqRanges {
  readonly ballot: Ballot;
  /** first, last, first, last … ascending; two ranges never touch. */
  readonly ranges: readonly number[];
}

export const ballot = (groupEpoch: GroupEpoch, round: number, node: NodeId): Ballot => ({ groupEpoch, round, node });

/** The promise every replica of a group epoch starts with: refuses everything of earlier epochs, belongs to nobody. */
export const initialBallot = (groupEpoch: GroupEpoch): Ballot => ({ groupEpoch, round: 0, node: NO_NODE });

export function compareBallots(a: Ballot, b: Ballot): number {
  if (a === b) return 0;
  return a.groupEpoch - b.groupEpoch || a.round - b.round || a.node - b.node;
}

export const sameBallot = (a: Ballot, b: Ballot): boolean =>
  a === b || (a.node === b.node && a.round === b.round && a.groupEpoch === b.groupEpoch);

export const timestamp = (ballot: Ballot, seq: number): Timestamp => ({ ballot, seq });

export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  return compareBallots(a.ballot, b.ballot) || a.seq - b.seq;
}

export const sameTimestamp = (a: Timestamp, b: Timestamp): boolean => a.seq === b.seq && sameBallot(a.ballot, b.ballot);

export const formatBallot = (b: Ballot): string => `${b.groupEpoch}.${b.round}.n${b.node}`;
export const formatTimestamp = (t: Timestamp): string => `${formatBallot(t.ballot)}/${t.seq}`;

/** Whether a register with that timestamp is settled, when all of that ballot up to that seq are. */
export const isCovered = ({ ballot, seq }: Timestamp, by: Timestamp): boolean =>
  seq <= by.seq && sameBallot(ballot, by.ballot);
