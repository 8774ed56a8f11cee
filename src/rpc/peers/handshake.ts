/** The rule of which nodes may talk to each other: the first frame of either side of a stream, checked before anything
 * else is read. */
import { type Handshake, type Refusal, RefusalReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { NO_NODE, type NodeId, nodeId } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import { rolledBack } from "../../core/replica/rolled-back.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import { memberOf } from "../../core/view/view.js";
import { PROTOCOL_VERSION } from "./peer-service.js";

export interface HandshakeContext {
  readonly self: NodeId;
  /** The newest view that counts here. */
  readonly newest: EncodedView;
  /** The side that was dialed checks that the right one did. */
  readonly dialed: boolean;
  /** The highest log position that the peer has told this node, in any life. */
  readonly highestPosition?: number;
  /** The identity that the peer must have: the member that was dialed, or the one it proved to be. undefined: any
   * member. */
  readonly expected?: number | undefined;
}

/** null: welcome. */
export function checkHandshake(handshake: Handshake, context: HandshakeContext): Refusal | null {
  const { self, newest } = context;
  const { view } = newest;
  const peer = `node ${handshake.nodeId}`;
  if (handshake.protocolVersion !== PROTOCOL_VERSION) {
    return refusal(
      RefusalReason.OTHER_PROTOCOL_VERSION,
      `${peer} speaks version ${handshake.protocolVersion} of the protocol between nodes, this node version ${PROTOCOL_VERSION}`,
      String(PROTOCOL_VERSION),
    );
  }
  if (context.expected !== undefined && handshake.nodeId !== context.expected) {
    return refusal(
      RefusalReason.OTHER_NODE,
      `${peer} answers, and node ${context.expected} is meant`,
      String(context.expected),
    );
  }
  const clusterId = handshake.clusterId.toString("hex");
  if (clusterId !== view.clusterId) {
    return refusal(
      RefusalReason.OTHER_CLUSTER,
      `${peer} belongs to cluster ${clusterId || "(none)"}, this node to cluster ${view.clusterId}`,
      view.clusterId,
    );
  }
  if (handshake.nodeId === self) return refusal(RefusalReason.SELF, "this node dialed itself", "");
  if (memberOf(view, nodeId(handshake.nodeId)) === undefined) {
    return refusal(RefusalReason.NOT_A_MEMBER, `${peer} is not a member of view ${view.epoch}`, "");
  }
  const sameEpoch = handshake.viewEpoch === view.epoch && !planted("W4.any-digest");
  if (sameEpoch && handshake.viewDigest.toString("hex") !== newest.digest) {
    return refusal(RefusalReason.OTHER_VIEW, `${peer} holds another view ${view.epoch} than this node`, newest.digest);
  }
  if (handshake.meantNodeId !== NO_NODE && handshake.meantNodeId !== self) {
    return refusal(
      RefusalReason.OTHER_NODE,
      `this is node ${self}, and ${peer} means node ${handshake.meantNodeId}`,
      String(self),
    );
  }
  const seen = context.highestPosition ?? 0;
  // A peer with a key of its own judges that itself, by its own proof: a number alone may be anybody's (R10).
  if (handshake.positionProof.length === 0 && rolledBack(handshake.logPosition, seen)) {
    return refusal(
      RefusalReason.ROLLED_BACK,
      `${peer} comes back with ${handshake.logPosition} records, and ${seen} of it were durable: it has lost what it promised (R10)`,
      String(seen),
    );
  }
  if (!context.dialed && handshake.nodeId > self) {
    return refusal(
      RefusalReason.OTHER_SIDE_DIALS,
      `of two nodes the one with the lower id dials, here node ${self}`,
      "",
    );
  }
  return null;
}

export const refusal = (reason: RefusalReason, text: string, expected: string): Refusal => ({ reason, text, expected });
