/** Everything that a replica keeps durably, as entries for the log. Applying the same entries in order gives the same state. */
import type { Ballot } from "./ballot.js";
import type { Partition, Revision } from "./ids.js";
import type { Register } from "./register/register.js";

export type Entry =
  | { readonly kind: "promise"; readonly partition: Partition; readonly ballot: Ballot }
  | { readonly kind: "reservation"; readonly partition: Partition; readonly reservation: Revision }
  | { readonly kind: "register"; readonly partition: Partition; readonly register: Register }
  /** The last settled seq known of a ballot. Lazy: losing it costs an impose, never safety. */
  | { readonly kind: "settled"; readonly partition: Partition; readonly ballot: Ballot; readonly seq: number };
