import type { NodeId } from "../core/model/ids.js";
import type { NodeEntry } from "../core/model/node-entry.js";
import type { NodeMessage } from "../core/model/node-message.js";
import type { Result } from "../core/model/operation.js";
import { Envelopes, type Outbox, type Outcome, type Raised } from "../core/model/outbox.js";

/** The outbox of a whole node: the core's, with messages and outcomes for clients besides. */
export class Outgoing implements Outbox {
  readonly entries: NodeEntry[] = [];
  readonly sendNow = new Envelopes<NodeMessage>();
  readonly sendDurable = new Envelopes<NodeMessage>();
  /** Outcomes of the core; the router takes them in within the same step. */
  readonly outcomes: Outcome[] = [];
  readonly raised: Raised[] = [];
  /** For clients of this node … */
  readonly replies: Reply[] = [];
  /** … and those of them that the sync releases. */
  readonly repliesAfterSync: Reply[] = [];

  get empty(): boolean {
    return (
      this.entries.length === 0 &&
      this.sendNow.count === 0 &&
      this.sendDurable.count === 0 &&
      this.replies.length === 0 &&
      this.raised.length === 0 &&
      this.repliesAfterSync.length === 0
    );
  }
}

/** The answer for a client of this node. */
export interface Reply {
  readonly ticket: number;
  readonly verdict: Verdict;
}

export type Verdict =
  | Result
  /** Held as long as allowed; nobody could take it. Definitely not executed. */
  | { readonly status: "unserved"; readonly reason: "no-writer" | "no-quorum"; readonly missing: readonly NodeId[] }
  /** The client's deadline came while the request was under way. */
  | { readonly status: "deadline"; readonly mayHaveRun: boolean };
