/**
 * The partitions that a wish still waits for. They need the node that is to be emptied, or are not where they should
 * be. A pure function of the view, for those who tell of operations.
 */
import { type Partition, partition as partitionOf } from "../model/ids.js";
import { isEmptying } from "./operation.js";
import { targetOf } from "./rebalancing.js";
import type { Placement, View, Wish } from "./view.js";
import { isEmptied } from "./wished-moves.js";

export interface PartitionsLeft {
  readonly left: readonly Partition[];
  /** Those of them that move now. */
  readonly moving: readonly Partition[];
}

const NONE: PartitionsLeft = { left: [], moving: [] };

export function partitionsLeft(view: View, wish: Wish): PartitionsLeft {
  if (wish.kind === "rebalance") return misplacedOf(view);
  if (wish.kind === "set-replication") return unequalOf(view);
  if (!isEmptying(wish)) return NONE;
  const { node } = wish;
  return sorted(
    view,
    (placement) => !isEmptied([placement], node),
    ({ replicas }) => !replicas.includes(node),
  );
}

/** Groups that have another size than the view says, or came to it just now. */
function unequalOf(view: View): PartitionsLeft {
  const isMoving = ({ previous }: Placement): boolean => previous !== undefined;
  const isLeft = (placement: Placement): boolean =>
    isMoving(placement) || placement.replicas.length !== view.replicationFactor;
  return sorted(view, isLeft, isMoving);
}

function misplacedOf(view: View): PartitionsLeft {
  const target = targetOf(view);
  const isMoving = ({ previous }: Placement): boolean => previous !== undefined;
  const isLeft = (placement: Placement, partition: number): boolean =>
    isMoving(placement) || placement.replicas.some((node) => target?.[partition]?.replicas.includes(node) === false);
  return sorted(view, isLeft, isMoving);
}

function sorted(
  { partitions }: View,
  isLeft: (placement: Placement, partition: number) => boolean,
  isMoving: (placement: Placement) => boolean,
): PartitionsLeft {
  const left: Partition[] = [];
  const moving: Partition[] = [];
  for (const [p, placement] of partitions.entries()) {
    if (!isLeft(placement, p)) continue;
    left.push(partitionOf(p));
    if (isMoving(placement)) moving.push(partitionOf(p));
  }
  return { left, moving };
}
