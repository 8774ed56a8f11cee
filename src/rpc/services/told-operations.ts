/** Operations as this node tells of them, by the newest view that it knows (core/view/operation.ts). */
import {
  type GetOperationRequest,
  type Operation,
  OperationKind,
  OperationState,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { unreachable } from "../../base/assert.js";
import { kindToWire } from "../../codec/api/view.js";
import { fateOf, ledgerOf, type OperationFate, type ViewOperation } from "../../core/view/operation.js";
import type { DoneOperation, View, Wish } from "../../core/view/view.js";
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

export interface About {
  readonly id: string;
  readonly epoch: number;
  readonly kind: OperationKind;
  readonly node: number;
}

function told(view: View, fate: OperationFate, { id, epoch, kind, node }: About): Operation {
  const base = { id: Buffer.from(id, "hex"), kind, nodeId: node, epoch: BigInt(epoch), doneEpoch: 0n };
  switch (fate.state) {
    case "pending":
      return pendingWish(fate.wish);
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

export const pendingWish = ({ id, kind, node, epoch }: Wish): Operation => ({
  id: Buffer.from(id, "hex"),
  kind: kindToWire(kind),
  nodeId: node,
  epoch: BigInt(epoch),
  state: OperationState.PENDING,
  doneEpoch: 0n,
  explanation: `node ${node} is leaving`,
});

export const doneOperation = ({ id, kind, node, epoch, doneIn }: DoneOperation): Operation => ({
  id: Buffer.from(id, "hex"),
  kind: kindToWire(kind),
  nodeId: node,
  epoch: BigInt(epoch),
  state: OperationState.DONE,
  doneEpoch: BigInt(doneIn),
  explanation: `view ${doneIn} did it`,
});

export const possible = ({ id, epoch, kind, node }: About): Operation => ({
  id: Buffer.from(id, "hex"),
  kind,
  nodeId: node,
  epoch: BigInt(epoch),
  state: OperationState.POSSIBLE,
  doneEpoch: 0n,
  explanation: "a dry run: nothing was changed",
});
