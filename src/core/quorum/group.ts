import { majorityOf } from "../../base/votes.js";
import { FOUNDING, type GroupEpoch, type NodeId, type Partition } from "../model/ids.js";

/** The δ replicas that serve one partition in one group epoch, as one of them sees it. */
export class Group {
  /** Index of this node in the replica list. */
  readonly place: number;
  readonly majority: number;
  /** One bit for every replica. */
  readonly everyone: number;

  constructor(
    readonly partition: Partition,
    readonly epoch: GroupEpoch,
    readonly replicas: readonly NodeId[],
    readonly self: NodeId,
  ) {
    this.place = replicas.indexOf(self);
    this.majority = majorityOf(replicas.length);
    this.everyone = 2 ** replicas.length - 1;
  }

  /** A move made this group: there is one before it. */
  get moved(): boolean {
    return this.epoch !== FOUNDING;
  }

  /** −1 for a node outside the group. */
  placeOf(node: NodeId): number {
    return this.replicas.indexOf(node);
  }
}
