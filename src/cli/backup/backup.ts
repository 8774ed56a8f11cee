/**
 * `onar backup`: every key of a running cluster into one file, or to standard output. A majority of the copies of each
 * partition lists the keys, then ordinary linearizable reads read them. So the file has at least what was acknowledged
 * before the backup began.
 */
import { randomBytes } from "node:crypto";
import { jsonText } from "../../base/printable.js";
import type { KeyValueCalls } from "../../client/client.js";
import { BACKUP_FORMAT, BackupEncoder } from "../../codec/api/backup-file.js";
import { version } from "../../version.js";
import { CliError, EXIT, type ExitCode, usage } from "../ending/exit.js";
import type { CommonOptions } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import type { Copies } from "./copies.js";
import type { Destination } from "./file.js";
import { inLanes, Lanes } from "./lanes.js";
import { isMarker, readMarker } from "./marker.js";
import { type Cluster, count, type Operation, operationOf, size, withCluster } from "./operation.js";
import { Persistence } from "./persistence.js";
import { destinationOf, PIPE } from "./pipe.js";

/** Reads under way. */
const READS = 128;
/** Partitions that are being listed, or listed and not read yet. */
const PARTITIONS = 8;

class Progress {
  partitions = 0;
  highestRevision = 0n;
  constructor(readonly all: number) {}
}

export async function backup(path: string, options: CommonOptions, io: Io): Promise<ExitCode> {
  if (path === "") throw usage("FILE must be the name of a file that does not exist yet, or - for standard output");
  const operation = operationOf(options, io);
  const began = Date.now();
  await withCluster(operation, async (cluster) => {
    await refuseHalfRestored(cluster);
    const file = await destinationOf(path, io);
    const encoder = new BackupEncoder();
    const progress = new Progress(cluster.copies.partitions.length);
    const id = randomBytes(16);
    try {
      const what = (): string =>
        `backing up: ${count(encoder.entries, "key")}, ${size(file.bytes)}, ${progress.partitions} of ${count(progress.all, "partition")}`;
      await file.write(encoder.header(headerOf(cluster.copies, id, began)));
      await showProgress(io, what, copyAll(cluster, encoder, file, progress, operation));
      await file.write(encoder.end(progress.highestRevision, BigInt(Date.now())));
      operation.interrupt.throwIfAborted();
      await file.finish();
    } catch (error) {
      await file.discard();
      throw error;
    }
    const { clusterId } = cluster.copies;
    const seconds = (Date.now() - began) / 1_000;
    // Standard output has the backup itself.
    const say = (line: string): void => (path === PIPE ? io.error(line) : io.out(`${line}\n`));
    if (operation.format === "json") {
      const { entries: keys, bytes } = encoder;
      const figures = { keys, bytes, fileBytes: file.bytes, partitions: progress.all, seconds };
      const highestRevision = progress.highestRevision.toString();
      say(jsonText({ file: path, backupId: id.toString("hex"), clusterId, ...figures, highestRevision }));
    } else {
      const where = path === PIPE ? "standard output" : path;
      say(
        `backed up ${count(encoder.entries, "key")} (${size(encoder.bytes)}) of cluster ${clusterId} to ${where} in ${seconds.toFixed(1)} s`,
      );
    }
  });
  return EXIT.done;
}

const headerOf = (copies: Copies, backupId: Buffer, began: number) => ({
  format: BACKUP_FORMAT,
  backupId,
  clusterId: copies.view.clusterId,
  viewEpoch: copies.view.epoch,
  partitionCount: copies.view.partitionCount,
  startedMs: BigInt(began),
  softwareVersion: version,
});

async function refuseHalfRestored({ client }: Cluster): Promise<void> {
  const marker = await readMarker(client);
  if (marker === null) return;
  throw new CliError(
    EXIT.notDone,
    `a restore into this cluster has been under way since ${marker.since}, or was interrupted: its keys are not all there`,
  );
}

async function copyAll(
  { copies, client }: Cluster,
  encoder: BackupEncoder,
  file: Destination,
  progress: Progress,
  { target, interrupt }: Operation,
): Promise<void> {
  const persistence = new Persistence(target.timeoutMs, interrupt);
  const pipeline = client.pipeline();
  const reads = new Lanes(READS);
  try {
    await inLanes(copies.partitions, PARTITIONS, async (partition) => {
      const { keys, highestRevision } = await copies.list(partition);
      if (highestRevision > progress.highestRevision) progress.highestRevision = highestRevision;
      for (const key of keys) {
        if (reads.failed) break;
        interrupt.throwIfAborted();
        await reads.run(() => copyOne(pipeline, persistence, Buffer.from(key, "latin1"), partition, encoder, file));
      }
      progress.partitions++;
    });
    await reads.end();
  } finally {
    await pipeline.close();
  }
}

async function copyOne(
  client: KeyValueCalls,
  persistence: Persistence,
  key: Buffer,
  partition: number,
  encoder: BackupEncoder,
  file: Destination,
): Promise<void> {
  if (isMarker(key)) return;
  const got = await persistence.done(`a key of partition ${partition} cannot be read`, () => client.outcome.get(key));
  if (got.entry === undefined) return;
  const { value, version: at } = got.entry;
  await file.write(
    encoder.entry({ key, value: Buffer.from(value.buffer, value.byteOffset, value.length), version: at }),
  );
}
