/**
 * Standard output and standard error. Node.js writes to a file in one try and takes what the disk had room for as all
 * of it. So files and devices are written to here; pipes, sockets and terminals are its streams. A write that failed is
 * remembered: it decides how the command ends (process.ts).
 */

import { fstatSync, type Stats, writeSync } from "node:fs";
import { isatty, WriteStream } from "node:tty";
import { codeOf } from "../../base/errno.js";
import { type Destination, fileDestination, streamDestination } from "../../observe/log-sink.js";

/** How long to wait for a device that takes nothing just now. */
const DEVICE_BUSY_MS = 10;

export class Standard {
  /** The error of the first write that failed; nothing is written after it. */
  failure: NodeJS.ErrnoException | null = null;
  private readonly stream: NodeJS.WriteStream | null;
  private readonly goneListeners: (() => void)[] = [];

  constructor(
    private readonly fd: 1 | 2,
    stream: () => NodeJS.WriteStream,
  ) {
    this.stream = isStream(fd) ? stream() : null;
    this.stream?.on("error", (error: NodeJS.ErrnoException) => {
      this.failure ??= error;
      for (const tell of this.goneListeners.splice(0)) tell();
    });
  }

  get terminal(): boolean {
    return this.stream?.isTTY === true;
  }

  write(chunk: string | Uint8Array): void {
    if (this.failure !== null) return;
    if (this.stream !== null) return void this.stream.write(chunk);
    try {
      writeWhole(this.fd, typeof chunk === "string" ? Buffer.from(chunk, "utf8") : chunk);
    } catch (error) {
      this.failure = error as NodeJS.ErrnoException;
    }
  }

  /** Tells when nobody reads it any more. */
  onReaderGone(then: () => void): void {
    this.goneListeners.push(then);
  }

  /** Resolves when what was written has left, or cannot. */
  flushed(): Promise<void> {
    const { stream } = this;
    if (stream === null || this.failure !== null) return Promise.resolve();
    return new Promise((resolve) => {
      stream.write("", () => resolve());
    });
  }

  /** For a log: never waits for a reader. */
  destination(): Destination {
    if (this.stream === null) return fileDestination(this.fd);
    stopBlocking(this.stream);
    return streamDestination(this.stream);
  }
}

function isStream(fd: number): boolean {
  if (isatty(fd)) return true;
  let found: Stats;
  try {
    found = fstatSync(fd);
  } catch {
    return false;
  }
  return found.isFIFO() || found.isSocket();
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DEVICE_BUSY_MS);
    }
  }
}

/** Node.js lets writes to a terminal block, and one that was stopped by Ctrl-S would stop the node. */
function stopBlocking(stream: NodeJS.WriteStream): void {
  if (!(stream instanceof WriteStream) || !("_handle" in stream)) return;
  const handle = stream._handle as { setBlocking?(blocking: boolean): void } | null;
  handle?.setBlocking?.(false);
}
