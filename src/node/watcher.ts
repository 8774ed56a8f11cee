/**
 * Is told of the way that requests take through a node; what it makes of that is its business (observe/traces). Usually
 * there is none.
 */
import type { NodeId, Partition } from "../core/model/ids.js";
import type { Forward, Request } from "../core/model/node-message.js";
import type { Result } from "../core/model/operation.js";
import type { Ticket } from "../core/model/outbox.js";

export interface RequestWatcher {
  /** A client's request goes on to another node. */
  forwarded(request: Request, message: Forward, to: NodeId): void;
  /** That copy is not waited for any more: what came back, or that it was given up or lost with its stream. */
  forwardEnded(id: number, how: Result["status"] | "given-up" | "lost" | "unsent"): void;
  /** A request of this node's clients goes to its own core. `request` is what the client brought. */
  serving(ticket: Ticket, partition: Partition, request: Request): void;
  /** A request of another node's client goes to this node's core. */
  visiting(ticket: Ticket, message: Forward, from: NodeId): void;
  /** A request that another node passed on was not taken. */
  turnedAway(message: Forward, from: NodeId, reason: string): void;
  /** The core has answered. */
  served(ticket: Ticket, result: Result): void;
}
