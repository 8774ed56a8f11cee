/** A read that is under way at a reader (reader.ts): whom it asked, and what they said. */
import type { Instant } from "../../base/time.js";
import type { Attempt } from "../model/ids.js";
import type { ReadRequest } from "../model/operation.js";
import type { Ticket } from "../model/outbox.js";
import type { Register } from "../model/register.js";
import { Asking } from "../quorum/patience.js";

type Phase = "asking" | "imposing" | "handing-over";

export class ReadState {
  phase: Phase = "asking";
  answers = 0;
  messages = 0;
  /** Highest register seen; null: only absence. */
  best: Register | null = null;
  /** Replicas that hold exactly the best, or took it. */
  holders = 0;
  sawAbsent = false;
  bestSettled = false;
  refusals = 0;
  /** Replicas that were asked, one bit each. */
  asked = 0;
  /** Place of whom it was handed over to; −1: nobody yet. */
  writer = -1;
  readonly asking: Asking;

  constructor(
    readonly ticket: Ticket,
    readonly request: ReadRequest,
    /** This replica's copy when the read began: what peers compare theirs with, also when asked again. */
    readonly own: Register | null,
    public attempt: Attempt,
    readonly deadline: Instant,
    readonly begunAt: Instant,
  ) {
    this.asking = new Asking(begunAt);
  }
}
