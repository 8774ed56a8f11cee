/** Views on the wire and their digest. */
import { createHash } from "node:crypto";
import {
  MemberState,
  type DoneOperation as WireDone,
  OperationKind as WireKind,
  type PreviousGroup as WirePrevious,
  type ReadyReplica as WireReady,
  View as WireView,
  type Wish as WireWish,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { unreachable } from "../../base/assert.js";
import { groupEpoch, type NodeId, nodeId, viewEpoch } from "../../core/model/ids.js";
import { isPartitionCount } from "../../core/placement/position.js";
import { isDraining, isHealed, isLeaving, ledgerOf } from "../../core/view/operation.js";
import type {
  Ledger,
  Member,
  OperationKind,
  Placement,
  PreviousGroup,
  ReadyReplica,
  View,
  Wish,
} from "../../core/view/view.js";
import { settingsFromWire, settingsToWire } from "./cluster-settings.js";

export const viewToWire = (view: View): WireView => ({
  epoch: BigInt(view.epoch),
  clusterId: Buffer.from(view.clusterId, "hex"),
  previousDigest: Buffer.from(view.previousDigest, "hex"),
  operationId: Buffer.from(view.operationId, "hex"),
  replicationFactor: view.replicationFactor,
  partitionCount: view.partitions.length,
  members: view.members.map((member) => ({ ...member, state: memberState(view, member.id) })),
  partitions: view.partitions.map((placement, partition) => ({
    partition,
    replicas: placement.replicas.slice(),
    groupEpoch: BigInt(placement.groupEpoch),
    previous: previousToWire(placement.previous),
    ready: (placement.ready ?? []).map(({ node, bad }) => ({ nodeId: node, badKeys: BigInt(bad) })),
    preferredNodeId: placement.preferred ?? 0,
  })),
  voters: view.voters.slice(),
  wishes: ledgerOf(view).wishes.map(wishToWire),
  operations: ledgerOf(view).done.map((one) => ({ ...wishToWire(one), doneEpoch: BigInt(one.doneIn) })),
  forgottenEpoch: BigInt(ledgerOf(view).forgotten),
  settings: settingsToWire(view.settings),
});

const previousToWire = (previous: PreviousGroup | undefined): WirePrevious | undefined =>
  previous && { groupEpoch: BigInt(previous.groupEpoch), replicas: previous.replicas.slice() };

const readyFromWire = ({ nodeId: node, badKeys }: WireReady): ReadyReplica => ({
  node: nodeId(node),
  bad: Number(badKeys),
});

export function memberState(view: View, id: NodeId): MemberState {
  if (isLeaving(view, id)) return MemberState.LEAVING;
  if (isHealed(view, id)) return MemberState.LOST;
  return isDraining(view, id) ? MemberState.DRAINING : MemberState.ACTIVE;
}

const wishToWire = ({ id, epoch, kind, node, by, replicas }: Wish): WireWish => ({
  operationId: Buffer.from(id, "hex"),
  epoch: BigInt(epoch),
  kind: kindToWire(kind),
  nodeId: node,
  byNodeId: by ?? 0,
  replicas: replicas ?? 0,
});

const wishFromWire = ({ operationId, epoch, kind, nodeId: node, byNodeId, replicas }: WireWish): Wish => ({
  id: operationId.toString("hex"),
  epoch: viewEpoch(Number(epoch)),
  kind: KINDS.get(kind) ?? "other",
  node: nodeId(node),
  ...(byNodeId === 0 ? {} : { by: nodeId(byNodeId) }),
  ...(replicas === 0 ? {} : { replicas }),
});

const KINDS: ReadonlyMap<WireKind, OperationKind> = new Map([
  [WireKind.JOIN, "join"],
  [WireKind.LEAVE, "leave"],
  [WireKind.TRANSFER_WRITER, "transfer-writer"],
  [WireKind.DRAIN, "drain"],
  [WireKind.REPLACE, "replace"],
  [WireKind.REMOVE, "remove"],
  [WireKind.REBALANCE, "rebalance"],
  [WireKind.HEAL, "heal"],
  [WireKind.SET_REPLICATION, "set-replication"],
  [WireKind.CHANGE_SETTINGS, "change-settings"],
]);

export function kindToWire(kind: OperationKind): WireKind {
  switch (kind) {
    case "join":
      return WireKind.JOIN;
    case "leave":
      return WireKind.LEAVE;
    case "transfer-writer":
      return WireKind.TRANSFER_WRITER;
    case "drain":
      return WireKind.DRAIN;
    case "replace":
      return WireKind.REPLACE;
    case "remove":
      return WireKind.REMOVE;
    case "rebalance":
      return WireKind.REBALANCE;
    case "heal":
      return WireKind.HEAL;
    case "set-replication":
      return WireKind.SET_REPLICATION;
    case "change-settings":
      return WireKind.CHANGE_SETTINGS;
    case "other":
      return WireKind.UNSPECIFIED;
    default:
      return unreachable(kind);
  }
}

function ledgerFromWire({ wishes, operations, forgottenEpoch }: WireView): Ledger | undefined {
  if (wishes.length + operations.length === 0 && forgottenEpoch === 0n) return undefined;
  return {
    wishes: wishes.map(wishFromWire),
    done: operations.map((one: WireDone) => ({ ...wishFromWire(one), doneIn: viewEpoch(Number(one.doneEpoch)) })),
    forgotten: Number(forgottenEpoch),
  };
}

export function viewFromWire(wire: WireView): View {
  if (!isPartitionCount(wire.partitions.length)) throw new Error(`a view of ${wire.partitions.length} partitions`);
  const partitions = [...wire.partitions].sort((a, b) => a.partition - b.partition);
  const wrong = partitions.findIndex((placement, partition) => placement.partition !== partition);
  if (wrong >= 0) throw new Error(`a view that does not name partition ${wrong} exactly once`);
  const ledger = ledgerFromWire(wire);
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
    partitions: partitions.map(
      (p): Placement => ({
        replicas: p.replicas.map(nodeId),
        groupEpoch: groupEpoch(Number(p.groupEpoch)),
        ...(p.previous === undefined
          ? {}
          : {
              previous: {
                groupEpoch: groupEpoch(Number(p.previous.groupEpoch)),
                replicas: p.previous.replicas.map(nodeId),
              },
            }),
        ...(p.ready.length === 0 ? {} : { ready: p.ready.map(readyFromWire) }),
        ...(p.preferredNodeId === 0 ? {} : { preferred: nodeId(p.preferredNodeId) }),
      }),
    ),
    voters: wire.voters.map(nodeId),
    ...(ledger === undefined ? {} : { ledger }),
    ...(wire.settings === undefined ? {} : { settings: settingsFromWire(wire.settings) }),
  };
}

export const encodeView = (view: View): Buffer => Buffer.from(WireView.encode(viewToWire(view)).finish());
export const decodeView = (bytes: Uint8Array): View => viewFromWire(WireView.decode(bytes));

/** A view, and whether its bytes say something that this version does not read: a field, or a kind of wish. */
export function readView(bytes: Uint8Array): { readonly view: View; readonly unread: boolean } {
  const wire = WireView.decode(bytes);
  return { view: viewFromWire(wire), unread: isUnread(wire) };
}

const isUnread = (wire: WireView): boolean =>
  [wire, wire.settings ?? {}, ...wire.members, ...wire.wishes, ...wire.operations].some(hasUnread) ||
  wire.wishes.some(({ kind }) => !KINDS.has(kind)) ||
  wire.partitions.some(
    (part) => hasUnread(part) || (part.previous && hasUnread(part.previous)) || part.ready.some(hasUnread),
  );

/** Fields that generated code does not know, and keeps. */
function hasUnread({ _unknownFields: fields }: { readonly _unknownFields?: object | undefined }): boolean {
  return fields !== undefined && Object.keys(fields).length > 0;
}

/** SHA-256 of the encoded view. */
export const digestOf = (view: View): Buffer => createHash("sha256").update(encodeView(view)).digest();
