/**
 * How a transfer changes the copy that takes over: each change goes into the table and into an entry, as a replica's
 * own changes do.
 *
 * A copy that is not ready has told nobody anything. So the fence does not hold for what comes here: a register may
 * replace one with a higher timestamp, and may lie below the promise. The promise is no lower than any register of the
 * own group that was taken (V3).
 */
import { assert } from "../../base/assert.js";
import { compareBallots, type Timestamp } from "../model/ballot.js";
import { CompletionRecords } from "../model/completion-records.js";
import type { Entry } from "../model/entry.js";
import { type ChangeNumber, changeNumber, type GroupEpoch, type Key, type NodeId } from "../model/ids.js";
import type { EntrySink } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import { Register } from "../model/register.js";
import type { RegisterTable } from "../model/table.js";
import type { SealedCopy } from "../model/transfer-message.js";
import type { Group } from "../quorum/group.js";
import type { InheritedKeys } from "../replica/inherited.js";
import type { Replica } from "../replica/replica.js";

type Cursor = Extract<Entry, { kind: "cursor" }>;

export interface ReceiverOutbox {
  readonly entries: EntrySink<Entry>;
}

export class Receiver {
  constructor(
    private readonly group: Group,
    private readonly replica: Replica,
    readonly table: RegisterTable,
  ) {}

  /** Inherited bad keys (H12). */
  get inherited(): InheritedKeys {
    return this.replica.inherited;
  }

  /** Takes the register, whatever is held. */
  adopt(given: Register, settled: boolean, out: ReceiverOutbox): void {
    this.noteTakingOver(out);
    const register = planted("V3.records-dropped") ? withoutRecords(given) : given;
    const { ballot } = register.timestamp;
    const { replica, group } = this;
    if (
      ballot.groupEpoch === group.epoch &&
      compareBallots(ballot, replica.promise) > 0 &&
      !planted("V3.promise-stays")
    ) {
      replica.promise = ballot;
      out.entries.push({ kind: "promise", partition: group.partition, ballot });
    }
    const change = this.nextChange();
    const marked = settled && !planted("V3.marks-dropped");
    this.table.put(register, change, marked);
    out.entries.push({ kind: "register", partition: group.partition, register, change, settled: marked });
    this.inherited.end(register.key, out);
  }

  /** Drops what is held of the key, if anything. */
  discard(key: Key, out: ReceiverOutbox): void {
    if (this.table.get(key) === null && !this.inherited.has(key)) return;
    this.remove(key, out);
    this.inherited.end(key, out);
  }

  /** Too few can speak for the key: it is bad here until they do, or until a register of it is taken (H12). */
  inherit(key: Key, out: ReceiverOutbox): void {
    this.noteTakingOver(out);
    const mark = this.remove(key, out);
    if (planted("V3.bad-is-absent")) return;
    this.inherited.begin(key, mark, out);
  }

  /** A majority of the group before has spoken, and held nothing of the key that was inherited as bad: it is absent. */
  conclude(key: Key, out: ReceiverOutbox): void {
    this.noteTakingOver(out);
    this.remove(key, out);
    this.inherited.end(key, out);
  }

  /** Takes over what a sealed copy says of the partition as a whole. */
  learn({ floor, reservation, settled }: SealedCopy, out: ReceiverOutbox): void {
    const { replica } = this;
    const { partition } = this.group;
    if (floor > replica.revisions.floor && !planted("V3.floor-forgotten")) {
      replica.revisions.floor = floor;
      out.entries.push({ kind: "floor", partition, floor });
    }
    if (reservation > replica.revisions.reservation && !planted("V3.reservation-forgotten")) {
      replica.revisions.reservation = reservation;
      out.entries.push({ kind: "reservation", partition, reservation });
    }
    for (const { ballot, seq } of settled)
      if (replica.revisions.settled.learn(ballot, seq)) out.entries.push({ kind: "settled", partition, ballot, seq });
  }

  /** The settled seqs that this copy knows cover it. */
  covers(timestamp: Timestamp): boolean {
    return this.replica.revisions.settled.covers(timestamp);
  }

  /** All changes of that copy up to this one are here: catching up goes on from there. */
  follow(source: NodeId, copy: GroupEpoch, change: ChangeNumber, out: ReceiverOutbox): Cursor {
    const cursor: Cursor = { kind: "cursor", partition: this.group.partition, source, copy, change };
    out.entries.push(cursor);
    return cursor;
  }

  note(entry: Extract<Entry, { kind: "pre-copied" | "merged" }>, out: ReceiverOutbox): void {
    out.entries.push(entry);
  }

  private noteTakingOver(out: ReceiverOutbox): void {
    const { epoch, partition } = this.group;
    if (this.replica.tookOver >= epoch) return;
    this.replica.tookOver = epoch;
    out.entries.push({ kind: "took-over", partition, groupEpoch: epoch });
  }

  private remove(key: Key, out: ReceiverOutbox): ChangeNumber {
    const change = this.nextChange();
    this.table.remove(key, change);
    out.entries.push({ kind: "removed", partition: this.group.partition, key, change });
    return change;
  }

  private nextChange(): ChangeNumber {
    assert(this.table.lastChange < Number.MAX_SAFE_INTEGER, "change numbers do not run out");
    return changeNumber(this.table.lastChange + 1);
  }
}

const withoutRecords = ({ key, timestamp, value, version, revision, floor }: Register): Register =>
  new Register(key, timestamp, value, version, revision, floor, CompletionRecords.none);
