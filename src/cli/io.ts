/** What a command may touch of the process: tests give it buffers instead. */
import type { Readable, Writable } from "node:stream";
import type { Connections } from "./connections.js";

export interface Io {
  /** Writes to standard output. */
  out(chunk: string | Uint8Array): void;
  /** Writes a line to standard error. */
  error(line: string): void;
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
  /** How wide that terminal is now. */
  columns?(): number;
  /** Tells when nobody reads standard output any more. */
  onReaderGone(then: () => void): void;
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether standard error is a terminal: progress is shown there only. */
  readonly errorTerminal?: boolean;
  /** Whether standard input is a terminal. */
  readonly inputTerminal?: boolean;
  /** Standard output as a stream, for what draws on a terminal. */
  readonly screen?: Writable;
  /** Replaces the last line of a terminal's standard error; "" clears it. */
  progress?(line: string): void;
  /** A value that is printed ends its line, also where standard output is no terminal: more is to follow. */
  readonly endsLines?: boolean;
  /** Kept from one command to the next; without them each command makes its own. */
  readonly connections?: Connections;
  /** Ctrl-C, where it does not end the process. */
  readonly interrupt?: AbortSignal;
}

export function processIo(): Io {
  // A reader that went away (`onar get k | head`) is no error of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.stderr.on("error", () => {});
  return {
    out: (chunk) => void process.stdout.write(chunk),
    error: (line) => void process.stderr.write(`${line}\n`),
    onReaderGone: (then) => void process.stdout.once("error", then),
    terminal: process.stdout.isTTY === true,
    // A terminal that does not know says 0.
    columns: () => (process.stdout.isTTY === true && process.stdout.columns) || Number.POSITIVE_INFINITY,
    screen: process.stdout,
    errorTerminal: process.stderr.isTTY === true,
    inputTerminal: process.stdin.isTTY === true,
    progress: (line) => {
      if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[K${line}`);
    },
    get stdin() {
      return process.stdin;
    },
    env: process.env,
  };
}

/** Everything on standard input, up to `bound` bytes; null when there is more. */
export async function readAll(stdin: Readable, bound: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, "utf8") : (chunk as Buffer);
    length += bytes.length;
    if (length > bound) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, length);
}
