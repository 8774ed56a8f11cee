/**
 * Where LMDB's lock file lies. LMDB maps it writable, and each of its reads writes to it, on the loop's thread. When
 * the file system is frozen, as snapshot agents do it, such a write stands still, and with it the whole node.
 *
 * So the file is put into memory: LMDB opens it by a link beside the checkpoint, and both names are gone once it has
 * it. The node's directory is locked by other means (directory-lock.ts); nobody but this process needs the file.
 */

import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file system in memory that Linux has nearly everywhere, in containers, too. */
const MEMORY = "/dev/shm";
const NAME = "lock.mdb";
/** Taken beforehand: were there no room later, to touch a page would end the process. */
const BYTES = 16 * 1024;

/**
 * Opens by `open` an environment in that folder, which is made when it is missing. Without such memory the file lies in
 * the folder.
 */
export function withLockInMemory<T>(folder: string, open: () => T, memory = MEMORY): T {
  const target = join(memory, `onar-${process.pid}-${randomBytes(8).toString("hex")}`);
  const link = join(folder, NAME);
  let linked = false;
  try {
    writeFileSync(target, Buffer.alloc(BYTES), { flag: "wx", mode: 0o600 });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    rmSync(link, { force: true });
    symlinkSync(target, link);
    linked = true;
  } catch {
    rmSync(target, { force: true });
  }
  try {
    return open();
  } finally {
    if (linked) {
      rmSync(link, { force: true });
      rmSync(target, { force: true });
    }
  }
}
