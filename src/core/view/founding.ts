/**
 * The founder's part in view 1: it exists exactly once, whoever crashes, restarts or is wiped on the way.
 *
 * The intuition: Paxos with quorums of all N. A majority would not do, as a wiped founder forgets its vote. But if both
 * phases need all N, every incarnation that took part knows a view that was decided. Any later proposal runs into one
 * of them or into a hole.
 *
 * Invariants:
 *   F1  A founder takes part in one list of founders only.
 *   F2  It accepts only in a ballot that this same incarnation promised.
 *   F3 A node that has a view answers with it and with nothing else.
 *   F4 Both phases need all founders.
 *   F5 A proposer proposes what was accepted in the highest ballot, unless that is proven undecided.
 *   F6 A founder's promise, and what it accepted, are durable before it answers.
 *
 * Source: docs/protocol.md, Start; single-decree Paxos with an all-quorum.
 */
import { NO_NODE, type NodeId } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { EncodedView } from "./encoded-view.js";
import type { Member } from "./view.js";

export interface StartBallot {
  readonly round: number;
  readonly node: NodeId;
}

export interface AcceptedView {
  readonly ballot: StartBallot;
  readonly view: EncodedView;
}

export type FoundingAnswer =
  | { readonly kind: "promised"; readonly accepted: AcceptedView | null }
  | { readonly kind: "accepted" }
  | { readonly kind: "lower-ballot"; readonly promised: StartBallot }
  | { readonly kind: "other-list"; readonly peers: readonly string[] }
  | { readonly kind: "not-promised" }
  | { readonly kind: "view"; readonly view: EncodedView };

export const compareStartBallots = (a: StartBallot, b: StartBallot): number => a.round - b.round || a.node - b.node;

export const NO_START_BALLOT: StartBallot = { round: 0, node: NO_NODE };

export class Founder {
  promised: StartBallot = NO_START_BALLOT;
  accepted: AcceptedView | null = null;
  view: EncodedView | null = null;

  /** `peers`: the peer addresses of all founders, ordered. */
  constructor(readonly peers: readonly string[]) {}

  onPrepare(ballot: StartBallot, peers: readonly string[]): FoundingAnswer {
    if (this.view !== null) return { kind: "view", view: this.view };
    if (!sameList(peers, this.peers)) return { kind: "other-list", peers: this.peers };
    if (compareStartBallots(ballot, this.promised) < 0) return { kind: "lower-ballot", promised: this.promised };
    this.promised = ballot;
    return { kind: "promised", accepted: this.accepted };
  }

  onAccept(ballot: StartBallot, view: EncodedView, peers: readonly string[]): FoundingAnswer {
    if (this.view !== null) return { kind: "view", view: this.view };
    if (!sameList(peers, this.peers)) return { kind: "other-list", peers: this.peers };
    if (compareStartBallots(ballot, this.promised) < 0) return { kind: "lower-ballot", promised: this.promised };
    // F2: a higher ballot was promised by an earlier incarnation at this address, which knows more than this one.
    if (compareStartBallots(ballot, this.promised) !== 0 && !planted("F2.any-ballot")) return { kind: "not-promised" };
    this.accepted = { ballot, view };
    return { kind: "accepted" };
  }

  /** A view known to be decided. */
  onView(view: EncodedView): void {
    this.view ??= view;
  }
}

/** A promise and who gave it. */
export interface FounderPromise {
  readonly member: Member;
  readonly accepted: AcceptedView | null;
}

/**
 * The view that a proposer must propose once all founders promised: the accepted view of the highest ballot, or one of
 * its own. It is one of its own if the accepted view is proven undecided. That is so when a founder that it names,
 * still the same incarnation, has not accepted it.
 */
export function proposalOf(promises: readonly FounderPromise[], own: () => EncodedView): EncodedView {
  let highest: AcceptedView | null = null;
  for (const { accepted } of promises) {
    if (accepted !== null && (highest === null || compareStartBallots(accepted.ballot, highest.ballot) > 0))
      highest = accepted;
  }
  if (highest === null || planted("F5.no-adopt")) return own();
  const { view } = highest;
  const { members, clusterId } = view.view;
  const undecided = promises.some(
    ({ member, accepted }) => members.some((m) => m.id === member.id) && accepted?.view.view.clusterId !== clusterId,
  );
  return undecided ? own() : view;
}

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);
