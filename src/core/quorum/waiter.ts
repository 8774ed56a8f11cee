/**
 * A request that waits for the writer. A waiter is told once all that its answer stands on has happened. Its write is
 * on a majority, or the state it reveals is and a round begun after it came in was confirmed (R5).
 */
import { after, duration, type Instant } from "../../base/time.js";
import type { Attempt, NodeId, Revision } from "../model/ids.js";
import type { Answer, Refusal } from "../model/operation.js";
import type { Outbox, Ticket } from "../model/outbox.js";
import type { Register } from "../model/register.js";

/** `deadline`: nobody waits for the answer after it, so the asker leaves then, told what is known. */
export type Asker =
  | { readonly kind: "client"; readonly ticket: Ticket; readonly deadline: Instant }
  /**
   * A reader that handed its read over, or a replica whose copy needs the writer. It asks again while it wants to know.
   */
  | { readonly kind: "reader"; readonly node: NodeId; readonly attempt: Attempt; readonly deadline: Instant };

/** Decided requests are unknown either way: the entry node, which knows the deadline itself, tells its client so
 * first. */
const LINGER = duration(100);

export class Waiter {
  /** How many of the write and the round are still outstanding. */
  outstanding = 0;
  told = false;

  constructor(
    readonly asker: Asker,
    /** The client's answer; null for a reader. */
    readonly reply: Answer | Refusal | null,
    /** The reader's answer. */
    readonly register: Register | null,
    /** The revision the request took itself; 0: none. */
    readonly revision: Revision,
    /** The request, or an earlier copy of it, has changed the register. If the writer loses its office first, nobody
     * can say yet whether that counts. */
    readonly decided: boolean,
    /** Done instead of telling it, once its round is confirmed; null: it is told. */
    readonly again: ((now: Instant, out: Outbox) => void) | null = null,
  ) {}

  /** Nobody waits for it any more. */
  over(now: Instant): boolean {
    return now >= (this.decided ? after(this.asker.deadline, LINGER) : this.asker.deadline);
  }
}
