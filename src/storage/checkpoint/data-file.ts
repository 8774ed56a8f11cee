/**
 * LMDB's files, before LMDB opens them: nobody else may read them, and the data file must be as long as its meta page
 * says. LMDB reads it mapped into memory, and a page behind the end of the file ends the process by SIGBUS, without a
 * word.
 */
import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "./checkpoint.js";

const DATA = "data.mdb";
const LOCK = "lock.mdb";
/**
 * Two meta pages stand at the beginning, written by turns: the one of the higher transaction counts. Offsets within
 * such a page.
 */
const META = { magic: 24, pageBytes: 48, lastPage: 144, transaction: 152, end: 160 } as const;
const META_PAGES = 2;
/** LMDB's smallest pages are this large; of a shorter file it does not say that it is none. */
const LEAST_BYTES = META_PAGES * 4_096;
const MAGIC = 0xbeefc0de;
/**
 * The last pages of a transaction may have become free within it. Those are never written, and the file is a little
 * shorter than it says. More than this is missing only where something was cut off.
 */
const UNWRITTEN_BYTES = 1024 * 1024;

/** Throws a CheckpointError when the file has lost its end. `readOnly`: nothing is changed. */
export function prepareDataFile(folder: string, readOnly: boolean): void {
  if (!readOnly) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    keepPrivate(join(folder, LOCK));
    keepPrivate(join(folder, DATA));
  }
  const fd = openSync(join(folder, DATA), readOnly ? "r" : "r+");
  try {
    const { size } = fstatSync(fd);
    const { bytes: needed, metas } = bytesNeeded(fd);
    if (size >= needed && (size === 0 || size >= LEAST_BYTES)) return;
    // Without one of the meta pages the other one may be the older, and all of the newest transaction would silently be
    // gone.
    if (!metas || needed - size > UNWRITTEN_BYTES) {
      throw new CheckpointError(
        `the checkpoint was cut short: ${join(folder, DATA)} has ${size} bytes, and by its own word it had ${Math.max(needed, LEAST_BYTES)}. ` +
          "This node counts as lost: replace it by a new one with an empty directory",
      );
    }
    if (readOnly) {
      throw new CheckpointError(
        `the checkpoint is shorter than it says: ${join(folder, DATA)} has ${size} bytes, and by its own word it had ${needed}. ` +
          `A look changes nothing; to look all the same, lengthen it first: truncate -s ${needed} ${join(folder, DATA)}`,
      );
    }
    // Zeros are no page that LMDB would take for one; a read of them is an error that can be told.
    ftruncateSync(fd, needed);
  } finally {
    closeSync(fd);
  }
}

/** LMDB itself makes files that everybody may read. An empty one is new to it. */
function keepPrivate(path: string): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    fchmodSync(fd, 0o600);
  } catch {
    // A file of somebody else's, which was given to this node.
  } finally {
    closeSync(fd);
  }
}

/** 0: the file is new, or not LMDB's, about which LMDB says more. `metas`: both meta pages are there. */
function bytesNeeded(fd: number): { readonly bytes: number; readonly metas: boolean } {
  const first = metaAt(fd, 0);
  if (first === null) return { bytes: 0, metas: false };
  const second = metaAt(fd, first.pageBytes);
  const { lastPage } = second !== null && second.transaction > first.transaction ? second : first;
  return { bytes: Math.max(META_PAGES, lastPage + 1) * first.pageBytes, metas: second !== null };
}

function metaAt(
  fd: number,
  at: number,
): { readonly pageBytes: number; readonly lastPage: number; readonly transaction: bigint } | null {
  const bytes = Buffer.alloc(META.end);
  if (readSync(fd, bytes, 0, META.end, at) < META.end || bytes.readUInt32LE(META.magic) !== MAGIC) return null;
  return {
    pageBytes: bytes.readUInt32LE(META.pageBytes),
    lastPage: Number(bytes.readBigUInt64LE(META.lastPage)),
    transaction: bytes.readBigUInt64LE(META.transaction),
  };
}
