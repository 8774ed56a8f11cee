/**
 * The calls that change the cluster, and those that watch it change. This node passes an operation to the voters; the
 * views say what became of it (core/view/operation.ts).
 */

import {
  type GetOperationRequest,
  type JoinRequest,
  type JoinResponse,
  type Operation,
  OperationKind,
  OperationState,
  ReconfigurationServiceDefinition,
  type TransferWriterRequest,
  WatchViewResponse,
  type View as WireView,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { unreachable } from "../../base/assert.js";
import { kindToWire, viewToWire } from "../../codec/api/view.js";
import { type NodeId, nodeId, partition, viewEpoch } from "../../core/model/ids.js";
import { MAX_MEMBERS, wrongInMember } from "../../core/view/check.js";
import {
  fateOf,
  ledgerOf,
  MAX_ASKED,
  type OperationFate,
  operationFault,
  type ViewOperation,
} from "../../core/view/operation.js";
import { type Asked, plannedView } from "../../core/view/planner.js";
import {
  type DoneOperation,
  hasReplicas,
  type Member,
  sameAddresses,
  type View,
  type Wish,
} from "../../core/view/view.js";
import type { Call as GrpcCall } from "../../grpc/server/call.js";
import type { Route } from "../../grpc/server/route.js";
import { STATUS } from "../../grpc/status.js";
import type { Call } from "../call/call.js";
import { Failure, starting } from "../call/failure.js";
import { KeptAnswer } from "../call/kept-answer.js";
import { serverStreaming, unary } from "../call/routes.js";
import { invalid } from "../call/validate.js";
import { checkPartition } from "./reconfiguration-service.js";
import type { Serving, ServingNode } from "./serving.js";

/** Streams of views and operations at a node at a time. */
export const MAX_WATCHERS = 64;
const OPERATION_ID_BYTES = 16;

export function operationRoutes(serving: Serving, callOf: (call: GrpcCall) => Call): Route[] {
  const mustServe = (): ServingNode => {
    if (serving.node === null) throw starting({ kind: "read", partition: null, hasId: false }, serving.awaited());
    return serving.node;
  };
  // Long, and the same for all who watch.
  const views = new KeptAnswer<WatchViewResponse>(WatchViewResponse.encode, null);
  const asking = new Places("operations are being decided", MAX_ASKED);
  const watching = new Places("streams watch", MAX_WATCHERS);
  const header = () => serving.header(null);

  const run = async (
    call: Call,
    request: { readonly dryRun: boolean; readonly operationId: Buffer; readonly epoch: bigint },
    make: (view: View, base: { readonly id: string; readonly epoch: ReturnType<typeof viewEpoch> }) => ViewOperation,
  ): Promise<{ readonly operation: Operation; readonly view: WireView | undefined }> => {
    const node = mustServe();
    const { view } = node.views;
    const base = baseOf(view, request);
    const operation = make(view, base);
    if (request.dryRun) return tried(node, operation);
    if (base.epoch < view.epoch) return { operation: settled(view, operation), view: undefined };
    const fault = operationFault(view, operation);
    if (fault !== null && !isAsked(node, base.id)) throw refused(fault, view);
    const fate = await asking.during(() => decided(node, operation, call.timeout));
    return { operation: fate, view: undefined };
  };

  const service = ReconfigurationServiceDefinition;
  const { methods } = service;
  const stopping = serving.whenStopping;
  return [
    serverStreaming(service, methods.watchView, stopping, (_request, { signal }) =>
      watching.while(async function* () {
        const node = mustServe();
        for await (const view of newestViews(node, signalOf(serving, signal))) {
          yield views.of(view, () => ({
            header: header(),
            view: viewToWire(view),
            digest: Buffer.from(node.views.newest.digest, "hex"),
          }));
        }
      }),
    ),
    unary(service, methods.join, (request) => ({ header: header(), ...triedJoin(mustServe(), request) })),
    unary(service, methods.leave, async (request, call) => {
      const done = await run(callOf(call), request, (_view, base) => ({
        kind: "leave",
        ...base,
        node: nodeId(request.nodeId),
      }));
      return { header: header(), ...done };
    }),
    unary(service, methods.transferWriter, async (request, call) => {
      const done = await run(callOf(call), request, (view, base) => ({
        kind: "transfer-writer",
        ...base,
        node: nodeId(request.nodeId),
        partitions: partitionsOf(view, request),
      }));
      return { header: header(), ...done };
    }),
    unary(service, methods.getOperation, (request) => ({ header: header(), operation: known(mustServe(), request) })),
    unary(service, methods.listOperations, () => {
      const { wishes, done, forgotten } = ledgerOf(mustServe().views.view);
      const operations = [...wishes.map(pendingWish), ...done.map(doneOperation)];
      return { header: header(), operations, forgottenEpoch: BigInt(forgotten) };
    }),
    serverStreaming(service, methods.watchOperation, stopping, (request, { signal }) =>
      watching.while(async function* () {
        const node = mustServe();
        checkId(request.operationId);
        let last: OperationState | null = null;
        for await (const _view of newestViews(node, signalOf(serving, signal))) {
          const operation = known(node, request);
          if (operation.state !== last) yield { header: header(), operation };
          last = operation.state;
          if (isFinal(node, request)) return;
        }
      }),
    ),
  ];
}

/** Bounds what goes on at a time. */
class Places {
  private taken = 0;

  constructor(
    private readonly what: string,
    private readonly most: number,
  ) {}

  async during<T>(act: () => Promise<T>): Promise<T> {
    this.take();
    try {
      return await act();
    } finally {
      this.taken--;
    }
  }

  async *while<T>(act: () => AsyncIterable<T>): AsyncIterable<T> {
    this.take();
    try {
      yield* act();
    } finally {
      this.taken--;
    }
  }

  private take(): void {
    if (this.taken >= this.most) {
      throw new Failure({
        code: STATUS.resourceExhausted,
        reason: "OVERLOADED",
        message: `${this.most} ${this.what} at this node already, and it takes no more`,
        metadata: { bound: String(this.most) },
        retry: true,
      });
    }
    this.taken++;
  }
}

const signalOf = (serving: Serving, signal: AbortSignal): AbortSignal =>
  AbortSignal.any([signal, serving.whenStopping]);

/** The newest view, then each newer one that the reader is in time for. */
async function* newestViews(node: ServingNode, signal: AbortSignal): AsyncGenerator<View> {
  let last: View | null = null;
  while (!signal.aborted) {
    const { view } = node.views;
    if (view === last) {
      await nextView(node, view, signal);
      continue;
    }
    last = view;
    yield view;
  }
}

/** Resolves once there is a newer view than that one, or the signal says to stop. */
function nextView(node: ServingNode, than: View, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const stop = node.views.onChange(end);
    signal.addEventListener("abort", end);
    if (signal.aborted || node.views.view !== than) end();
  });
}

function baseOf(
  view: View,
  request: { readonly dryRun: boolean; readonly operationId: Buffer; readonly epoch: bigint },
): { readonly id: string; readonly epoch: ReturnType<typeof viewEpoch> } {
  const { dryRun, operationId, epoch } = request;
  if (!dryRun || operationId.length > 0) checkId(operationId);
  if (epoch === 0n && !dryRun) {
    const text = "epoch must be that of the view that the operation was computed on: GetView tells the newest";
    throw invalid("EPOCH_MISSING", text, { field: "epoch", bound: "1", value: "0" }, "read");
  }
  if (epoch > BigInt(view.epoch)) {
    throw new Failure({
      code: STATUS.unavailable,
      reason: "EPOCH_AHEAD",
      message: `epoch is ${epoch}, and the newest view that this node knows is ${view.epoch}`,
      metadata: { field: "epoch", bound: String(view.epoch), value: String(epoch) },
      retry: true,
    });
  }
  return { id: operationId.toString("hex"), epoch: epoch === 0n ? view.epoch : viewEpoch(Number(epoch)) };
}

function checkId(id: Uint8Array): void {
  if (id.length === OPERATION_ID_BYTES) return;
  throw invalid(
    "OPERATION_ID_LENGTH",
    `operation_id must have ${OPERATION_ID_BYTES} bytes; it has ${id.length}`,
    { field: "operation_id", bound: String(OPERATION_ID_BYTES), value: String(id.length) },
    "read",
  );
}

/** null: all. */
function partitionsOf(view: View, { all, partitions }: TransferWriterRequest): ReturnType<typeof partition>[] | null {
  if (all === partitions.length > 0) {
    throw new Failure({
      code: STATUS.invalidArgument,
      reason: "REQUEST_MISSING",
      message: "partitions must name some, or all must be set, and not both",
      metadata: { field: "partitions" },
    });
  }
  for (const p of partitions) checkPartition(p, view.partitions.length, "partitions");
  return all ? null : [...new Set(partitions)].map(partition);
}

const refused = (fault: string, view: View): Failure =>
  new Failure({
    code: STATUS.failedPrecondition,
    reason: "OPERATION_REFUSED",
    message: `${fault} (view ${view.epoch}); nothing was changed`,
    metadata: { epoch: String(view.epoch) },
  });

/** Tells the voters, and waits until a view follows the one that the operation was computed on. */
async function decided(node: ServingNode, operation: ViewOperation, timeout: number): Promise<Operation> {
  const { view } = node.views;
  node.loop.deliver({ kind: "ask", operation });
  await nextView(node, view, AbortSignal.timeout(timeout));
  return settled(node.views.view, operation);
}

/** An operation that was asked for, as the view tells of it. */
function settled(view: View, asked: ViewOperation): Operation {
  const fate = fateOf(view, asked.id, asked.epoch);
  const other = fate.state === "pending" ? fate.wish : fate.state === "done" ? fate.record : null;
  if (other !== null && (other.kind !== asked.kind || other.node !== asked.node))
    throw refused(`operation_id belongs to another operation: ${other.kind} of node ${other.node}`, view);
  return told(view, fate, { id: asked.id, epoch: asked.epoch, kind: kindToWire(asked.kind), node: asked.node });
}

const isAsked = (node: ServingNode, id: string): boolean => node.loop.machine.core.views?.chain.isAsked(id) === true;

function known(node: ServingNode, { operationId, epoch }: GetOperationRequest): Operation {
  checkId(operationId);
  const { view } = node.views;
  const id = operationId.toString("hex");
  const about = { id, epoch: Number(epoch), kind: OperationKind.UNSPECIFIED, node: 0 };
  const operation = told(view, fateOf(view, id, Number(epoch)), about);
  if (operation.state !== OperationState.UNKNOWN || !isAsked(node, id)) return operation;
  return { ...operation, state: OperationState.PENDING, explanation: "this node asks the voters for it" };
}

/** Nothing more will be known of it. */
function isFinal(node: ServingNode, { operationId, epoch }: GetOperationRequest): boolean {
  const { state } = fateOf(node.views.view, operationId.toString("hex"), Number(epoch));
  if (epoch === 0n && state === "forgotten") return !isAsked(node, operationId.toString("hex"));
  return state !== "pending" && state !== "undecided";
}

interface About {
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

const pendingWish = ({ id, kind, node, epoch }: Wish): Operation => ({
  id: Buffer.from(id, "hex"),
  kind: kindToWire(kind),
  nodeId: node,
  epoch: BigInt(epoch),
  state: OperationState.PENDING,
  doneEpoch: 0n,
  explanation: `node ${node} is leaving`,
});

const doneOperation = ({ id, kind, node, epoch, doneIn }: DoneOperation): Operation => ({
  id: Buffer.from(id, "hex"),
  kind: kindToWire(kind),
  nodeId: node,
  epoch: BigInt(epoch),
  state: OperationState.DONE,
  doneEpoch: BigInt(doneIn),
  explanation: `view ${doneIn} did it`,
});

// ---- Dry runs. ----

/** The view that it leads to at first, as this node would plan it. */
function tried(node: ServingNode, operation: ViewOperation): { operation: Operation; view: WireView | undefined } {
  const { view } = node.views;
  if (operation.epoch < view.epoch) return { operation: settled(view, operation), view: undefined };
  const fault = operationFault(view, operation);
  if (fault !== null) throw refused(fault, view);
  const { id, epoch, kind } = operation;
  const planned = plan(node, { operations: [operation] });
  return {
    operation: possible({ id, epoch, kind: kindToWire(kind), node: operation.node }),
    view: viewToWire(planned),
  };
}

function triedJoin(node: ServingNode, request: JoinRequest): Omit<JoinResponse, "header"> {
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
  const { core } = node.loop.machine;
  const fault = joinFault(view, member, (other) => other === core.self || core.hears(other));
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
    // One that is lost and keeps nothing is replaced.
    const why = hasReplicas(view, there.id) ? "keeps partitions" : hears(there.id) ? "is heard" : null;
    if (why !== null) return `${member.peerAddress} is the address of node ${there.id} of this cluster, which ${why}`;
  }
  const same = view.members.find(({ id }) => id === member.id);
  if (same !== undefined && sameAddresses(same, member)) return `node ${member.id} is a member already`;
  if (same === undefined && there === undefined && view.members.length >= MAX_MEMBERS)
    return `there are ${MAX_MEMBERS} members, and no more`;
  return null;
}

function plan(node: ServingNode, asked: Partial<Asked>): View {
  const { newest } = node.views;
  const { core } = node.loop.machine;
  const hears = (id: NodeId): boolean => id === core.self || core.hears(id);
  return (
    plannedView(newest, { wishing: [], operations: [], mayVote: hears, isLost: (id) => !hears(id), ...asked }) ??
    newest.view
  );
}

const possible = ({ id, epoch, kind, node }: About): Operation => ({
  id: Buffer.from(id, "hex"),
  kind,
  nodeId: node,
  epoch: BigInt(epoch),
  state: OperationState.POSSIBLE,
  doneEpoch: 0n,
  explanation: "a dry run: nothing was changed",
});
