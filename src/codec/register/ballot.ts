import type { Ballot as WireBallot } from "../../../gen/ts/onar/replication/v1/register.js";
import { type Ballot, ballot } from "../../core/model/ballot.js";
import { groupEpoch, nodeId } from "../../core/model/ids.js";

export const ballotToWire = (b: Ballot): WireBallot => ({ groupEpoch: b.groupEpoch, round: b.round, nodeId: b.node });

export function ballotFromWire(wire: WireBallot | undefined): Ballot {
  if (wire === undefined) throw new Error("a message without ballot");
  return ballot(groupEpoch(wire.groupEpoch), wire.round, nodeId(wire.nodeId));
}
