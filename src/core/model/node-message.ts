/** Messages between nodes beside the core's: requests passed on to a node that can serve them. */
import type { Duration } from "../../base/time.js";
import type { GroupEpoch, Partition } from "./ids.js";
import type { CoreMessage } from "./message.js";
import type { ReadRequest, Result, WriteRequest } from "./operation.js";

export type Request =
  | { readonly kind: "read"; readonly read: ReadRequest; readonly unread?: UnreadFields }
  | { readonly kind: "write"; readonly write: WriteRequest; readonly unread?: UnreadFields };

/**
 * Fields of a request from the future, which this version cannot read, by tag; there is at least one. They are passed
 * on as they came.
 */
export type UnreadFields = { [tag: number]: Uint8Array[] };

/** The entry node to the writer (or, for a read, a replica): serve this for me. Never passed on again. */
export interface Forward {
  readonly kind: "forward";
  /** Unique at the entry node; another try has another one. */
  readonly id: number;
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly request: Request;
  /** How long the client still waits. */
  readonly remaining: Duration;
}

/** Back to the entry node. */
export interface Forwarded {
  readonly kind: "forwarded";
  readonly id: number;
  readonly result: Result;
}

export type NodeMessage = CoreMessage | Forward | Forwarded;
