/**
 * A directory of an earlier format gets the current one when a node starts on it. The checkpoint of one of format 1 is
 * written anew, beside the old one. Format 3 only allows more than format 2, so nothing is written anew. The tables of
 * format 2 are those of a founding's copies (codec/disk/table-id.ts).
 *
 *   format 1   checkpoint/ counts. A checkpoint-new/ is what an attempt left that was cut short: it goes.
 *   later      checkpoint-new/, if it is there, is whole, and counts: it takes the place of checkpoint/, whatever is left of that.
 *
 * A write of onar.json, which is there whole or not at all, makes the one into the other. So a crash at any moment
 * costs the work at most. It takes time and disk in proportion to the data, and memory for a few thousand keys.
 */

import { existsSync } from "node:fs";
import { rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { errorOf } from "../../base/errno.js";
import { type DataDirectory, DIRECTORY_FORMAT, DirectoryError, syncFolderOf } from "../directory.js";
import { CheckpointError } from "./checkpoint.js";
import { FirstCheckpoint, type TableEntry } from "./first-format.js";
import { LmdbCheckpoint } from "./lmdb.js";
import { FIRST_TREES } from "./packed.js";

/** From this format on the checkpoint has packed trees. */
const PACKED_SINCE = 2;
const FOLDER = "checkpoint";
const NEW_FOLDER = "checkpoint-new";
/** Entries of one transaction. */
const CHUNK_ENTRIES = 2_048;
const CHUNK_BYTES = 4 * 1024 * 1024;
/** The new one is smaller than the old one, as a rule to a half. */
const NEEDED_SHARE = 0.75;
const MIB = 1024 * 1024;

/** Where the checkpoint is that counts, in a directory of that format. */
export const checkpointFolder = (path: string, format: number): string =>
  join(path, format >= PACKED_SINCE && existsSync(join(path, NEW_FOLDER)) ? NEW_FOLDER : FOLDER);

/** Afterwards the directory has the current format; rejects with an error for people. */
export async function convert(directory: DataDirectory, notice: (text: string) => void): Promise<void> {
  const { path } = directory;
  const [old, fresh] = [join(path, FOLDER), join(path, NEW_FOLDER)];
  if (directory.format === PACKED_SINCE - 1) {
    await rm(fresh, { recursive: true, force: true });
    const data = join(old, "data.mdb");
    const bytes = existsSync(data) ? (await stat(data)).size : 0;
    if (bytes > 0) {
      await mustFit(path, bytes * NEEDED_SHARE);
      const begun = performance.now();
      notice(`${path} has format 1: its checkpoint of ${(bytes / MIB).toFixed(0)} MiB is written anew`);
      try {
        await copy(old, fresh);
        await syncFolderOf(fresh);
        await syncFolderOf(path);
      } catch (error) {
        throw error instanceof CheckpointError ? error : notConverted(path, errorOf(error));
      }
      notice(`the checkpoint was written anew in ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
    }
  } else if (directory.format < DIRECTORY_FORMAT) {
    notice(`${path} gets format ${DIRECTORY_FORMAT}: earlier versions refuse it from now on`);
  }
  if (directory.format < DIRECTORY_FORMAT) await directory.becomeCurrent();
  if (!existsSync(fresh)) return;
  await rm(old, { recursive: true, force: true });
  await rename(fresh, old);
  await syncFolderOf(path);
}

const notConverted = (path: string, { message }: Error): DirectoryError =>
  new DirectoryError(
    `${path} has format 1, and its checkpoint could not be written anew: ${message}. The old one is as it was`,
  );

async function mustFit(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  if (bavail * bsize >= bytes) return;
  const needed = `${Math.ceil(bytes / MIB)} MiB`;
  throw new DirectoryError(
    `${path} has format 1, and its checkpoint is to be written anew: that needs ${needed} of free space for a while`,
  );
}

async function copy(from: string, to: string): Promise<void> {
  const source = new FirstCheckpoint(from);
  try {
    const target = new LmdbCheckpoint(to);
    try {
      for (const tree of FIRST_TREES)
        for (const entries of chunks(source.entries(tree))) await target.load(tree, entries[0].table, entries);
      await target.loadStates([...source.sealed.copies()]);
    } finally {
      await new Promise<void>((closed) => target.close(closed));
    }
  } finally {
    await new Promise<void>((closed) => source.close(closed));
  }
}

/** Neighbours of one table. */
function* chunks(entries: Iterable<TableEntry>): Iterable<[TableEntry, ...TableEntry[]]> {
  let chunk: [TableEntry, ...TableEntry[]] | null = null;
  let bytes = 0;
  for (const entry of entries) {
    if (chunk !== null && (chunk[0].table !== entry.table || chunk.length >= CHUNK_ENTRIES || bytes >= CHUNK_BYTES)) {
      yield chunk;
      chunk = null;
    }
    if (chunk === null) {
      chunk = [entry];
      bytes = 0;
    } else {
      chunk.push(entry);
    }
    bytes += entry.key.length + entry.meta.length + entry.value.length;
  }
  if (chunk !== null) yield chunk;
}
