/**
 * A NATS connection for load: each request names a subject of this connection's own for its answer. Answers of one
 * socket read start the next requests, which leave in one write, as `http2/connection.ts` does it.
 */

import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { ConnectionOptions } from "../http2/connection.js";
import { FrameWriter } from "../http2/frames.js";
import { type CallHandler, CLIENT_STATUS } from "../http2/stream.js";
import { NatsParser } from "./parser.js";

/** A request has this mark in place of its answer's subject, and then this many octets to fill in. */
export const INBOX_MARK = "_INBOX.";
export const INBOX_TOKEN_BYTES = 17;
const NUMBER_DIGITS = 8;
const UNKNOWN = 2;
const UNAVAILABLE = 14;
/** A condition on the last sequence did not hold: an answer, and no failure. */
const WRONG_SEQUENCE = "wrong last sequence";

interface Waiting {
  readonly handler: CallHandler;
  readonly startedAtMs: number;
}

export class NatsLine {
  nowMs = performance.now();
  reading = false;
  readonly maxConcurrentStreams = Number.POSITIVE_INFINITY;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  readonly #parser: NatsParser;
  readonly #inbox = randomBytes(4).toString("hex");
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #open = false;
  #over = false;
  #flushQueued = false;
  #closeReason = "closed by the server";

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = connect({ host: options.host, port: options.port, noDelay: true });
    this.#writer = new FrameWriter(this.#socket);
    this.#parser = new NatsParser({
      onLine: (line) => this.#onLine(line),
      onMessage: (subject, chunk, start, end, headerBytes) => this.#onMessage(subject, chunk, start, end, headerBytes),
    });
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => {
      this.#closeReason = error.message;
    });
    this.#socket.on("close", () => this.#onClose());
    this.#say(`CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n`);
    this.#say(`SUB ${INBOX_MARK}${this.#inbox}.* 1\r\nPING\r\n`);
    this.#writer.flush();
  }

  get inFlight(): number {
    return this.#waiting.size;
  }

  get usable(): boolean {
    return this.#open && !this.#over;
  }

  /** `body` [0, length) is a whole PUB or HPUB with the mark in it. */
  call(_path: string, body: Uint8Array, length: number, handler: CallHandler): void {
    const bytes = Buffer.from(body.buffer, body.byteOffset, length);
    this.#next = (this.#next + 1) % 10 ** NUMBER_DIGITS;
    const token = `${this.#inbox}.${`${this.#next}`.padStart(NUMBER_DIGITS, "0")}`;
    bytes.write(token, bytes.indexOf(INBOX_MARK) + INBOX_MARK.length, "latin1");
    this.#waiting.set(this.#next, { handler, startedAtMs: this.reading ? this.nowMs : performance.now() });
    this.#writer.bytes(bytes, 0, length);
    if (!this.reading) this.#queueFlush();
  }

  expire(limitMs: number): void {
    const now = performance.now();
    this.nowMs = now;
    for (const [number, { handler, startedAtMs }] of this.#waiting) {
      if (now - startedAtMs < limitMs) break;
      this.#waiting.delete(number);
      handler.done(CLIENT_STATUS.clientTimeout, "");
    }
  }

  close(): void {
    this.#over = true;
    this.#closeReason = "closed by the client";
    this.#writer.flush();
    this.#socket.destroy();
  }

  #say(text: string): void {
    this.#writer.bytes(Buffer.from(text), 0, text.length);
  }

  #queueFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => {
      this.#flushQueued = false;
      this.#writer.flush();
    });
  }

  #read(chunk: Buffer): void {
    this.nowMs = performance.now();
    this.reading = true;
    try {
      this.#parser.read(chunk);
    } catch (error) {
      this.#closeReason = error instanceof Error ? error.message : String(error);
      this.#socket.destroy();
    } finally {
      this.reading = false;
      this.#writer.flush();
    }
  }

  #onLine(line: string): void {
    if (line === "PING") this.#say("PONG\r\n");
    if (line === "PONG" && !this.#open) {
      this.#open = true;
      this.#options.onReady();
    }
    if (line.startsWith("-ERR")) throw new Error(line);
  }

  #onMessage(subject: string, chunk: Buffer, start: number, end: number, headerBytes: number): void {
    const number = Number(subject.slice(-NUMBER_DIGITS));
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    this.#waiting.delete(number);
    waiting.handler.data(chunk, start, end);
    if (headerBytes > 0) {
      const noResponders = chunk.toString("latin1", start, start + 12) === "NATS/1.0 503";
      waiting.handler.done(noResponders ? UNAVAILABLE : 0, noResponders ? "no responders" : "");
      return;
    }
    const text = chunk.toString("latin1", start, end);
    const failed = text.includes('"error"') && !text.includes(WRONG_SEQUENCE);
    waiting.handler.done(failed ? UNKNOWN : 0, failed ? text : "");
  }

  #onClose(): void {
    this.#over = true;
    this.nowMs = performance.now();
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { handler } of lost) handler.done(CLIENT_STATUS.connectionLost, this.#closeReason);
    this.#options.onClosed(this.#closeReason);
  }
}
