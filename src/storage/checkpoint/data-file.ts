/**
 * LMDB's files, before LMDB opens them: nobody else may read them, and the data file must be as long as its meta page says. LMDB reads it
 * mapped into memory, and a page behind the end of the file ends the process by SIGBUS, without a word.
 */
import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "./checkpoint.js";

const DATA = "data.mdb";
const LOCK = "lock.mdb";
/** Two meta pages stand at the beginning, written by turns: the one of the higher transaction counts. Offsets within such a page. */
const META = { magic: 24, pageBytes: 48, lastPage: 144, transaction: 152, end: 160 } as const;
const MAGIC = 0xbeefc0de;
/**
 * The last pages of a transaction may have become free within it. Those are never written, and the file is a little shorter than it says. More
 * than this is missing only where something was cut off.
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
    const needed = bytesNeeded(fd);
    if (size >= needed) return;
    if (needed - size > UNWRITTEN_BYTES) {
      throw new CheckpointError(
        `the checkpoint was cut short: ${join(folder, DATA)} has ${size} bytes, and by its own word it had ${needed}. ` +
          "This node counts as lost: replace it by a new one with an empty directory",
      );
    }
    // Zeros are no page that LMDB would take for one; a read of them is an error that can be told.
    if (!readOnly) ftruncateSync(fd, needed);
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

/** 0: the file is new, or not LMDB's, about which LMDB says more. */
function bytesNeeded(fd: number): number {
  const first = metaAt(fd, 0);
  if (first === null) return 0;
  const second = metaAt(fd, first.pageBytes);
  const { lastPage } = second !== null && second.transaction > first.transaction ? second : first;
  return (lastPage + 1) * first.pageBytes;
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
