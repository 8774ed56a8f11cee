/**
 * The files of one folder, as the log needs them. Everything above this interface, recovery included, runs unchanged on
 * a simulated disk. So it has callbacks instead of promises, and they may come before the call returns.
 *
 * A crash may do this. A `write` that was not done may have left any part of it, in any order, with zeros or nothing in
 * between. A `create` that was not done has happened or has not. Everything that was done is there. A bad disk may
 * change any byte of what was done later on.
 */
import { codeOf } from "../base/errno.js";
export type Done = (error: Error | null) => void;

/** A file that a crash left unfinished has this behind its name. */
export const UNNAMED = ".new";

export interface Files {
  /** Names of the files, in no particular order. */
  list(done: (error: Error | null, names: readonly string[]) => void): void;
  read(name: string, done: (error: Error | null, bytes: Buffer) => void): void;
  /**
   * A new file with this content; both and its name are on stable storage when it is done. It takes the place of an
   * existing one at once.
   */
  create(name: string, bytes: Buffer, done: Done): void;
  /**
   * Writes all of it at that offset, which is where the file ends or the place of a write that failed for want of
   * space. It is on stable storage when it is done. Zeros may stand behind it, for the writes that follow. After any
   * other error nobody knows what is there, and nothing more must be written.
   */
  write(name: string, at: number, bytes: Buffer, done: Done): void;
  /** Cuts the file off behind that length; on stable storage when it is done. */
  truncate(name: string, length: number, done: Done): void;
  /** May come back after a crash. */
  remove(name: string, done: Done): void;
}

/** An error that goes away by itself: there is no space, and what was there before is unharmed. */
export function isFull(error: Error): boolean {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

const SHORTAGES: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE", "ENOMEM", "EAGAIN"]);

/**
 * Another one: the system is short of file descriptors or memory, which is no fault of the disk. It said so before it
 * did anything. A sync is the exception: after one that failed nobody knows what is there, whatever it says.
 */
export function isShortage(error: Error): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return SHORTAGES.has(code) && syscall !== "fsync" && syscall !== "fdatasync";
}

/** Failures that are passing: the write is tried again until it succeeds. */
export const isPassing = (error: Error): boolean => isFull(error) || isShortage(error);
