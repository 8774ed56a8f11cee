/**
 * The way from one placement to another. One replica of a partition changes at a time (V5). Only so many moves are
 * under way together as nodes can bear.
 */
import type { NodeId, Partition } from "../model/ids.js";
import type { Seat } from "./layout.js";

/** A replica comes to a node, goes from one, or both in one step. */
export interface Move {
  readonly partition: Partition;
  /** null: the group grows. */
  readonly from: NodeId | null;
  /** null: the group shrinks. */
  readonly to: NodeId | null;
}

/** How many moves may be under way together: `perNode` counts those that a node gives or takes. At least 1 each. */
export interface MoveCaps {
  readonly perNode: number;
  readonly perCluster: number;
}

/** A node that gives or takes more at a time serves its clients worse; more in the cluster make views longer. */
export const MOVE_CAPS: MoveCaps = { perNode: 16, perCluster: 64 };

/**
 * The next step of one partition; null: it is where it should be. Replicas in zones that have too many go first. The
 * one that comes is of a zone with room, also when the group grows. So the rule of zones is broken by no step that did
 * not find it broken.
 */
export function nextMove(
  partition: Partition,
  now: readonly NodeId[],
  wanted: readonly NodeId[],
  seats: ReadonlyMap<NodeId, Seat>,
): Move | null {
  const leaving = now.filter((id) => !wanted.includes(id));
  const coming = wanted.filter((id) => !now.includes(id));
  if (leaving.length === 0 && coming.length === 0) return null;
  const grows = leaving.length === 0 || now.length < wanted.length;
  const shrinks = !grows && (coming.length === 0 || now.length > wanted.length);
  let best: Move | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const from of grows ? [null] : leaving) {
    for (const to of shrinks ? [null] : coming) {
      const staying = now.filter((id) => id !== from);
      const most = mostInOneZone(to === null ? staying : [...staying, to], seats);
      if (most >= least) continue;
      least = most;
      best = { partition, from, to };
    }
  }
  return best;
}

/** As many of these moves as the caps allow beside those under way, in their order. */
export function admitted(moves: readonly Move[], underWay: readonly Move[], caps: MoveCaps): Move[] {
  const busy = new Map<NodeId, number>();
  const count = ({ from, to }: Move): void => {
    for (const node of [from, to]) if (node !== null) busy.set(node, (busy.get(node) ?? 0) + 1);
  };
  for (const move of underWay) count(move);
  const mayHave = (node: NodeId | null): boolean => node === null || (busy.get(node) ?? 0) < caps.perNode;
  const chosen: Move[] = [];
  for (const move of moves) {
    if (underWay.length + chosen.length >= caps.perCluster) break;
    if (!mayHave(move.from) || !mayHave(move.to)) continue;
    count(move);
    chosen.push(move);
  }
  return chosen;
}

/** Nodes that are gone count as a zone each. */
function mostInOneZone(replicas: readonly NodeId[], seats: ReadonlyMap<NodeId, Seat>): number {
  const zones = new Map<string, number>();
  let most = 0;
  for (const id of replicas) {
    const seat = seats.get(id);
    const zone = seat === undefined ? `gone ${id}` : `zone ${seat.zone}`;
    const count = (zones.get(zone) ?? 0) + 1;
    zones.set(zone, count);
    most = Math.max(most, count);
  }
  return most;
}
