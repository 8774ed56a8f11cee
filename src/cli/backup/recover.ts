/**
 * `onar recover`: what the directories of stopped nodes still hold, when too many others are lost for the cluster to go
 * on. It writes that as a backup, which `onar restore` puts into a new cluster. That one has another id, so nodes of
 * the old one are refused when they come back. Its revisions are above those of the old one.
 *
 * It tells first what may be lost, and writes nothing until that is confirmed with the id of the cluster.
 */
import { randomBytes } from "node:crypto";
import { jsonText, printable } from "../../base/printable.js";
import { majorityOf } from "../../base/votes.js";
import { BACKUP_FORMAT, BackupEncoder } from "../../codec/api/backup-file.js";
import { oneOf } from "../../config/values.js";
import { ERA } from "../../core/model/ids.js";
import { InspectError } from "../../server/inspecting.js";
import { type Standing, type SurvivingKey, Survivors } from "../../server/surviving.js";
import { version } from "../../version.js";
import { CliError, EXIT, type ExitCode, usage } from "../ending/exit.js";
import { onStopSignals } from "../ending/signals.js";
import type { Io } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { widthOf } from "../terminal/table.js";
import { wrapped } from "../terminal/wrap.js";
import { NewFile } from "./file.js";
import { isMarker } from "./marker.js";
import { count, size } from "./operation.js";

export interface RecoverOptions {
  readonly output?: string;
  readonly plan?: true;
  readonly to?: string;
  readonly confirm?: string;
}

/** Partitions and keys that are named; the others are counted. */
const NAMED = 10;
/** Characters of a key that are shown. */
const SHOWN = 100;
/** A node of which no directory is here may have reserved more: the new cluster begins an era later. */
const UNSEEN_REVISIONS = BigInt(ERA);

const notDone = (message: string): CliError => new CliError(EXIT.notDone, message);

interface Report {
  readonly clusterId: string;
  readonly view: number;
  readonly members: number;
  readonly voters: number;
  readonly votersHere: number;
  readonly directories: readonly { readonly path: string; readonly node: number; readonly view: number }[];
  readonly partitions: Readonly<Record<Standing, number>>;
  /** The first of those that are not whole. */
  readonly minority: readonly number[];
  readonly none: readonly number[];
  /** Keys with a value, and bytes of both. */
  readonly keys: number;
  readonly bytes: number;
  /** Keys of partitions that are not whole. */
  readonly keysOfMinority: number;
  /** A copy fails its checksum, and the others are no majority. */
  readonly doubtful: number;
  /** Every copy of them here fails its checksum. */
  readonly unreadable: number;
  readonly unreadableKeys: readonly string[];
  readonly highestRevision: string;
}

export async function recover(paths: readonly string[], options: RecoverOptions, io: Io): Promise<ExitCode> {
  const json = oneOf("--output", options.output ?? io.env.ONAR_OUTPUT ?? "text", ["text", "json"]) === "json";
  const { plan, to, confirm } = options;
  if (plan === true && (to !== undefined || confirm !== undefined))
    throw usage("--plan only reports: give it without --to and --confirm");
  if (plan !== true && to === undefined)
    throw usage("give --plan for a report alone, or --to FILE for where to recover");
  if (to === "") throw usage("--to must name a file that does not exist yet");
  const interrupt = io.interrupt ?? stopped();
  let survivors: Survivors;
  try {
    survivors = await Survivors.open(paths);
  } catch (error) {
    if (error instanceof InspectError) throw notDone(error.message);
    throw error;
  }
  try {
    const report = await reportOf(survivors, io, interrupt);
    if (to === undefined || confirm === undefined) {
      if (json) io.out(`${jsonText(report)}\n`);
      else
        io.out(
          `${textOf(report)
            .map((line) => wrapped(line, widthOf(io), 2))
            .join("\n")}\n`,
        );
    }
    if (to === undefined) return EXIT.done;
    refuseUnlessLost(report);
    if (confirm === undefined)
      throw notDone(`nothing was written: to accept these losses, add --confirm ${report.clusterId}`);
    if (confirm !== report.clusterId)
      throw notDone(
        `--confirm names cluster ${confirm}, and these directories are of cluster ${report.clusterId}: nothing was written`,
      );
    return await write(survivors, report, to, { io, json, interrupt });
  } finally {
    await survivors.close();
  }
}

function stopped(): AbortSignal {
  const abort = new AbortController();
  onStopSignals(() => abort.abort(), { interrupt: "stop" });
  return abort.signal;
}

/** A cluster that can go on loses nothing: then nothing is recovered from copies of it. */
function refuseUnlessLost({ partitions, doubtful, unreadable }: Report): void {
  if (partitions.minority + partitions.none + doubtful + unreadable > 0) return;
  throw notDone(
    "nothing is lost: a majority of the voters and of the replicas of each partition is here. Start these nodes, and they go on. To copy their keys, use onar backup",
  );
}

async function reportOf(survivors: Survivors, io: Io, interrupt: AbortSignal): Promise<Report> {
  const { view, nodes } = survivors;
  const partitions = { whole: 0, minority: 0, none: 0 };
  const of: Record<"minority" | "none", number[]> = { minority: [], none: [] };
  let [keys, bytes, keysOfMinority, doubtful, unreadable] = [0, 0, 0, 0, 0];
  let highest: number = survivors.highestReserved;
  const unreadableKeys: string[] = [];
  const work = async (): Promise<void> => {
    for (const partition of survivors.partitions) {
      const { standing } = survivors.partition(partition);
      partitions[standing]++;
      if (standing !== "whole" && of[standing].length < NAMED) of[standing].push(partition);
      for await (const found of survivors.keys(partition)) {
        interrupt.throwIfAborted();
        const { key, register } = found;
        if (register === null) {
          unreadable++;
          if (unreadableKeys.length < NAMED) unreadableKeys.push(jsonText(Buffer.from(key, "latin1").toString()));
          continue;
        }
        if (found.doubtful) doubtful++;
        highest = Math.max(highest, register.revision, register.version, register.floor);
        if (!isKept(found)) continue;
        keys++;
        bytes += key.length + register.valueBytes;
        if (standing !== "whole") keysOfMinority++;
      }
    }
  };
  const seen = (): number => partitions.whole + partitions.minority + partitions.none;
  await showProgress(
    io,
    () => `reading: ${count(keys, "key")}, ${seen()} of ${view.partitions.length} partitions`,
    work(),
  );
  return {
    clusterId: view.clusterId,
    view: view.epoch,
    members: view.members.length,
    voters: view.voters.length,
    votersHere: survivors.votersHere.length,
    directories: nodes.map(({ facts }) => ({ path: facts.path, node: facts.node, view: facts.view?.epoch ?? 0 })),
    partitions,
    ...of,
    keys,
    bytes,
    keysOfMinority,
    doubtful,
    unreadable,
    unreadableKeys,
    highestRevision: String(highest),
  };
}

/** It has a value that a client wrote. */
const isKept = ({ key, register }: SurvivingKey): boolean =>
  register !== null && !register.tombstone && !isMarker(Buffer.from(key, "latin1"));

function textOf(report: Report): string[] {
  const { partitions, directories, minority, none } = report;
  const all = partitions.whole + partitions.minority + partitions.none;
  const named = (which: readonly number[], of: number): string =>
    `${which.join(", ")}${of > which.length ? `, and ${of - which.length} more` : ""}`;
  const lines = [
    `cluster ${report.clusterId}, view ${report.view}: ${count(report.members, "member")}, ${report.votersHere} of ${count(report.voters, "voter")} here`,
    ...directories.map(({ path, node, view }) => `  ${path}: node ${node}, view ${view}`),
    `partitions: ${partitions.whole} of ${all} whole, with everything that was acknowledged`,
  ];
  if (report.votersHere < majorityOf(report.voters))
    lines.push(
      "no majority of the voters is here: a later view may have moved partitions to nodes that are missing, so no partition counts as whole",
    );
  if (partitions.minority > 0)
    lines.push(
      `partitions: ${partitions.minority} by what is here (${named(minority, partitions.minority)}): writes that only missing nodes hold are lost, and keys deleted there come back`,
    );
  if (partitions.none > 0)
    lines.push(`partitions: ${partitions.none} lost (${named(none, partitions.none)}): no copy of them is here`);
  lines.push(
    `keys: ${count(report.keys, "key")} (${size(report.bytes)}) can be recovered, ${report.keysOfMinority} of them from partitions that are not whole`,
  );
  if (report.doubtful > 0)
    lines.push(
      `keys: ${report.doubtful} in doubt: a copy fails its checksum, and the others are no majority of the group`,
    );
  if (report.unreadable > 0)
    lines.push(
      `keys: ${report.unreadable} lost, as each copy here fails its checksum: ${report.unreadableKeys.map((key) => printable(key, SHOWN)).join(", ")}`,
    );
  return lines;
}

async function write(
  survivors: Survivors,
  report: Report,
  to: string,
  { io, json, interrupt }: { readonly io: Io; readonly json: boolean; readonly interrupt: AbortSignal },
): Promise<ExitCode> {
  const { view } = survivors;
  const file = await NewFile.create(to);
  const encoder = new BackupEncoder();
  const id = randomBytes(16);
  try {
    const header = {
      format: BACKUP_FORMAT,
      backupId: id,
      clusterId: Buffer.from(view.clusterId, "hex"),
      viewEpoch: BigInt(view.epoch),
      partitionCount: view.partitions.length,
      startedMs: BigInt(Date.now()),
      softwareVersion: version,
    };
    const work = async (): Promise<void> => {
      await file.write(encoder.header(header));
      for (const partition of survivors.partitions)
        for await (const found of survivors.keys(partition)) {
          interrupt.throwIfAborted();
          const { key, register } = found;
          if (register === null || !isKept(found)) continue;
          const value = Buffer.from(register.value ?? []);
          const entry = { key: Buffer.from(key, "latin1"), value, version: BigInt(register.version) };
          await file.write(encoder.entry(entry));
        }
      const highest = BigInt(report.highestRevision) + UNSEEN_REVISIONS;
      await file.write(encoder.end(highest, BigInt(Date.now())));
      await file.finish();
    };
    await showProgress(io, () => `writing: ${encoder.entries} of ${count(report.keys, "key")}`, work());
  } catch (error) {
    await file.discard();
    throw error;
  }
  if (json) io.out(`${jsonText({ file: to, backupId: id.toString("hex"), ...report })}\n`);
  else
    io.out(
      `recovered ${count(encoder.entries, "key")} (${size(encoder.bytes)}) of cluster ${report.clusterId} to ${to}. Start a new cluster, then: onar restore ${to}\n`,
    );
  return EXIT.done;
}
