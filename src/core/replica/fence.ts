/**
 * The fence (R1): a replica promises ballots, and refuses whatever has a lower one than its promise. The promise is
 * durable before anything that it admitted is answered (R8).
 *
 * It also remembers, durably, whether it let through anything but a Prepare since the group's epoch began. A replica
 * that did not may say that nothing was decided in that epoch (V8).
 */
import { assert } from "../../base/assert.js";
import { type Ballot, compareBallots, initialBallot } from "../model/ballot.js";
import type { Entry } from "../model/entry.js";
import { attempt as attemptOf, FOUNDING, groupEpoch, type NodeId } from "../model/ids.js";
import type { Fenced } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Group } from "../quorum/group.js";

export class Fence {
  /** The highest ballot that was answered for. */
  promise: Ballot;
  /** The last group epoch in which anything but a Prepare was let through; 0: there was none. */
  accepted = groupEpoch(0);

  constructor(private group: Pick<Group, "partition" | "epoch">) {
    this.promise = initialBallot(group.epoch);
  }

  /** The copy stays in the group of a later epoch, and promises what every replica of it starts with (V2). */
  stay(group: Pick<Group, "partition" | "epoch">): void {
    assert(group.epoch > this.group.epoch, "replica I1: the promise never falls");
    this.group = group;
    this.promise = initialBallot(group.epoch);
  }

  /** From a durable entry. */
  restore(entry: Extract<Entry, { kind: "promise" | "sealed" | "accepted" }>): void {
    if (entry.kind === "accepted") this.accepted = entry.epoch;
    else if (entry.kind === "promise") this.restorePromise(entry.ballot);
    else if (entry.stays) this.restorePromise(initialBallot(entry.epoch));
  }

  private restorePromise(ballot: Ballot): void {
    if (compareBallots(ballot, this.promise) > 0) this.promise = ballot;
  }

  /** Refuses what is below the promise, and raises the promise to what it lets through. */
  admits(from: NodeId, ballot: Ballot, of: Fenced, attempt: number, out: Outbox): boolean {
    const order = compareBallots(ballot, this.promise);
    if (order > 0) this.raise(ballot, out);
    if (order >= 0) {
      if (of !== "prepare") this.accept(out);
      return true;
    }
    if (planted("R2") && (of === "write" || of === "impose")) {
      this.acknowledgeStale(from, ballot, of, attempt, out);
      return false;
    }
    out.sendDurable.push(from, {
      kind: "nack",
      partition: this.group.partition,
      of,
      ballot,
      attempt,
      promised: this.promise,
    });
    return false;
  }

  /** The copy takes part in its group's epoch from here on. No view can make the founding's void. */
  accept(out: Outbox): void {
    const { partition, epoch } = this.group;
    if (this.accepted === epoch || epoch === FOUNDING) return;
    this.accepted = epoch;
    out.entries.push({ kind: "accepted", partition, epoch });
  }

  raise(ballot: Ballot, out: Outbox): void {
    assert(compareBallots(ballot, this.promise) > 0, "replica I1: the promise never falls");
    this.promise = ballot;
    out.entries.push({ kind: "promise", partition: this.group.partition, ballot });
  }

  private acknowledgeStale(from: NodeId, ballot: Ballot, of: Fenced, attempt: number, out: Outbox): void {
    const { partition, epoch } = this.group;
    if (of === "write") out.sendDurable.push(from, { kind: "written", partition, ballot, seq: attempt });
    else out.sendDurable.push(from, { kind: "imposed", partition, groupEpoch: epoch, attempt: attemptOf(attempt) });
  }
}
