/** The backup service: which keys a copy holds, and revisions that go on above those of another cluster. */
import { setImmediate as turn } from "node:timers/promises";
import {
  BackupServiceDefinition,
  type ListKeysResponse,
  type RaiseRevisionsRequest,
  type RaiseRevisionsResponse,
} from "../../../gen/ts/onar/backup/v1/backup.js";
import type { Duration } from "../../base/time.js";
import { bytesOf } from "../../codec/bytes/bytes.js";
import { BACKUP_PAGE_BYTES } from "../../core/model/bounds.js";
import {
  ERA,
  type Partition,
  partition as partitionOf,
  type Revision,
  revision,
  UNKNOWN_REVISION,
} from "../../core/model/ids.js";
import type { Route } from "../../grpc/server/route.js";
import type { Inputs } from "../../node/loop.js";
import type { CopySnapshot } from "../../node/status.js";
import { timeoutUntil } from "../call/call.js";
import { backupOff, copyMoved, draining, type Failure, noCopy, starting } from "../call/failure.js";
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

/** All keys of this node's copy, as long as it serves the group that the list began in (H11). */
async function* list(
  serving: Serving,
  node: ServingNode,
  asked: number,
  signal: AbortSignal,
): AsyncGenerator<ListKeysResponse> {
  checkPartition(asked, node.views.view.partitions.length, "partition");
  const partition = partitionOf(asked);
  const list = node.status.keysOf(partition);
  let last = false;
  for (let begun = false; !last && !signal.aborted; begun = true) {
    if (begun) await turn();
    const page = list.next(PAGE_KEYS, BACKUP_PAGE_BYTES);
    if (page === null) throw begun ? copyMoved(partition) : noCopy(partition);
    const { settledRevision = UNKNOWN_REVISION } = node.status.copyOf(partition) ?? {};
    const { writer } = node.status.partition(partition);
    last = page.last;
    yield {
      header: serving.header({ partition, standing: { revision: settledRevision, groupEpoch: page.epoch, writer } }),
      keys: page.keys.map(bytesOf),
      last,
      highestRevision: last ? BigInt(Math.max(0, page.highestRevision)) : 0n,
      changes: last ? BigInt(page.changes) : 0n,
    };
  }
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

const raiseOne = (loop: Inputs, partition: Partition, above: Revision, timeout: Duration): Promise<boolean> =>
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
