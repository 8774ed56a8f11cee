import type { NodeId } from "../core/ids.js";
import type { NodeMessage } from "../core/node-message.js";

/** The way to the other nodes. Messages may be lost; what arrives, arrives whole. */
export interface Peers {
  /** Queues a message; nothing leaves before `flush`. */
  send(to: NodeId, message: NodeMessage): void;
  /** Sends what is queued: everything for one peer in one frame. */
  flush(): void;
}
