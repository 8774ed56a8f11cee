/** How the writer tells clients and readers what became of what they asked. */
import { assert } from "../../base/assert.js";
import type { Ballot } from "../model/ballot.js";
import { NO_NODE, NO_REVISION, type NodeId, type Revision } from "../model/ids.js";
import type { Refusal, Result } from "../model/operation.js";
import type { Outbox } from "../model/outbox.js";
import type { Register } from "../model/register.js";
import type { Group } from "../quorum/group.js";
import type { Asker, Waiter } from "../quorum/waiter.js";
import type { Replica } from "../replica/replica.js";
import type { Queued } from "./queued.js";

export class Answers {
  /** Askers that were taken on and not told yet. */
  waiting = 0;
  /** The ballot of the office that answers. */
  private ballot: Ballot | null = null;
  /** The readers among those who wait, each by node and attempt. */
  private readonly readers = new Set<string>();

  constructor(
    private readonly group: Group,
    private readonly replica: Replica,
  ) {}

  begin(ballot: Ballot): void {
    this.ballot = ballot;
  }

  /**
   * From now on the asker waits, until it is told something, once. False: this reader waits already, under this very
   * attempt.
   */
  take(asker: Asker): boolean {
    if (asker.kind === "reader") {
      const name = nameOf(asker);
      if (this.readers.has(name)) return false;
      this.readers.add(name);
    }
    this.waiting++;
    return true;
  }

  /** One of the things the waiter waits for has happened; it is told with the last. */
  advance(waiter: Waiter, out: Outbox): void {
    waiter.outstanding--;
    if (waiter.outstanding === 0) this.tell(waiter, out);
  }

  tell(waiter: Waiter, out: Outbox): void {
    if (waiter.told) return;
    assert(waiter.outstanding === 0, "writer I4: an answer is told once all has happened that it stands on");
    waiter.told = true;
    if (waiter.reply === null) return this.tellReader(waiter.asker, true, waiter.register, out);
    if ("reason" in waiter.reply) return this.result(waiter.asker, refused(waiter.reply), out);
    const known = this.replica.revisions.settledRevision;
    const standing = {
      // A state that was not decided in this office may be told before the first reservation: then nobody knows a
      // revision (R9).
      revision: waiter.revision > known && waiter.revision !== NO_REVISION ? waiter.revision : known,
      groupEpoch: this.group.epoch,
      writer: this.group.self,
    };
    this.result(waiter.asker, { status: "done", answer: waiter.reply, standing }, out);
  }

  /** The office was lost first: what was decided may or may not count. */
  lose(waiter: Waiter, out: Outbox): void {
    if (waiter.told) return;
    waiter.told = true;
    this.result(waiter.asker, waiter.decided ? UNKNOWN : notWriter(NO_NODE), out);
  }

  /** Only a planted bug calls this. */
  notRun(waiter: Waiter, out: Outbox): void {
    waiter.told = true;
    this.result(waiter.asker, notWriter(NO_NODE), out);
  }

  /** Its time is over before all has happened that its answer stands on. Decided writes may or may not count; the rest
   * was not executed. */
  leave(waiter: Waiter, missing: readonly NodeId[], out: Outbox): void {
    if (waiter.told) return;
    waiter.told = true;
    this.result(waiter.asker, waiter.decided ? UNKNOWN : refused({ reason: "no-quorum", missing }), out);
  }

  /** Its time is over while it waited for its key, which these did not tell: not executed. */
  leaveUndecided({ asker, unclear }: Queued, missing: readonly NodeId[], out: Outbox): void {
    if (unclear !== undefined) return this.unknown(asker, out);
    this.result(asker, refused({ reason: "no-quorum", missing }), out);
  }

  /** Not decided on, and not going to be here. */
  turnAway(queued: Queued, out: Outbox): void {
    if (queued.unclear !== undefined) return this.unknown(queued.asker, out);
    const owner = this.replica.promise.node;
    this.result(queued.asker, notWriter(owner === this.group.self ? NO_NODE : owner), out);
  }

  refuse(asker: Asker, refusal: Refusal, out: Outbox): void {
    this.result(asker, refused(refusal), out);
  }

  unknown(asker: Asker, out: Outbox): void {
    this.result(asker, UNKNOWN, out);
  }

  /** The record of the request may have been forgotten (R9). */
  expire(asker: Asker, floor: Revision, out: Outbox): void {
    const revision = floor > this.replica.revisions.settledRevision ? floor : this.replica.revisions.settledRevision;
    this.result(asker, { status: "unknown", unknown: { reason: "request-expired", revision } }, out);
  }

  private result(asker: Asker, result: Result, out: Outbox): void {
    if (asker.kind === "reader") return this.tellReader(asker, false, null, out);
    this.waiting--;
    out.outcomes.push({ ticket: asker.ticket, result, afterSync: false });
  }

  private tellReader(asker: Asker, done: boolean, register: Register | null, out: Outbox): void {
    assert(asker.kind === "reader", "only a reader is told a register");
    this.waiting--;
    this.readers.delete(nameOf(asker));
    out.sendDurable.push(asker.node, {
      kind: "handed-over",
      partition: this.group.partition,
      groupEpoch: this.group.epoch,
      attempt: asker.attempt,
      done,
      ballot: done ? this.ballot : null,
      register,
      settledRevision: this.replica.revisions.settledRevision,
    });
  }
}

const nameOf = ({ node, attempt }: Extract<Asker, { kind: "reader" }>): string => `${node}/${attempt}`;
const UNKNOWN: Result = { status: "unknown", unknown: { reason: "outcome-unknown" } };
const refused = (refusal: Refusal): Result => ({ status: "refused", refusal });
const notWriter = (hint: NodeId): Result => refused({ reason: "not-writer", hint });
