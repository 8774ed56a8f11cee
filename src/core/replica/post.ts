/**
 * The way from a node to the replicas of a group. Its own is asked at once; what that answers comes back after the
 * sync, like any other's.
 */
import { unreachable } from "../../base/assert.js";
import { voteOf } from "../../base/votes.js";
import type { NodeId } from "../model/ids.js";
import type { Outbox } from "../model/outbox.js";
import type { Group } from "../quorum/group.js";
import type { GroupQuestion, Multicast, ToReplica } from "../quorum/multicast.js";
import type { Replica } from "./replica.js";

export class GroupPost implements Multicast {
  /** Called when a tombstone was removed here: what was asked for before may be older. */
  removed: (() => void) | null = null;

  constructor(
    private readonly group: Group,
    private readonly replica: Replica,
  ) {}

  /** To the replicas whose bit is set. */
  send(places: number, message: GroupQuestion, out: Outbox): void {
    const { replicas, place: own } = this.group;
    for (let place = 0; place < replicas.length; place++) {
      if ((places & voteOf(place)) === 0) continue;
      const to = replicas[place] as NodeId;
      if (place !== own) out.sendNow.push(to, message);
      else this.toSelf(to, message, out);
    }
  }

  /** Asks the own replica. */
  ask(from: NodeId, message: ToReplica, out: Outbox): void {
    const { replica } = this;
    switch (message.kind) {
      case "write":
        return replica.onWrite(from, message, out);
      case "recover":
        return replica.onRecover(from, message, out);
      case "reserve":
        return replica.onReserve(from, message, out);
      case "confirm":
        return replica.onConfirm(from, message, out);
      case "impose":
        return replica.onImpose(from, message, out);
      case "read":
        return replica.onRead(from, message, out);
      case "ask-tombstone":
        return replica.onAskTombstone(from, message, out);
      case "purge":
        if (replica.onPurge(from, message, out)) this.removed?.();
        return;
      default:
        return unreachable(message);
    }
  }

  private toSelf(self: NodeId, message: GroupQuestion, out: Outbox): void {
    switch (message.kind) {
      case "write":
      case "recover":
      case "reserve":
      case "confirm":
      case "impose":
      case "read":
      case "ask-tombstone":
      case "purge":
        return this.ask(self, message, out);
      case "hand-over":
      case "ask-changes":
        // A reader at the writer's own node hands over to itself.
        return out.sendDurable.push(self, message);
      default:
        return unreachable(message);
    }
  }
}
