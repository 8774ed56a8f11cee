/** Requests that a writer has taken on and not decided yet. */
import type { Key } from "../model/ids.js";
import type { WriteRequest } from "../model/operation.js";
import type { Asker } from "../quorum/waiter.js";
import type { Unclear } from "./unclear.js";

/** A request that waits for its turn; `request` is null for a read handed over. */
export interface Queued {
  readonly asker: Asker;
  readonly request: WriteRequest | null;
  readonly key: Key;
  /** It was decided in the epoch before, and its fate is open. */
  readonly unclear?: Unclear;
}
