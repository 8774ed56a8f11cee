/** Views that follow each other until nothing more is planned, for tests of what operations lead to. */
import { expect } from "vitest";
import { type NodeId, nodeId, type Partition, partition } from "../../../../src/core/model/ids.js";
import { firstPlacement } from "../../../../src/core/placement/first-placement.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import { unready } from "../../../../src/core/view/move.js";
import type { ViewOperation } from "../../../../src/core/view/operation.js";
import { type Asked, plannedView } from "../../../../src/core/view/planner.js";
import { successorFault } from "../../../../src/core/view/successor.js";
import type { ReadyReplica, View } from "../../../../src/core/view/view.js";
import { nextMoves } from "../../../../src/core/view/wished-moves.js";
import { encoded, firstView } from "../../../views/views.js";

/** A cluster of so many members as it was founded, with further members that keep nothing. */
export function cluster(
  nodes: number,
  factor: number,
  partitions: number,
  empty = 0,
  zoneOf?: (id: number) => string,
): EncodedView {
  const { view } = firstView(nodes + empty, 3);
  const zoned = view.members.map((member) => ({ ...member, zone: zoneOf?.(member.id) ?? "" }));
  const placed = firstPlacement(zoned.slice(0, nodes), factor, partitions);
  return encoded({ ...view, members: zoned, replicationFactor: factor, partitions: placed });
}

export interface Way {
  readonly views: readonly View[];
  /** Replicas that came to a node, over all views. */
  readonly moves: number;
}

/** Every view until nothing more is planned; all who are heard say at once that they are ready. */
export function follow(
  first: EncodedView,
  begins: ViewOperation | Partial<Asked>,
  isHeard: (node: NodeId) => boolean = () => true,
): Way {
  const views: View[] = [first.view];
  let now = first;
  let moves = 0;
  let once: Partial<Asked> = "kind" in begins ? { operations: [begins] } : begins;
  for (; views.length < 2_000; once = {}) {
    const ready = new Map<Partition, readonly ReadyReplica[]>();
    for (const [index, placement] of now.view.partitions.entries()) {
      const told = unready(placement).filter(isHeard);
      if (told.length > 0)
        ready.set(
          partition(index),
          told.map((node) => ({ node, bad: 0 })),
        );
    }
    const asked: Asked = {
      wishing: [],
      operations: [],
      ...once,
      mayVote: isHeard,
      isLost: (node) => !isHeard(node),
      ready,
      moves: nextMoves(now.view, undefined, isHeard),
    };
    const planned = plannedView(now, asked);
    if (planned === null) return { views, moves };
    const next = encoded(planned);
    expect(successorFault(now, next)).toBeNull();
    for (const [index, { replicas }] of planned.partitions.entries())
      moves += replicas.filter((node) => now.view.partitions[index]?.replicas.includes(node) !== true).length;
    views.push(planned);
    now = next;
  }
  throw new Error("it does not end");
}

export const last = ({ views }: Way): View => views.at(-1) as View;
export const keptBy = (view: View, node: number): number =>
  view.partitions.filter(({ replicas }) => replicas.includes(nodeId(node))).length;
