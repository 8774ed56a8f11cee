/**
 * A view: the numbered, cluster-wide fact of who the members are and which of them keep which partition. Complete in
 * itself, so that a node may jump from any view to the newest.
 */
import type { GroupEpoch, NodeId, Partition, ViewEpoch } from "../model/ids.js";
import type { ClusterSettings } from "./settings.js";

export interface Member {
  readonly id: NodeId;
  /** HOST:PORT as clients reach it. */
  readonly clientAddress: string;
  /** HOST:PORT as other nodes reach it. */
  readonly peerAddress: string;
  /** Failure domain; "" when none was given. */
  readonly zone: string;
}

/** The group that a partition moves away from. */
export interface PreviousGroup {
  readonly groupEpoch: GroupEpoch;
  /** In the order of its places. Some may be no members any more. */
  readonly replicas: readonly NodeId[];
}

/** A replica that said that it has all that its group needs, durably (V4). */
export interface ReadyReplica {
  readonly node: NodeId;
  /** Keys that it inherited as bad and that still wait. */
  readonly bad: number;
}

export interface Placement {
  /** Their order is that of places and votes. In groups that a move made it is that of their ids. */
  readonly replicas: readonly NodeId[];
  readonly groupEpoch: GroupEpoch;
  /** Named while the move from that group is not recorded as finished (move.ts). */
  readonly previous?: PreviousGroup;
  /** Those recorded so far, ordered by id. Missing with `previous`: then all replicas are ready. */
  readonly ready?: readonly ReadyReplica[];
  /** The replica preferred as writer, if it is not the first. It changes without a new group epoch. */
  readonly preferred?: NodeId;
}

/** The kinds of change that people ask of a cluster. "other": of a later version. */
export type OperationKind =
  | "join"
  | "leave"
  | "transfer-writer"
  | "drain"
  | "replace"
  | "remove"
  | "rebalance"
  | "set-replication"
  | "change-settings"
  | "heal"
  | "other";

/** An operation that views before carried and that is not done. Whoever proposes the next view goes on with it. */
export interface Wish {
  /** 16 bytes in hexadecimal. */
  readonly id: string;
  /** That it was computed on: the view after it was the first to carry the wish. */
  readonly epoch: ViewEpoch;
  readonly kind: OperationKind;
  /**
   * The node that it is about. A "rebalance" names the newcomer that it is for, or the node that was asked, and
   * "set-replication" and "change-settings" the node that was asked.
   */
  readonly node: NodeId;
  /** The node that gets its replicas; of "replace" alone. */
  readonly by?: NodeId;
  /** The δ that was asked for; of "set-replication" alone. */
  readonly replicas?: number;
}

export interface DoneOperation extends Wish {
  readonly doneIn: ViewEpoch;
}

/** The operations that a view remembers. */
export interface Ledger {
  readonly wishes: readonly Wish[];
  /** In the order of `doneIn`; bounded (operation.ts). */
  readonly done: readonly DoneOperation[];
  /** The highest epoch of a view that did an operation which is forgotten; 0: none is. */
  readonly forgotten: number;
}

/** 16 random bytes, as 32 lower-case hexadecimal digits; "" while there is no cluster. */
export type ClusterId = string;

export interface View {
  readonly epoch: ViewEpoch;
  readonly clusterId: ClusterId;
  /** SHA-256 of the view before, in hexadecimal; "" for the first. */
  readonly previousDigest: string;
  /** The operation that made it, in hexadecimal. */
  readonly operationId: string;
  /** δ, as it is or is to be: groups have another size only while a wish "set-replication" is under way. */
  readonly replicationFactor: number;
  /** Ordered by id. */
  readonly members: readonly Member[];
  /** One per partition; their number, P, is a power of two. */
  readonly partitions: readonly Placement[];
  readonly voters: readonly NodeId[];
  /** Missing in a view before the first operation. */
  readonly ledger?: Ledger;
  /** Those that it gives values; missing: none, as in every view that an earlier version made. */
  readonly settings?: ClusterSettings;
}

/** The replica that should be the writer. */
export const preferredOf = ({ replicas, preferred }: Placement): NodeId | undefined => preferred ?? replicas[0];

export function memberOf(view: View, id: NodeId): Member | undefined {
  return view.members.find((member) => member.id === id);
}

export function placementOf(view: View, partition: Partition): Placement {
  const placement = view.partitions[partition];
  if (placement === undefined) throw new RangeError(`partition ${partition} of ${view.partitions.length}`);
  return placement;
}

/** Whether some partition has a replica on that node, or one that others may still need. */
export const hasReplicas = (view: View, id: NodeId): boolean =>
  view.partitions.some(({ replicas, previous }) => replicas.includes(id) || previous?.replicas.includes(id) === true);

export const sameAddresses = (a: Member, b: Member): boolean =>
  a.clientAddress === b.clientAddress && a.peerAddress === b.peerAddress && a.zone === b.zone;
