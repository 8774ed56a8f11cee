/** The file that a backup goes into, and the one that a restore reads. */
import type { Stats } from "node:fs";
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import type { BackupEnd, BackupEntry, BackupHeader } from "../../../gen/ts/onar/backup/v1/backup.js";
import { codeOf, errorOf, pathReasonOf } from "../../base/errno.js";
import { BackupDecoder, BackupFileError } from "../../codec/api/backup-file.js";
import { CliError, EXIT } from "../ending/exit.js";

/** Written in pieces of about this many bytes. */
const PIECE_BYTES = 1024 * 1024;
/** The writer waits while more than this has not reached the disk. */
const MAX_QUEUED_BYTES = 4 * PIECE_BYTES;

const notDone = (message: string): CliError => new CliError(EXIT.notDone, message);

/**
 * A file that is there whole or not at all: it is written as NAME.partial, synced, and then renamed. A file that exists
 * is never touched.
 */
export class NewFile {
  private pieces: Buffer[] = [];
  private gathered = 0;
  private queued = 0;
  private writing: Promise<void> = Promise.resolve();
  private failed: Error | null = null;
  /** Bytes handed over so far. */
  bytes = 0;

  private constructor(
    readonly path: string,
    private readonly partial: string,
    private readonly handle: FileHandle,
  ) {}

  static async create(path: string): Promise<NewFile> {
    const found = await statOf(path);
    if (found?.isDirectory() === true) throw notDone(`${path} is a directory: name the file that is to be written`);
    if (found !== null) throw notDone(`${path} exists: a backup never overwrites a file`);
    const partial = `${path}.partial`;
    try {
      return new NewFile(path, partial, await open(partial, "wx", 0o600));
    } catch (error) {
      if (codeOf(error) === "EEXIST") {
        throw notDone(
          `${partial} exists: another backup is writing it, or one was killed. If none is running, remove it and try again`,
        );
      }
      throw notDone(`${path} cannot be written: ${pathReasonOf(error)}`);
    }
  }

  /** Takes the bytes at once, in order; resolves when there is room for more. */
  async write(bytes: Buffer): Promise<void> {
    this.pieces.push(bytes);
    this.bytes += bytes.length;
    this.gathered += bytes.length;
    if (this.gathered >= PIECE_BYTES) this.flush();
    if (this.queued > MAX_QUEUED_BYTES) await this.writing;
    if (this.failed !== null) throw this.unwritable(this.failed);
  }

  /** On stable storage, under its name. */
  async finish(): Promise<void> {
    this.flush();
    await this.writing;
    try {
      if (this.failed !== null) throw this.failed;
      await this.handle.sync();
      await this.handle.close();
      if ((await statOf(this.path)) !== null) throw new Error("it has appeared meanwhile");
      await rename(this.partial, this.path);
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw this.unwritable(error);
    }
  }

  /** Nothing is left of it. */
  async discard(): Promise<void> {
    await this.writing;
    await this.handle.close().catch(() => {});
    await unlink(this.partial).catch(() => {});
  }

  private flush(): void {
    if (this.gathered === 0) return;
    const bytes = Buffer.concat(this.pieces);
    this.pieces = [];
    this.gathered = 0;
    this.queued += bytes.length;
    this.writing = this.writing.then(async () => {
      try {
        // One call may take only a part.
        for (let at = 0; at < bytes.length && this.failed === null; ) {
          at += (await this.handle.write(bytes, at, bytes.length - at)).bytesWritten;
        }
      } catch (error) {
        this.failed ??= errorOf(error);
      }
      this.queued -= bytes.length;
    });
  }

  private unwritable(error: unknown): CliError {
    return notDone(`${this.path} cannot be written: ${pathReasonOf(error)}`);
  }
}

/** Where a backup goes. */
export type Destination = Pick<NewFile, "bytes" | "write" | "finish" | "discard">;

/** A file, and what messages call it. */
export interface Source {
  readonly path: string;
  readonly name: string;
}

export interface Contents {
  readonly header: BackupHeader;
  readonly end: BackupEnd;
}

/**
 * Reads a whole backup, entry by entry; an entry's bytes are only good until `each` has resolved. Throws a CliError
 * when the file is not as it was written: what `each` was given before counts for nothing then.
 */
export async function readBackup(
  { path, name }: Source,
  each: (entry: BackupEntry, header: BackupHeader) => Promise<void> | void = () => {},
): Promise<Contents> {
  const found = await statOf(path);
  if (found === null) throw notDone(`${name} does not exist`);
  if (!found.isFile()) throw notDone(`${name} is not a file`);
  const decoder = new BackupDecoder();
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw notDone(`${name} cannot be read: ${pathReasonOf(error)}`);
  }
  try {
    for await (const piece of handle.createReadStream({ highWaterMark: PIECE_BYTES, autoClose: false })) {
      for (const entry of decoder.push(piece as Buffer)) {
        const done = each(entry, decoder.header as BackupHeader);
        if (done !== undefined) await done;
      }
    }
    return decoder.finish();
  } catch (error) {
    if (error instanceof BackupFileError) throw notDone(`${name} ${error.message}`);
    if (error instanceof CliError) throw error;
    throw notDone(`${name} cannot be read: ${pathReasonOf(error)}`);
  } finally {
    await handle.close().catch(() => {});
  }
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw notDone(`${path} cannot be used: ${pathReasonOf(error)}`);
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
