/** The inputs of a core, one a step. Time, and where the outcome goes, are arguments of the step. */
import type { Instant } from "../base/time.js";
import type { Key, NodeId, Partition, ViewEpoch } from "./model/ids.js";
import type { CoreMessage } from "./model/message.js";
import type { ReadRequest, WriteRequest } from "./model/operation.js";
import type { Ticket } from "./model/outbox.js";
import type { ViewOperation } from "./view/operation.js";
import type { Member } from "./view/view.js";
import type { Raise } from "./writer/revisions.js";

export interface RaiseInput {
  readonly kind: "raise-revisions";
  readonly partition: Partition;
  readonly raise: Raise;
}

export type CoreInput =
  | { readonly kind: "message"; readonly from: NodeId; readonly message: CoreMessage }
  | {
      readonly kind: "write";
      readonly ticket: Ticket;
      readonly partition: Partition;
      readonly request: WriteRequest;
      readonly deadline: Instant;
    }
  | {
      readonly kind: "read";
      readonly ticket: Ticket;
      readonly partition: Partition;
      readonly request: ReadRequest;
      readonly deadline: Instant;
    }
  /** This node is about to stop: its offices go to others. */
  | { readonly kind: "leave" }
  /** The disk is full, or has space again: offices go to others, as long as they can have them. */
  | { readonly kind: "disk-full"; readonly full: boolean }
  /** Storage found a register that fails its checksum (R11). */
  | { readonly kind: "bad-register"; readonly partition: Partition; readonly key: Key }
  /** A backup is restored: the partition's revisions go on above this one, if this node is its writer. */
  | RaiseInput
  /** A peer told the newest view that it holds durably, in a frame or its handshake. */
  | { readonly kind: "peer-view"; readonly peer: NodeId; readonly epoch: ViewEpoch; readonly digest: string }
  /** This member wants other addresses; `operation` names the wish, in hexadecimal. */
  | { readonly kind: "wish"; readonly member: Member; readonly operation: string }
  /** Somebody asks for this operation at this node. */
  | { readonly kind: "ask"; readonly operation: ViewOperation }
  /** A handshake with a new incarnation of a peer. */
  | { readonly kind: "peer-restarted"; readonly peer: NodeId }
  /** Some deadline has come. */
  | { readonly kind: "wake" };
