/** Steps of founding, between the wire and the core. */

import type { FoundResponse, Founder as WireFounder } from "../../../gen/ts/onar/replication/v1/replication.js";
import { StartRefusedReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { unreachable } from "../../base/assert.js";
import { errorOf } from "../../base/errno.js";
import { encodedViewFrom } from "../../codec/peer/encoded-view.js";
import { nodeId } from "../../core/model/ids.js";
import { MAX_ADDRESS_CHARACTERS, MAX_MEMBERS, wrongInMember } from "../../core/view/check.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import type { FoundingAnswer, StartBallot } from "../../core/view/founding.js";
import type { Member } from "../../core/view/view.js";
import { toBuffer } from "../../wire/bytes.js";

/** A word that cannot be true is not believed, and the node goes on. */
export class Unbelievable extends Error {
  override readonly name = "Unbelievable";
}

export function viewOf(bytes: Uint8Array): EncodedView {
  try {
    return encodedViewFrom(bytes);
  } catch (error) {
    throw new Unbelievable(`a view that cannot be read: ${errorOf(error).message}`);
  }
}

export function answerToWire(ballot: StartBallot, answer: FoundingAnswer): FoundResponse["step"] {
  const refused = (
    reason: StartRefusedReason,
    promised: StartBallot | null,
    peers: readonly string[] = [],
  ): FoundResponse["step"] => ({
    $case: "refused",
    value: {
      ballot: ballotToWire(ballot),
      reason,
      promised: promised === null ? undefined : ballotToWire(promised),
      peers: peers.slice(),
    },
  });
  switch (answer.kind) {
    case "promised":
      return {
        $case: "promised",
        value: {
          ballot: ballotToWire(ballot),
          acceptedBallot: answer.accepted === null ? undefined : ballotToWire(answer.accepted.ballot),
          acceptedView: answer.accepted === null ? Buffer.alloc(0) : toBuffer(answer.accepted.view.bytes),
        },
      };
    case "accepted":
      return { $case: "accepted", value: { ballot: ballotToWire(ballot) } };
    case "lower-ballot":
      return refused(StartRefusedReason.LOWER_BALLOT, answer.promised);
    case "other-list":
      return refused(StartRefusedReason.OTHER_LIST, null, answer.peers);
    case "not-promised":
      return refused(StartRefusedReason.NOT_PROMISED, null);
    case "view":
      return { $case: "view", value: { view: toBuffer(answer.view.bytes) } };
    default:
      return unreachable(answer);
  }
}

export const badView = (ballot: StartBallot): FoundResponse["step"] => ({
  $case: "refused",
  value: {
    ballot: ballotToWire(ballot),
    reason: StartRefusedReason.BAD_VIEW,
    promised: undefined,
    peers: [],
  },
});

type WireBallot = { round: number; nodeId: number };
export const ballotToWire = (ballot: StartBallot): WireBallot => ({ round: ballot.round, nodeId: ballot.node });
export const ballotFromWire = (wire: WireBallot | undefined): StartBallot => ({
  round: wire?.round ?? 0,
  node: nodeId(wire?.nodeId ?? 0),
});

/** Throws Unbelievable when it cannot be one: what it says of itself is printed and kept. */
export function believedFounder({ nodeId: id, clientAddress, peerAddress, zone, peers }: WireFounder): Member {
  const member = { id: nodeId(id), clientAddress, peerAddress, zone };
  const wrong = wrongInMember(member);
  if (wrong !== null) throw new Unbelievable(wrong);
  if (peers.length > MAX_MEMBERS || peers.some((address) => address.length > MAX_ADDRESS_CHARACTERS))
    throw new Unbelievable(`a list of ${peers.length} founders, or of addresses that cannot be`);
  return member;
}
