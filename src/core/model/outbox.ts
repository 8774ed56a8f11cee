/**
 * Everything that a step may ask for. The driver drains it completely before the next input: entries are written and
 * synced first. `sendNow` may leave before the sync; `sendDurable` is released by it, and so are outcomes that say so
 * (R8). A message to the node itself in `sendDurable` comes back as an input after the sync. That is how a replica's
 * vote for its own writer waits for the disk.
 */
import type { NodeId } from "./ids.js";
import type { CoreMessage } from "./message.js";
import type { NodeEntry } from "./node-entry.js";
import type { Result } from "./operation.js";

/** Names a request within the node that submitted it. */
export type Ticket = number;

export interface Outcome {
  readonly ticket: Ticket;
  readonly result: Result;
  /**
   * It rests on what this node's own copy holds, durable or not: the sync releases it (R8). Others rest on votes alone,
   * which were durable when they were given, this node's own included, or claim nothing about a register.
   */
  readonly afterSync: boolean;
}

/** The fate of a request to raise revisions. It rests on votes alone, as they do. */
export interface Raised {
  readonly ticket: Ticket;
  /** False: this node is not the writer, or the time was over. The revisions may be raised all the same. */
  readonly done: boolean;
}

export interface Outbox {
  readonly entries: EntrySink<NodeEntry>;
  readonly sendNow: Sink<CoreMessage>;
  readonly sendDurable: Sink<CoreMessage>;
  readonly outcomes: Outcome[];
  readonly raised: Raised[];
}

/** Where entries go, in order; what takes more kinds of them serves as well. */
export interface EntrySink<E> {
  push(entry: E): unknown;
}

/** Where messages go; what takes more kinds of them serves as well. */
export interface Sink<Message> {
  push(to: NodeId, message: Message): void;
}

/** Messages with their recipients, in order. */
export class Envelopes<Message> implements Sink<Message> {
  private readonly to: NodeId[] = [];
  private readonly messages: Message[] = [];

  get count(): number {
    return this.to.length;
  }

  push(to: NodeId, message: Message): void {
    this.to.push(to);
    this.messages.push(message);
  }

  each(visit: (to: NodeId, message: Message) => void): void {
    for (let i = 0; i < this.to.length; i++) visit(this.to[i] as NodeId, this.messages[i] as Message);
  }
}
