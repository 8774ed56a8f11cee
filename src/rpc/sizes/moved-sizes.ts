/** Tells how much moves would bring to which member, by the sizes that all told, and whether its disk can take it. */
import { type NodeId, type Partition, partition as partitionOf } from "../../core/model/ids.js";
import { isReady } from "../../core/view/move.js";
import type { View } from "../../core/view/view.js";
import type { Move } from "../../core/view/wished-moves.js";
import type { CopySize } from "../../node/copy-sizes.js";
import type { SizesByNode } from "./cluster-sizes.js";

/**
 * A copy takes more room while it comes than it takes in the end. It is in the log before it is in the checkpoint, and
 * the checkpoint has free pages.
 */
export const ROOM_FACTOR = 1.5;

/** How much the ready copies of each partition hold, where one is known: the largest of them. */
export function partitionSizes(sizes: SizesByNode): ReadonlyMap<Partition, CopySize> {
  const largest = new Map<Partition, CopySize>();
  for (const { copies } of sizes.values())
    for (const [partition, size] of copies)
      if (size.ready && size.bytes >= (largest.get(partition)?.bytes ?? 0)) largest.set(partition, size);
  return largest;
}

/** A member whose disk cannot take what would come to it. */
export interface Short {
  readonly node: NodeId;
  /** Bytes that its disk takes until it counts as full. */
  readonly room: number;
  /** Bytes that would come. */
  readonly coming: number;
}

/**
 * The first member, by id, that these moves and those under way leave too little room. A member that told nothing of
 * its disk is not judged.
 */
export function shortOfRoom(view: View, moves: readonly Move[], sizes: SizesByNode): Short | null {
  const held = partitionSizes(sizes);
  const coming = new Map<NodeId, number>();
  const add = (node: NodeId, partition: Partition): void => {
    const there = sizes.get(node)?.copies.get(partition)?.bytes ?? 0;
    const bytes = Math.max(0, (held.get(partition)?.bytes ?? 0) - there);
    coming.set(node, (coming.get(node) ?? 0) + bytes);
  };
  for (const { partition, comes } of moves) if (comes !== null) add(comes, partition);
  const asked = new Set(coming.keys());
  for (const [p, placement] of view.partitions.entries())
    for (const node of placement.replicas) if (asked.has(node) && !isReady(placement, node)) add(node, partitionOf(p));
  for (const [node, bytes] of [...coming].sort(([a], [b]) => a - b)) {
    const room = sizes.get(node)?.room ?? null;
    if (room !== null && bytes * ROOM_FACTOR > room) return { node, room, coming: bytes };
  }
  return null;
}
