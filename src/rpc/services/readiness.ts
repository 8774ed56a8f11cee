/** Whether a node may be given work: what health says of it, and why. */
import type { View } from "../../core/view/view.js";
import type { NodeStatus } from "../../node/status.js";

/** Why a node should not be given work, in words. */
export type Unready = "no majority is heard" | "the disk stands still" | "no file descriptor is left";

/** Less is a burst of connections. */
const SHORT_MS = 2_000;

/**
 * null: it is ready. A node that is cut off from every majority can serve nothing. One whose disk has stood still for
 * longer than `diskStallMs` serves by other nodes alone, and had better not be asked. One that has had no file
 * descriptor left for a while takes no new connection.
 */
export function unready(
  status: NodeStatus,
  view: View,
  diskStallMs: number,
  descriptorsShortMs: number,
): Unready | null {
  const heard = view.partitions.some(
    ({ replicas }) => replicas.filter((id) => id === status.self || status.hears(id)).length > replicas.length / 2,
  );
  if (!heard) return "no majority is heard";
  if (status.diskStandingMs > diskStallMs) return "the disk stands still";
  return descriptorsShortMs > SHORT_MS ? "no file descriptor is left" : null;
}
