/** Whether a message among the replicas of a group can be. */
import { unreachable } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import { sameBallot, type Timestamp } from "../model/ballot.js";
import type { NodeId } from "../model/ids.js";
import { type GroupMessage, groupEpochOf, type HandedOver } from "../model/message.js";
import { owner, type Values } from "./values.js";
import { first, listed, type Wrong } from "./wrong.js";

/** Senders list 512. */
const MAX_CHANGES = 4_096;

export function groupMessage(values: Values, now: Instant, from: NodeId, message: GroupMessage): Wrong {
  const { partition } = message;
  switch (message.kind) {
    case "prepare":
    case "your-turn":
    case "confirm":
      return values.writers(now, partition, from, message.ballot);
    case "recover":
      return values.writers(now, partition, from, message.ballot) ?? values.key(partition, message.key);
    case "ask-tombstone":
    case "purge":
      return (
        values.writers(now, partition, from, message.ballot) ??
        values.key(partition, message.key) ??
        values.timestamp(now, partition, message.timestamp)
      );
    case "reserve":
      return (
        values.writers(now, partition, from, message.ballot) ??
        (message.floor > message.reservation ? "a floor above its reservation" : null) ??
        values.revision(now, partition, message.reservation)
      );
    case "write":
      return (
        owner(from, message.register.timestamp.ballot) ??
        values.register(now, partition, message.register) ??
        values.seq(now, partition, message.settledSeq) ??
        values.revision(now, partition, message.settledRevision)
      );
    case "impose":
      return values.register(now, partition, message.register);
    case "promised":
      return values.ballot(now, partition, message.ballot) ?? values.revision(now, partition, message.reservation);
    case "recovered":
      return (
        values.ballot(now, partition, message.ballot) ??
        values.optional(now, partition, message.register) ??
        values.revision(now, partition, message.floor)
      );
    case "reserved":
    case "confirmed":
    case "tombstone-held":
    case "purged":
      return values.ballot(now, partition, message.ballot);
    case "written":
      return values.ballot(now, partition, message.ballot) ?? values.seq(now, partition, message.seq);
    case "nack":
      return values.ballot(now, partition, message.ballot) ?? values.ballot(now, partition, message.promised);
    case "read":
      return (
        values.key(partition, message.key) ??
        (message.holding === null ? null : values.timestamp(now, partition, message.holding))
      );
    case "read-answer":
      return (
        values.ballot(now, partition, message.promised) ??
        (message.timestamp === null ? null : values.timestamp(now, partition, message.timestamp)) ??
        values.optional(now, partition, message.register) ??
        values.revision(now, partition, message.settledRevision)
      );
    case "imposed":
      return null;
    case "ask-changes":
      return values.ranges(now, partition, message.taken);
    case "hand-over":
      return values.key(partition, message.key);
    case "handed-over":
      return (
        handedOver(message) ??
        (message.ballot === null ? null : values.writers(now, partition, from, message.ballot)) ??
        values.optional(now, partition, message.register) ??
        values.revision(now, partition, message.settledRevision)
      );
    case "changes":
      return (
        listed(message.changes.length, MAX_CHANGES, "changes") ??
        values.ranges(now, partition, message.taken) ??
        first(message.changes, (one) =>
          one.register === null
            ? values.timestamp(now, partition, one.timestamp)
            : values.register(now, partition, one.register),
        )
      );
    default:
      return unreachable(message);
  }
}

/** P2: what a message brings along was decided in its epoch, or before. */
export function epochs(message: GroupMessage): Wrong {
  const epoch = groupEpochOf(message);
  const brought = broughtBy(message);
  if (brought.length === 0) return null;
  const later = brought.find(({ ballot }) => ballot.groupEpoch > epoch);
  return later === undefined ? null : `a state of epoch ${later.ballot.groupEpoch} in a message of epoch ${epoch}`;
}

const NOTHING: readonly Timestamp[] = [];

function broughtBy(message: GroupMessage): readonly Timestamp[] {
  switch (message.kind) {
    case "recovered":
    case "handed-over":
      return message.register === null ? NOTHING : [message.register.timestamp];
    case "read-answer": {
      const { timestamp, register } = message;
      if (timestamp === null) return register === null ? NOTHING : [register.timestamp];
      return register === null ? [timestamp] : [timestamp, register.timestamp];
    }
    case "changes":
      return message.changes.flatMap(({ timestamp, register }) =>
        register === null ? [timestamp] : [timestamp, register.timestamp],
      );
    // The register of these says itself which epoch the message is of.
    case "write":
    case "impose":
      return NOTHING;
    case "prepare":
    case "promised":
    case "recover":
    case "reserve":
    case "reserved":
    case "confirm":
    case "confirmed":
    case "written":
    case "nack":
    case "read":
    case "imposed":
    case "hand-over":
    case "ask-changes":
    case "ask-tombstone":
    case "tombstone-held":
    case "purge":
    case "purged":
    case "your-turn":
      return NOTHING;
    default:
      return unreachable(message);
  }
}

function handedOver({ done, ballot, register }: HandedOver): Wrong {
  if (done !== (ballot !== null)) return "a hand-over with a ballot and not done, or done without one";
  if (register === null) return null;
  if (ballot === null || !sameBallot(register.timestamp.ballot, ballot))
    return "a hand-over of another ballot's register";
  return null;
}
