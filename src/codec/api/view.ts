/** Views on the wire and their digest. */
import { createHash } from "node:crypto";
import { MemberState, View as WireView } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { groupEpoch, nodeId, viewEpoch } from "../../core/model/ids.js";
import { isPartitionCount } from "../../core/placement/position.js";
import type { Member, View } from "../../core/view/view.js";

export const viewToWire = (view: View): WireView => ({
  epoch: BigInt(view.epoch),
  clusterId: Buffer.from(view.clusterId, "hex"),
  previousDigest: Buffer.from(view.previousDigest, "hex"),
  operationId: Buffer.from(view.operationId, "hex"),
  replicationFactor: view.replicationFactor,
  partitionCount: view.partitions.length,
  members: view.members.map((member) => ({ ...member, state: MemberState.ACTIVE })),
  partitions: view.partitions.map((placement, partition) => ({
    partition,
    replicas: placement.replicas.slice(),
    groupEpoch: BigInt(placement.groupEpoch),
    previous: undefined,
  })),
  voters: view.voters.slice(),
});

export function viewFromWire(wire: WireView): View {
  if (!isPartitionCount(wire.partitions.length)) throw new Error(`a view of ${wire.partitions.length} partitions`);
  const partitions = [...wire.partitions].sort((a, b) => a.partition - b.partition);
  const wrong = partitions.findIndex((placement, partition) => placement.partition !== partition);
  if (wrong >= 0) throw new Error(`a view that does not name partition ${wrong} exactly once`);
  const members = wire.members.map(
    (m): Member => ({ id: nodeId(m.id), clientAddress: m.clientAddress, peerAddress: m.peerAddress, zone: m.zone }),
  );
  return {
    epoch: viewEpoch(Number(wire.epoch)),
    clusterId: wire.clusterId.toString("hex"),
    previousDigest: wire.previousDigest.toString("hex"),
    operationId: wire.operationId.toString("hex"),
    replicationFactor: wire.replicationFactor,
    members,
    partitions: partitions.map((p) => ({
      replicas: p.replicas.map(nodeId),
      groupEpoch: groupEpoch(Number(p.groupEpoch)),
    })),
    voters: wire.voters.map(nodeId),
  };
}

export const encodeView = (view: View): Buffer => Buffer.from(WireView.encode(viewToWire(view)).finish());
export const decodeView = (bytes: Uint8Array): View => viewFromWire(WireView.decode(bytes));

/** SHA-256 of the encoded view. */
export const digestOf = (view: View): Buffer => createHash("sha256").update(encodeView(view)).digest();
