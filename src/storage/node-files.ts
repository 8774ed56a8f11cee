/**
 * The files of a real folder. A write is one system call on a file opened with O_DSYNC, and durable when it returns.
 * That is one trip to the thread pool, where a write and fdatasync take two. A small write that makes its file longer
 * takes zeros along, so that the next ones do not make it longer. The file system need not make a new length durable
 * with each of them (docs/adr/2026-11-21-zeros-ahead.md).
 */
import { close, constants, fsync, ftruncate, open, readdir, readFile, rename, rm, write, writev } from "node:fs";
import { join } from "node:path";
import { type Done, type Files, isFull, isShortage, UNNAMED } from "./files.js";
import type { SpareFiles } from "./spare-files.js";

const { O_CREAT, O_DIRECTORY, O_DSYNC, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC } = constants;

/** Files grow by so many bytes at once. */
export const STEP_BYTES = 256 * 1024;
/** A longer write grows its file by itself alone: the new length is a small part of its cost. */
const MAX_SMALL_BYTES = STEP_BYTES / 4;
const ZEROS = Buffer.alloc(STEP_BYTES);

interface OpenFile {
  readonly name: string;
  readonly fd: number;
  /** Up to here there are bytes, as far as this process knows. */
  length: number;
}

export class NodeFiles implements Files {
  /** The file written last stays open: it is nearly always the next one, too. */
  private open: OpenFile | null = null;
  private underway = 0;
  private whenQuiet: (() => void) | null = null;

  /** `spares`: to let go when there is no file descriptor for the log. */
  constructor(
    private readonly folder: string,
    private readonly spares: SpareFiles | null = null,
  ) {}

  list(done: (error: Error | null, names: readonly string[]) => void): void {
    this.underway++;
    readdir(this.folder, (error, names) => {
      this.ended();
      done(error, names ?? []);
    });
  }

  read(name: string, done: (error: Error | null, bytes: Buffer) => void): void {
    this.underway++;
    readFile(join(this.folder, name), (error, bytes) => {
      this.ended();
      done(error, bytes ?? NOTHING);
    });
  }

  create(name: string, bytes: Buffer, done: Done): void {
    const told = this.counted(done);
    const unnamed = `${name}${UNNAMED}`;
    this.opened(unnamed, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_DSYNC, told, ({ fd }) => {
      writeAll(fd, bytes, 0, (error) => {
        if (error !== null) return told(error);
        rename(join(this.folder, unnamed), join(this.folder, name), (failed) => {
          if (failed !== null) return told(failed);
          this.open = { name, fd, length: bytes.length };
          this.syncFolder(told);
        });
      });
    });
  }

  write(name: string, at: number, bytes: Buffer, done: Done): void {
    const told = this.counted(done);
    if (this.open?.name === name) return put(this.open, at, bytes, told);
    this.opened(name, O_RDWR | O_DSYNC, told, (file) => put(file, at, bytes, told));
  }

  truncate(name: string, length: number, done: Done): void {
    const told = this.counted(done);
    this.opened(name, O_RDWR | O_DSYNC, told, ({ fd }) => {
      ftruncate(fd, length, (error) => {
        if (error !== null) return told(error);
        fsync(fd, told);
      });
    });
  }

  remove(name: string, done: Done): void {
    rm(join(this.folder, name), { force: true }, this.counted(done));
  }

  /** Calls when nothing is under way any more; nobody may begin anything from now on. */
  close(done: () => void): void {
    const quiet = (): void => {
      this.closeFile();
      done();
    };
    if (this.underway === 0) quiet();
    else this.whenQuiet = quiet;
  }

  private opened(name: string, flags: number, done: Done, then: (file: OpenFile) => void): void {
    this.closeFile();
    this.descriptor(join(this.folder, name), flags, (error, fd) => {
      if (error !== null) return done(error);
      this.open = { name, fd, length: 0 };
      then(this.open);
    });
  }

  private descriptor(path: string, flags: number, opened: (error: Error | null, fd: number) => void): void {
    open(path, flags, 0o600, (error, fd) => {
      if (error !== null && isShortage(error) && this.spares?.letGo() === true) {
        return open(path, flags, 0o600, opened);
      }
      opened(error, fd);
    });
  }

  /** A file's name is durable when its folder is. */
  private syncFolder(done: Done): void {
    this.descriptor(this.folder, O_RDONLY | O_DIRECTORY, (error, fd) => {
      if (error !== null) return done(error);
      fsync(fd, (failed) => close(fd, (late) => done(failed ?? late)));
    });
  }

  private closeFile(): void {
    if (this.open !== null) close(this.open.fd, () => {});
    this.open = null;
  }

  private counted(done: Done): Done {
    this.underway++;
    return (error) => {
      this.ended();
      done(error ?? null);
    };
  }

  private ended(): void {
    this.underway--;
    if (this.underway === 0) this.whenQuiet?.();
  }
}

const NOTHING = Buffer.alloc(0);

/** With zeros behind it, when it is small and makes the file longer. */
function put(file: OpenFile, at: number, bytes: Buffer, done: Done): void {
  const end = at + bytes.length;
  if (end <= file.length || bytes.length > MAX_SMALL_BYTES) return writeAll(file.fd, bytes, at, done);
  const zeros = ZEROS.subarray(0, STEP_BYTES - (end % STEP_BYTES));
  writev(file.fd, [bytes, zeros], at, (error, written) => {
    if (error !== null && !isFull(error)) return done(error);
    const there = error === null ? written : 0;
    // The zeros can be spared.
    if (there < bytes.length) return writeAll(file.fd, bytes.subarray(there), at + there, done);
    file.length = at + there;
    done(null);
  });
}

function writeAll(fd: number, bytes: Buffer, at: number, done: Done): void {
  write(fd, bytes, 0, bytes.length, at, (error, written) => {
    if (error !== null) return done(error);
    if (written === bytes.length) return done(null);
    // A full disk takes a part; the rest says why.
    writeAll(fd, bytes.subarray(written), at + written, done);
  });
}
