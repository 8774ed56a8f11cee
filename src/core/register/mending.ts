/**
 * Keys of this replica's copy that only the writer can mend: those whose register fails its checksum (R11), those that another copy
 * offered and the fence refused (R1), and tombstones that outlived the passes that should have purged them (R12). The writer is asked to settle the key, as a reader asks that hands its read over; what it answers
 * was decided after the question, so it is at least as new as anything this replica ever acknowledged.
 */
import { type Instant, since } from "../../base/time.js";
import { voteOf } from "../../base/votes.js";
import type { Attempt, Key } from "../ids.js";
import type { CoreMessage, HandedOver } from "../message.js";
import type { Outbox } from "../outbox.js";
import type { Attempts } from "./attempts.js";
import type { Group } from "./group.js";
import type { Replica } from "./replica.js";
import { RESEND_MS } from "./writer.js";

/** Keys asked for at a time. */
const MAX_ASKED = 32;
/** Refused keys that wait; beyond it they come up again with the next catch-up. */
const MAX_WANTED = 1_024;

export interface MendingOptions {
  readonly group: Group;
  readonly replica: Replica;
  readonly attempts: Attempts;
  readonly multicast: (places: number, message: CoreMessage, out: Outbox) => void;
  /** Place of the working writer as far as known; −1: unknown. */
  readonly writerPlace: () => number;
  /** A tombstone was removed. */
  readonly removed: () => void;
}

interface Asked {
  readonly attempt: Attempt;
  /** The copy was known to be bad when this was asked. */
  readonly bad: boolean;
  readonly askedAt: Instant;
}

export class Mending {
  /** Bad registers that were mended since the node started. */
  mended = 0;
  /** Tombstones that passes had left behind and that were removed here since the node started. */
  cleared = 0;
  private readonly wanted = new Set<Key>();
  private readonly asked = new Map<Key, Asked>();

  constructor(private readonly options: MendingOptions) {}

  /** The fence refused what another copy holds of the key, or its tombstone is overdue. False: too many wait already. */
  want(key: Key): boolean {
    if (this.wanted.size < MAX_WANTED) this.wanted.add(key);
    return this.wanted.has(key);
  }

  /** The key waits for the writer. Once it does not, the writer has said what counts of it, in a ballot above what was refused. */
  wants(key: Key): boolean {
    return this.wanted.has(key);
  }

  get busy(): boolean {
    return this.wanted.size > 0 || this.options.replica.bad.size > 0;
  }

  /** True when the answer was to a question of this machine. */
  onHandedOver(message: HandedOver, out: Outbox): boolean {
    const { replica } = this.options;
    for (const [key, { attempt, bad }] of this.asked) {
      if (attempt !== message.attempt) continue;
      if (!message.done || message.ballot === null) return true;
      const mended = replica.mend(key, message.register, message.ballot, bad, out);
      if (mended === "refused") return true;
      if (bad) this.mended++;
      this.asked.delete(key);
      this.wanted.delete(key);
      if (mended === "removed") {
        this.cleared++;
        this.options.removed();
      }
      return true;
    }
    return false;
  }

  /** Called every tick while `busy`. */
  resend(now: Instant, out: Outbox): void {
    const writer = this.options.writerPlace();
    if (writer < 0) return;
    for (const key of this.options.replica.bad) this.ask(now, writer, key, out);
    for (const key of this.wanted) this.ask(now, writer, key, out);
  }

  private ask(now: Instant, writer: number, key: Key, out: Outbox): void {
    const { group, attempts, multicast } = this.options;
    const known = this.asked.get(key);
    if (known === undefined && this.asked.size >= MAX_ASKED) return;
    if (known !== undefined && since(now, known.askedAt) < RESEND_MS) return;
    // A new attempt each time: what was answered in vain must not come in late.
    const attempt = attempts.next();
    this.asked.set(key, { attempt, bad: this.options.replica.bad.has(key), askedAt: now });
    multicast(
      voteOf(writer),
      { kind: "hand-over", partition: group.partition, groupEpoch: group.epoch, attempt, key },
      out,
    );
  }
}
