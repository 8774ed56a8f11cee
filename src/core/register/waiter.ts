/**
 * Who waits for the writer. A waiter is told once all that its answer stands on has happened: its write is on a majority, or the state it
 * reveals is and a round begun after it came in was confirmed (R5).
 */
import type { Attempt, NodeId, Revision } from "../ids.js";
import type { Ticket } from "../outbox.js";
import type { Answer, Refusal } from "./operation.js";
import type { Register } from "./register.js";

export type Asker =
  | { readonly kind: "client"; readonly ticket: Ticket }
  /** A reader that handed its read over. */
  | { readonly kind: "reader"; readonly node: NodeId; readonly attempt: Attempt };

export class Waiter {
  /** How many of the write and the round are still outstanding. */
  outstanding = 0;
  told = false;

  constructor(
    readonly asker: Asker,
    /** What a client will be told; null for a reader. */
    readonly reply: Answer | Refusal | null,
    /** What a reader will be told. */
    readonly register: Register | null,
    /** The revision the request took itself; 0: none. */
    readonly revision: Revision,
    /** The request, or an earlier copy of it, has changed the register: if the writer loses its office first, nobody can say yet whether that counts. */
    readonly decided: boolean,
  ) {}
}
