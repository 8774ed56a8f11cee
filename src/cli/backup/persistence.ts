/** Calls that are tried again for as long as the work as a whole moves on. One that is late in a busy cluster does not
 * end it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "../../client/client.js";
import { CliError, EXIT } from "../ending/exit.js";

/** Causes that may be over soon. Everything else ends the work at once. */
const PASSING: ReadonlySet<string> = new Set([
  "DEADLINE_EXCEEDED",
  "UNREACHABLE",
  "NO_WRITER",
  "NO_QUORUM",
  "MOVING",
  "DRAINING",
  "OVERLOADED",
  "OUTCOME_UNKNOWN",
  // A copy that has not heard yet that the revisions were raised tells a client of one that is too low.
  "REQUEST_EXPIRED",
  "UNAVAILABLE",
  "UNKNOWN",
]);
const PAUSE_MS = 100;

export class Persistence {
  private movedAt = Date.now();

  /** Gives up when no call has succeeded for so long. */
  constructor(
    private readonly timeoutMs: number,
    private readonly interrupt: AbortSignal,
  ) {}

  /** The answer of a call that may be made again: `what` cannot be done, says a CliError otherwise. */
  async done<O extends Outcome>(what: string, call: () => Promise<O>): Promise<Extract<O, { outcome: "done" }>> {
    for (;;) {
      const outcome: Outcome = await call();
      if (outcome.outcome === "done") {
        this.movedAt = Date.now();
        return outcome as Extract<O, { outcome: "done" }>;
      }
      this.interrupt.throwIfAborted();
      const { reason, message } = outcome;
      if (!PASSING.has(reason) || Date.now() - this.movedAt > this.timeoutMs) {
        throw new CliError(EXIT.notDone, `${what}: ${message}`, { status: "", reason });
      }
      await sleep(PAUSE_MS);
    }
  }
}
