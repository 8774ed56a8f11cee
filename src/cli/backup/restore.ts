/**
 * `onar restore`: a backup, from a file or from standard input, into a new, empty cluster of whatever size and number
 * of partitions.
 *
 *   1. The whole file is checked: of a corrupt one nothing is written.
 *   2. The cluster must never have held a key. A mark is put there, so that nobody takes it for whole, and no second
 *      restore begins.
 *   3. All partitions' revisions are raised above those of the old cluster. From here on nothing that a client of the
 *      old cluster knows or repeats can be taken for something of this one.
 *   4. Every key is written, if it is absent.
 *   5. The mark is removed.
 *
 * An interrupted restore continues with --continue: each step can be done again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type BackupEntry, BackupServiceDefinition } from "../../../gen/ts/onar/backup/v1/backup.js";
import { jsonText } from "../../base/printable.js";
import type { KeyValueCalls, OnarClient } from "../../client/client.js";
import { ERA } from "../../core/model/ids.js";
import { CliError, EXIT, type ExitCode, messageOf, usage } from "../ending/exit.js";
import type { CommonOptions } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { type Contents, readBackup, type Source } from "./file.js";
import { inLanes, Lanes } from "./lanes.js";
import { encodeMarker, isMarker, MARKER_KEY, readMarker } from "./marker.js";
import { type Cluster, count, Interrupted, type Operation, operationOf, size, withCluster } from "./operation.js";
import { Persistence } from "./persistence.js";
import { withInput } from "./pipe.js";

export interface RestoreOptions extends CommonOptions {
  readonly continue?: true;
  readonly check?: true;
}

/** Writes under way. */
const WRITES = 128;
/** Partitions being looked at. */
const PARTITIONS = 16;
const RAISE_PAUSE_MS = 100;
const ERA_REVISIONS = BigInt(ERA);
const LAST_ERA = 2n ** 52n;

interface Restored {
  written: number;
  /** Found as in the backup. */
  there: number;
}

/** A cluster that continuing cannot mend. */
class Foreign extends CliError {
  constructor(what: string) {
    super(
      EXIT.notDone,
      `somebody else writes to the cluster: ${what}. Begin again with a new one that no client knows`,
    );
  }
}

const notDone = (message: string, reason = ""): CliError => new CliError(EXIT.notDone, message, { status: "", reason });

export async function restore(path: string, options: RestoreOptions, io: Io): Promise<ExitCode> {
  const began = Date.now();
  if (path === "") throw usage("FILE must not be empty");
  const operation = operationOf(options, io);
  return withInput(path, io, operation.interrupt, (source) =>
    options.check === true ? check(source, path, operation) : restoreFrom(source, path, options, operation, began),
  );
}

async function restoreFrom(
  source: Source,
  path: string,
  options: RestoreOptions,
  operation: Operation,
  began: number,
): Promise<ExitCode> {
  const { io } = operation;
  const contents = await checked(source, io);
  const { header, end } = contents;
  const backupId = header.backupId.toString("hex");
  const above = eraAbove(end.highestRevision);
  await withCluster(operation, async (cluster) => {
    const { client, copies } = cluster;
    if (options.continue === true) await mustBeInterrupted(client, backupId);
    else await begin(cluster, backupId, operation);
    const progress = { written: 0, there: 0 };
    try {
      // A node takes one era at a time.
      for (let era = ERA_REVISIONS; era <= above; era += ERA_REVISIONS) await raiseAll(cluster, era, operation);
      if (options.continue !== true) await mustHoldOnly(cluster, operation);
      // The first one knows the time before: it would be taken for a client of the old cluster.
      const fresh = cluster.another();
      await writeAll(source, contents, fresh, operation, progress);
      const removed = await fresh.outcome.delete(MARKER_KEY);
      if (removed.outcome !== "done") throw notDone(removed.message, removed.reason);
    } catch (error) {
      if (error instanceof Foreign) throw error;
      const done = progress.written + progress.there;
      const left = `. ${done} of ${count(end.entries, "key")} are restored: the cluster is not whole. onar restore ${path} --continue goes on`;
      if (operation.interrupt.aborted) throw new Interrupted(left);
      throw notDone(`${messageOf(error)}${left}`, error instanceof CliError ? error.facts.reason : "");
    }
    const seconds = (Date.now() - began) / 1_000;
    const into = copies.clusterId;
    if (operation.format === "json") {
      const keys = Number(end.entries);
      io.out(
        `${jsonText({ file: path, backupId, clusterId: into, keys, alreadyThere: progress.there, revisionsAbove: above.toString(), seconds })}\n`,
      );
    } else {
      io.out(`restored ${count(end.entries, "key")} into cluster ${into} in ${seconds.toFixed(1)} s\n`);
    }
  });
  return EXIT.done;
}

/** --check: what is in the file, if it is whole. */
async function check(source: Source, path: string, { io, format }: Operation): Promise<ExitCode> {
  const { header, end } = await checked(source, io);
  const facts = {
    file: path,
    backupId: header.backupId.toString("hex"),
    clusterId: header.clusterId.toString("hex"),
    partitions: header.partitionCount,
    startedAt: new Date(Number(header.startedMs)).toISOString(),
    endedAt: new Date(Number(end.endedMs)).toISOString(),
    softwareVersion: header.softwareVersion,
    keys: Number(end.entries),
    bytes: Number(end.bytes),
    highestRevision: end.highestRevision.toString(),
  };
  if (format === "json") io.out(`${jsonText(facts)}\n`);
  else {
    io.out(
      `${source.name} is whole: ${count(end.entries, "key")} (${size(facts.bytes)}) of cluster ${facts.clusterId}, begun ${facts.startedAt}\n`,
    );
  }
  return EXIT.done;
}

async function checked(source: Source, io: Io): Promise<Contents> {
  let keys = 0;
  const counted = readBackup(source, () => {
    keys++;
  });
  return showProgress(io, () => `checking ${source.name}: ${count(keys, "key")}`, counted);
}

/** Revisions of the new cluster are above this one. */
export function eraAbove(highestRevision: bigint): bigint {
  const above = (highestRevision / ERA_REVISIONS + 1n) * ERA_REVISIONS;
  if (above > LAST_ERA)
    throw notDone(`no revisions are left above ${highestRevision}: this data was restored too often`);
  return above;
}

async function mustBeInterrupted(client: KeyValueCalls, backupId: string): Promise<void> {
  const marker = await readMarker(client);
  if (marker === null) throw notDone("there is no interrupted restore in this cluster to go on with");
  if (marker.backupId !== backupId) {
    throw notDone(
      `the interrupted restore in this cluster is of another backup, ${marker.backupId}: this file is ${backupId}`,
    );
  }
}

/** Leaves the mark in a cluster that has never held anything. */
async function begin(cluster: Cluster, backupId: string, operation: Operation): Promise<void> {
  const { client } = cluster;
  await refuseMarked(client);
  const written = await partitionsWhere(cluster, operation, ({ written }) => written);
  if (written.length > 0) {
    throw notDone(
      `the cluster has data: ${written.length} of its ${count(cluster.copies.partitions.length, "partition")} have been written to. A backup is restored into a new cluster`,
    );
  }
  const marker = encodeMarker({ backupId, since: new Date().toISOString() });
  const marked = await client.outcome.compareAndSet(MARKER_KEY, "absent", marker);
  if (marked.outcome !== "done") throw notDone(`the restore could not begin: ${marked.message}`, marked.reason);
  if (marked.swapped) return;
  await refuseMarked(client);
  throw notDone("another restore into this cluster has just ended");
}

async function refuseMarked(client: KeyValueCalls): Promise<void> {
  const marker = await readMarker(client);
  if (marker === null) return;
  throw notDone(
    `a restore of backup ${marker.backupId} into this cluster has been under way since ${marker.since}, or was interrupted: --continue goes on with that one`,
  );
}

/** Somebody else may have written between the look and the mark. Keys written after the raise have new revisions, and
 * are found key by key. */
async function mustHoldOnly(cluster: Cluster, operation: Operation): Promise<void> {
  const mark = Buffer.from(MARKER_KEY).toString("latin1");
  const foreign = await partitionsWhere(cluster, operation, ({ keys }) => keys.size > (keys.has(mark) ? 1 : 0));
  if (foreign.length === 0) return;
  const removed = await cluster.client.outcome.delete(MARKER_KEY);
  const left = removed.outcome === "done" ? "" : `, but its mark could not be removed: ${removed.message}`;
  throw new Foreign(`nothing was restored${left}`);
}

async function partitionsWhere(
  { copies }: Cluster,
  { io }: Operation,
  holds: (list: Awaited<ReturnType<typeof copies.list>>) => boolean,
): Promise<number[]> {
  const found: number[] = [];
  let looked = 0;
  const work = inLanes(copies.partitions, PARTITIONS, async (partition) => {
    if (holds(await copies.list(partition))) found.push(partition);
    looked++;
  });
  await showProgress(io, () => `looking whether the cluster is empty: ${count(looked, "partition")}`, work);
  return found;
}

/** Asks every node until each partition's writer has done it. */
async function raiseAll({ copies }: Cluster, above: bigint, { io, target, interrupt }: Operation): Promise<void> {
  const left = new Set(copies.partitions);
  const work = async (): Promise<void> => {
    let giveUp = Date.now() + target.timeoutMs;
    let trouble = "no node writes them";
    for (;;) {
      const partitions = [...left];
      await Promise.all(
        copies.view.members.map(async ({ id }) => {
          try {
            const { raiseRevisions } = BackupServiceDefinition.methods;
            const signal = AbortSignal.any([interrupt, AbortSignal.timeout(target.timeoutMs)]);
            const wish = { above, partitions };
            const channel = copies.channelTo(id);
            const { raised } = await channel.unary(BackupServiceDefinition, raiseRevisions, wish, { signal });
            for (const partition of raised) if (left.delete(partition)) giveUp = Date.now() + target.timeoutMs;
          } catch (error) {
            trouble = messageOf(error);
          }
        }),
      );
      interrupt.throwIfAborted();
      if (left.size === 0) return;
      // A partition that moves may get its writer at a node that has just joined.
      await copies.refresh();
      if (Date.now() > giveUp) {
        const which = `${left.size} of ${count(copies.partitions.length, "partition")}`;
        throw notDone(`the revisions of ${which} could not be raised: ${trouble}`);
      }
      await sleep(RAISE_PAUSE_MS);
    }
  };
  await showProgress(io, () => `raising revisions: ${count(left.size, "partition")} to go`, work());
}

/** Every key, if it is absent; one that is there with the same value has been restored before an interrupt. */
async function writeAll(
  source: Source,
  { header, end }: Contents,
  client: OnarClient,
  { io, target, interrupt }: Operation,
  progress: Restored,
): Promise<void> {
  const persistence = new Persistence(target.timeoutMs, interrupt);
  const done = (): number => progress.written + progress.there;
  const pipeline = client.pipeline();
  const writes = new Lanes(WRITES);
  const work = async (): Promise<void> => {
    const again = await readBackup(source, async (entry, { backupId }) => {
      interrupt.throwIfAborted();
      if (!backupId.equals(header.backupId)) throw notDone(`${source.name} has changed meanwhile`);
      if (writes.failed) await writes.end();
      const { key, value } = entry;
      // The piece of the file that they lie in is let go before they are written.
      const own = { ...entry, key: Buffer.from(key), value: Buffer.from(value) };
      await writes.run(() => writeOne(pipeline, persistence, own, progress));
    });
    await writes.end();
    if (!again.end.sha256.equals(end.sha256)) throw notDone(`${source.name} has changed meanwhile`);
  };
  try {
    await showProgress(io, () => `restoring: ${done()} of ${count(end.entries, "key")}`, work());
  } finally {
    await pipeline.close();
  }
}

async function writeOne(
  client: KeyValueCalls,
  persistence: Persistence,
  { key, value }: BackupEntry,
  progress: Restored,
): Promise<void> {
  if (isMarker(key)) return;
  const swap = await persistence.done("a key cannot be written", () =>
    client.outcome.compareAndSet(key, "absent", value),
  );
  if (swap.swapped) {
    progress.written++;
    return;
  }
  const found = swap.found ?? (await persistence.done("a key cannot be read", () => client.outcome.get(key))).entry;
  if (found === undefined || Buffer.compare(found.value, value) !== 0) {
    throw new Foreign("a key holds another value than in the backup");
  }
  progress.there++;
}
