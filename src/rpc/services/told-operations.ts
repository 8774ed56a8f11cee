/** Operations as this node tells of them, by the newest view that it knows (core/view/operation.ts). */
import {
  type GetOperationRequest,
  type Operation,
  OperationKind,
  OperationState,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { unreachable } from "../../base/assert.js";
import { kindToWire } from "../../codec/api/view.js";
import type { NodeId } from "../../core/model/ids.js";
import { fateOf, isEmptying, ledgerOf, type OperationFate, type ViewOperation } from "../../core/view/operation.js";
import { targetOf } from "../../core/view/rebalancing.js";
import type { DoneOperation, Placement, View, Wish } from "../../core/view/view.js";
import { isEmptied } from "../../core/view/wished-moves.js";
import { checkId, refused } from "./operation-requests.js";
import type { ServingNode } from "./serving.js";

/** An operation that was asked for, as the view tells of it. */
export function settled(view: View, asked: ViewOperation): Operation {
  const fate = fateOf(view, asked.id, asked.epoch);
  const other = fate.state === "pending" ? fate.wish : fate.state === "done" ? fate.record : null;
  if (other !== null && (other.kind !== asked.kind || other.node !== asked.node))
    throw refused(`operation_id belongs to another operation: ${other.kind} of node ${other.node}`, view);
  return told(view, fate, { id: asked.id, epoch: asked.epoch, kind: kindToWire(asked.kind), node: asked.node });
}

export const isAsked = (node: ServingNode, id: string): boolean =>
  node.loop.machine.core.views?.chain.isAsked(id) === true;

export function known(node: ServingNode, { operationId, epoch }: GetOperationRequest): Operation {
  checkId(operationId);
  const { view } = node.views;
  const id = operationId.toString("hex");
  const about = { id, epoch: Number(epoch), kind: OperationKind.UNSPECIFIED, node: 0 };
  const operation = told(view, fateOf(view, id, Number(epoch)), about);
  if (operation.state !== OperationState.UNKNOWN || !isAsked(node, id)) return operation;
  return { ...operation, state: OperationState.PENDING, explanation: "this node asks the voters for it" };
}

/** Nothing more will be known of it. */
export function isFinal(node: ServingNode, { operationId, epoch }: GetOperationRequest): boolean {
  const { state } = fateOf(node.views.view, operationId.toString("hex"), Number(epoch));
  if (epoch === 0n && state === "forgotten") return !isAsked(node, operationId.toString("hex"));
  return state !== "pending" && state !== "undecided";
}

/** Fields that most operations leave empty. */
const NOTHING = { doneEpoch: 0n, partitionsLeft: 0, partitionsMoving: 0, byNodeId: 0, explanation: "" };

export interface About {
  readonly id: string;
  readonly epoch: number;
  readonly kind: OperationKind;
  readonly node: number;
}

function told(view: View, fate: OperationFate, { id, epoch, kind, node }: About): Operation {
  const base = { ...NOTHING, id: Buffer.from(id, "hex"), kind, nodeId: node, epoch: BigInt(epoch) };
  switch (fate.state) {
    case "pending":
      return pendingWish(view, fate.wish);
    case "done":
      return doneOperation(fate.record);
    case "superseded": {
      const explanation = `view ${epoch + 1} does not carry it: it did not run, and never will. The newest view is ${view.epoch}`;
      return { ...base, state: OperationState.SUPERSEDED, explanation };
    }
    case "undecided": {
      const explanation = `view ${epoch + 1} is not known to this node: nothing is known of the operation yet`;
      return { ...base, state: OperationState.UNKNOWN, explanation };
    }
    case "forgotten": {
      const explanation =
        epoch === 0
          ? "the newest view does not remember it; without the epoch that it was computed on nobody can say more"
          : `operations of views up to ${ledgerOf(view).forgotten} are forgotten: it may have been one of them`;
      return { ...base, state: OperationState.UNKNOWN, explanation };
    }
    default:
      return unreachable(fate);
  }
}

export function pendingWish(view: View, wish: Wish): Operation {
  const { node, by } = wish;
  const base = { ...wishToWire(wish), state: OperationState.PENDING };
  if (wish.kind === "rebalance") return { ...base, ...rebalanceTold(view) };
  if (wish.kind !== "heal" && (!isEmptying(wish) || isEmptied(view.partitions, node)))
    return { ...base, explanation: `node ${node} is leaving` };
  const left = view.partitions.filter((placement) => !isEmptied([placement], node));
  const moving = left.filter(({ replicas }) => !replicas.includes(node));
  const count = `${left.length} partitions are left, of which ${moving.length} are moving`;
  return {
    ...base,
    explanation: wish.kind === "heal" ? healing(node, left.length, count) : `${giving(node, by)}: ${count}`,
    partitionsLeft: left.length,
    partitionsMoving: moving.length,
  };
}

const giving = (node: NodeId, by: NodeId | undefined): string =>
  `node ${node} gives its replicas to ${by === undefined ? "other nodes" : `node ${by}`}`;

const healing = (node: NodeId, left: number, count: string): string =>
  left === 0
    ? `node ${node} was not heard for long, and others have its replicas; it gets its share again once it is heard`
    : `node ${node} was not heard for long, and others get its replicas: ${count}`;

function rebalanceTold(view: View): Pick<Operation, "explanation" | "partitionsLeft" | "partitionsMoving"> {
  const target = targetOf(view);
  const moving = view.partitions.filter(({ previous }) => previous !== undefined).length;
  const isLeft = ({ replicas, previous }: Placement, partition: number): boolean =>
    previous !== undefined || replicas.some((node) => target?.[partition]?.replicas.includes(node) === false);
  const left = view.partitions.filter(isLeft).length;
  return {
    explanation: `replicas are spread evenly: ${left} partitions are left, of which ${moving} are moving`,
    partitionsLeft: left,
    partitionsMoving: moving,
  };
}

const wishToWire = ({ id, kind, node, epoch, by }: Wish): Omit<Operation, "state"> => ({
  ...NOTHING,
  id: Buffer.from(id, "hex"),
  kind: kindToWire(kind),
  nodeId: node,
  epoch: BigInt(epoch),
  byNodeId: by ?? 0,
});

export const doneOperation = (done: DoneOperation): Operation => ({
  ...wishToWire(done),
  state: OperationState.DONE,
  doneEpoch: BigInt(done.doneIn),
  explanation: `view ${done.doneIn} did it`,
});

export const possible = ({ id, epoch, kind, node }: About): Operation => ({
  ...NOTHING,
  id: Buffer.from(id, "hex"),
  kind,
  nodeId: node,
  epoch: BigInt(epoch),
  state: OperationState.POSSIBLE,
  explanation: "a dry run: nothing was changed",
});
