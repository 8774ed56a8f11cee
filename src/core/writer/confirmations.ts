/**
 * Confirming rounds: does a majority still promise this ballot? If it does, nobody had decided anything in a higher one
 * when the round began. So the writer's knowledge of then was the truth of then (R5). One round at a time speaks for
 * all requests, whatever their key, that came in before it began. Those that come later wait for the next.
 *
 * Source: ReadIndex of Raft (Ongaro, 2014, 6.4).
 */
import type { Instant } from "../../base/time.js";
import type { Ballot } from "../model/ballot.js";
import type { Confirmed } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import type { Patience } from "../quorum/patience.js";
import { Round } from "../quorum/round.js";
import type { Waiter } from "../quorum/waiter.js";

const NOBODY: readonly Waiter[] = [];

export class Confirmations {
  private ballot: Ballot | null = null;
  private round: Round | null = null;
  private next: Waiter[] = [];

  constructor(
    private readonly group: Group,
    private readonly attempts: Attempts,
    private readonly multicast: Multicast,
  ) {}

  begin(ballot: Ballot): void {
    this.ballot = ballot;
  }

  /** The office is over: returns those who still wait. */
  end(): Waiter[] {
    const waiters = [...(this.round?.waiters ?? NOBODY), ...this.next];
    this.ballot = null;
    this.round = null;
    this.next = [];
    return waiters;
  }

  /** Those who have waited for their round until their deadline; they wait no more. */
  overdue(now: Instant): Waiter[] {
    const over = (waiter: Waiter): boolean => waiter.over(now);
    const left = [...(this.round?.waiters ?? NOBODY), ...this.next].filter(over);
    if (left.length === 0) return left;
    if (this.round !== null) this.round.waiters = this.round.waiters.filter((waiter) => !over(waiter));
    this.next = this.next.filter((waiter) => !over(waiter));
    return left;
  }

  get busy(): boolean {
    return this.round !== null;
  }

  /** The waiter is told of a round that begins after this call. */
  add(now: Instant, waiter: Waiter, out: Outbox): void {
    this.next.push(waiter);
    if (this.round === null) this.ask(now, out);
  }

  /** Those whose round a majority has confirmed by this answer. */
  onConfirmed(now: Instant, place: number, message: Confirmed, out: Outbox): readonly Waiter[] {
    const { round } = this;
    if (round === null || round.attempt !== message.attempt) return NOBODY;
    round.vote(place);
    if (round.count < this.group.majority) return NOBODY;
    this.round = null;
    if (this.next.length > 0) this.ask(now, out);
    return round.waiters;
  }

  resend(now: Instant, patience: Patience, out: Outbox): void {
    const { round } = this;
    if (round?.due(now, patience)) this.send(round, this.group.everyone & ~round.votes, out);
  }

  private ask(now: Instant, out: Outbox): void {
    const round = new Round(this.attempts.next(), now);
    round.waiters = this.next;
    this.next = [];
    this.round = round;
    this.send(round, this.group.everyone, out);
  }

  private send(round: Round, places: number, out: Outbox): void {
    if (this.ballot === null) return;
    this.multicast.send(
      places,
      { kind: "confirm", partition: this.group.partition, ballot: this.ballot, attempt: round.attempt },
      out,
    );
  }
}
