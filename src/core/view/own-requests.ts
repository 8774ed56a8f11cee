/**
 * The requests of one node to the voters. One is its wish to be a member, or to have other addresses. The others are
 * operations that people ask for at it. They are said again and again, always in the newest view, until a view answers
 * them. A node says them in a view that it holds durably only. The proposer alone hears an operation first, and all
 * voters do if no view answers it soon.
 */
import { type Instant, instant, since } from "../../base/time.js";
import type { NodeId } from "../model/ids.js";
import type { Sink } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { EncodedView } from "./encoded-view.js";
import type { JoinWish, ViewMessage } from "./message.js";
import { isDone, MAX_ASKED, type ViewOperation } from "./operation.js";
import { type Member, memberOf, sameAddresses, type View } from "./view.js";

/** Between two wishes of a node that wants to be a member. */
export const WISH_EVERY_MS = 500;
/** How long the proposer alone is told an operation. */
const PROPOSER_MS = 100;
const NEVER: Instant = instant(Number.NEGATIVE_INFINITY);

interface OwnWish {
  readonly member: Member;
  /** Names the wish in the view that grants it. */
  readonly operation: string;
}

export class OwnRequests {
  private wish: OwnWish | null = null;
  private wishedAt: Instant = NEVER;
  /** Asked for at this node, in this epoch, by id. */
  private readonly asked = new Map<string, ViewOperation>();
  private askedAt: Instant = NEVER;
  /** The proposer alone was told of them. */
  private toProposer = false;

  constructor(private readonly self: NodeId) {}

  get isWishing(): boolean {
    return this.wish !== null;
  }

  get busy(): boolean {
    return this.wish !== null || this.asked.size > 0;
  }

  isAsked(operation: string): boolean {
    return this.asked.has(operation);
  }

  wishFor(member: Member, operation: string): void {
    this.wish = { member, operation };
    this.wishedAt = NEVER;
  }

  askFor(operation: ViewOperation): void {
    const [oldest] = this.asked.keys();
    if (oldest !== undefined && this.asked.size >= MAX_ASKED && !this.asked.has(operation.id))
      this.asked.delete(oldest);
    this.asked.set(operation.id, operation);
    this.askedAt = NEVER;
    this.toProposer = false;
  }

  /** A newer view: operations that it does not carry are over, and the wish is said anew. */
  learned(view: View, before: View): void {
    // A node that was left out does not come back by a wish of before, to be known elsewhere (V7).
    const isLeftOut = memberOf(before, this.self) !== undefined && memberOf(view, this.self) === undefined;
    if (isLeftOut && !planted("V7.comes-back")) this.wish = null;
    // Nor by one that was granted before this node heard of it.
    const isGranted = memberOf(view, this.self) === undefined && isDone(view, this.wish?.operation ?? "");
    if (isGranted && !planted("V7.re-add-leaving")) this.wish = null;
    // A wish counts in its own epoch only.
    this.wishedAt = NEVER;
    if (!planted("V1.operation-again")) this.asked.clear();
  }

  /** `isHeld`: the newest view is durable here. `proposer`: as far as this node knows; null: unknown. */
  repeat(now: Instant, newest: EncodedView, isHeld: boolean, proposer: NodeId | null, out: Sink<ViewMessage>): void {
    if (!isHeld) return;
    if (this.wish !== null) this.repeatWish(now, this.wish, newest, out);
    if (this.asked.size > 0) this.repeatAsked(now, newest, proposer, out);
  }

  private repeatWish(
    now: Instant,
    { member, operation }: OwnWish,
    { view, digest }: EncodedView,
    out: Sink<ViewMessage>,
  ): void {
    if (since(now, this.wishedAt) < WISH_EVERY_MS) return;
    const known = memberOf(view, this.self);
    if (known !== undefined && sameAddresses(known, member)) {
      this.wish = null;
      return;
    }
    this.wishedAt = now;
    const message: JoinWish = { kind: "join-wish", member, operation, epoch: view.epoch, digest };
    for (const voter of view.voters) out.push(voter, message);
  }

  private repeatAsked(
    now: Instant,
    { view, digest }: EncodedView,
    proposer: NodeId | null,
    out: Sink<ViewMessage>,
  ): void {
    if (since(now, this.askedAt) < (this.toProposer ? PROPOSER_MS : WISH_EVERY_MS)) return;
    const isFirst = this.askedAt === NEVER;
    this.askedAt = now;
    this.toProposer = isFirst && proposer !== null && view.voters.includes(proposer);
    const to = this.toProposer ? view.voters.filter((voter) => voter === proposer) : view.voters;
    for (const operation of this.asked.values())
      for (const voter of to) out.push(voter, { kind: "operation-wish", operation, digest });
  }
}
