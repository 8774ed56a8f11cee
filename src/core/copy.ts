/**
 * Which machine of a copy each message of its group is for. The same for the real node and for small worlds, which explore these machines without
 * elections and without upkeep.
 */
import { unreachable } from "../base/assert.js";
import type { Instant } from "../base/time.js";
import type { NodeId } from "./model/ids.js";
import type { GroupMessage, Nack, YourTurn } from "./model/message.js";
import type { Outbox } from "./model/outbox.js";
import type { Group } from "./quorum/group.js";
import type { Reader } from "./reader/reader.js";
import type { CatchUp } from "./replica/catch-up.js";
import { pageOf } from "./replica/feed.js";
import type { Mending } from "./replica/mending.js";
import type { GroupPost } from "./replica/post.js";
import type { Replica } from "./replica/replica.js";
import type { Writer } from "./writer/writer.js";

/** The machines of one copy of a partition. */
export interface Copy {
  readonly group: Group;
  readonly replica: Replica;
  readonly writer: Writer;
  readonly reader: Reader;
  /** null: keys are neither mended, caught up with nor purged. */
  readonly upkeep: Upkeep | null;
}

export interface Upkeep {
  readonly mending: Mending;
  readonly catchUp: CatchUp;
  readonly post: GroupPost;
}

/** Hands the message to its machine. Returns one that concerns the office instead; null: it is done with. */
export function deliver(
  copy: Copy,
  now: Instant,
  from: NodeId,
  place: number,
  message: GroupMessage,
  out: Outbox,
): Nack | YourTurn | null {
  if (message.kind === "your-turn") return message;
  if (message.kind === "nack" && message.of !== "impose") return message;
  take(copy, now, from, place, message, out);
  return null;
}

function take(
  { group, replica, writer, reader, upkeep }: Copy,
  now: Instant,
  from: NodeId,
  place: number,
  message: Exclude<GroupMessage, YourTurn>,
  out: Outbox,
): void {
  switch (message.kind) {
    case "write":
      return replica.onWrite(from, message, out);
    case "written":
      return writer.onWritten(place, message, out);
    case "read":
      return replica.onRead(from, message, out);
    case "read-answer":
      return reader.onAnswer(now, place, message, out);
    case "impose":
      return replica.onImpose(from, message, out);
    case "imposed":
      return reader.onImposed(place, message, out);
    case "recover":
      return replica.onRecover(from, message, out);
    case "recovered":
      return writer.onRecovered(now, place, message, out);
    case "confirm":
      return replica.onConfirm(from, message, out);
    case "confirmed":
      return writer.onConfirmed(now, place, message, out);
    case "reserve":
      return replica.onReserve(from, message, out);
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
    case "ask-tombstone":
      return replica.onAskTombstone(from, message, out);
    case "tombstone-held":
      return writer.onTombstoneHeld(now, place, message, out);
    case "purge":
      return upkeep?.post.purge(from, message, out);
    case "purged":
      return writer.onPurged(now, place, message, out);
    case "nack":
      return reader.onNack(now, place, message, out);
    default:
      return unreachable(message);
  }
}
