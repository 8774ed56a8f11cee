/** The reconfiguration service: who is who and where what lies. */

import {
  GetViewResponse,
  type LocateRequest,
  type LocateResponse,
  type NodeStatus,
  type PartitionStatus,
  ReconfigurationServiceDefinition,
  type StatusRequest,
  StatusResponse,
  StorageKind,
  type Member as WireMember,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { positionOf } from "../../codec/api/position.js";
import { memberState, viewToWire } from "../../codec/api/view.js";
import type { Limits } from "../../config/config.js";
import {
  NO_NODE,
  type NodeId,
  type Partition,
  partition as partitionOf,
  UNKNOWN_REVISION,
} from "../../core/model/ids.js";
import { partitionOfPosition } from "../../core/placement/position.js";
import { memberOf, placementOf, preferredOf, type View } from "../../core/view/view.js";
import type { Call } from "../../grpc/server/call.js";
import type { Route } from "../../grpc/server/route.js";
import { STATUS } from "../../grpc/status.js";
import type { CopySize } from "../../node/copy-sizes.js";
import { Failure, starting } from "../call/failure.js";
import { KeptAnswer } from "../call/kept-answer.js";
import { unary } from "../call/routes.js";
import { checkKey, checkKeySpace, invalid } from "../call/validate.js";
import type { Awaited } from "../naming/node-names.js";
import type { Serving, ServingNode } from "./serving.js";

/**
 * A header of answers to Status: this node's wall clock, in milliseconds since 1970. For operators only: the protocol
 * asks no wall clock.
 */
const CLOCK_HEADER = "onar-clock-ms";

export interface OwnStatus {
  readonly storage: StorageKind;
  readonly softwareVersion: string;
  readonly uptimeMs: () => number;
  /** Durable records of its log. */
  readonly logPosition: () => number;
  readonly diskFull: () => boolean;
  /** null: it has none, or nobody knows. */
  readonly freeSpace: () => { readonly free: number; readonly room: number } | null;
  /** For how long this process has had no file descriptor left; 0: it has some. */
  readonly descriptorsShortMs: () => number;
  /** The log position of a peer, as it told last. */
  readonly logPositionOf: (peer: NodeId) => number;
}

export const reconfigurationRoutes = (serving: Serving, limits: Limits, own: OwnStatus): Route[] => {
  const mustServe = (): ServingNode => {
    if (serving.node === null) throw starting({ kind: "read", partition: null, hasId: false }, serving.awaited());
    return serving.node;
  };
  // Both are long, and asked for by questions of a few bytes.
  const views = new KeptAnswer<GetViewResponse>(GetViewResponse.encode, null);
  const statuses = new KeptAnswer<StatusResponse>(StatusResponse.encode);
  const getView = (): GetViewResponse => {
    const node = mustServe();
    return views.of(node.views.view, () => ({
      header: serving.header(null),
      view: viewToWire(node.views.view),
      digest: Buffer.from(node.views.newest.digest, "hex"),
    }));
  };
  const status = ({ partitions }: StatusRequest, { responseHeaders }: Call): StatusResponse => {
    responseHeaders.set(CLOCK_HEADER, String(Date.now()));
    const { node } = serving;
    if (node === null) return waitingStatus(serving, own);
    const count = node.views.view.partitions.length;
    for (const p of partitions) checkPartition(p, count, "partitions");
    if (partitions.length > 0) return statusOf(serving, node, own, partitions);
    return statuses.of(node, () => statusOf(serving, node, own, Array(count).keys()));
  };
  const { methods } = ReconfigurationServiceDefinition;
  return [
    unary(ReconfigurationServiceDefinition, methods.getView, getView),
    unary(ReconfigurationServiceDefinition, methods.locate, (request) => locate(serving, mustServe(), limits, request)),
    unary(ReconfigurationServiceDefinition, methods.status, status),
  ];
};

/** While there is no view. */
function waitingStatus(serving: Serving, own: OwnStatus): StatusResponse {
  return {
    header: serving.header(null),
    partitions: [],
    nodes: serving.awaited().map((founder) => awaitedStatus(serving.self, founder, own)),
    openRequests: 0,
    heldRequests: 0,
    peerFrames: 0n,
    peerMessages: 0n,
    peerMessagesDropped: 0n,
    badRegisters: 0n,
    mendedRegisters: 0n,
    purgedTombstones: 0n,
    diskFull: own.diskFull(),
    diskStandingMs: 0n,
    descriptorsShortMs: BigInt(Math.ceil(own.descriptorsShortMs())),
    ...spaceTold(own),
  };
}

function spaceTold(own: OwnStatus): Pick<StatusResponse, "diskFreeBytes" | "diskRoomBytes"> {
  const space = own.freeSpace();
  return space === null ? {} : { diskFreeBytes: BigInt(space.free), diskRoomBytes: BigInt(Math.floor(space.room)) };
}

/** The status of these partitions, each once. */
function statusOf(serving: Serving, node: ServingNode, own: OwnStatus, partitions: Iterable<number>): StatusResponse {
  const { requests, upkeep, sizes } = node.status;
  return {
    header: serving.header(null),
    partitions: [...new Set(partitions)].sort((a, b) => a - b).map((p) => partitionStatus(node, partitionOf(p), sizes)),
    nodes: node.views.view.members.map((member) => nodeStatus(serving.self, node, member.id, own)),
    openRequests: requests.pending,
    heldRequests: requests.held,
    peerFrames: BigInt(node.counters.framesSent),
    peerMessages: BigInt(node.counters.messagesSent),
    peerMessagesDropped: BigInt(node.counters.messagesDropped),
    badRegisters: BigInt(upkeep.bad),
    mendedRegisters: BigInt(upkeep.mended),
    purgedTombstones: BigInt(upkeep.purged),
    diskFull: own.diskFull(),
    diskStandingMs: BigInt(Math.floor(node.status.diskStandingMs)),
    descriptorsShortMs: BigInt(Math.ceil(own.descriptorsShortMs())),
    ...spaceTold(own),
  };
}

function locate(serving: Serving, node: ServingNode, limits: Limits, request: LocateRequest): LocateResponse {
  checkKeySpace(request.keySpace, "read");
  const { target } = request;
  const { view } = node.views;
  const count = view.partitions.length;
  let position = Buffer.alloc(0);
  let partition: Partition;
  if (target?.$case === "key") {
    checkKey(target.value, limits, "read");
    const text = positionOf(target.value);
    position = Buffer.from(text, "latin1");
    partition = partitionOfPosition(text, count);
  } else if (target?.$case === "partition") {
    checkPartition(target.value, count, "partition");
    partition = partitionOf(target.value);
  } else {
    throw new Failure({
      code: STATUS.invalidArgument,
      reason: "REQUEST_MISSING",
      message: "target must be a key or a partition",
      metadata: { field: "target" },
    });
  }
  const placement = placementOf(view, partition);
  const { replicas, groupEpoch } = placement;
  const preferred = preferredOf(placement);
  const { writer, settledRevision } = node.status.partition(partition);
  const revision = settledRevision ?? UNKNOWN_REVISION;
  return {
    header: serving.header({ partition, standing: { revision, groupEpoch, writer } }),
    partition,
    // The preferred writer first.
    replicas: [...replicas]
      .sort((a, b) => Number(b === preferred) - Number(a === preferred))
      .map((id) => wireMember(view, id)),
    writerNodeId: writer,
    groupEpoch: BigInt(groupEpoch),
    position,
  };
}

export function checkPartition(p: number, count: number, field: string): void {
  if (p < count) return;
  throw invalid(
    "PARTITION_OUT_OF_RANGE",
    `${field}: there are ${count} partitions, numbered from 0; ${p} is none of them`,
    { field, bound: String(count), value: String(p) },
    "read",
  );
}

function wireMember(view: View, id: NodeId): WireMember {
  const member = memberOf(view, id);
  return {
    id,
    clientAddress: member?.clientAddress ?? "",
    peerAddress: member?.peerAddress ?? "",
    zone: member?.zone ?? "",
    state: memberState(view, id),
  };
}

function partitionStatus(
  { views, status }: ServingNode,
  partition: Partition,
  sizes: ReadonlyMap<Partition, CopySize>,
): PartitionStatus {
  const size = sizes.get(partition);
  const { writer, round, ballotNode, settledRevision, heldRequests, behind } = status.partition(partition);
  const { groupEpoch, previous } = placementOf(views.view, partition);
  return {
    partition,
    groupEpoch: BigInt(groupEpoch),
    moving: previous !== undefined,
    writerNodeId: writer,
    ballotRound: BigInt(round),
    ballotNodeId: ballotNode,
    settledRevision: BigInt(Math.max(0, settledRevision ?? 0)),
    replicas: status.replicasOf(partition).map(({ node, ready, heard, lag }) => ({
      nodeId: node,
      ready,
      heard,
      ...(lag === null ? {} : { lag: BigInt(lag) }),
    })),
    heldRequests,
    ...(behind === null ? {} : { behind: BigInt(behind) }),
    ...(size === undefined ? {} : { keys: BigInt(size.keys), bytes: BigInt(size.bytes) }),
  };
}

function awaitedStatus(self: NodeId, { peerAddress, member, why }: Awaited, own: OwnStatus): NodeStatus {
  const base = {
    trouble: why,
    id: member?.id ?? NO_NODE,
    clientAddress: member?.clientAddress ?? "",
    peerAddress,
    zone: member?.zone ?? "",
    heard: member !== null,
  };
  if (member?.id !== self) return { ...base, storage: StorageKind.UNSPECIFIED, softwareVersion: "" };
  return {
    ...base,
    storage: own.storage,
    uptimeMs: BigInt(Math.round(own.uptimeMs())),
    softwareVersion: own.softwareVersion,
  };
}

function nodeStatus(self: NodeId, node: ServingNode, id: NodeId, own: OwnStatus): NodeStatus {
  const member = wireMember(node.views.view, id);
  const base = {
    id,
    clientAddress: member.clientAddress,
    peerAddress: member.peerAddress,
    zone: member.zone,
    trouble: id === self ? "" : node.links.troubleOf(id),
  };
  if (id === self) {
    return {
      ...base,
      heard: true,
      storage: own.storage,
      uptimeMs: BigInt(Math.round(own.uptimeMs())),
      softwareVersion: own.softwareVersion,
      logPosition: BigInt(own.logPosition()),
    };
  }
  const heard = node.status.hears(id);
  const introduction = node.introductions.get(id);
  if (introduction === undefined) return { ...base, heard, storage: StorageKind.UNSPECIFIED, softwareVersion: "" };
  const { handshake, at } = introduction;
  return {
    ...base,
    heard,
    storage: handshake.storage,
    uptimeMs: BigInt(Math.round(handshake.uptimeMs + performance.now() - at)),
    softwareVersion: handshake.softwareVersion,
    logPosition: BigInt(own.logPositionOf(id)),
  };
}
