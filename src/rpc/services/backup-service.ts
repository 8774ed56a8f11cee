/** The backup service: which keys a copy holds, and revisions that go on above those of another cluster. */
import { setImmediate as turn } from "node:timers/promises";
import {
  BackupServiceDefinition,
  type ListKeysResponse,
  type RaiseRevisionsRequest,
  type RaiseRevisionsResponse,
} from "../../../gen/ts/onar/backup/v1/backup.js";
import type { Header } from "../../../gen/ts/onar/kv/v1/common.js";
import type { Duration } from "../../base/time.js";
import { bytesOf } from "../../codec/bytes/bytes.js";
import { BACKUP_PAGE_BYTES } from "../../core/model/bounds.js";
import {
  ERA,
  NO_CHANGE,
  type Partition,
  partition as partitionOf,
  type Revision,
  revision,
} from "../../core/model/ids.js";
import { changesPage } from "../../core/model/table.js";
import { placementOf } from "../../core/view/view.js";
import type { Route } from "../../grpc/server/route.js";
import type { Loop } from "../../node/loop.js";
import type { CopySnapshot } from "../../node/status.js";
import { timeoutUntil } from "../call/call.js";
import { backupOff, draining, type Failure, noCopy, starting } from "../call/failure.js";
import { serverStreaming, unary } from "../call/routes.js";
import { invalid } from "../call/validate.js";
import { checkPartition } from "./reconfiguration-service.js";
import type { Serving, ServingNode } from "./serving.js";

/** Keys of one message; listing so many blocks the loop for about a millisecond. */
const PAGE_KEYS = 512;
/** 2^53 − 1 is the highest revision there can be: this leaves more than any cluster will ever hand out. */
const MAX_ABOVE = 2 ** 52;
/**
 * How many eras above its own a partition is raised at a time: one call cannot use up what a restored cluster has left.
 */
const ERAS_AT_A_TIME = 1;

/** `offered`: these calls are served to whoever reaches the port. */
export const backupRoutes = (serving: Serving, offered: boolean): Route[] => {
  const mustServe = (): ServingNode => {
    const request = { kind: "read", partition: null, hasId: false } as const;
    if (!offered) throw backupOff();
    if (serving.stopping) throw draining(request);
    if (serving.node === null) throw starting(request, serving.awaited());
    return serving.node;
  };
  const { methods } = BackupServiceDefinition;
  return [
    serverStreaming(BackupServiceDefinition, methods.listKeys, serving.whenStopping, ({ partition }, { signal }) =>
      list(serving, mustServe(), partition, signal),
    ),
    unary(BackupServiceDefinition, methods.raiseRevisions, (request, { deadlineAt }) =>
      raise(serving, mustServe(), request, timeoutUntil(deadlineAt)),
    ),
  ];
};

/**
 * All keys of this node's copy, by ascending change number, until there is no later change. A key that changes
 * meanwhile only moves ahead of the list, so none that was there at the beginning is missed.
 */
async function* list(
  serving: Serving,
  node: ServingNode,
  asked: number,
  signal: AbortSignal,
): AsyncGenerator<ListKeysResponse> {
  checkPartition(asked, node.views.view.partitions.length, "partition");
  const partition = partitionOf(asked);
  const table = node.status.copyOf(partition)?.table;
  if (table === undefined) throw noCopy(partition);
  for (let after = NO_CHANGE; !signal.aborted; await turn()) {
    const { found, more } = changesPage(table, after, PAGE_KEYS, BACKUP_PAGE_BYTES);
    const last = !more;
    after = found.at(-1)?.change ?? after;
    const copy = node.status.copyOf(partition);
    if (copy === null) throw noCopy(partition);
    const { reservation, settledRevision } = copy;
    yield {
      header: headerOf(serving, node, partition, settledRevision),
      keys: found.map(({ key }) => bytesOf(key)),
      last,
      highestRevision: last ? BigInt(Math.max(reservation, settledRevision)) : 0n,
      changes: last ? BigInt(table.lastChange) : 0n,
    };
    if (last) return;
  }
}

function headerOf(serving: Serving, node: ServingNode, partition: Partition, settled: Revision): Header {
  const { groupEpoch } = placementOf(node.views.view, partition);
  const { writer } = node.status.partition(partition);
  return serving.header({ partition, standing: { revision: settled, groupEpoch, writer } });
}

/**
 * Asks this node's writers, and waits for each; those that are deposed meanwhile, or not done when the time is over,
 * are left out.
 */
async function raise(
  serving: Serving,
  node: ServingNode,
  request: RaiseRevisionsRequest,
  timeout: Duration,
): Promise<RaiseRevisionsResponse> {
  const count = node.views.view.partitions.length;
  for (const p of request.partitions) checkPartition(p, count, "partitions");
  if (request.above > BigInt(MAX_ABOVE)) throw outOfRange(request.above, MAX_ABOVE, "");
  const above = revision(Number(request.above));
  const { loop, status } = node;
  const wanted =
    request.partitions.length > 0 ? new Set(request.partitions) : Array.from({ length: count }, (_, p) => p);
  const asked = [...wanted].map(partitionOf).filter((partition) => status.isWriter(partition));
  for (const partition of asked) {
    const bound = highestRaise(status.copyOf(partition));
    if (above > bound) throw outOfRange(request.above, bound, ` for partition ${partition}: raise it era by era`);
  }
  const done = await Promise.all(asked.map((partition) => raiseOne(loop, partition, above, timeout)));
  return { header: serving.header(null), raised: asked.filter((_, i) => done[i]) };
}

const raiseOne = (loop: Loop, partition: Partition, above: Revision, timeout: Duration): Promise<boolean> =>
  new Promise((tell) => loop.raise(partition, above, timeout, tell));

/** The start of the era after the one that the partition is in, as far as this node knows. */
function highestRaise(copy: CopySnapshot | null): number {
  if (copy === null) return ERA;
  const known = Math.max(copy.reservation, copy.settledRevision, copy.raisedAbove);
  return (Math.floor(known / ERA) + ERAS_AT_A_TIME) * ERA;
}

const outOfRange = (above: bigint, bound: number, where: string): Failure =>
  invalid(
    "REVISION_OUT_OF_RANGE",
    `above must be at most ${bound}${where}; it is ${above}`,
    { field: "above", bound: String(bound), value: String(above) },
    "read",
  );
