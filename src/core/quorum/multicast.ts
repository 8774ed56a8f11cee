/** The way from a machine to the replicas of its group. */
import type { CoreMessage } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";

export interface Multicast {
  /** To the replicas whose bit is set in `places`, this node's own included. */
  send(places: number, message: CoreMessage, out: Outbox): void;
}
