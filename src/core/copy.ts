/**
 * One replica's copy of a partition. It joins the replica that keeps registers, the writer it may become, the
 * reader of its clients, and the machines that keep it whole. It hands each message of the group to its machine.
 * The real node adds elections (partition.ts); small worlds explore these machines without elections and without
 * upkeep.
 *
 * Its machines reach each other by references and not by functions that hold them, upkeep excepted. So a small world
 * can copy a copy.
 */
import { assert, unreachable } from "../base/assert.js";
import type { Instant } from "../base/time.js";
import { voteOf } from "../base/votes.js";
import type { Entry } from "./model/entry.js";
import type { NodeId } from "./model/ids.js";
import type { GroupMessage, Nack, YourTurn } from "./model/message.js";
import type { Outbox } from "./model/outbox.js";
import type { RegisterTable } from "./model/table.js";
import type { Attempts } from "./quorum/attempts.js";
import type { Group } from "./quorum/group.js";
import type { Patience } from "./quorum/patience.js";
import { Reader } from "./reader/reader.js";
import { CatchUp } from "./replica/catch-up.js";
import type { CatchUpLoad } from "./replica/catch-up-load.js";
import { pageOf } from "./replica/feed.js";
import { Mending } from "./replica/mending.js";
import type { MendingLoad } from "./replica/mending-load.js";
import { GroupPost } from "./replica/post.js";
import { Replica } from "./replica/replica.js";
import type { NodeLoad } from "./writer/node-load.js";
import type { Unclear } from "./writer/unclear.js";
import { Writer } from "./writer/writer.js";

/** The questions of a copy's machines about the rest of the group. */
export interface Outlook {
  /** Replicas now heard, one bit each. */
  heardPlaces(): number;
  /** Place of the working writer as far as is known; −1: unknown. */
  writerPlace(): number;
}

export interface CopyOptions {
  readonly group: Group;
  /** The replica that holds it already; without it, one is made of the table. */
  readonly replica?: Replica;
  readonly table: RegisterTable;
  readonly attempts: Attempts;
  /** Those of the reader, if they are to be counted apart. */
  readonly readerAttempts?: Attempts;
  readonly outlook: Outlook;
  /** The load of all writers of the node together. */
  readonly load: NodeLoad;
  readonly mendingLoad: MendingLoad;
}

export interface UpkeepOptions {
  readonly attempts: Attempts;
  readonly load: CatchUpLoad;
  readonly now: Instant;
  /** The disk is: what takes room waits. */
  readonly full: () => boolean;
}

export interface Upkeep {
  readonly mending: Mending;
  readonly catchUp: CatchUp;
}

export class Copy {
  readonly group: Group;
  readonly replica: Replica;
  readonly writer: Writer;
  readonly reader: Reader;
  /** null: keys are neither mended nor caught up with. */
  upkeep: Upkeep | null = null;
  private readonly post: GroupPost;
  private readonly outlook: Outlook;
  private readonly mendingLoad: MendingLoad;

  constructor(options: CopyOptions) {
    const { group, attempts, outlook } = options;
    this.group = group;
    this.outlook = outlook;
    this.mendingLoad = options.mendingLoad;
    this.replica = options.replica ?? new Replica(group, options.table, options.mendingLoad);
    this.post = new GroupPost(group, this.replica);
    const common = { group, replica: this.replica, multicast: this.post };
    this.writer = new Writer({ ...common, attempts, load: options.load });
    this.reader = new Reader({
      ...common,
      attempts: options.readerAttempts ?? attempts,
      heard: () => outlook.heardPlaces(),
      writerPlace: () => outlook.writerPlace(),
    });
  }

  /** From here on what this copy lacks is asked for: bad registers are mended, and it catches up with other copies. */
  keepUp(options: UpkeepOptions): Upkeep {
    assert(this.upkeep === null, "a copy has one upkeep");
    const { group, replica, post, outlook } = this;
    const { attempts } = options;
    const removed = (): void => catchUp.onPurge();
    post.removed = removed;
    const mending = new Mending({
      group,
      replica,
      load: this.mendingLoad,
      attempts,
      multicast: post,
      writerPlace: () => outlook.writerPlace(),
      removed,
      full: options.full,
    });
    const catchUp = new CatchUp({
      group,
      replica,
      mending,
      attempts,
      load: options.load,
      now: options.now,
      send: (place, message, out) => post.send(voteOf(place), message, out),
    });
    this.upkeep = { mending, catchUp };
    return this.upkeep;
  }

  /** Entries of an earlier life, in their order, before the first input. */
  restore(entry: Entry): void {
    if (entry.kind === "cursor") this.upkeep?.catchUp.restore(entry);
    else this.replica.restore(entry);
  }

  /** Hands the message to its machine. Returns one that concerns the office instead; null: it is done with. */
  deliver(now: Instant, from: NodeId, place: number, message: GroupMessage, out: Outbox): Nack | YourTurn | null {
    if (message.kind === "your-turn") return message;
    if (message.kind === "nack" && message.of !== "impose") return message;
    this.take(now, from, place, message, out);
    return null;
  }

  /**
   * The group's epoch ends (V2), and so does everything of it that is under way. Requests are to be tried again. The
   * clients' writes whose fate is open go to the next writer on this node (H18).
   */
  seal(out: Outbox): readonly Unclear[] {
    const unclear = this.writer.seal(out);
    this.reader.seal(out);
    this.upkeep?.mending.end();
    this.upkeep?.catchUp.stop();
    return unclear;
  }

  /** Asks again what was not answered. */
  resend(now: Instant, heard: number, patience: Patience, out: Outbox): void {
    this.writer.resend(now, heard, patience, out);
    if (this.reader.running > 0) this.reader.resend(now, patience, out);
    const { upkeep } = this;
    if (upkeep === null) return;
    if (upkeep.mending.busy) upkeep.mending.resend(now, patience, out);
    upkeep.catchUp.resend(now, patience, out);
  }

  /** Needs `resend` to be called in time. */
  get busy(): boolean {
    const { upkeep } = this;
    return (
      this.writer.busy ||
      this.reader.running > 0 ||
      (upkeep !== null && (upkeep.mending.busy || upkeep.catchUp.running))
    );
  }

  private take(now: Instant, from: NodeId, place: number, message: Exclude<GroupMessage, YourTurn>, out: Outbox): void {
    const { group, replica, writer, reader, upkeep, post } = this;
    switch (message.kind) {
      case "write":
      case "read":
      case "impose":
      case "recover":
      case "confirm":
      case "reserve":
      case "ask-tombstone":
      case "purge":
        return post.ask(from, message, out);
      case "written":
        return writer.onWritten(now, place, message, out);
      case "read-answer":
        return reader.onAnswer(now, place, message, out);
      case "imposed":
        return reader.onImposed(place, message, out);
      case "recovered":
        return writer.onRecovered(now, place, message, out);
      case "confirmed":
        return writer.onConfirmed(now, place, message, out);
      case "reserved":
        return writer.onReserved(now, place, message, out);
      case "prepare":
        return replica.onPrepare(from, message, out);
      case "promised":
        return writer.onPromised(now, place, message, out);
      case "hand-over":
        return writer.onHandOver(now, from, message, out);
      case "handed-over":
        if (upkeep?.mending.onHandedOver(message, out) === true) return;
        return reader.onHandedOver(message, out);
      case "ask-changes":
        return out.sendDurable.push(from, pageOf(replica, group, message));
      case "changes":
        return upkeep?.catchUp.onChanges(now, place, message, out);
      case "tombstone-held":
        return writer.onTombstoneHeld(now, place, message, out);
      case "purged":
        return writer.onPurged(now, place, message, out);
      case "nack":
        return reader.onNack(now, place, message, out);
      default:
        return unreachable(message);
    }
  }
}
