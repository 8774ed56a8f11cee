import type { NodeId } from "../core/model/ids.js";
import type { NodeMessage } from "../core/model/node-message.js";

/** The way to the other nodes. Messages may be lost; what arrives, arrives whole. */
export interface Peers {
  /**
   * Queues a message; nothing leaves before `flush`. False: there is no stream to that node, or no room on it, and the
   * message is gone. A queued one may still be gone when the stream breaks before it took the message. A Forward is
   * then told to the loop as *unsent*.
   */
  send(to: NodeId, message: NodeMessage): boolean;
  /** Sends what is queued: everything for one peer in one frame. */
  flush(): void;
}
