/**
 * Tells those whose deadline has come, wherever in the writer they wait. Writes that were decided go on without them.
 */
import { type Instant, instant, since } from "../../base/time.js";
import type { NodeId } from "../model/ids.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import { RESEND_MS } from "../quorum/patience.js";
import type { Answers } from "./answers.js";
import type { Confirmations } from "./confirmations.js";
import type { Decisions } from "./decisions.js";
import type { Flights } from "./flights.js";
import type { Keys } from "./keys.js";
import type { Lines } from "./lines.js";
import type { UnclearWrites } from "./unclear.js";
import type { WaitingRequests } from "./waiting-requests.js";

/** Parts of the writer. */
export interface DeadlineParts {
  readonly keys: Keys;
  readonly lines: Lines;
  readonly flights: Flights;
  readonly confirmations: Confirmations;
  readonly waiting: WaitingRequests;
  readonly unclear: UnclearWrites;
  readonly answers: Answers;
  readonly decisions: Decisions;
}

export class Deadlines {
  private lookedAt = instant(0);

  constructor(private readonly parts: DeadlineParts) {}

  /** In an office. */
  look(now: Instant, out: Outbox): void {
    if (planted("I3.waits-on")) return;
    const { keys, lines, flights, confirmations, waiting, answers, decisions } = this.parts;
    if (keys.busy) keys.overdue(now, (queued, missing) => answers.leaveUndecided(queued, missing, out));
    for (const queued of waiting.takeOverdue(now)) answers.turnAway(queued, out);
    if (since(now, this.lookedAt) < RESEND_MS) return;
    this.lookedAt = now;
    for (const queued of lines.overdue(now)) answers.leaveUndecided(queued, NOBODY, out);
    for (const waiter of flights.overdue(now)) answers.leave(waiter, NOBODY, out);
    // Writes that nobody waits for have made room.
    for (const state of lines.keys()) decisions.admit(now, state, out);
    for (const waiter of confirmations.overdue(now)) answers.leave(waiter, NOBODY, out);
  }

  /** Also before the office begins: as of any write whose deadline has come. */
  lookAtUnclear(now: Instant, out: Outbox): void {
    const { unclear, answers } = this.parts;
    for (const { waiter } of unclear.takeOverdue(now)) answers.leave(waiter, NOBODY, out);
  }
}

const NOBODY: readonly NodeId[] = [];
