/** The outbox of a step of the chain, and the reasons for which a view is not proposed. */
import type { NodeId, ViewEpoch } from "../model/ids.js";
import type { EntrySink, Sink } from "../model/outbox.js";
import type { EncodedView } from "./encoded-view.js";
import type { ViewEntry, ViewMessage } from "./message.js";

/** The wishes of a step of the chain; contracts as in the core's outbox. */
export interface ChainOutbox {
  readonly entries: EntrySink<ViewEntry>;
  readonly sendNow: Sink<ViewMessage>;
  readonly sendDurable: Sink<ViewMessage>;
  /** Views that became the newest, in order; the driver lets them count before any further input. */
  readonly learned: EncodedView[];
  /**
   * Somebody holds another view of this node's epoch: two clusters of one id, or a broken promise. Nothing of it was
   * taken.
   */
  readonly conflicts: ViewConflict[];
}

export interface ViewConflict {
  readonly with: NodeId;
  readonly epoch: ViewEpoch;
}

/** Why a view is not proposed. */
export type ProposalRefusal =
  | { readonly reason: "not-proposer" }
  /** Another view is on its way in this ballot. */
  | { readonly reason: "busy" }
  /** It cannot follow the newest view. */
  | { readonly reason: "fault"; readonly fault: string }
  /** That node did not ask to be a member, in this epoch. */
  | { readonly reason: "not-asked-for"; readonly node: NodeId }
  /** That node is to be a voter and is not known to hold the view that is ended. */
  | { readonly reason: "voter-behind"; readonly node: NodeId };
