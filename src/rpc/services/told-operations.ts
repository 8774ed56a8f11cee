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
import { partitionsLeft } from "../../core/view/left.js";
import { endOf, fateOf, ledgerOf, type OperationFate, type ViewOperation } from "../../core/view/operation.js";
import type { DoneOperation, View, Wish } from "../../core/view/view.js";
import { checkId, refused } from "./operation-requests.js";
import type { ServingNode } from "./serving.js";

/** An operation that was asked for, as the view tells of it. */
export function settled(view: View, asked: ViewOperation): Operation {
  const fate = fateOf(view, asked.id, asked.epoch);
  const isEnded = fate.state === "done" || fate.state === "overtaken";
  const other = fate.state === "pending" ? fate.wish : isEnded ? fate.record : null;
  if (other !== null && !isSame(other, asked))
    throw refused(`operation_id belongs to another operation: ${other.kind} of node ${other.node}`, view);
  return told(view, fate, { id: asked.id, epoch: asked.epoch, kind: kindToWire(asked.kind), node: asked.node });
}

/** An operation about the whole cluster may be asked for again at another node. */
function isSame(other: Wish, asked: ViewOperation): boolean {
  if (other.kind !== asked.kind) return false;
  if (asked.kind === "change-settings") return true;
  return asked.kind === "set-replication" ? other.replicas === asked.replicas : other.node === asked.node;
}

export const isAsked = (node: ServingNode, id: string): boolean => node.status.isAsked(id);

export function known(node: ServingNode, { operationId, epoch }: GetOperationRequest): Operation {
  checkId(operationId);
  const { view } = node.views;
  const id = operationId.toString("hex");
  const about = { id, epoch: Number(epoch), kind: OperationKind.UNSPECIFIED, node: 0 };
  const operation = told(view, fateOf(view, id, Number(epoch)), about);
  if (operation.state !== OperationState.UNKNOWN || !isAsked(node, id)) return operation;
  return { ...operation, state: OperationState.PENDING, explanation: "this node asks the voters for it" };
}

/** With the progress of those that move replicas, for which all members are asked. */
export async function withProgress(node: ServingNode, tell: () => readonly Operation[]): Promise<Operation[]> {
  const before = tell();
  if (!before.some(({ partitionsLeft: left }) => left > 0)) return [...before];
  const sizes = await node.sizes.all();
  // Other views may have come meanwhile.
  const { view } = node.views;
  return tell().map((operation) => {
    const wish = ledgerOf(view).wishes.find(({ id }) => id === operation.id.toString("hex"));
    if (wish === undefined || operation.partitionsLeft === 0) return operation;
    return { ...operation, progress: node.progress.of(view, wish, sizes) };
  });
}

/** Nothing more will be known of it. */
export function isFinal(node: ServingNode, { operationId, epoch }: GetOperationRequest): boolean {
  const { state } = fateOf(node.views.view, operationId.toString("hex"), Number(epoch));
  if (epoch === 0n && state === "forgotten") return !isAsked(node, operationId.toString("hex"));
  return state !== "pending" && state !== "undecided";
}

/** Fields that most operations leave empty. */
const NOTHING = {
  doneEpoch: 0n,
  partitionsLeft: 0,
  partitionsMoving: 0,
  byNodeId: 0,
  replicas: 0,
  explanation: "",
  progress: undefined,
};

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
    case "overtaken":
      return ended(fate);
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
  const { node, by, kind } = wish;
  const base = { ...wishToWire(wish), state: OperationState.PENDING };
  const { left, moving } = partitionsLeft(view, wish);
  if (kind !== "rebalance" && kind !== "heal" && kind !== "set-replication" && left.length === 0)
    return { ...base, explanation: `node ${node} is leaving` };
  const count = `${left.length} partitions are left, of which ${moving.length} are moving`;
  const told =
    kind === "rebalance"
      ? `replicas are spread evenly: ${count}`
      : kind === "set-replication"
        ? `each partition gets ${view.replicationFactor} replicas: ${count}`
        : kind === "heal"
          ? healing(node, left.length, count)
          : `${giving(node, by)}: ${count}`;
  return { ...base, explanation: told, partitionsLeft: left.length, partitionsMoving: moving.length };
}

const giving = (node: NodeId, by: NodeId | undefined): string =>
  `node ${node} gives its replicas to ${by === undefined ? "other nodes" : `node ${by}`}`;

const healing = (node: NodeId, left: number, count: string): string =>
  left === 0
    ? `node ${node} was not heard for long, and others have its replicas; it gets its share again once it is heard`
    : `node ${node} was not heard for long, and others get its replicas: ${count}`;

const wishToWire = ({ id, kind, node, epoch, by, replicas }: Wish): Omit<Operation, "state"> => ({
  ...NOTHING,
  id: Buffer.from(id, "hex"),
  kind: kindToWire(kind),
  nodeId: node,
  epoch: BigInt(epoch),
  byNodeId: by ?? 0,
  replicas: replicas ?? 0,
});

export const doneOperation = (view: View, done: DoneOperation): Operation => ended(endOf(view, done));

function ended(fate: ReturnType<typeof endOf>): Operation {
  const { record } = fate;
  const wire = wishToWire(record);
  if (fate.state === "done")
    return {
      ...wire,
      state: OperationState.DONE,
      doneEpoch: BigInt(record.doneIn),
      explanation: `view ${record.doneIn} did it`,
    };
  const explanation = `view ${record.doneIn} put operation ${fate.by.id} in its place, before all partitions had their replicas`;
  return { ...wire, state: OperationState.OVERTAKEN, explanation };
}

export const possible = ({ id, epoch, kind, node }: About): Operation => ({
  ...NOTHING,
  id: Buffer.from(id, "hex"),
  kind,
  nodeId: node,
  epoch: BigInt(epoch),
  state: OperationState.POSSIBLE,
  explanation: "a dry run: nothing was changed",
});
