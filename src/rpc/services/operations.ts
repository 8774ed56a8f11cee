/**
 * The calls that change the cluster, and those that watch it change. This node passes an operation to the voters; the
 * views say what became of it (core/view/operation.ts).
 */

import {
  type Operation,
  ReconfigurationServiceDefinition,
  WatchViewResponse,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { viewToWire } from "../../codec/api/view.js";
import { nodeId, type viewEpoch } from "../../core/model/ids.js";
import { ledgerOf, MAX_ASKED, operationFault, type ViewOperation } from "../../core/view/operation.js";
import type { View } from "../../core/view/view.js";
import type { Call as GrpcCall } from "../../grpc/server/call.js";
import type { Route } from "../../grpc/server/route.js";
import type { Call } from "../call/call.js";
import { starting } from "../call/failure.js";
import { KeptAnswer } from "../call/kept-answer.js";
import { serverStreaming, unary } from "../call/routes.js";
import { checkRoom, hears, type Outcome, tried, triedJoin } from "./dry-run.js";
import { baseOf, checkId, partitionsOf, refused, replicasOf, settingsOf } from "./operation-requests.js";
import { Places } from "./places.js";
import type { Serving, ServingNode } from "./serving.js";
import { doneOperation, isAsked, isFinal, known, pendingWish, settled, withProgress } from "./told-operations.js";

/** Streams of views and operations at a node at a time. */
export const MAX_WATCHERS = 64;
/** A stream on an operation that moves replicas tells anew how far it is after this time. */
const PROGRESS_MS = 2_000;

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

  /** Refuses it, shows what would come of it, or waits until a view decides on it. */
  const outcomeOf = async (
    call: GrpcCall,
    request: { readonly dryRun: boolean; readonly operationId: Buffer; readonly epoch: bigint },
    make: (view: View, base: { readonly id: string; readonly epoch: ReturnType<typeof viewEpoch> }) => ViewOperation,
  ): Promise<Outcome> => {
    const node = mustServe();
    const { view } = node.views;
    const base = baseOf(view, request);
    const operation = make(view, base);
    if (request.dryRun) return tried(node, operation);
    if (base.epoch < view.epoch) return { operation: settled(view, operation), view: undefined, moves: [] };
    const fault = operationFault(view, operation);
    if (!isAsked(node, base.id)) {
      if (fault !== null) throw refused(fault, view);
      await checkRoom(node, operation);
    }
    const fate = await asking.during(() => decided(node, operation, callOf(call).timeout));
    return { operation: fate, view: undefined, moves: [] };
  };
  const run = async (...asked: Parameters<typeof outcomeOf>) => {
    const outcome = await outcomeOf(...asked);
    return { header: header(), ...outcome };
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
    unary(service, methods.leave, (request, call) =>
      run(call, request, (_view, base) => ({
        kind: "leave",
        ...base,
        node: nodeId(request.nodeId),
      })),
    ),
    unary(service, methods.transferWriter, (request, call) =>
      run(call, request, (view, base) => ({
        kind: "transfer-writer",
        ...base,
        node: nodeId(request.nodeId),
        partitions: partitionsOf(view, request),
      })),
    ),
    unary(service, methods.drain, (request, call) =>
      run(call, request, (_view, base) => ({
        kind: "drain",
        ...base,
        node: nodeId(request.nodeId),
      })),
    ),
    unary(service, methods.replace, (request, call) =>
      run(call, request, (_view, base) => ({
        kind: "replace",
        ...base,
        node: nodeId(request.nodeId),
        by: nodeId(request.byNodeId),
      })),
    ),
    unary(service, methods.remove, (request, call) =>
      run(call, request, (view, base) => {
        const node = nodeId(request.nodeId);
        if (!request.force && hears(mustServe(), node))
          throw refused(`node ${node} is heard: drain it, or use force`, view);
        return { kind: "remove", ...base, node };
      }),
    ),
    unary(service, methods.rebalance, (request, call) =>
      run(call, request, (_view, base) => ({ kind: "rebalance", ...base, node: mustServe().status.self })),
    ),
    unary(service, methods.setReplication, (request, call) =>
      run(call, request, (_view, base) => ({
        kind: "set-replication",
        ...base,
        node: mustServe().status.self,
        replicas: replicasOf(request),
      })),
    ),
    unary(service, methods.changeSettings, (request, call) =>
      run(call, request, (_view, base) => ({
        kind: "change-settings",
        ...base,
        node: mustServe().status.self,
        ...settingsOf(request),
      })),
    ),
    unary(service, methods.getOperation, async (request) => {
      const node = mustServe();
      const [operation] = await withProgress(node, () => [known(node, request)]);
      return { header: header(), operation };
    }),
    unary(service, methods.listOperations, async () => {
      const node = mustServe();
      const operations = await withProgress(node, () => {
        const { view } = node.views;
        const { wishes, done } = ledgerOf(view);
        return [...wishes.map((wish) => pendingWish(view, wish)), ...done.map((one) => doneOperation(view, one))];
      });
      return { header: header(), operations, forgottenEpoch: BigInt(ledgerOf(node.views.view).forgotten) };
    }),
    serverStreaming(service, methods.watchOperation, stopping, (request, { signal }) =>
      watching.while(async function* () {
        const node = mustServe();
        checkId(request.operationId);
        const ends = signalOf(serving, signal);
        let last: Operation | null = null;
        while (!ends.aborted) {
          const { view } = node.views;
          const [operation] = await withProgress(node, () => [known(node, request)]);
          if (operation !== undefined && (last === null || isNews(operation, last))) {
            yield { header: header(), operation };
            last = operation;
          }
          if (isFinal(node, request)) return;
          await nextView(node, view, ends, (last?.partitionsLeft ?? 0) > 0 ? PROGRESS_MS : null);
        }
      }),
    ),
  ];
}

const isNews = (now: Operation, last: Operation): boolean =>
  now.state !== last.state ||
  now.progress?.bytesMoved !== last.progress?.bytesMoved ||
  now.partitionsLeft !== last.partitionsLeft ||
  now.partitionsMoving !== last.partitionsMoving;

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

/** Resolves once there is a newer view than that one, after so long (null: never), or when the signal says to stop. */
function nextView(node: ServingNode, than: View, signal: AbortSignal, ms: number | null = null): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms === null ? null : setTimeout(() => end(), ms);
    const end = (): void => {
      if (timer !== null) clearTimeout(timer);
      stop();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const stop = node.views.onChange(end);
    signal.addEventListener("abort", end);
    if (signal.aborted || node.views.view !== than) end();
  });
}

/** Tells the voters, and waits until a view follows the one that the operation was computed on. */
async function decided(node: ServingNode, operation: ViewOperation, timeout: number): Promise<Operation> {
  const { view } = node.views;
  node.loop.deliver({ kind: "ask", operation });
  await nextView(node, view, AbortSignal.timeout(timeout));
  return settled(node.views.view, operation);
}
