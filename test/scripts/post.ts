/** The fate of the messages of a script: rules hold them or lose them, by their kind and their way. */
import type { NodeId } from "../../src/core/model/ids.js";
import type { NodeMessage } from "../../src/core/model/node-message.js";

/** Which messages a rule is about; null: any. */
export interface Match {
  readonly kind: NodeMessage["kind"] | null;
  readonly from: NodeId | null;
  readonly to: NodeId | null;
}

export interface Underway {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: NodeMessage;
}

export class Post {
  private held: Underway[] = [];
  private holds: Match[] = [];
  private cuts: Match[] = [];

  hold(match: Match): void {
    this.holds.push(match);
  }

  /** Messages that match are held no more; those that are held already stay held. */
  pass(match: Match): void {
    this.holds = this.holds.filter((hold) => !covers(match, hold));
  }

  cut(match: Match): void {
    this.cuts.push(match);
  }

  /** Ends the cuts that match. */
  heal(match: Match): void {
    this.cuts = this.cuts.filter((cut) => !covers(match, cut));
  }

  /** The fate of a message that is sent now; one that is held stays here. */
  send(underway: Underway): "arrives" | "held" | "lost" {
    if (this.cuts.some((cut) => matches(cut, underway))) return "lost";
    if (!this.holds.some((hold) => matches(hold, underway))) return "arrives";
    this.held.push(underway);
    return "held";
  }

  /** Messages that are held and match; they stay held. */
  heldBy(match: Match): readonly Underway[] {
    return this.held.filter((underway) => matches(match, underway));
  }

  /** Messages that are held and match; they are here no more. */
  drop(match: Match): void {
    this.held = this.held.filter((underway) => !matches(match, underway));
  }
}

const matches = (match: Match, { from, to, message }: Underway): boolean =>
  (match.kind === null || match.kind === message.kind) &&
  (match.from === null || match.from === from) &&
  (match.to === null || match.to === to);

const covers = (wide: Match, narrow: Match): boolean =>
  (wide.kind === null || wide.kind === narrow.kind) &&
  (wide.from === null || wide.from === narrow.from) &&
  (wide.to === null || wide.to === narrow.to);
