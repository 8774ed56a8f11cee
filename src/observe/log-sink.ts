/**
 * Where a node's log goes: a queue that never waits for whoever reads it. A log that cannot be written, because its
 * disk is full or nobody reads its pipe, costs lines, and never the node. Lines that do not fit are dropped and
 * counted, and the next lines that can be written say how many.
 *
 *   K1  One write is under way at a time, so that lines leave in order.
 *   K2  A line is written whole or not at all: what a full disk took of it is not written again, the rest follows.
 *   K3  The queue is bounded in lines and in bytes.
 */
import { write } from "node:fs";
import type { Writable } from "node:stream";
import { pathReasonOf } from "../base/errno.js";

/** Waiting for the destination, at most: some 5,000 lines. */
export const MAX_LOG_BYTES = 1024 * 1024;
export const MAX_LOG_LINES = 8_192;
/** Bytes of one write. */
const WRITE_BYTES = 64 * 1024;
/** How long to wait before a write that failed is tried again. */
const RETRY_MS = 1_000;

export interface Destination {
  /** Calls with the error, or null, and how many bytes were written. */
  write(bytes: Buffer, done: (error: Error | null, written: number) => void): void;
}

/** Gives the line to write in place of so many that were dropped; "": none. */
export type DropNews = (lines: number, why: string) => string;

export class LogSink {
  /** Lines, since the process began. */
  dropped = 0;
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private writing: Buffer | null = null;
  private missed = 0;
  private why = UNREAD;
  private failed = false;
  private retry: NodeJS.Timeout | null = null;
  private finished: (() => void)[] = [];

  constructor(
    private readonly destination: Destination,
    private readonly news: DropNews,
  ) {}

  /** One line, its end included. */
  push(line: string): void {
    const bytes = Buffer.from(line, "utf8");
    if (this.waiting.length >= MAX_LOG_LINES || this.waitingBytes + bytes.length > MAX_LOG_BYTES) {
      this.dropped++;
      this.missed++;
      return;
    }
    this.add(bytes);
    if (!this.failed) this.next();
  }

  /** Resolves when everything is written, when it cannot be, or after this time. */
  finish(withinMs: number): Promise<void> {
    if (this.failed) this.again();
    if (this.writing === null) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.finished.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private add(bytes: Buffer): void {
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
  }

  private next(): void {
    if (this.writing !== null) return;
    if (this.waiting.length === 0) return this.rest();
    const taken: Buffer[] = [];
    let bytes = 0;
    for (const line of this.waiting) {
      if (taken.length > 0 && bytes + line.length > WRITE_BYTES) break;
      taken.push(line);
      bytes += line.length;
    }
    this.waiting.splice(0, taken.length);
    this.waitingBytes -= bytes;
    this.write(Buffer.concat(taken, bytes));
  }

  private write(bytes: Buffer): void {
    this.writing = bytes;
    this.destination.write(bytes, (error, written) => {
      if (error !== null) return this.trouble(error, bytes.subarray(written));
      this.writing = null;
      this.failed = false;
      if (this.missed > 0) {
        // Behind all lines that were kept, and before those that follow.
        const line = this.news(this.missed, this.why);
        this.missed = 0;
        if (line !== "") this.add(Buffer.from(line, "utf8"));
      }
      this.why = UNREAD;
      this.next();
    });
  }

  private trouble(error: Error, rest: Buffer): void {
    this.writing = rest;
    this.failed = true;
    this.why = pathReasonOf(error);
    this.retry = setTimeout(() => this.again(), RETRY_MS);
    this.retry.unref();
    this.rest();
  }

  private again(): void {
    if (this.retry === null || this.writing === null) return;
    clearTimeout(this.retry);
    this.retry = null;
    this.write(this.writing);
  }

  private rest(): void {
    for (const resolve of this.finished.splice(0)) resolve();
  }
}

const UNREAD = "nobody read it fast enough";

/** A file or a device: written to on the thread pool. */
export function fileDestination(fd: number): Destination {
  const from = (bytes: Buffer, at: number, done: (error: Error | null, written: number) => void): void => {
    write(fd, bytes, at, bytes.length - at, null, (error, written) => {
      if (error !== null) return done(error, at);
      if (at + written === bytes.length) return done(null, bytes.length);
      // A full disk takes a part; the rest says why.
      from(bytes, at + written, done);
    });
  };
  return { write: (bytes, done) => from(bytes, 0, done) };
}

/** A pipe, a socket or a terminal, as long as it does not block (cli/terminal/standard.ts). */
export const streamDestination = (stream: Writable): Destination => ({
  write: (bytes, done) => {
    stream.write(bytes, (error) => done(error ?? null, error == null ? bytes.length : 0));
  },
});
