/** The way from a node to the replicas of a group. Its own is asked at once; what that answers comes back after the sync, like any other's. */
import { voteOf } from "../../base/votes.js";
import type { NodeId } from "../model/ids.js";
import type { CoreMessage, Purge } from "../model/message.js";
import type { Outbox } from "../model/outbox.js";
import type { Group } from "../quorum/group.js";
import type { Multicast } from "../quorum/multicast.js";
import type { Replica } from "./replica.js";

export class GroupPost implements Multicast {
  /** Called when a tombstone was removed here: what was asked for before may be older. */
  removed: (() => void) | null = null;

  constructor(
    private readonly group: Group,
    private readonly replica: Replica,
  ) {}

  /** To the replicas whose bit is set. */
  send(places: number, message: CoreMessage, out: Outbox): void {
    const { replicas, place: own } = this.group;
    for (let place = 0; place < replicas.length; place++) {
      if ((places & voteOf(place)) === 0) continue;
      const to = replicas[place] as NodeId;
      if (place !== own) out.sendNow.push(to, message);
      else this.toSelf(to, message, out);
    }
  }

  /** A Purge for the own replica. */
  purge(from: NodeId, message: Purge, out: Outbox): void {
    if (this.replica.onPurge(from, message, out)) this.removed?.();
  }

  private toSelf(self: NodeId, message: CoreMessage, out: Outbox): void {
    const { replica } = this;
    switch (message.kind) {
      case "write":
        return replica.onWrite(self, message, out);
      case "recover":
        return replica.onRecover(self, message, out);
      case "reserve":
        return replica.onReserve(self, message, out);
      case "confirm":
        return replica.onConfirm(self, message, out);
      case "impose":
        return replica.onImpose(self, message, out);
      case "read":
        return replica.onRead(self, message, out);
      case "ask-tombstone":
        return replica.onAskTombstone(self, message, out);
      case "purge":
        return this.purge(self, message, out);
      default:
        // A reader at the writer's own node hands over to itself.
        out.sendDurable.push(self, message);
    }
  }
}
