/**
 * The replica: keeps registers durably and answers for them. It takes part in no decision; it only refuses what is older than what it
 * promised. All of the protocol's safety rests on that fence and on answers that leave after the sync.
 *
 * Invariants, cited by the assertions below:
 *   I1  The promise never falls, and no register it holds has a higher ballot than its promise.
 *   I2  The timestamp of a key never falls.
 *
 * Source: the (1,N) atomic register by Read-Impose Write-Majority, Cachin, Guerraoui, Rodrigues, "Introduction to Reliable and Secure
 * Distributed Programming", 4.2.4; the fence by ballots is Paxos' promise, held for a whole partition.
 */
import { assert } from "../../base/assert.js";
import { type Ballot, compareBallots, compareTimestamps, initialBallot, sameBallot, sameTimestamp } from "../ballot.js";
import type { Entry } from "../entry.js";
import type { NodeId, Revision } from "../ids.js";
import type { Confirm, Fenced, Impose, Prepare, Read, Recover, Reserve, Write } from "../message.js";
import type { Outbox } from "../outbox.js";
import { planted } from "../planted.js";
import type { Group } from "./group.js";
import type { Register } from "./register.js";
import { SettledSeqs } from "./settled.js";
import type { RegisterTable } from "./table.js";

export class Replica {
  /** The highest ballot this replica answered for; everything below it is refused (R1). */
  promise: Ballot;
  /** The highest revision that writers may hand out, as far as this replica knows (R13). */
  reservation: Revision = 0 as Revision;
  /** Highest floor of the registers purged here (R9). */
  floor: Revision = 0 as Revision;
  readonly settled = new SettledSeqs();
  /** Highest revision known to be settled. */
  settledRevision: Revision = 0 as Revision;
  private settledUnsaved: Ballot | null = null;

  constructor(
    private readonly group: Group,
    readonly table: RegisterTable,
  ) {
    this.promise = initialBallot(group.epoch);
  }

  /** Rebuilds the state from durable entries, in their order, before the first input. The table is rebuilt by its storage. */
  restore(entry: Entry): void {
    switch (entry.kind) {
      case "promise":
        if (compareBallots(entry.ballot, this.promise) > 0) this.promise = entry.ballot;
        return;
      case "reservation":
        if (entry.reservation > this.reservation) this.reservation = entry.reservation;
        return;
      case "settled":
        this.settled.learn(entry.ballot, entry.seq);
        return;
      case "register":
        return;
    }
  }

  /** The own promise of a candidate: its Prepare leaves after this is durable (R8). */
  promiseOwn(ballot: Ballot, out: Outbox): void {
    assert(compareBallots(ballot, this.promise) > 0, "a candidate's ballot is above its promise");
    this.raise(ballot, out);
  }

  onPrepare(from: NodeId, message: Prepare, out: Outbox): void {
    if (!this.admits(from, message.ballot, "prepare", 0, out)) return;
    out.sendDurable.push(from, {
      kind: "promised",
      partition: this.group.partition,
      ballot: message.ballot,
      reservation: this.reservation,
    });
  }

  onReserve(from: NodeId, message: Reserve, out: Outbox): void {
    if (!this.admits(from, message.ballot, "reserve", message.attempt, out)) return;
    if (message.reservation > this.reservation) {
      this.reservation = message.reservation;
      out.entries.push({ kind: "reservation", partition: this.group.partition, reservation: message.reservation });
    }
    out.sendDurable.push(from, {
      kind: "reserved",
      partition: this.group.partition,
      ballot: message.ballot,
      attempt: message.attempt,
    });
  }

  onRecover(from: NodeId, message: Recover, out: Outbox): void {
    if (!this.admits(from, message.ballot, "recover", message.attempt, out)) return;
    out.sendDurable.push(from, {
      kind: "recovered",
      partition: this.group.partition,
      ballot: message.ballot,
      attempt: message.attempt,
      register: this.table.get(message.key),
      floor: this.floor,
    });
  }

  onConfirm(from: NodeId, message: Confirm, out: Outbox): void {
    if (!this.admits(from, message.ballot, "confirm", message.attempt, out)) return;
    out.sendDurable.push(from, {
      kind: "confirmed",
      partition: this.group.partition,
      ballot: message.ballot,
      attempt: message.attempt,
    });
  }

  onWrite(from: NodeId, message: Write, out: Outbox): void {
    const { ballot, seq } = message.register.timestamp;
    this.settle(ballot, message.settledSeq, message.settledRevision);
    if (!planted("R1.write") && !this.admits(from, ballot, "write", seq, out)) return;
    this.keep(message.register, out);
    out.sendDurable.push(from, { kind: "written", partition: this.group.partition, ballot, seq });
  }

  onImpose(from: NodeId, message: Impose, out: Outbox): void {
    const { ballot } = message.register.timestamp;
    if (!planted("R1.impose") && !this.admits(from, ballot, "impose", message.attempt, out)) return;
    this.keep(message.register, out);
    out.sendDurable.push(from, {
      kind: "imposed",
      partition: this.group.partition,
      groupEpoch: this.group.epoch,
      attempt: message.attempt,
    });
  }

  /** A Read is not fenced: it reports, and what it reports is durable before the answer leaves (R8). */
  onRead(from: NodeId, message: Read, out: Outbox): void {
    const held = this.table.get(message.key);
    const newer = held !== null && (message.holding === null || compareTimestamps(held.timestamp, message.holding) > 0);
    out.sendDurable.push(from, {
      kind: "read-answer",
      partition: this.group.partition,
      groupEpoch: this.group.epoch,
      attempt: message.attempt,
      timestamp: held === null ? null : held.timestamp,
      register: newer ? held : null,
      settled: held !== null && this.settled.covers(held.timestamp),
      promised: this.promise,
      settledRevision: this.settledRevision,
    });
  }

  /** What a writer told of its settled registers, or this node's own writer knows. */
  settle(ballot: Ballot, seq: number, settledRevision: Revision): void {
    if (this.settled.learn(ballot, seq)) this.settledUnsaved = ballot;
    if (settledRevision > this.settledRevision) this.settledRevision = settledRevision;
  }

  /** Once a round: settled numbers are durable, but lazily. */
  saveSettled(out: Outbox): void {
    const ballot = this.settledUnsaved;
    if (ballot === null) return;
    this.settledUnsaved = null;
    out.entries.push({
      kind: "settled",
      partition: this.group.partition,
      ballot,
      seq: this.settled.seqOf(ballot),
    });
  }

  /** The fence (R1): refuses what is below the promise, and raises the promise to what it lets through. */
  private admits(from: NodeId, ballot: Ballot, of: Fenced, attempt: number, out: Outbox): boolean {
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

  private raise(ballot: Ballot, out: Outbox): void {
    this.promise = ballot;
    out.entries.push({ kind: "promise", partition: this.group.partition, ballot });
  }

  /** Takes the register unless it holds it, or one of the same ballot with a later seq (R2). */
  private keep(register: Register, out: Outbox): void {
    const held = this.table.get(register.key);
    if (held !== null) {
      if (sameTimestamp(held.timestamp, register.timestamp)) return;
      if (compareTimestamps(held.timestamp, register.timestamp) > 0) {
        assert(
          sameBallot(held.timestamp.ballot, register.timestamp.ballot) || planted("R1.write") || planted("R1.impose"),
          "I1: a register above the fence has at least the ballot of what is held",
        );
        return;
      }
    }
    this.table.put(register);
    out.entries.push({ kind: "register", partition: this.group.partition, register });
  }

  private acknowledgeStale(from: NodeId, ballot: Ballot, of: Fenced, attempt: number, out: Outbox): void {
    const { partition, epoch } = this.group;
    if (of === "write") out.sendDurable.push(from, { kind: "written", partition, ballot, seq: attempt });
    else out.sendDurable.push(from, { kind: "imposed", partition, groupEpoch: epoch, attempt: attempt as never });
  }
}
