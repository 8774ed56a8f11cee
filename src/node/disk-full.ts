/**
 * A node with a full disk does not take in messages that bring registers: they count as lost, which the protocol allows
 * at any time. Promises, reads and everything else that is small goes on. Whether a write can be decided is the core's
 * business: it knows whose disks are full. Writes that make room go on, too: tombstones are taken, as long as there is
 * some room left.
 */
import type { NodeMessage } from "../core/model/node-message.js";

/** Whether a replica that takes it in has more to write than a few bytes. */
export function bringsRegisters({ kind }: NodeMessage): boolean {
  return kind === "write" || kind === "impose" || kind === "changes" || kind === "keys-held";
}

/** Whether a node with a full disk counts it as lost. `deletable`: it has room for deletions. */
export function lostWhenFull(message: NodeMessage, deletable: boolean): boolean {
  if (deletable && (message.kind === "write" || message.kind === "impose") && message.register.tombstone) return false;
  return bringsRegisters(message);
}
