/** Backups without a file: `onar backup -` writes to standard output, `onar restore -` reads standard input. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { pathReasonOf } from "../../base/errno.js";
import { CliError, EXIT, usage } from "../ending/exit.js";
import { commandFolder } from "../ending/temporary.js";
import type { Io } from "../terminal/io.js";
import { type Destination, NewFile, type Source } from "./file.js";
import { Interrupted } from "./operation.js";

/** The FILE that stands for a pipe. */
export const PIPE = "-";
/** Written in pieces of about this many bytes. While one leaves, all who write wait. */
const PIECE_BYTES = 1024 * 1024;

const notDone = (message: string): CliError => new CliError(EXIT.notDone, message);

/** Standard output. Written bytes cannot be taken back: a backup that was cut short lacks its end, and a restore
 * refuses it. */
export class OutputPipe implements Destination {
  private pieces: Buffer[] = [];
  private gathered = 0;
  /** The piece that was written last. */
  private leaving: Promise<void> = Promise.resolve();
  bytes = 0;

  constructor(private readonly io: Io) {
    if (io.terminal) throw usage("standard output is a terminal: name a file, or give the backup to a pipe");
  }

  async write(bytes: Buffer): Promise<void> {
    this.pieces.push(bytes);
    this.bytes += bytes.length;
    this.gathered += bytes.length;
    if (this.gathered >= PIECE_BYTES) this.leaving = this.flush();
    await this.leaving;
  }

  async finish(): Promise<void> {
    await this.leaving;
    await this.flush();
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }

  private async flush(): Promise<void> {
    const bytes = Buffer.concat(this.pieces);
    this.pieces = [];
    this.gathered = 0;
    this.io.out(bytes);
    const failure = (await this.io.outLeft?.()) ?? null;
    if (failure !== null) throw notDone(`standard output cannot be written: ${pathReasonOf(failure)}`);
  }
}

export const destinationOf = (path: string, io: Io): Destination | Promise<Destination> =>
  path === PIPE ? new OutputPipe(io) : NewFile.create(path);

/** A backup on standard input is needed twice: it is kept in the folder for temporary files until `run` has ended. */
export async function withInput<T>(
  path: string,
  { stdin }: Io,
  interrupt: AbortSignal,
  run: (source: Source) => Promise<T>,
): Promise<T> {
  if (path !== PIPE) return run({ path, name: path });
  const name = "standard input";
  const folder = commandFolder("onar-restore-");
  try {
    const kept = join(folder.path, "backup");
    try {
      await pipeline(stdin, createWriteStream(kept, { mode: 0o600 }), { signal: interrupt });
    } catch (error) {
      if (interrupt.aborted) throw new Interrupted();
      throw notDone(`${name} cannot be kept in ${folder.path}: ${pathReasonOf(error)}`);
    }
    return await run({ path: kept, name });
  } finally {
    folder.remove();
  }
}
