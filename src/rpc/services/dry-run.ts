/** Dry runs: the view that an operation leads to at first, as this node would plan it. Nothing is changed. */
import {
  type JoinRequest,
  type JoinResponse,
  type Operation,
  OperationKind,
  type ReplicaMove,
  type View as WireView,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { byteText } from "../../base/byte-text.js";
import { kindToWire, viewToWire } from "../../codec/api/view.js";
import { type NodeId, nodeId } from "../../core/model/ids.js";
import { MAX_MEMBERS, wrongInMember } from "../../core/view/check.js";
import { operationFault, type ViewOperation } from "../../core/view/operation.js";
import { type Asked, plannedView } from "../../core/view/planner.js";
import { type Member, memberOf, sameAddresses, type View } from "../../core/view/view.js";
import { allMoves, type Move, mayGiveUp } from "../../core/view/wished-moves.js";
import { STATUS } from "../../grpc/status.js";
import { Failure } from "../call/failure.js";
import type { SizesByNode } from "../sizes/cluster-sizes.js";
import { partitionSizes, ROOM_FACTOR, shortOfRoom } from "../sizes/moved-sizes.js";
import { baseOf, refused } from "./operation-requests.js";
import type { ServingNode } from "./serving.js";
import { possible, settled } from "./told-operations.js";

/** The operation with its fate, or with what would come of it. */
export interface Outcome {
  readonly operation: Operation;
  readonly view: WireView | undefined;
  readonly moves: ReplicaMove[];
}

/** The view that it leads to at first, as this node would plan it, and all moves. */
export async function tried(node: ServingNode, operation: ViewOperation): Promise<Outcome> {
  const { view } = node.views;
  if (operation.epoch < view.epoch) return { operation: settled(view, operation), view: undefined, moves: [] };
  const fault = operationFault(view, operation);
  if (fault !== null) throw refused(fault, view);
  const { id, epoch, kind } = operation;
  const planned = plan(node, { operations: [operation] });
  const moves = kind === "change-settings" ? [] : allMoves(planned);
  const sizes = moves.length === 0 ? NO_SIZES : await node.sizes.all();
  refuseShort(view, moves, sizes);
  const held = partitionSizes(sizes);
  return {
    operation: possible({ id, epoch, kind: kindToWire(kind), node: operation.node }),
    view: viewToWire(planned),
    moves: moves.map(({ partition, leaves, comes }) => {
      const size = held.get(partition);
      const told = size === undefined ? {} : { keys: BigInt(size.keys), bytes: BigInt(size.bytes) };
      return { partition, fromNodeId: leaves ?? 0, toNodeId: comes ?? 0, ...told };
    }),
  };
}

const NO_SIZES: SizesByNode = new Map();

/** Refuses an operation that would bring more to a member than its disk can take. */
export async function checkRoom(node: ServingNode, operation: ViewOperation): Promise<void> {
  const { kind } = operation;
  if (kind === "leave" || kind === "transfer-writer" || kind === "change-settings") return;
  const { view } = node.views;
  const moves = allMoves(plan(node, { operations: [operation] }));
  if (moves.length > 0) refuseShort(view, moves, await node.sizes.all());
}

function refuseShort(view: View, moves: readonly Move[], sizes: SizesByNode): void {
  const short = shortOfRoom(view, moves, sizes);
  if (short === null) return;
  const { node, room, coming } = short;
  const address = memberOf(view, node)?.clientAddress ?? "";
  const fault =
    `the disk of node ${node} (${address}) has room for ${byteText(room)} (${Math.floor(room)} bytes), and ` +
    `${byteText(coming)} (${coming} bytes) would come; while they come they take ${ROOM_FACTOR} times as much`;
  throw refused(fault, view);
}

export function triedJoin(node: ServingNode, request: JoinRequest): Omit<JoinResponse, "header"> {
  const { newest, view } = node.views;
  const { id, epoch } = baseOf(view, { ...request, dryRun: true });
  if (!request.dryRun)
    throw refused(
      "a node joins by its own wish: start it with onar start --join; dry_run shows what comes of it",
      view,
    );
  const { member: wire } = request;
  if (wire === undefined) {
    const message = "member must say which node would join";
    throw new Failure({
      code: STATUS.invalidArgument,
      reason: "REQUEST_MISSING",
      message,
      metadata: { field: "member" },
    });
  }
  const { clientAddress, peerAddress, zone } = wire;
  const member = { id: nodeId(wire.id), clientAddress, peerAddress, zone };
  const fault = joinFault(view, member, (other) => hears(node, other));
  if (fault !== null) throw refused(fault, view);
  const { digest } = newest;
  const planned = plan(node, { wishing: [{ kind: "join-wish", member, operation: id, epoch: view.epoch, digest }] });
  return {
    operation: possible({ id, epoch, kind: OperationKind.JOIN, node: wire.id }),
    view: viewToWire(planned),
  };
}

function joinFault(view: View, member: Member, hears: (id: NodeId) => boolean): string | null {
  const wrong = wrongInMember({ ...member, id: nodeId(member.id === 0 ? 1 : member.id) });
  if (wrong !== null) return "member must have a peer_address and a client_address of at most 512 characters";
  const there = view.members.find(({ peerAddress }) => peerAddress === member.peerAddress);
  if (there !== undefined && there.id !== member.id) {
    // One that is lost is replaced, as long as others have what it kept.
    if (hears(there.id))
      return `${member.peerAddress} is the address of node ${there.id} of this cluster, which is heard`;
    const kept = view.partitions.filter(({ replicas }) => replicas.includes(there.id));
    if (!kept.every((placement) => mayGiveUp(placement, there.id, hears)))
      return `${member.peerAddress} is the address of node ${there.id} of this cluster, and a partition cannot spare it now`;
  }
  const same = view.members.find(({ id }) => id === member.id);
  if (same !== undefined && sameAddresses(same, member)) return `node ${member.id} is a member already`;
  if (same === undefined && there === undefined && view.members.length >= MAX_MEMBERS)
    return `there are ${MAX_MEMBERS} members, and no more`;
  return null;
}

function plan(node: ServingNode, asked: Partial<Asked>): View {
  const { newest } = node.views;
  const mayVote = (id: NodeId): boolean => hears(node, id);
  const isLost = (id: NodeId): boolean => !hears(node, id);
  return plannedView(newest, { wishing: [], operations: [], mayVote, isLost, ...asked }) ?? newest.view;
}

export const hears = ({ status }: ServingNode, id: NodeId): boolean => id === status.self || status.hears(id);
