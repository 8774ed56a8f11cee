/**
 * The fence (R1): a replica promises ballots, and refuses whatever has a lower one than its promise. The promise is
 * durable before anything that it admitted is answered (R8).
 */
import { assert } from "../../base/assert.js";
import { type Ballot, compareBallots, initialBallot } from "../model/ballot.js";
import { attempt as attemptOf, type NodeId } from "../model/ids.js";
import type { Fenced } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Group } from "../quorum/group.js";

export class Fence {
  /** The highest ballot that was answered for. */
  promise: Ballot;

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
  restore(ballot: Ballot): void {
    if (compareBallots(ballot, this.promise) > 0) this.promise = ballot;
  }

  /** Refuses what is below the promise, and raises the promise to what it lets through. */
  admits(from: NodeId, ballot: Ballot, of: Fenced, attempt: number, out: Outbox): boolean {
    const order = compareBallots(ballot, this.promise);
    if (order === 0) return true;
    if (order > 0) {
      this.raise(ballot, out);
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
