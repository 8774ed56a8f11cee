/**
 * Whether what a peer says can be, before any machine sees it. Decoding has seen to it that numbers are whole and below
 * 2^53; here they are held against what this node knows.
 *
 * The intuition: some numbers only ever rise, are durable, and everybody goes on above the highest. One message with
 * 2^53 − 1 would end a partition for good. So a number may leap only so far above what is known here, and the room for
 * leaps refills slowly. A liar uses it up and is refused from then on, and never reaches the end in all the years there
 * are. Honest nodes stay far below:
 *
 *   ballots' rounds   2^30 at once, 2^10 a second     a campaign a round, of which there are five a second
 *   revisions         2^48 at once, 2^20 a second     a restored cluster begins 2^40 above its backup
 *   seqs              2^40 at once, 2^20 a second     a write each, and each office begins anew
 *
 * Attempts, heartbeats' rounds, report versions and change numbers are the sender's own or come back to whoever drew
 * them. They are compared, and no number of this node is ever drawn above them. Log positions are judged by the node
 * that they are of (rolled-back.ts).
 *
 * Invariants:
 *   P1 A writer's message comes from the owner of its ballot.
 *   P2 A ballot's owner is a replica of its partition, and no register is of a later epoch than the message that brings
 *      it. The message's own epoch may be a later one than this node's: this node may be behind.
 *   P3  In a register neither the version nor the floor is above the revision.
 *   P4  A key lies in the partition that it is told of.
 */
import type { Instant } from "../../base/time.js";
import type { NodeId } from "../model/ids.js";
import type { NodeMessage } from "../model/node-message.js";
import { forward, forwarded } from "./forwards.js";
import { epochs, groupMessage } from "./group-messages.js";
import { heartbeatAnswer } from "./heartbeat-answer.js";
import type { PlausibleOptions } from "./known.js";
import { transferMessage } from "./transfer-messages.js";
import { Values } from "./values.js";
import { viewMessage } from "./view-messages.js";
import type { Wrong } from "./wrong.js";

export class Plausible {
  private readonly values: Values;

  constructor(private readonly options: PlausibleOptions) {
    this.values = new Values(options);
  }

  /** null: it can be; otherwise what cannot, in words. */
  wrong(now: Instant, from: NodeId, message: NodeMessage): Wrong {
    const { values } = this;
    switch (message.kind) {
      case "heartbeat":
        return null;
      case "heartbeat-answer":
        return heartbeatAnswer(values, now, message);
      case "forward":
        return forward(values, message);
      case "forwarded": {
        // Nothing is read for a request that nobody waits for any more.
        const partition = this.options.asked(message.id);
        return partition === null ? null : forwarded(values, now, partition, message);
      }
      case "view-prepare":
      case "view-promised":
      case "view-accept":
      case "view-accepted":
      case "view-refused":
      case "view-wanted":
      case "view-news":
      case "view-held":
      case "join-wish":
      case "operation-wish":
      case "copies-ready":
        return viewMessage(values, now, from, message);
      case "ask-states":
      case "ask-keys":
      case "states":
      case "keys-held":
        return values.partition(message.partition) ?? transferMessage(values, now, message);
      default:
        return values.partition(message.partition) ?? epochs(message) ?? groupMessage(values, now, from, message);
    }
  }
}
