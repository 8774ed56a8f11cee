/**
 * The messages that decide and spread views, between the core's form and that of the generated code. Views come with
 * the bytes that count; a view that cannot be is refused here, before any machine sees it.
 */
import {
  MemberState,
  OperationKind,
  type Member as WireMember,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import type {
  PeerMessage,
  JoinWish as WireJoinWish,
  OperationWish as WireOperationWish,
} from "../../../gen/ts/onar/replication/v1/replication.js";
import { unreachable } from "../../base/assert.js";
import { groupEpoch, nodeId, partition, viewEpoch } from "../../core/model/ids.js";
import { MAX_PARTITIONS } from "../../core/placement/position.js";
import { wrongIn, wrongInMember } from "../../core/view/check.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import type { JoinWish, OperationWish, ViewMessage } from "../../core/view/message.js";
import { SETTING_NAMES } from "../../core/view/settings.js";
import type { Member } from "../../core/view/view.js";
import { toBuffer } from "../../wire/bytes.js";
import { settingNamesToWire, settingsChangeFromWire, settingsToWire } from "../api/cluster-settings.js";
import { kindToWire } from "../api/view.js";
import { NO_BYTES } from "../bytes/bytes.js";
import { ballotFromWire, ballotToWire } from "../register/ballot.js";
import { encodedViewFrom } from "./encoded-view.js";

type WireMessage = NonNullable<PeerMessage["message"]>;

export function viewMessageToWire(m: ViewMessage): WireMessage {
  switch (m.kind) {
    case "view-prepare":
      return { $case: "viewPrepare", value: { ballot: ballotToWire(m.ballot), digest: hexToWire(m.digest) } };
    case "view-promised":
      return {
        $case: "viewPromised",
        value: {
          ballot: ballotToWire(m.ballot),
          acceptedBallot: m.vote === null ? undefined : ballotToWire(m.vote.ballot),
          acceptedView: m.vote === null ? NO_BYTES : toBuffer(m.vote.next.bytes),
        },
      };
    case "view-accept":
      return {
        $case: "viewAccept",
        value: { ballot: ballotToWire(m.ballot), digest: hexToWire(m.digest), view: toBuffer(m.next.bytes) },
      };
    case "view-accepted":
      return { $case: "viewAccepted", value: { ballot: ballotToWire(m.ballot) } };
    case "view-refused":
      return { $case: "viewRefused", value: { ballot: ballotToWire(m.ballot), promised: ballotToWire(m.promised) } };
    case "view-wanted":
      return { $case: "viewWanted", value: { epoch: m.epoch } };
    case "view-news":
      return { $case: "viewNews", value: { view: toBuffer(m.decided.bytes) } };
    case "view-held":
      return { $case: "viewHeld", value: { epoch: m.epoch, digest: hexToWire(m.digest) } };
    case "join-wish":
      return { $case: "joinWish", value: joinWishToWire(m) };
    case "operation-wish":
      return { $case: "operationWish", value: operationWishToWire(m) };
    case "copies-ready":
      return {
        $case: "copiesReady",
        value: {
          epoch: m.epoch,
          ready: m.ready.map(({ partition, groupEpoch, bad }) => ({ partition, groupEpoch, badKeys: bad })),
          vouched: m.vouched.slice(),
        },
      };
    default:
      return unreachable(m);
  }
}

/** null: of a kind this version does not know. Throws when a view or a member cannot be one. */
export function viewMessageFromWire(wire: WireMessage): ViewMessage | null {
  switch (wire.$case) {
    case "viewPrepare":
      return {
        kind: "view-prepare",
        ballot: ballotFromWire(wire.value.ballot),
        digest: digestFromWire(wire.value.digest),
      };
    case "viewPromised": {
      const { ballot, acceptedBallot, acceptedView } = wire.value;
      const vote =
        acceptedBallot === undefined
          ? null
          : { ballot: ballotFromWire(acceptedBallot), next: believedView(acceptedView) };
      return { kind: "view-promised", ballot: ballotFromWire(ballot), vote };
    }
    case "viewAccept": {
      const { ballot, digest, view } = wire.value;
      return {
        kind: "view-accept",
        ballot: ballotFromWire(ballot),
        digest: digestFromWire(digest),
        next: believedView(view),
      };
    }
    case "viewAccepted":
      return { kind: "view-accepted", ballot: ballotFromWire(wire.value.ballot) };
    case "viewRefused":
      return {
        kind: "view-refused",
        ballot: ballotFromWire(wire.value.ballot),
        promised: ballotFromWire(wire.value.promised),
      };
    case "viewWanted":
      return { kind: "view-wanted", epoch: viewEpoch(wire.value.epoch) };
    case "viewNews":
      return { kind: "view-news", decided: believedView(wire.value.view) };
    case "viewHeld":
      return { kind: "view-held", epoch: viewEpoch(wire.value.epoch), digest: digestFromWire(wire.value.digest) };
    case "joinWish":
      return joinWishFromWire(wire.value);
    case "leaveWish": {
      // As earlier versions say it.
      const { nodeId: node, operationId, epoch, digest } = wire.value;
      const id = operationFromWire(operationId);
      return {
        kind: "operation-wish",
        operation: { kind: "leave", id, epoch: viewEpoch(epoch), node: nodeId(node) },
        digest: digestFromWire(digest),
      };
    }
    case "operationWish":
      return operationWishFromWire(wire.value);
    case "copiesReady": {
      const { epoch, ready, vouched } = wire.value;
      const most = Math.max(ready.length, vouched.length);
      if (most > MAX_PARTITIONS) throw new Error(`${most} copies`);
      return {
        kind: "copies-ready",
        epoch: viewEpoch(epoch),
        ready: ready.map((one) => ({
          partition: partition(one.partition),
          groupEpoch: groupEpoch(one.groupEpoch),
          bad: one.badKeys,
        })),
        vouched: vouched.map((one) => ({
          partition: partition(one.partition),
          groupEpoch: groupEpoch(one.groupEpoch),
        })),
      };
    }
    default:
      return null;
  }
}

function operationWishToWire({ operation, digest }: OperationWish): WireOperationWish {
  const { kind, id, epoch, node } = operation;
  const partitions = kind === "transfer-writer" ? operation.partitions : [];
  return {
    operationId: hexToWire(id),
    epoch,
    digest: hexToWire(digest),
    kind: kindToWire(kind),
    nodeId: node,
    all: partitions === null,
    partitions: partitions === null ? [] : partitions.slice(),
    byNodeId: kind === "replace" ? operation.by : 0,
    replicas: kind === "set-replication" ? operation.replicas : 0,
    settings: kind === "change-settings" ? settingsToWire(operation.settings) : undefined,
    unset: kind === "change-settings" ? settingNamesToWire(operation.unset) : [],
  };
}

/** null: of a kind that this version does not know. */
function operationWishFromWire(wire: WireOperationWish): OperationWish | null {
  const base = { id: operationFromWire(wire.operationId), epoch: viewEpoch(wire.epoch), node: nodeId(wire.nodeId) };
  const digest = digestFromWire(wire.digest);
  switch (wire.kind) {
    case OperationKind.LEAVE:
      return { kind: "operation-wish", operation: { kind: "leave", ...base }, digest };
    case OperationKind.DRAIN:
      return { kind: "operation-wish", operation: { kind: "drain", ...base }, digest };
    case OperationKind.REMOVE:
      return { kind: "operation-wish", operation: { kind: "remove", ...base }, digest };
    case OperationKind.REBALANCE:
      return { kind: "operation-wish", operation: { kind: "rebalance", ...base }, digest };
    case OperationKind.SET_REPLICATION:
      return {
        kind: "operation-wish",
        operation: { kind: "set-replication", ...base, replicas: wire.replicas },
        digest,
      };
    case OperationKind.CHANGE_SETTINGS: {
      if (wire.unset.length > SETTING_NAMES.length) throw new Error(`${wire.unset.length} settings`);
      const change = settingsChangeFromWire(wire.settings, wire.unset);
      if (change === null) return null;
      return { kind: "operation-wish", operation: { kind: "change-settings", ...base, ...change }, digest };
    }
    case OperationKind.REPLACE:
      return { kind: "operation-wish", operation: { kind: "replace", ...base, by: nodeId(wire.byNodeId) }, digest };
    case OperationKind.TRANSFER_WRITER: {
      if (wire.partitions.length > MAX_PARTITIONS) throw new Error(`${wire.partitions.length} partitions`);
      const partitions = wire.all ? null : wire.partitions.map(partition);
      return { kind: "operation-wish", operation: { kind: "transfer-writer", ...base, partitions }, digest };
    }
    default:
      return null;
  }
}

export const joinWishToWire = (m: JoinWish): WireJoinWish => ({
  member: { ...m.member, state: MemberState.ACTIVE },
  operationId: hexToWire(m.operation),
  epoch: m.epoch,
  digest: hexToWire(m.digest),
  share: m.share === true,
});

/** Throws when it cannot be one. */
export function joinWishFromWire({ member, operationId, epoch, digest, share }: WireJoinWish): JoinWish {
  if (member === undefined) throw new Error("a wish of nobody");
  return {
    kind: "join-wish",
    member: memberFromWire(member),
    operation: operationFromWire(operationId),
    ...(share ? { share } : {}),
    epoch: viewEpoch(epoch),
    digest: digestFromWire(digest),
  };
}

function memberFromWire({ id, clientAddress, peerAddress, zone }: WireMember): Member {
  const member = { id: nodeId(id), clientAddress, peerAddress, zone };
  const wrong = wrongInMember(member);
  if (wrong !== null) throw new Error(`a member that cannot be: ${wrong}`);
  return member;
}

/** Throws when the bytes are no view that could be one. */
export function believedView(bytes: Uint8Array): EncodedView {
  const encoded = encodedViewFrom(bytes);
  const wrong = wrongIn(encoded.view);
  if (wrong !== null) throw new Error(`a view that cannot be: ${wrong}`);
  return encoded;
}

const hexToWire = (hex: string): Buffer => Buffer.from(hex, "hex");

const DIGEST_BYTES = 32;
const OPERATION_BYTES = 16;

const digestFromWire = (bytes: Uint8Array): string => hexOf(bytes, DIGEST_BYTES, "digest");
const operationFromWire = (bytes: Uint8Array): string => hexOf(bytes, OPERATION_BYTES, "operation id");

function hexOf(bytes: Uint8Array, length: number, what: string): string {
  if (bytes.length !== length) throw new Error(`a ${what} of ${bytes.length} bytes`);
  return toBuffer(bytes).toString("hex");
}
