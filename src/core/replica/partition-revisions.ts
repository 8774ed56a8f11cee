/**
 * A copy knows of the revisions of its partition how far they are reserved (R13), how far they are settled, and the
 * floor (R9). It keeps the settled seqs beside them, since the same messages tell of both (R14).
 */
import { unreachable } from "../../base/assert.js";
import type { Ballot } from "../model/ballot.js";
import type { Entry } from "../model/entry.js";
import { NO_REVISION, type Partition, type Revision, UNKNOWN_REVISION } from "../model/ids.js";
import type { Reserve } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import type { Register } from "../model/register.js";
import type { Recollection } from "./recollection.js";
import { SettledSeqs } from "./settled.js";

type RevisionEntry = Extract<Entry, { readonly kind: "reservation" | "settled" | "floor" }>;

export class PartitionRevisions {
  /** The highest revision that writers may hand out, as far as this replica knows (R13). */
  reservation: Revision = NO_REVISION;
  /** Highest floor of the registers purged here (R9). */
  floor: Revision = NO_REVISION;
  readonly settled = new SettledSeqs();
  /**
   * Highest revision known to be settled, or where an office began that has its first reservation. Unknown from the
   * start until an office or another replica has told it. Records above what this copy shows may be forgotten, and a
   * request that was told less is refused as expired (R9).
   */
  settledRevision: Revision = planted("R9.tells-less") ? NO_REVISION : UNKNOWN_REVISION;

  constructor(
    private readonly partition: Partition,
    private readonly recollection: Recollection,
  ) {}

  /** From a durable entry. */
  restore(entry: RevisionEntry): void {
    switch (entry.kind) {
      case "reservation":
        if (entry.reservation > this.reservation) this.reservation = entry.reservation;
        return;
      case "settled":
        this.settled.learn(entry.ballot, entry.seq);
        return;
      case "floor":
        if (entry.floor > this.floor) this.learnFloor(entry.floor);
        return;
      default:
        return unreachable(entry);
    }
  }

  /** A writer reserves revisions, and tells a floor with them. */
  reserve(message: Reserve, out: Outbox): void {
    if (message.reservation > this.reservation) {
      this.reservation = message.reservation;
      out.entries.push({ kind: "reservation", partition: this.partition, reservation: message.reservation });
    }
    if (message.floor > this.floor && !planted("R9.raise-without-floor")) {
      this.learnFloor(message.floor);
      out.entries.push({ kind: "floor", partition: this.partition, floor: message.floor });
    }
  }

  /** Settled registers, as a writer told of them or as this node's own writer knows them. */
  settle(ballot: Ballot, seq: number, settledRevision: Revision): void {
    this.settled.hear(ballot, seq);
    if (planted("C1.claims-settled") && seq > 0) this.recollection.pretend([{ ballot, ranges: [1, seq] }]);
    this.learnRevision(settledRevision);
  }

  /** Learns what a message carries by the way: it may be of long ago, so it only adds to what is known. */
  learnRevision(settledRevision: Revision): void {
    if (this.settledRevision !== UNKNOWN_REVISION) this.knowRevision(settledRevision);
  }

  /**
   * By an office of this node that has its first reservation, or by another replica that knew when this process asked.
   */
  knowRevision(settledRevision: Revision): void {
    if (settledRevision <= this.settledRevision) return;
    this.settledRevision = settledRevision > this.floor ? settledRevision : this.floor;
  }

  /**
   * A floor lies below what a majority has reserved, and everything up to it is decided. So it may be told as the
   * partition's revision. And it must be, since clients hand back what they were told, and anything below the floor is
   * refused.
   */
  private learnFloor(floor: Revision): void {
    this.floor = floor;
    this.learnRevision(floor);
  }

  /** Now and then: settled numbers are durable, but lazily. */
  saveSettled(out: Outbox): void {
    const { partition } = this;
    for (const { ballot, seq } of this.settled.takeUnsaved())
      out.entries.push({ kind: "settled", partition, ballot, seq });
  }

  /** A purged register's knowledge of forgotten and of kept records goes over to the partition (R9). */
  raiseFloor(register: Register, out: Outbox): void {
    if (planted("R9.purge-without-floor")) return;
    let floor = planted("R9.purge-forgets-floor") ? NO_REVISION : register.floor;
    for (const record of register.records) if (record.revision > floor) floor = record.revision;
    if (floor <= this.floor) return;
    this.floor = floor;
    out.entries.push({ kind: "floor", partition: this.partition, floor });
  }
}
