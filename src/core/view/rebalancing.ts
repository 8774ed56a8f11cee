/**
 * The placement that a view's members should have: as many replicas and offices on each as on any other, within one.
 * Work on it goes on as long as a view carries a wish to rebalance, and whenever replicas need a new place. Pure
 * functions of the view, so that any proposer goes on where another one stopped.
 */
import { present } from "../../base/assert.js";
import { planted } from "../model/planted.js";
import { evenPlacement, type PlacedPartition } from "../placement/next-placement.js";
import { takers } from "./operation.js";
import { type Placement, preferredOf, type View } from "./view.js";

/** Worked out once for each view: that takes a while. */
const worked = new WeakMap<View, readonly PlacedPartition[] | null>();

/** How partitions should lie, given where everything is now; null: too few nodes could keep replicas. */
export function targetOf(view: View): readonly PlacedPartition[] | null {
  const known = worked.get(view);
  if (known !== undefined) return known;
  const target = workedOut(view);
  worked.set(view, target);
  return target;
}

function workedOut(view: View): readonly PlacedPartition[] | null {
  const { partitions, members, replicationFactor } = view;
  const possible = new Set(takers(view));
  const seats = members.filter(({ id }) => possible.has(id));
  if (seats.length < replicationFactor) return null;
  const current = partitions.map((placement) => ({
    replicas: placement.replicas,
    preferred: present(preferredOf(placement), "a preferred writer"),
  }));
  return evenPlacement(current, { seats, replicationFactor });
}

/** Replicas that are not where they should be. */
export function misplaced(view: View): number {
  const target = targetOf(view);
  if (target === null) return 0;
  let count = 0;
  for (const [partition, { replicas }] of view.partitions.entries())
    for (const node of replicas) if (target[partition]?.replicas.includes(node) === false) count++;
  return count;
}

/** Every replica is where it should be, and no view waits for one to be ready. `partitions`: those of the next view. */
export const isEven = (view: View, partitions: readonly Placement[]): boolean =>
  misplaced(view) === 0 &&
  partitions.every(({ replicas }) => replicas.length === view.replicationFactor) &&
  (partitions.every(({ previous }) => previous === undefined) || planted("growth.even-unready"));

/** The placements with the writers that they should have. Group epochs stay: no replica changes. */
export function withEvenWriters(view: View, partitions: readonly Placement[]): readonly Placement[] {
  const target = targetOf(view);
  return partitions.map((placement, partition) => {
    const wanted = target?.[partition]?.preferred;
    const stays = wanted === undefined || preferredOf(placement) === wanted || !placement.replicas.includes(wanted);
    return stays ? placement : { ...placement, preferred: wanted };
  });
}
