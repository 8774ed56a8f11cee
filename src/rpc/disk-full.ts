/**
 * What a node with a full disk does not take in: messages that bring registers, as if they had been lost, which the protocol allows at any
 * time, and writes that other nodes pass on. Promises, reads and everything else that is small goes on.
 */
import type { NodeId } from "../core/ids.js";
import type { NodeMessage } from "../core/node-message.js";
import type { NodeInput } from "../node/machine.js";

/** Whether the input is refused; what has to be said to the sender is sent. */
export function refusedWhenFull(input: NodeInput, send: (to: NodeId, message: NodeMessage) => void): boolean {
  if (input.kind !== "message") return false;
  const { from, message } = input;
  switch (message.kind) {
    case "write":
    case "impose":
    case "changes":
      return true;
    case "forward":
      if (message.request.kind === "read") return false;
      send(from, {
        kind: "forwarded",
        id: message.id,
        result: { status: "refused", refusal: { reason: "disk-full" } },
      });
      return true;
    default:
      return false;
  }
}
