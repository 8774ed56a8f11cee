/**
 * The replica: keeps registers durably and answers for them. It takes part in no decision; it only refuses what is
 * older than what it promised. All of the protocol's safety rests on that fence and on answers that leave after the
 * sync.
 *
 * Invariants, cited by the assertions below:
 *   I1  The promise never falls, and no register it holds has a higher ballot than its promise.
 *   I2  The timestamp of a key never falls, until the key is purged.
 *   I3 For a key whose register is bad, a replica reports nothing and accepts only what the writer sends to mend it
 *       (R11).
 *
 * Source: the (1,N) atomic register by Read-Impose Write-Majority, Cachin, Guerraoui, Rodrigues, "Introduction to
 * Reliable and Secure Distributed Programming", 4.2.4. The fence by ballots is Paxos' promise, held for a whole
 * partition.
 */
import { assert, unreachable } from "../../base/assert.js";
import {
  type Ballot,
  compareBallots,
  compareTimestamps,
  sameBallot,
  sameTimestamp,
  type Timestamp,
} from "../model/ballot.js";
import type { Entry } from "../model/entry.js";
import { type ChangeNumber, changeNumber, type GroupEpoch, groupEpoch, type Key, type NodeId } from "../model/ids.js";
import type { AskTombstone, Confirm, Impose, Prepare, Purge, Read, Recover, Reserve, Write } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Register } from "../model/register.js";
import { BAD, type Bad, type RegisterTable } from "../model/table.js";
import type { Merged } from "../model/transfer-entry.js";
import type { Group } from "../quorum/group.js";
import { BadKeys } from "./bad-keys.js";
import { Fence } from "./fence.js";
import { InheritedKeys } from "./inherited.js";
import { MendingLoad } from "./mending-load.js";
import { PartitionRevisions } from "./partition-revisions.js";
import { Recollection } from "./recollection.js";

/** The fate of the writer's answer. "removed": a tombstone went, so transfers asked for before must be dropped, as
 * after a Purge (R12). */
export type Mended = "refused" | "taken" | "removed";

export class Replica {
  private readonly fence: Fence;
  readonly revisions: PartitionRevisions;
  /** Keys that too few could speak for when this copy took over. */
  readonly inherited: InheritedKeys;
  /** The last group epoch in which this copy took something over by a transfer; 0: it never did (M1). */
  tookOver = groupEpoch(0);
  /** How far the merge of an earlier life of the node came; null: nothing of it is durable. */
  merged: Merged | null = null;
  readonly recollection: Recollection;
  private readonly badKeys: BadKeys;

  constructor(
    private group: Pick<Group, "partition" | "epoch">,
    readonly table: RegisterTable,
    load: MendingLoad = new MendingLoad(),
    /** Which copy this is: the group epoch in which it began with nothing. */
    readonly copy: GroupEpoch = group.epoch,
  ) {
    this.fence = new Fence(group);
    this.inherited = new InheritedKeys(group.partition);
    this.badKeys = new BadKeys(load);
    this.recollection = new Recollection(table);
    this.revisions = new PartitionRevisions(group.partition, this.recollection);
  }

  /** The highest ballot this replica answered for; everything below it is refused (R1). */
  get promise(): Ballot {
    return this.fence.promise;
  }

  set promise(ballot: Ballot) {
    this.fence.promise = ballot;
  }

  /** Since the group's epoch began something else than a Prepare was let through, or a register taken. */
  get hasAccepted(): boolean {
    return this.fence.accepted === this.group.epoch;
  }

  /**
   * The copy stays in the group of a later epoch. In one durable record it is sealed, and promises what every replica
   * of that epoch starts with (V2). All that it holds and knows goes along.
   */
  stay(group: Pick<Group, "partition" | "epoch">, out: Outbox): void {
    this.fence.stay(group);
    this.group = group;
    const { partition, epoch } = group;
    if (!planted("V2.seal-lost")) out.entries.push({ kind: "sealed", partition, epoch, stays: true });
  }

  /** The copy is of no use here any more: what its bad keys take is given back. */
  end(): void {
    this.badKeys.end();
  }

  /**
   * Rebuilds the state from durable entries, in their order, before the first input. The table is rebuilt by its
   * storage.
   */
  restore(entry: Entry): void {
    switch (entry.kind) {
      case "promise":
      case "sealed":
      case "accepted":
        return this.fence.restore(entry);
      case "reservation":
      case "settled":
      case "floor":
        return this.revisions.restore(entry);
      case "inherited":
        return this.inherited.restore(entry);
      case "took-over":
        this.tookOver = entry.groupEpoch;
        return;
      case "merged":
        this.merged = entry;
        return;
      case "register":
      case "removed":
      case "cursor":
      case "pre-copied":
      case "ready":
      case "vouched":
        return;
      default:
        return unreachable(entry);
    }
  }

  /**
   * The copy of a key; what it shows is durable once the step's entries are. A bad one is noted, so that it gets
   * mended.
   */
  look(key: Key): Register | Bad | null {
    const held = this.inherited.has(key) ? BAD : this.table.get(key);
    if (held !== BAD) {
      this.badKeys.sound(key);
      return held;
    }
    if (planted("R11.bad-is-absent")) return null;
    this.badKeys.add(key);
    return BAD;
  }

  /**
   * Keys found bad and not mended yet, each with the number of that finding: the writer is asked for them (mending.ts).
   */
  get bad(): ReadonlyMap<Key, number> {
    return this.badKeys.found;
  }

  /** A bad key was found for which there was no room in `bad`. */
  get overlooked(): boolean {
    return this.badKeys.overlooked;
  }

  /** The key waits behind all other bad ones from now on. */
  queueAgain(key: Key): void {
    this.badKeys.queueAgain(key);
  }

  /** The key has another bad register than was asked about. False: it waits for no mending. */
  foundAgain(key: Key): boolean {
    return this.badKeys.foundAgain(key);
  }

  /** The own promise of a candidate: its Prepare leaves after this is durable (R8). */
  promiseOwn(ballot: Ballot, out: Outbox): void {
    assert(compareBallots(ballot, this.promise) > 0, "election E1: a candidate's ballot is above its promise");
    this.fence.raise(ballot, out);
  }

  onPrepare(from: NodeId, message: Prepare, out: Outbox): void {
    if (!this.fence.admits(from, message.ballot, "prepare", 0, out)) return;
    out.sendDurable.push(from, {
      kind: "promised",
      partition: this.group.partition,
      ballot: message.ballot,
      reservation: this.revisions.reservation,
    });
  }

  onReserve(from: NodeId, message: Reserve, out: Outbox): void {
    if (!this.fence.admits(from, message.ballot, "reserve", message.attempt, out)) return;
    this.revisions.reserve(message, out);
    out.sendDurable.push(from, {
      kind: "reserved",
      partition: this.group.partition,
      ballot: message.ballot,
      attempt: message.attempt,
    });
  }

  onRecover(from: NodeId, message: Recover, out: Outbox): void {
    if (!this.fence.admits(from, message.ballot, "recover", message.attempt, out)) return;
    const held = this.look(message.key);
    if (held === BAD) return;
    out.sendDurable.push(from, {
      kind: "recovered",
      partition: this.group.partition,
      ballot: message.ballot,
      attempt: message.attempt,
      register: held,
      floor: this.revisions.floor,
    });
  }

  onConfirm(from: NodeId, message: Confirm, out: Outbox): void {
    if (!this.fence.admits(from, message.ballot, "confirm", message.attempt, out)) return;
    out.sendDurable.push(from, {
      kind: "confirmed",
      partition: this.group.partition,
      ballot: message.ballot,
      attempt: message.attempt,
    });
  }

  onWrite(from: NodeId, message: Write, out: Outbox): void {
    const { ballot, seq } = message.register.timestamp;
    this.revisions.settle(ballot, message.settledSeq, message.settledRevision);
    if (!planted("R1.write") && !this.fence.admits(from, ballot, "write", seq, out)) return;
    if (!this.keep(message.register, out)) return;
    out.sendDurable.push(from, { kind: "written", partition: this.group.partition, ballot, seq });
  }

  onImpose(from: NodeId, message: Impose, out: Outbox): void {
    const { ballot } = message.register.timestamp;
    if (!planted("R1.impose") && !this.fence.admits(from, ballot, "impose", message.attempt, out)) return;
    if (!this.keep(message.register, out)) return;
    out.sendDurable.push(from, {
      kind: "imposed",
      partition: this.group.partition,
      groupEpoch: this.group.epoch,
      attempt: message.attempt,
    });
  }

  /** A Read is not fenced: it reports, and what it reports is durable before the answer leaves (R8). */
  onRead(from: NodeId, message: Read, out: Outbox): void {
    const held = this.look(message.key);
    if (held === BAD) return;
    const newer = held !== null && (message.holding === null || compareTimestamps(held.timestamp, message.holding) > 0);
    out.sendDurable.push(from, {
      kind: "read-answer",
      partition: this.group.partition,
      groupEpoch: this.group.epoch,
      attempt: message.attempt,
      timestamp: held === null ? null : held.timestamp,
      register: newer ? held : null,
      settled: held !== null && this.isSettled(held),
      promised: this.promise,
      settledRevision: this.revisions.settledRevision,
    });
  }

  /**
   * Takes a register that came from another replica's copy: fenced as an Impose is, unless it is known to be settled
   * (R1). False when it was refused: then the writer must settle it.
   */
  takeOver(register: Register, settledThere: boolean, out: Outbox): boolean {
    const { ballot } = register.timestamp;
    const order = compareBallots(ballot, this.promise);
    if (order < 0 && !settledThere && !this.revisions.settled.covers(register.timestamp) && !planted("R1.catch-up"))
      return false;
    const held = this.look(register.key);
    if (held === BAD) return false;
    if (order > 0) this.fence.raise(ballot, out);
    if (held === null || compareTimestamps(held.timestamp, register.timestamp) < 0)
      this.put(register, held, out, settledThere && !planted("H10.mark-dropped"));
    else this.recollection.note(register.timestamp);
    return true;
  }

  /**
   * The writer's answer to this replica's own request for a key, decided after the request. It is at least what this
   * replica ever acknowledged of the key, so it may take the place of a bad register (R11). `register` is of that
   * ballot; null: absent. Then a tombstone of an earlier ballot goes, too. Tombstones that every replica held were
   * purged elsewhere, and the others can never be complete any more (R12).
   */
  mend(key: Key, register: Register | null, ballot: Ballot, askedAsBad: boolean, out: Outbox): Mended {
    if (compareBallots(ballot, this.promise) < 0) return "refused";
    const held = this.look(key);
    // An answer asked for before the copy was known to be bad may be older than what it has acknowledged since.
    if (held === BAD && !askedAsBad) return "refused";
    if (compareBallots(ballot, this.promise) > 0) this.fence.raise(ballot, out);
    if (held === BAD) {
      if (register === null) this.remove(key, out);
      else this.put(register, held, out);
      this.badKeys.sound(key);
    } else if (register !== null && (held === null || compareTimestamps(held.timestamp, register.timestamp) < 0)) {
      this.put(register, held, out);
    } else if (register === null && held?.tombstone && compareBallots(held.timestamp.ballot, ballot) < 0) {
      this.revisions.raiseFloor(held, out);
      this.remove(key, out);
      return "removed";
    }
    return "taken";
  }

  onAskTombstone(from: NodeId, message: AskTombstone, out: Outbox): void {
    if (!this.fence.admits(from, message.ballot, "purge", message.attempt, out)) return;
    if (!this.holdsTombstone(message.key, message.timestamp)) return;
    out.sendDurable.push(from, {
      kind: "tombstone-held",
      partition: this.group.partition,
      ballot: message.ballot,
      attempt: message.attempt,
    });
  }

  /** True when something was removed: transfers that were asked for before must be dropped (R12). */
  onPurge(from: NodeId, message: Purge, out: Outbox): boolean {
    if (!this.fence.admits(from, message.ballot, "purge", message.attempt, out)) return false;
    const held = this.look(message.key);
    if (held === BAD) return false;
    let removed = false;
    if (held?.tombstone && (sameTimestamp(held.timestamp, message.timestamp) || planted("R12.any-timestamp"))) {
      this.revisions.raiseFloor(held, out);
      this.remove(message.key, out);
      removed = true;
    }
    out.sendDurable.push(from, {
      kind: "purged",
      partition: this.group.partition,
      ballot: message.ballot,
      attempt: message.attempt,
    });
    return removed;
  }

  /** Whether a register that this copy held is known to be settled: by its ballot, or by a mark of its own (H10). */
  isSettled(held: Register): boolean {
    return this.revisions.settled.covers(held.timestamp) || this.table.isSettled(held);
  }

  private holdsTombstone(key: Key, timestamp: Timestamp): boolean {
    const held = this.look(key);
    return held !== BAD && held !== null && held.tombstone && sameTimestamp(held.timestamp, timestamp);
  }

  /** `held`: what it takes the place of. */
  private put(register: Register, held: Register | Bad | null, out: Outbox, settled = false): void {
    const { timestamp } = register;
    const fenced = compareBallots(timestamp.ballot, this.promise) <= 0 || planted("R1.write") || planted("R1.impose");
    assert(fenced, "I1: no register has a higher ballot than the promise");
    const rises = held === null || held === BAD || compareTimestamps(held.timestamp, timestamp) < 0;
    assert(rises, "I2: the timestamp of a key never falls");
    this.fence.accept(out);
    const change = this.nextChange();
    this.table.put(register, change, settled);
    this.recollection.note(register.timestamp);
    const { partition } = this.group;
    if (settled) out.entries.push({ kind: "register", partition, register, change, settled });
    else out.entries.push({ kind: "register", partition, register, change });
    this.inherited.end(register.key, out);
  }

  private remove(key: Key, out: Outbox): void {
    this.fence.accept(out);
    const change = this.nextChange();
    this.table.remove(key, change);
    out.entries.push({ kind: "removed", partition: this.group.partition, key, change });
    this.inherited.end(key, out);
  }

  private nextChange(): ChangeNumber {
    return changeNumber(this.table.lastChange + 1);
  }

  /**
   * Takes the register unless it holds it, or one of the same ballot with a later seq (R2). False: its copy is bad,
   * nothing is said (R11).
   */
  private keep(register: Register, out: Outbox): boolean {
    const held = this.look(register.key);
    if (held === BAD) {
      if (!planted("R11.late-write")) return false;
      this.badKeys.sound(register.key);
    } else if (held !== null) {
      if (sameTimestamp(held.timestamp, register.timestamp)) return true;
      if (compareTimestamps(held.timestamp, register.timestamp) > 0) {
        this.recollection.note(register.timestamp);
        assert(
          sameBallot(held.timestamp.ballot, register.timestamp.ballot) || planted("R1.write") || planted("R1.impose"),
          "I1: a register above the fence has at least the ballot of what is held",
        );
        return true;
      }
    }
    this.put(register, held, out);
    return true;
  }
}
