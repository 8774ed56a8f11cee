/**
 * The chain of views as one node sees it. A view is ended by exactly one stop-sign: its voters decide by consensus what
 * the next view is. This machine learns and spreads views. `voter.ts` votes and proposes, and `voting.ts` decides when
 * to campaign.
 *
 * Intuition: instance e of a consensus decides view e+1, among the voters that view e names. A node always knows one
 * newest view, which is complete in itself, and takes part in the decision on that one's successor only. A message of
 * an older instance is answered with the newest view. One of a newer instance makes this node ask for that view first.
 *
 * Invariants
 * V1a An answer to instance e is given only by a voter of view e whose newest view is e, after what it says is durable.
 * V1b A vote is forgotten only by learning a newer view.
 * V1c A view is told as decided only by who counted the majority or was told so. A voter that hears that the next view
 *     is held somewhere takes its own vote for it only if the two have one digest.
 * V1d A new member asked for it, and a new voter holds the view that is ended, both in that very epoch.
 * V7  A node that the newest view leaves out goes on answering until a majority of that view's voters hold it durably.
 *
 * Source: docs/protocol.md, Views; Lamport, "Paxos Made Simple"; reconfiguration by stop-sign after Omni-Paxos (EuroSys
 * 2023).
 */
import { unreachable } from "../../base/assert.js";
import { type Instant, instant, since } from "../../base/time.js";
import { majorityOf } from "../../base/votes.js";
import type { Ballot } from "../model/ballot.js";
import { type NodeId, type Partition, type ViewEpoch, viewEpoch } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { ChainOutbox, ProposalRefusal } from "./chain-outbox.js";
import type { EncodedView } from "./encoded-view.js";
import { HeardReadies } from "./heard-readies.js";
import { HeardRequests } from "./heard-requests.js";
import { HeardVouches } from "./heard-vouches.js";
import { HeldViews } from "./held-views.js";
import { type JoinWish, knownEpochOf, type OperationWish, type ViewEntry, type ViewMessage } from "./message.js";
import type { ViewOperation } from "./operation.js";
import { OwnRequests } from "./own-requests.js";
import type { Proposer } from "./proposer.js";
import { Spreading, UNDER_WAY_MS } from "./spreading.js";
import { successorFault } from "./successor.js";
import { type Member, memberOf, type ReadyReplica } from "./view.js";
import { ASK_AGAIN_MS, Voter } from "./voter.js";

const NEVER: Instant = instant(Number.NEGATIVE_INFINITY);

export class Chain {
  /** This node's part in the decision on the successor of the newest view. */
  voter: Voter;
  private readonly held: HeldViews;
  private readonly requests = new HeardRequests();
  private readonly readies = new HeardReadies();
  private readonly vouches = new HeardVouches();
  private readonly own: OwnRequests;
  private readonly spreading = new Spreading();
  private spreadAt: Instant = NEVER;
  /** When the newest view became known here, in this life. */
  learnedAt: Instant = NEVER;

  constructor(
    readonly self: NodeId,
    newest: EncodedView,
  ) {
    this.voter = new Voter(self, newest);
    this.held = new HeldViews(self, newest);
    this.own = new OwnRequests(self);
  }

  /** A durable entry of an earlier life, in order. */
  restore(entry: ViewEntry): void {
    if (entry.kind !== "view") return this.voter.restore(entry);
    if (entry.decided.view.epoch <= this.epoch) return;
    this.voter = new Voter(this.self, entry.decided);
    this.held.restore(this.newest);
  }

  /** The newest view known. */
  get newest(): EncodedView {
    return this.voter.newest;
  }

  get epoch(): ViewEpoch {
    return this.newest.view.epoch;
  }

  get isVoter(): boolean {
    return this.voter.isVoter;
  }

  /** Highest ballot that this node promised for the successor of its newest view. */
  get promised(): Ballot {
    return this.voter.promised;
  }

  get proposer(): Proposer | null {
    return this.voter.proposer;
  }

  /** The newest view that this node holds durably: what calls answer with, and wishes are said in. */
  get heldView(): EncodedView {
    return this.held.own;
  }

  /** Its epoch: what frames and handshakes tell. */
  get heldEpoch(): ViewEpoch {
    return this.heldView.view.epoch;
  }

  /** Whether that node is known to hold the newest view durably. */
  holdsNewest(node: NodeId): boolean {
    return this.held.has(node, this.epoch);
  }

  /** Something is to be asked again in a moment, or to be told. That is a candidacy, a proposal, a wish of this node's,
   * or that it was left out. */
  get busy(): boolean {
    const { proposer } = this;
    return (proposer !== null && proposer.silent().length > 0) || this.own.busy || !this.mayStay;
  }

  private get mayStay(): boolean {
    return memberOf(this.newest.view, this.self) !== undefined || this.mayLeave;
  }

  /** A node that left the members may stop (V7). Also true for one that never was a member. */
  get mayLeave(): boolean {
    const { view } = this.newest;
    if (memberOf(view, this.self) !== undefined) return false;
    if (planted("V7.leave-at-once")) return true;
    const holders = view.voters.filter((voter) => this.held.has(voter, view.epoch));
    return holders.length >= majorityOf(view.voters.length);
  }

  /** Those who asked to become members, or to have other addresses, in this epoch; ordered by id. */
  wishing(): readonly JoinWish[] {
    return this.requests.wishing;
  }

  /** Operations that were asked for in this epoch, in the order in which this node heard of them. */
  wanting(): readonly ViewOperation[] {
    return this.requests.wanting;
  }

  /** Replicas that said that they are ready, and that the newest view does not record yet. */
  get ready(): ReadonlyMap<Partition, readonly ReadyReplica[]> {
    return this.readies.all;
  }

  /** Replicas that vouched for the groups that the newest view names (V8). */
  get vouched(): ReadonlyMap<Partition, readonly NodeId[]> {
    return this.vouches.all;
  }

  /** It was asked for at this node, and no newer view says what became of it. */
  isAsked(operation: string): boolean {
    return this.own.isAsked(operation);
  }

  // ---- Proposing. ----

  /** Proposes the successor of the newest view. null: it is on its way; it is decided, or another one is. */
  propose(now: Instant, next: EncodedView, out: ChainOutbox): ProposalRefusal | null {
    const { proposer } = this;
    if (proposer === null || !proposer.elected) return { reason: "not-proposer" };
    if (proposer.next !== null) return { reason: "busy" };
    const fault = successorFault(this.newest, next);
    if (fault !== null) return { reason: "fault", fault };
    const { members, voters } = this.newest.view;
    for (const { id } of next.view.members) {
      const added = !members.some((member) => member.id === id);
      if (added && !this.requests.hasWish(id) && !planted("V7.not-asked-for"))
        return { reason: "not-asked-for", node: id };
    }
    for (const node of next.view.voters) {
      const holds = this.holdsNewest(node) || this.requests.hasWish(node);
      if (!voters.includes(node) && !holds) return { reason: "voter-behind", node };
    }
    proposer.propose(next);
    this.voter.ask(now, proposer, out);
    return null;
  }

  // ---- Becoming a member, or none. ----

  /**
   * This node wants to be a member under these addresses; repeated until a view says so. `operation`: names this wish
   * in the view.
   */
  wish(member: Member, operation: string): void {
    this.own.wishFor(member, operation);
  }

  /**
   * Somebody asks for this operation at this node. The voters are told again and again, until the next view carries it
   * or another one is decided. One that was computed on another view than the newest is never told.
   */
  askFor(operation: ViewOperation): void {
    if (operation.epoch !== this.epoch && !planted("V1.operation-again")) return;
    this.own.askFor(operation);
  }

  /** It asked to be a member, or to have other addresses, and no view says so yet. */
  get isWishing(): boolean {
    return this.own.isWishing;
  }

  // ---- Inputs. ----

  receive(now: Instant, from: NodeId, message: ViewMessage, out: ChainOutbox): void {
    this.knows(now, from, knownEpochOf(message));
    switch (message.kind) {
      case "view-prepare":
        if (this.isOnNewest(now, from, message.ballot, out)) this.voter.onPrepare(from, message, out);
        return;
      case "view-promised":
        return this.voter.onPromised(now, from, message, out);
      case "view-accept":
        if (!this.isOnNewest(now, from, message.ballot, out) || !this.voter.onAccept(from, message, out)) return;
        if (planted("V1.accepted-is-decided")) this.learn(now, from, message.next, out);
        return;
      case "view-accepted": {
        const proposer = this.voter.proposerOf(message.ballot);
        if (proposer?.onAccepted(from) === true && proposer.next !== null)
          this.decided(now, proposer.voters, proposer.next, out);
        return;
      }
      case "view-refused":
        // The end of the round judges (voting.ts); the proposer goes on in its ballot until then.
        return;
      case "view-wanted":
        if (message.epoch < this.epoch) this.tell(now, from, out);
        return;
      case "view-news":
        return this.learn(now, from, message.decided, out);
      case "view-held":
        return this.heard(now, from, message.epoch, message.digest, out);
      case "join-wish":
        return this.onWish(now, from, message, out);
      case "operation-wish":
        return this.onOperation(now, from, message, out);
      case "copies-ready":
        this.readies.heard(from, message, this.newest.view);
        return this.vouches.heard(from, message, this.newest.view);
      default:
        return unreachable(message);
    }
  }

  /** A peer told its newest durable view, in a frame, a handshake or a message. */
  heard(now: Instant, from: NodeId, epoch: ViewEpoch, digest: string, out: ChainOutbox): void {
    if (epoch === this.epoch && digest !== this.newest.digest) {
      out.conflicts.push({ with: from, epoch });
      return;
    }
    this.held.heard(from, epoch);
    if (from === this.self) return;
    if (epoch < this.epoch) {
      if (since(now, this.learnedAt) >= UNDER_WAY_MS) this.tell(now, from, out);
    } else if (epoch > this.epoch && !this.learnsVote(now, from, epoch, digest, out)) this.want(now, from, epoch, out);
  }

  /**
   * Somebody holds the next view, so it is decided. This voter may have its bytes already: those that it voted for
   * (V1c).
   */
  private learnsVote(now: Instant, from: NodeId, epoch: ViewEpoch, digest: string, out: ChainOutbox): boolean {
    const next = this.voter.vote?.next;
    if (next === undefined || epoch !== this.epoch + 1) return false;
    if (next.digest !== digest && !planted("V1.other-vote")) return false;
    this.learn(now, from, next, out);
    return true;
  }

  /**
   * Asks again who did not answer; a newcomer repeats its wish, and who was left out spreads the view that says so
   * (V7). `knownProposer`: the node that proposes views, as far as this one knows; null: unknown.
   */
  resend(now: Instant, knownProposer: NodeId | null, out: ChainOutbox): void {
    const { newest } = this;
    this.voter.resend(now, out);
    this.own.repeat(now, newest, this.heldEpoch === this.epoch, knownProposer, out.sendDurable);
    const leaving = !this.own.isWishing && memberOf(newest.view, this.self) === undefined && !this.mayLeave;
    if (leaving && since(now, this.spreadAt) >= ASK_AGAIN_MS) {
      this.spreadAt = now;
      for (const voter of newest.view.voters) if (!this.holdsNewest(voter)) this.tell(now, voter, out);
    }
  }

  /** It is about the successor of the newest view. Otherwise the two first bring each other up to date (V1a). */
  private isOnNewest(now: Instant, from: NodeId, ballot: Ballot, out: ChainOutbox): boolean {
    const epoch = viewEpoch(ballot.groupEpoch);
    if (epoch < this.epoch) this.tell(now, from, out);
    else if (epoch > this.epoch) this.want(now, from, epoch, out);
    return epoch === this.epoch;
  }

  // ---- Learning and spreading. ----

  /**
   * A majority accepted it: everybody whom either view concerns hears of it. Those that were asked to accept it have
   * its bytes, or ask for them. They hear that it is held here.
   */
  private decided(now: Instant, asked: readonly NodeId[], next: EncodedView, out: ChainOutbox): void {
    const members = [...this.newest.view.members, ...next.view.members].map(({ id }) => id);
    // Newcomers that are not in it ask anew as soon as they know.
    const concerned = new Set([...members, ...this.requests.wishers()]);
    this.learn(now, this.self, next, out);
    for (const node of [...concerned].sort((a, b) => a - b)) {
      if (node === this.self) continue;
      if (asked.includes(node)) out.sendDurable.push(node, this.holding());
      else this.tell(now, node, out);
    }
  }

  private learn(now: Instant, from: NodeId, decided: EncodedView, out: ChainOutbox): void {
    const { view, digest } = decided;
    const { newest } = this;
    const conflict =
      view.clusterId !== newest.view.clusterId ||
      (view.epoch === this.epoch && digest !== newest.digest) ||
      (view.epoch === this.epoch + 1 && view.previousDigest !== newest.digest);
    if (conflict) {
      out.conflicts.push({ with: from, epoch: view.epoch });
      return;
    }
    if (view.epoch > this.epoch) {
      this.own.learned(view, newest.view);
      this.requests.clear();
      this.readies.advance(view);
      this.vouches.advance(view, newest.view);
      this.voter = new Voter(this.self, decided);
      this.learnedAt = now;
      const isMember = (node: NodeId): boolean => memberOf(view, node) !== undefined;
      this.held.learned(decided, isMember);
      this.spreading.learned(isMember);
      out.entries.push({ kind: "view", decided });
      out.learned.push(decided);
      out.sendDurable.push(this.self, this.holding());
    }
    // Whoever tells a view waits to hear that it arrived; by then it may be a newer one.
    if (from !== this.self) out.sendDurable.push(from, this.holding());
  }

  /** Hears from itself once all entries so far are durable. */
  confirm(out: Pick<ChainOutbox, "sendDurable">): void {
    out.sendDurable.push(this.self, this.holding());
  }

  private holding(): ViewMessage {
    return { kind: "view-held", epoch: this.epoch, digest: this.newest.digest };
  }

  /**
   * A message shows that its sender knows this view. Not forever, as a crash may cost the sender what was not durable.
   */
  private knows(now: Instant, node: NodeId, epoch: ViewEpoch): void {
    if (epoch >= this.epoch) this.spreading.knows(now, node, epoch);
  }

  private tell(now: Instant, to: NodeId, out: ChainOutbox): void {
    if (this.spreading.tells(now, to, this.epoch)) out.sendNow.push(to, { kind: "view-news", decided: this.newest });
  }

  private want(now: Instant, from: NodeId, epoch: ViewEpoch, out: ChainOutbox): void {
    if (this.spreading.wants(now, epoch)) out.sendNow.push(from, { kind: "view-wanted", epoch: this.epoch });
  }

  // ---- Requests. ----

  private onWish(now: Instant, from: NodeId, wish: JoinWish, out: ChainOutbox): void {
    if (!planted("V1.stale-wish")) this.heard(now, from, wish.epoch, wish.digest, out);
    this.requests.onWish(from, wish, this.newest);
  }

  private onOperation(now: Instant, from: NodeId, wish: OperationWish, out: ChainOutbox): void {
    if (!planted("V1.operation-again")) this.heard(now, from, wish.operation.epoch, wish.digest, out);
    this.requests.onOperation(from, wish, this.newest);
  }
}
