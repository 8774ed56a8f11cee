/**
 * The messages that make and spread views. Each says who sends it, when, and what it proves. They may be lost, doubled,
 * delayed and reordered.
 *
 * Ballots here have the epoch of the view that is to be ended as their group epoch. So (e, round, node) belongs to the
 * decision on view e+1.
 */
import { unreachable } from "../../base/assert.js";
import type { Ballot } from "../model/ballot.js";
import { type GroupEpoch, type Partition, type ViewEpoch, viewEpoch } from "../model/ids.js";
import type { EncodedView } from "./encoded-view.js";
import type { ViewOperation } from "./operation.js";
import type { Member } from "./view.js";

/** The view that an acceptor accepted last, and in which ballot. */
export interface ViewVote {
  readonly ballot: Ballot;
  readonly next: EncodedView;
}

/** A candidate to every voter of its newest view, once its own promise is durable: promise me this ballot. */
export interface ViewPrepare {
  readonly kind: "view-prepare";
  readonly ballot: Ballot;
  /** Digest of the view that is to be ended. */
  readonly digest: string;
}

/**
 * A voter to the candidate, once the promise is durable. A majority of them elects the proposer of this view's
 * successor.
 */
export interface ViewPromised {
  readonly kind: "view-promised";
  readonly ballot: Ballot;
  /** Its vote of the highest ballot; the proposer adopts the highest of a majority. null: nothing. */
  readonly vote: ViewVote | null;
}

/** The elected proposer to every voter: accept this successor. One ballot carries one view. */
export interface ViewAccept {
  readonly kind: "view-accept";
  readonly ballot: Ballot;
  /** Digest of the view that is to be ended. */
  readonly digest: string;
  readonly next: EncodedView;
}

/** A voter to the proposer, once its vote is durable. A majority of them decides the view. */
export interface ViewAccepted {
  readonly kind: "view-accepted";
  readonly ballot: Ballot;
}

/** A voter to whoever asked in a ballot below its promise; names both. */
export interface ViewRefused {
  readonly kind: "view-refused";
  readonly ballot: Ballot;
  readonly promised: Ballot;
}

/** To a node that seems to know a newer view, or asks about one: send it to me. */
export interface ViewWanted {
  readonly kind: "view-wanted";
  /** The newest that the sender knows. */
  readonly epoch: ViewEpoch;
}

/**
 * A decided view, from a node that counted its majority or was told it as decided. To whoever is behind and may not
 * have its bytes.
 */
export interface ViewNews {
  readonly kind: "view-news";
  readonly decided: EncodedView;
}

/**
 * The newest view that the sender holds durably. In answer to news, and from the proposer to those that it asked to
 * accept that view: it is decided, and they have its bytes. Frames between nodes tell the same.
 */
export interface ViewHeld {
  readonly kind: "view-held";
  readonly epoch: ViewEpoch;
  readonly digest: string;
}

/** A node that is no member asks every voter of the newest view it knows and holds durably: make me a member of its
 * successor. */
export interface JoinWish {
  readonly kind: "join-wish";
  readonly member: Member;
  /** Names the wish, in hexadecimal: the view that grants it carries it. */
  readonly operation: string;
  /** As a new member it wants as many replicas as others have. Missing: it waits until people ask for that. */
  readonly share?: true;
  readonly epoch: ViewEpoch;
  readonly digest: string;
}

/**
 * Somebody asks a member for this operation, computed on the newest view, which that member holds durably. It goes to
 * the proposer, and a moment later to every voter.
 */
export interface OperationWish {
  readonly kind: "operation-wish";
  readonly operation: ViewOperation;
  /** The digest of the view with the operation's epoch. */
  readonly digest: string;
}

/**
 * A replica's node to every voter of the newest view it knows, once a round, until a view records it. These copies here
 * have all that their groups need, durably, and answer (V4). Nobody infers it. Others accepted nothing of the epoch of
 * their group, durably, and never will (V8).
 */
export interface CopiesReady {
  readonly kind: "copies-ready";
  /** The epoch of that view. */
  readonly epoch: ViewEpoch;
  readonly ready: readonly ReadyCopy[];
  readonly vouched: readonly VouchedCopy[];
}

export interface ReadyCopy {
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  /** Keys that the copy inherited as bad and that still wait. */
  readonly bad: number;
}

export interface VouchedCopy {
  readonly partition: Partition;
  /** The epoch that can be void. */
  readonly groupEpoch: GroupEpoch;
}

export type ViewMessage =
  | ViewPrepare
  | ViewPromised
  | ViewAccept
  | ViewAccepted
  | ViewRefused
  | ViewWanted
  | ViewNews
  | ViewHeld
  | JoinWish
  | OperationWish
  | CopiesReady;

/** The durable entries of a node about views. Applying the same entries in order gives the same state. */
export type ViewEntry =
  /** A decided view, newer than the one before it. It makes all promises and votes of older instances void. */
  | { readonly kind: "view"; readonly decided: EncodedView }
  | { readonly kind: "view-promise"; readonly ballot: Ballot }
  | { readonly kind: "view-vote"; readonly vote: ViewVote };

/** Whoever sends the message knows that view, and what came before it. */
export function knownEpochOf(message: ViewMessage): ViewEpoch {
  switch (message.kind) {
    case "view-wanted":
    case "view-held":
    case "join-wish":
      return message.epoch;
    case "operation-wish":
      return message.operation.epoch;
    case "copies-ready":
      return message.epoch;
    case "view-news":
      return message.decided.view.epoch;
    case "view-prepare":
    case "view-promised":
    case "view-accept":
    case "view-accepted":
    case "view-refused":
      return viewEpoch(message.ballot.groupEpoch);
    default:
      return unreachable(message);
  }
}
