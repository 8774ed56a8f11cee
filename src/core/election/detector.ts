/**
 * Which nodes can I talk to? An eventually perfect failure detector between nodes, fed by two-way heartbeats.
 *
 * Intuition: every round I ask every peer "are you there?" under the round's number, and the answer repeats that
 * number. An answer proves both directions of the link at once, so a peer whose messages arrive but who does not get
 * mine is not heard. Silence proves nothing: the peer may be dead, or slow, or the link cut. So a suspicion may be
 * wrong, and each one that proves wrong makes me wait a round longer for that peer. Wrong suspicion costs time, never
 * safety.
 *
 * Invariants
 * D1 Two-way: a peer is heard only when it answered a round of mine, one of the last 2 + growth.
 * D2 Completeness: a peer that stops answering is not heard any more after at most 2 + MAX_GROWTH rounds in which I did
 *    not stall.
 * D3 Eventual accuracy: a peer that always answers within 2 + MAX_GROWTH rounds is, from some round on, always heard:
 *    growth only grows.
 * D4 The heard set changes only at the end of a round. So everything judged at one round end is judged on the same
 *    facts.
 *
 * Source: Cachin, Guerraoui, Rodrigues, "Introduction to Reliable and Secure Distributed Programming", 2.6.5, algorithm
 * 2.7 (Increasing Timeout). Here rounds are the timeout, each peer has a window of its own, and there is a bound on it.
 */
import { assert } from "../../base/assert.js";
import type { NodeId } from "../model/ids.js";

/** Rounds within which an answer must come, before anything was learned about a peer. */
export const BASE_WINDOW = 2;
/** Rounds by which a peer's window may grow; more would make every failover too slow. */
export const MAX_GROWTH = 6;
/** A peer silent for this many rounds was away, not slow: its return does not make the suspicion wrong. */
const AWAY_AFTER = 20;
/** A peer that answered nothing for so many rounds is no slow one: windows are never longer. */
const LOST_AFTER = BASE_WINDOW + MAX_GROWTH + 1;

export interface DetectorOptions {
  readonly self: NodeId;
  readonly peers: readonly NodeId[];
}

export class Detector {
  private readonly self: NodeId;
  private readonly watched = new Map<NodeId, Watched>();
  private open = 1;
  private heardNodes: readonly NodeId[] = [];
  /** Rises whenever `hears` may give another answer than before. */
  version = 0;

  constructor(options: DetectorOptions) {
    this.self = options.self;
    this.setPeers(options.peers);
  }

  /** The open round, from 1. Requests sent now carry it. */
  get round(): number {
    return this.open;
  }

  /** As of the end of the last round. A node always hears itself. */
  hears(node: NodeId): boolean {
    return node === this.self || this.watched.get(node)?.heard === true;
  }

  /**
   * It was asked in round after round, and answered none of them: also a peer that was never heard. A node that just
   * began waits so long, too.
   */
  isLost(node: NodeId): boolean {
    const peer = this.watched.get(node);
    return peer !== undefined && !peer.heard && this.open - Math.max(peer.answered, peer.since) >= LOST_AFTER;
  }

  /**
   * The peers heard, ascending, without this node. The same array as long as nothing changes; do not keep it to modify.
   */
  heard(): readonly NodeId[] {
    return this.heardNodes;
  }

  /** Rounds within which this peer's answer must come at present; for metrics and tests. */
  windowOf(peer: NodeId): number {
    return BASE_WINDOW + (this.watched.get(peer)?.growth ?? 0);
  }

  /**
   * A peer answered my heartbeat of that round. Late, doubled and reordered answers are fine; one to a round never
   * opened is ignored.
   */
  answered(from: NodeId, round: number): void {
    const peer = this.watched.get(from);
    if (peer === undefined || round < 1 || round > this.open) return;
    const wrong = peer.suspected && this.open - peer.answered < AWAY_AFTER;
    // It talks, and too slowly to be heard; what had waited for long and comes all at once counts once.
    const slow = !peer.heard && !peer.suspected && this.isLate(peer, round) && peer.grewIn !== this.open;
    if (wrong || slow) {
      peer.growth = Math.min(MAX_GROWTH, peer.growth + 1);
      peer.grewIn = this.open;
    }
    peer.suspected = false;
    if (round > peer.answered) peer.answered = round;
  }

  /** An answer to that round does not count at the end of the one that is open. */
  private isLate(peer: Watched, round: number): boolean {
    return round <= this.open - BASE_WINDOW - peer.growth;
  }

  /** The peer is known to have restarted: suspecting it in the meantime was right. */
  restarted(node: NodeId): void {
    const peer = this.watched.get(node);
    if (peer !== undefined) peer.suspected = false;
  }

  /**
   * Closes the open round and opens the next; called by the node's round timer. `stalled`: this node's own event loop
   * stood still, so that answers may lie unread; nobody is blamed for that round.
   */
  roundEnded(stalled: boolean): void {
    let changed = false;
    for (const peer of this.watched.values()) {
      // A peer still heard gets the stalled round for free, as if it had answered one round later than it did.
      if (stalled && peer.heard && peer.answered < this.open) peer.answered++;
      const heard = peer.answered > 0 && !this.isLate(peer, peer.answered);
      if (heard === peer.heard) continue;
      peer.heard = heard;
      peer.suspected = !heard;
      changed = true;
    }
    this.open++;
    if (changed) this.listHeard();
  }

  /** The members of a new view. Nodes that stay keep their records; a new one is heard from its first answer's round
   * on. */
  setPeers(peers: readonly NodeId[]): void {
    for (const node of this.watched.keys()) {
      if (!peers.includes(node)) this.watched.delete(node);
    }
    for (const node of peers) {
      assert(node !== this.self, "a node is not its own peer");
      if (!this.watched.has(node)) this.watched.set(node, new Watched(this.open));
    }
    this.listHeard();
  }

  private listHeard(): void {
    this.version++;
    const heard: NodeId[] = [];
    for (const [node, peer] of this.watched) if (peer.heard) heard.push(node);
    heard.sort((a, b) => a - b);
    const before = this.heardNodes;
    if (heard.length !== before.length || heard.some((node, index) => node !== before[index])) this.heardNodes = heard;
  }
}

class Watched {
  /** Highest round of mine that it answered, moved up for rounds in which I stalled; 0: none. */
  answered = 0;
  heard = false;
  /** Was heard, is not any more, and has not answered since. */
  suspected = false;
  growth = 0;
  /** The round in which it grew last. */
  grewIn = 0;

  /** `since`: the first round in which it was asked. */
  constructor(readonly since: number) {}
}
