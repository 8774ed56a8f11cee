/**
 * A node with a full disk does not take in messages that bring registers: they count as lost, which the protocol allows at any time. It
 * refuses writes that other nodes pass on. Promises, reads and everything else that is small goes on.
 */
import type { NodeId } from "../core/ids.js";
import type { NodeMessage } from "../core/node-message.js";
import type { NodeInput } from "../node/machine.js";

/** Whether the input is refused; what has to be said to the sender is sent. */
export function refusedWhenFull(input: NodeInput, send: (to: NodeId, message: NodeMessage) => void): boolean {
  if (input.kind !== "message") return false;
  const { from, message } = input;
  if (message.kind !== "forward") return bringsRegisters(message);
  if (message.request.kind === "read") return false;
  send(from, { kind: "forwarded", id: message.id, result: { status: "refused", refusal: { reason: "disk-full" } } });
  return true;
}

/** Whether a replica that takes it in has more to write than a few bytes. */
export function bringsRegisters({ kind }: NodeMessage): boolean {
  return kind === "write" || kind === "impose" || kind === "changes";
}
