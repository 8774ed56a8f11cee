/**
 * The views as one node runs them: the chain, the election of its proposer, and what the proposer proposes by itself.
 * Whoever drives it lets the newest view count before any further input.
 */
import { type Duration, duration, type Instant, since } from "../../base/time.js";
import type { Detector } from "../election/detector.js";
import type { Heartbeats } from "../election/heartbeats.js";
import type { NodeId, ViewEpoch } from "../model/ids.js";
import { MOVE_CAPS, type MoveCaps } from "../placement/moves.js";
import { Chain } from "./chain.js";
import type { ChainOutbox } from "./chain-outbox.js";
import type { EncodedView } from "./encoded-view.js";
import type { ViewEntry, ViewMessage } from "./message.js";
import { plannedView } from "./planner.js";
import { capsOf } from "./settings.js";
import { Suspicion } from "./suspicion.js";
import type { View } from "./view.js";
import { Voting } from "./voting.js";
import { type Move, nextMoves, wishedMoves } from "./wished-moves.js";

/**
 * How long the proposer lets a view stand before it proposes the next one. A view costs every member some work. Many in
 * a row would take that from clients. One view takes all that is asked for meanwhile.
 */
const VIEW_STANDS: Duration = duration(250);

export interface ViewsOptions {
  readonly self: NodeId;
  readonly newest: EncodedView;
  /** Durable entries of an earlier life, in their order. */
  readonly restored: Iterable<ViewEntry>;
  readonly detector: Detector;
  readonly heartbeats: Heartbeats;
  /** The bytes and the digest of a view that this node makes; null: it proposes nothing by itself. */
  readonly encode: ((view: View) => EncodedView) | null;
  /** The moves that this node would have; none without it. */
  readonly moves?: (view: View) => readonly Move[];
  /** Moves under way together, as long as the view says nothing of it. */
  readonly moveCaps?: MoveCaps;
  /** How long a view stands before this node proposes the next one. */
  readonly viewStands?: Duration;
  /**
   * A member that is not heard for so long gives its replicas to others, if the view says nothing of it. Missing, or
   * 0: never.
   */
  readonly replaceAfter?: Duration;
}

export class Views {
  readonly chain: Chain;
  private readonly voting: Voting;
  private readonly detector: Detector;
  private readonly heartbeats: Heartbeats;
  private readonly encode: ViewsOptions["encode"];
  /** Replicas that are ready are recorded once a round: one view for all that are known by then. */
  private records = false;
  private readonly moveCaps: MoveCaps;
  private readonly viewStands: Duration;
  private readonly suspicion: Suspicion;
  private readonly moves: (view: View) => readonly Move[];
  /** The newest view does not stand for long enough yet: what may follow it is planned in a moment. */
  private plansLater = false;
  /** Worked out once for each view: that takes a while. */
  private wished: { readonly view: View; readonly moves: readonly Move[] } | null = null;

  constructor(options: ViewsOptions) {
    const { self, newest, detector, heartbeats } = options;
    this.detector = detector;
    this.heartbeats = heartbeats;
    this.encode = options.encode;
    this.moves = options.moves ?? ((): readonly Move[] => []);
    this.moveCaps = options.moveCaps ?? MOVE_CAPS;
    this.viewStands = options.viewStands ?? VIEW_STANDS;
    const { replaceAfter = duration(0) } = options;
    this.suspicion = new Suspicion({ self, detector, heartbeats, replaceAfter });
    this.chain = new Chain(self, newest);
    for (const entry of options.restored) this.chain.restore(entry);
    heartbeats.setPeers(this.peers());
    this.voting = new Voting({ chain: this.chain, detector, heartbeats });
  }

  get newest(): EncodedView {
    return this.chain.newest;
  }

  /** The node that proposes views, as far as this node knows; null: unknown. */
  get proposer(): NodeId | null {
    return this.voting.proposer;
  }

  /** Something is to be asked again in a moment: `resend` is called in time. */
  get busy(): boolean {
    return this.chain.busy || this.plansLater;
  }

  receive(now: Instant, from: NodeId, message: ViewMessage, out: ChainOutbox): void {
    const before = this.newest;
    if (message.kind === "view-refused") this.voting.refused();
    else this.chain.receive(now, from, message, out);
    this.follow(now, before, out);
  }

  /** A peer told its newest durable view, in a frame or a handshake. */
  heard(now: Instant, from: NodeId, epoch: ViewEpoch, digest: string, out: ChainOutbox): void {
    const before = this.newest;
    const held = this.chain.holdsNewest(from);
    this.chain.heard(now, from, epoch, digest, out);
    // Most frames say what is known: nothing is planned for those.
    if (this.newest !== before || this.chain.holdsNewest(from) !== held) this.follow(now, before, out);
  }

  /** Another voter's report came with a heartbeat. */
  reported(): void {
    this.voting.refresh();
  }

  /** After the detector's round ended, before the next heartbeats leave. */
  roundEnded(now: Instant, out: ChainOutbox): void {
    this.records = true;
    this.suspicion.roundEnded(now, this.newest.view);
    this.voting.roundEnded(now, out);
    this.chain.resend(now, this.voting.proposer, out);
    this.plan(now, out);
  }

  resend(now: Instant, out: ChainOutbox): void {
    this.chain.resend(now, this.voting.proposer, out);
    this.plan(now, out);
  }

  /** This node's promise, or its view, may have changed otherwise. */
  refresh(): void {
    this.voting.refresh();
  }

  private follow(now: Instant, before: EncodedView, out: ChainOutbox): void {
    if (this.newest === before) this.voting.refresh();
    else {
      const wasWorking = this.voting.working;
      this.heartbeats.setPeers(this.peers());
      this.voting.viewChanged(now, wasWorking, out);
    }
    this.plan(now, out);
  }

  private plan(now: Instant, out: ChainOutbox): void {
    const { chain, detector, encode } = this;
    this.plansLater = false;
    if (encode === null || chain.proposer?.elected !== true || chain.proposer.next !== null) return;
    if (since(now, chain.learnedAt) < this.viewStands) {
      this.plansLater = true;
      return;
    }
    const mayVote = (node: NodeId): boolean => chain.holdsNewest(node) && (node === chain.self || detector.hears(node));
    const next = plannedView(chain.newest, {
      wishing: chain.wishing(),
      operations: chain.wanting(),
      mayVote,
      isLost: (node) => detector.isLost(node),
      lost: this.suspicion.lost(chain.newest.view),
      isBack: (node) => this.suspicion.isBack(node, chain.newest.view),
      ...(this.records ? { ready: chain.ready, vouched: chain.vouched } : {}),
      moves: [...this.moves(chain.newest.view), ...this.wishedMoves(chain.newest.view, mayVote)],
    });
    this.records = false;
    if (next !== null) chain.propose(now, encode(next), out);
  }

  private wishedMoves(view: View, isHeard: (node: NodeId) => boolean): readonly Move[] {
    if (this.wished?.view !== view) this.wished = { view, moves: wishedMoves(view) };
    const { moves } = this.wished;
    return moves.length === 0 ? moves : nextMoves(view, capsOf(view, this.moveCaps), isHeard, moves);
  }

  private peers(): NodeId[] {
    const { self, newest } = this.chain;
    return newest.view.members.map(({ id }) => id).filter((id) => id !== self);
  }
}
