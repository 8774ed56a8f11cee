/** The one that is told of the calls that begin and end, to count or to trace them. */

import type { MethodKind } from "../call/kind.js";
import type { Call } from "./call.js";

/** Told once, with the status that the call has ended with: CANCELLED for a client that has gone away. */
export type CallEnded = (code: number) => void;

export interface CallListener {
  /**
   * A call of a route begins; its handler has not heard of it yet. Undefined: nobody wants to know how it ends. Calls
   * of no route are not told: what names they bring is for their clients to choose.
   */
  began(call: Call, kind: MethodKind): CallEnded | undefined;
}
