/**
 * One node's part in the decision on the successor of one view: as a voter it answers whoever proposes, and it may
 * propose itself. A new object for each view, so that nothing said about one counts for another. `chain.ts` sees to it
 * that only what is about its newest view gets here.
 */
import { assert, unreachable } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import { majorityOf } from "../../base/votes.js";
import { type Ballot, compareBallots, sameBallot } from "../model/ballot.js";
import { groupEpoch, type NodeId } from "../model/ids.js";
import { planted } from "../model/planted.js";
import { Acceptor } from "./acceptor.js";
import type { ChainOutbox } from "./chain-outbox.js";
import type { EncodedView } from "./encoded-view.js";
import type { ViewAccept, ViewEntry, ViewPrepare, ViewPromised, ViewVote } from "./message.js";
import { Proposer } from "./proposer.js";
import { successorFault } from "./successor.js";

/** After which the proposer asks again who did not answer. */
export const ASK_AGAIN_MS = 100;

export class Voter {
  proposer: Proposer | null = null;
  private readonly acceptor: Acceptor;

  constructor(
    private readonly self: NodeId,
    /** The newest view known: its successor is decided. */
    readonly newest: EncodedView,
  ) {
    this.acceptor = new Acceptor(groupEpoch(newest.view.epoch));
  }

  /** A durable entry of an earlier life, in order. */
  restore(entry: Exclude<ViewEntry, { readonly kind: "view" }>): void {
    switch (entry.kind) {
      case "view-promise":
        if (entry.ballot.groupEpoch === this.acceptor.epoch) this.acceptor.promise(entry.ballot);
        return;
      case "view-vote":
        if (entry.vote.ballot.groupEpoch === this.acceptor.epoch) this.acceptor.accept(entry.vote);
        return;
      default:
        return unreachable(entry);
    }
  }

  get isVoter(): boolean {
    return this.newest.view.voters.includes(this.self);
  }

  /** Highest ballot that this node promised. */
  get promised(): Ballot {
    return this.acceptor.promised;
  }

  /** The successor that this node accepted last; null: none yet. */
  get vote(): ViewVote | null {
    return this.acceptor.vote;
  }

  // ---- Voting. ----

  onPrepare(from: NodeId, message: ViewPrepare, out: ChainOutbox): void {
    if (!this.mayVote(from, message, out)) return;
    const { ballot } = message;
    const { acceptor } = this;
    if (!acceptor.allows(ballot)) return this.refuse(from, ballot, out);
    if (!sameBallot(ballot, acceptor.promised)) this.promise(ballot, out);
    out.sendDurable.push(from, { kind: "view-promised", ballot, vote: acceptor.vote });
  }

  /** True when this node accepted it, now or before. */
  onAccept(from: NodeId, message: ViewAccept, out: ChainOutbox): boolean {
    if (!this.mayVote(from, message, out)) return false;
    const { ballot, next } = message;
    const { acceptor } = this;
    if (!acceptor.allows(ballot)) {
      this.refuse(from, ballot, out);
      return false;
    }
    if (successorFault(this.newest, next) !== null) return false;
    if (acceptor.vote === null || !sameBallot(acceptor.vote.ballot, ballot)) {
      const vote = { ballot, next };
      acceptor.accept(vote);
      if (!planted("V1.forgotten-vote")) out.entries.push({ kind: "view-vote", vote });
    }
    out.sendDurable.push(from, { kind: "view-accepted", ballot });
    return true;
  }

  /** This node may answer for this instance (V1a). */
  private mayVote(from: NodeId, message: ViewPrepare | ViewAccept, out: ChainOutbox): boolean {
    if (message.digest !== this.newest.digest) {
      out.conflicts.push({ with: from, epoch: this.newest.view.epoch });
      return false;
    }
    return this.isVoter || planted("V1.all-members") || planted("V1.new-voters");
  }

  private promise(ballot: Ballot, out: ChainOutbox): void {
    this.acceptor.promise(ballot);
    out.entries.push({ kind: "view-promise", ballot });
  }

  private refuse(to: NodeId, ballot: Ballot, out: ChainOutbox): void {
    out.sendDurable.push(to, { kind: "view-refused", ballot, promised: this.promised });
  }

  // ---- The proposer's side. ----

  /** Takes a ballot that the election chose: above everything promised here, so that it serves one candidacy only. */
  campaign(now: Instant, ballot: Ballot, out: ChainOutbox): void {
    assert(this.isVoter && compareBallots(ballot, this.promised) > 0, "a candidacy has a ballot of its own");
    this.promise(ballot, out);
    const { voters, members } = this.newest.view;
    const electorate = planted("V1.all-members") ? members.map(({ id }) => id) : voters;
    this.proposer = new Proposer(ballot, electorate, majorityOf(voters.length), now);
    this.prepare(electorate, out);
  }

  /** Gives up the candidacy or office. Its proposal may be decided all the same. */
  resign(): void {
    this.proposer = null;
  }

  /** Asks these voters once more for their promise, in the same ballot. */
  prepare(to: readonly NodeId[], out: ChainOutbox): void {
    const { proposer } = this;
    if (proposer === null) return;
    const message: ViewPrepare = { kind: "view-prepare", ballot: proposer.ballot, digest: this.newest.digest };
    // The own promise is durable before anybody else hears of the ballot (R8).
    const sink = planted("V1.prepare-early") ? out.sendNow : out.sendDurable;
    for (const node of to) sink.push(node, message);
  }

  onPromised(now: Instant, from: NodeId, message: ViewPromised, out: ChainOutbox): void {
    const proposer = this.proposerOf(message.ballot);
    if (proposer?.onPromised(from, message.vote) === true && proposer.next !== null) this.ask(now, proposer, out);
  }

  ask(now: Instant, proposer: Proposer, out: ChainOutbox): void {
    const { next, ballot } = proposer;
    if (next === null) return;
    proposer.asked(now);
    const message: ViewAccept = { kind: "view-accept", ballot, digest: this.newest.digest, next };
    for (const node of proposer.silent()) out.sendDurable.push(node, message);
  }

  /** Asks again who did not answer. */
  resend(now: Instant, out: ChainOutbox): void {
    const { proposer } = this;
    if (proposer?.due(now, ASK_AGAIN_MS) !== true) return;
    if (proposer.elected) this.ask(now, proposer, out);
    else this.prepare(proposer.silent(), out);
  }

  proposerOf(ballot: Ballot): Proposer | null {
    return this.proposer !== null && sameBallot(this.proposer.ballot, ballot) ? this.proposer : null;
  }
}
