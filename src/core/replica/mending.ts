/**
 * Keys of this replica's copy that only the writer can mend. These are keys whose register fails its checksum (R11),
 * and keys that another copy offered and the fence refused (R1). Tombstones that outlived the passes that should have
 * purged them belong to them, too (R12). The writer is asked to settle the key, as a reader asks that hands its read
 * over; what it answers was decided after the question.
 *
 * Invariants:
 *   I1 A question is asked under one attempt until the key needs no mending any more: the answer counts however late it
 *       comes. It is at least as new as anything this replica ever acknowledged: it acknowledges nothing of a key while
 *       its copy is bad (R11).
 *   I2  It is void when the copy was sound in between: what was acknowledged then may be newer than a late answer.
 *   I3  However many keys the writer cannot tell, the others have their turns.
 */
import type { Instant } from "../../base/time.js";
import { voteOf } from "../../base/votes.js";
import type { Attempt, Key } from "../model/ids.js";
import type { HandedOver } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import { planted } from "../model/planted.js";
import { BAD } from "../model/table.js";
import type { Attempts } from "../quorum/attempts.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import { Asking, type Patience } from "../quorum/patience.js";
import type { MendingLoad } from "./mending-load.js";
import type { Replica } from "./replica.js";

/** Keys asked for at a time. */
const MAX_ASKED = 32;
/** Refused keys that wait; beyond it they come up again with the next catch-up. */
const MAX_WANTED = 1_024;

export interface MendingOptions {
  readonly group: Group;
  readonly replica: Replica;
  readonly attempts: Attempts;
  readonly load: MendingLoad;
  readonly multicast: Multicast;
  /** Place of the working writer as far as known; −1: unknown. */
  readonly writerPlace: () => number;
  /** A tombstone was removed. */
  readonly removed: () => void;
  /** The disk is: what takes room waits. */
  readonly full: () => boolean;
}

/** A question to the writer. */
class Question extends Asking {
  /** Place of whom it went to last; −1: nobody yet. */
  writer = -1;

  constructor(
    readonly attempt: Attempt,
    /** Since which finding the copy is known to be bad (Replica.bad); null: it is not. */
    readonly badSince: number | null,
    now: Instant,
  ) {
    super(now);
  }
}

export class Mending {
  /** Bad registers that were mended since the node started. */
  mended = 0;
  /** Tombstones that passes had left behind and that were removed here since the node started. */
  cleared = 0;
  private readonly wanted = new Set<Key>();
  private wantedBytes = 0;
  private readonly asked = new Map<Key, Question>();

  constructor(private readonly options: MendingOptions) {}

  /**
   * The fence refused what another copy holds of the key, or its tombstone is overdue. False: too many wait already.
   */
  want(key: Key): boolean {
    const fits = this.wanted.size < MAX_WANTED && this.options.load.fits(this.wantedBytes, key.length);
    if (fits && !this.wanted.has(key)) {
      this.wanted.add(key);
      this.count(key.length);
    }
    return this.wanted.has(key);
  }

  /**
   * The key waits for the writer. Once it does not, the writer has said what counts of it, in a ballot above what was
   * refused.
   */
  wants(key: Key): boolean {
    return this.wanted.has(key);
  }

  get busy(): boolean {
    return this.wanted.size > 0 || this.options.replica.bad.size > 0;
  }

  /** True when the answer was to a question of this machine. */
  onHandedOver(message: HandedOver, out: Outbox): boolean {
    const { replica } = this.options;
    for (const [key, question] of this.asked) {
      if (question.attempt !== message.attempt) continue;
      if (message.register !== null && message.register.key !== key) return true;
      question.answered();
      if (!message.done || message.ballot === null) {
        this.standBack(key);
        return true;
      }
      // It is asked again once there is space.
      const { register } = message;
      if (register !== null && !register.tombstone && this.options.full()) return true;
      const asBad = question.badSince !== null && (this.stands(key, question) || planted("R7.void-attempt"));
      const mended = replica.mend(key, message.register, message.ballot, asBad, out);
      if (mended === "refused") return true;
      if (asBad) this.mended++;
      if (!planted("R7.void-attempt")) this.asked.delete(key);
      if (this.wanted.delete(key)) this.count(-key.length);
      if (mended === "removed") {
        this.cleared++;
        this.options.removed();
      }
      return true;
    }
    return false;
  }

  /** The group's epoch is over: nothing is asked any more. Bad keys stay so, and are asked for in the next one. */
  end(): void {
    this.count(-this.wantedBytes);
    this.wanted.clear();
    this.asked.clear();
  }

  private count(bytes: number): void {
    this.wantedBytes += bytes;
    this.options.load.bytes += bytes;
  }

  /** The writer cannot tell: those that wait for their turn have it, where there are too many to ask for all (I3). */
  private standBack(key: Key): void {
    const { bad } = this.options.replica;
    if (bad.size + this.wanted.size <= MAX_ASKED || planted("R11.holds-up-others")) return;
    this.asked.delete(key);
    this.options.replica.queueAgain(key);
    if (this.wanted.delete(key)) this.wanted.add(key);
  }

  /** Called every tick while `busy`. */
  resend(now: Instant, patience: Patience, out: Outbox): void {
    const writer = this.options.writerPlace();
    if (writer < 0) return;
    for (const key of this.options.replica.bad.keys()) this.ask(now, writer, key, patience, out);
    for (const key of this.wanted) this.ask(now, writer, key, patience, out);
  }

  /** The copy has been as it was when this was asked: sound, or bad by the same finding. */
  private stands(key: Key, { badSince }: Question): boolean {
    if (planted("R7.void-attempt")) return (badSince === null) === !this.options.replica.bad.has(key);
    return badSince === (this.options.replica.bad.get(key) ?? null);
  }

  private ask(now: Instant, writer: number, key: Key, patience: Patience, out: Outbox): void {
    const { group, attempts, replica, multicast } = this.options;
    let question = this.asked.get(key);
    if (question === undefined && this.asked.size >= MAX_ASKED) return;
    const stands = question !== undefined && this.stands(key, question);
    if (stands && question?.writer === writer && !question.due(now, patience, voteOf(writer))) return;
    // A copy that turned out to be sound needs nothing, and makes what was asked void.
    if (replica.bad.has(key) && replica.look(key) !== BAD && !this.wanted.has(key)) {
      this.asked.delete(key);
      return;
    }
    if (question === undefined || !stands || planted("R7.forget-attempt")) {
      question = new Question(attempts.next(), replica.bad.get(key) ?? null, now);
      this.asked.set(key, question);
    } else if (question.writer !== writer) question.again(now);
    question.writer = writer;
    multicast.send(
      voteOf(writer),
      { kind: "hand-over", partition: group.partition, groupEpoch: group.epoch, attempt: question.attempt, key },
      out,
    );
  }
}
