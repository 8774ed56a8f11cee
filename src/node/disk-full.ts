/**
 * A node with a full disk does not take in messages that bring registers: they count as lost, which the protocol allows at any time.
 * Promises, reads and everything else that is small goes on. Whether a write can be decided is the core's business: it knows whose disks are
 * full.
 */
import type { NodeMessage } from "../core/node-message.js";

/** Whether a replica that takes it in has more to write than a few bytes. */
export function bringsRegisters({ kind }: NodeMessage): boolean {
  return kind === "write" || kind === "impose" || kind === "changes";
}
