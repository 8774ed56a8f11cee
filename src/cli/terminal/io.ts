/** The parts of the process that a command may touch: tests give it buffers instead. */
import type { Readable, Writable } from "node:stream";
import type { LogOutput } from "../../observe/log.js";
import { type DropNews, LogSink } from "../../observe/log-sink.js";
import type { Connections } from "../calls/connections.js";
import { Standard } from "./standard.js";

export interface Io {
  /** Writes to standard output. */
  out(chunk: string | Uint8Array): void;
  /** Writes a line to standard error. */
  error(line: string): void;
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
  /** How wide that terminal is now. */
  columns?(): number;
  /**
   * Resolves when what was written to standard output has left: null, or why it could not. A reader that went away is
   * an error here.
   */
  outLeft?(): Promise<NodeJS.ErrnoException | null>;
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
  /**
   * Takes both for a log, until the process ends: nothing waits for whoever reads them any more. Without it the log
   * goes by `out` and `error`.
   */
  readonly log?: (news: DropNews) => NodeOutput;
}

/** Where the log of a node goes, or of several. */
export interface NodeOutput extends LogOutput {
  /** Lines that could not be written, since the process began. */
  dropped(): number;
  /** Resolves when all lines are written, or cannot be just now. */
  finish(): Promise<void>;
}

/** The process's own. */
export interface ProcessIo extends Io {
  /**
   * Resolves when all that was printed has left: null, or why it could not. A reader that went away (`onar get k |
   * head`) is no error of ours.
   */
  written(): Promise<NodeJS.ErrnoException | null>;
}

/** How long the end of a process waits for the last lines of its log. */
const LAST_LINES_MS = 1_000;

export function processIo(): ProcessIo {
  const out = new Standard(1, () => process.stdout);
  const error = new Standard(2, () => process.stderr);
  let logs = false;
  return {
    out: (chunk) => out.write(chunk),
    error: (line) => error.write(`${line}\n`),
    outLeft: async () => {
      await out.flushed();
      return out.failure;
    },
    onReaderGone: (then) => out.onReaderGone(then),
    terminal: out.terminal,
    // A terminal that does not know says 0.
    columns: () => (out.terminal && process.stdout.columns) || Number.POSITIVE_INFINITY,
    screen: process.stdout,
    errorTerminal: error.terminal,
    inputTerminal: process.stdin.isTTY === true,
    progress: (line) => {
      if (error.terminal) error.write(`\r\u001b[K${line}`);
    },
    get stdin() {
      return process.stdin;
    },
    env: process.env,
    log: (news) => {
      logs = true;
      return nodeOutput(new LogSink(out.destination(), news), new LogSink(error.destination(), news));
    },
    written: async () => {
      // For a log the sinks have written as much as could be written.
      if (logs) return null;
      await out.flushed();
      return out.failure?.code === "EPIPE" ? null : out.failure;
    },
  };
}

const nodeOutput = (out: LogSink, error: LogSink): NodeOutput => ({
  out: (line) => out.push(line),
  error: (line) => error.push(`${line}\n`),
  dropped: () => out.dropped + error.dropped,
  finish: async () => {
    await Promise.all([out.finish(LAST_LINES_MS), error.finish(LAST_LINES_MS)]);
  },
});

/** The log's way out: the process's, or that of a test. */
export const nodeOutputOf = (io: Io, news: DropNews): NodeOutput =>
  io.log?.(news) ?? { out: io.out, error: io.error, dropped: () => 0, finish: () => Promise.resolve() };

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
