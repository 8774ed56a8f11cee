/**
 * How long a peer takes to answer, by its heartbeats: what patience with it begins with. A guess, on which nothing
 * rests but how often things are asked twice. It rises at once with a slow answer and falls slowly.
 */
import { type Instant, instant, since } from "../../base/time.js";
import type { NodeId } from "../model/ids.js";

/** Rounds whose beginning is remembered; an answer to an earlier one says nothing. */
const REMEMBERED = 16;
/** A node that stood still is not slow for long: no answer counts for more. */
const MAX_MS = 1_000;
/** The share of an answer's lead over the expectation that is believed. */
const FALL = 1 / 8;

export class RoundTrips {
  private readonly sentAt = new Array<Instant>(REMEMBERED).fill(instant(0));
  private readonly byPeer = new Map<NodeId, number>();
  private latest = 0;

  /** The heartbeats of that round leave. */
  sent(round: number, now: Instant): void {
    this.latest = round;
    this.sentAt[round % REMEMBERED] = now;
  }

  answered(from: NodeId, round: number, now: Instant): void {
    if (round > this.latest || round <= this.latest - REMEMBERED) return;
    const took = Math.min(MAX_MS, since(now, this.sentAt[round % REMEMBERED] as Instant));
    const known = this.byPeer.get(from) ?? 0;
    this.byPeer.set(from, took >= known ? took : known + (took - known) * FALL);
  }

  /** In milliseconds; 0 while nothing is known. */
  of(node: NodeId): number {
    return this.byPeer.get(node) ?? 0;
  }
}
