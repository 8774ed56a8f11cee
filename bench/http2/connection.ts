/**
 * A gRPC client connection for load: unary calls only, straight on the machine of src/http2, without TLS.
 *
 * Intuition: a general client pays for a call with streams, events, promises and metadata objects; a load generator needs none of them.
 * One socket read brings the answers of many calls; each is given to its handler at once, the handler starts the next call at once, and
 * all that one read has caused leaves in one socket write.
 */

import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { Connection as Machine } from "../../src/http2/connection/connection.js";
import type { Closing } from "../../src/http2/connection/events.js";
import { CLIENT_TIMING } from "../../src/http2/connection/limits.js";
import type { Stream } from "../../src/http2/connection/stream.js";
import { ERROR_CODE, errorName } from "../../src/http2/error.js";
import { type HeaderList, type HeaderPair, headerList } from "../../src/http2/hpack/header-list.js";
import { type CallHandler, CallStream, CLIENT_STATUS } from "./stream.js";

/** What this client lets a server send before it asks for more: per stream, and per connection. */
const LIMITS = {
  initialWindowSize: 16 * 1024 * 1024,
  initialConnWindowSize: 1024 * 1024 * 1024,
  // The generator itself bounds its calls in flight.
  maxConcurrentStreams: 1_000_000,
};

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** Sent as grpc-timeout with every call; 0 for none. */
  readonly deadlineMs: number;
  /** The server's settings have come: calls may start. Once. */
  readonly onReady: () => void;
  /** No new call will be accepted; those under way still end. At most once. */
  readonly onDraining: () => void;
  /** The socket is gone and every call has ended. Once, also when it never was ready. */
  readonly onClosed: (reason: string) => void;
}

export class Connection {
  /** The clock at the last socket read, in ms: every answer of that read counts as of then. */
  nowMs = performance.now();
  /** Whether a socket read is being worked on, and so `nowMs` is the time. */
  reading = false;

  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #machine: Machine;
  /** In the order of their beginning. */
  readonly #calls = new Set<CallStream>();
  readonly #pool: CallStream[] = [];
  readonly #headers = new Map<string, HeaderList>();
  #open = false;
  #draining = false;
  #wentAway = false;
  #closeReason = "closed by the server";
  #closed = false;
  #flushQueued = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#machine = new Machine(
      {
        role: "client",
        limits: LIMITS,
        timing: { ...CLIENT_TIMING, connectionTimeoutMs: 0, writeTimeoutMs: 0 },
        listener: {
          request: () => {
            throw new Error("a client gets no requests");
          },
          ready: () => {
            this.#open = true;
            options.onReady();
          },
          available: () => {},
          draining: (code) => {
            this.#wentAway = true;
            this.#closeReason = `GOAWAY ${errorName(code)}`;
            this.#drain();
          },
          closed: (closing) => this.#onMachineClosed(closing),
          wake: () => this.#queueFlush(),
        },
      },
      this.nowMs,
    );
    this.#socket = connect({ host: options.host, port: options.port, noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("drain", () => this.#flush());
    this.#socket.on("error", (error) => {
      this.#closeReason = error.message;
    });
    this.#socket.on("close", () => this.#onSocketClose());
    this.#flush();
  }

  /** Open calls. */
  get inFlight(): number {
    return this.#calls.size;
  }

  get usable(): boolean {
    return this.#open && !this.#draining && !this.#closed;
  }

  /** Whether a call can start now, as far as the server says. */
  get admits(): boolean {
    return this.usable && this.#machine.openable > 0;
  }

  /**
   * Starts a unary call; `body` [0, length) is the gRPC-framed request and is copied before this returns.
   * Only when `admits`. The request leaves at the end of this turn, or of the socket read that it is part of.
   */
  call(path: string, body: Uint8Array, length: number, handler: CallHandler): void {
    const call = this.#pool.pop() ?? new CallStream();
    call.begin(handler, this.reading ? this.nowMs : performance.now(), this);
    const stream = this.#machine.request(this.#headersOf(path), false, call);
    if (stream === undefined) throw new Error("call on a connection that is not usable");
    call.stream = stream;
    this.#calls.add(call);
    this.#machine.send(stream, Buffer.from(body.subarray(0, length)), true);
  }

  /** Gives up calls older than `limitMs`: resets their streams and ends them as client timeouts. */
  expire(limitMs: number): void {
    const now = performance.now();
    this.nowMs = now;
    for (const call of this.#calls) {
      if (now - call.startedAtMs < limitMs) break;
      call.ended = CLIENT_STATUS.clientTimeout;
      if (call.stream !== undefined) this.#machine.reset(call.stream, ERROR_CODE.cancel);
    }
  }

  close(): void {
    this.#draining = true;
    this.#closeReason = "closed by the client";
    this.#flush();
    this.#socket.destroy();
  }

  /** A part of an answer's body has been seen. */
  consumed(stream: Stream, bytes: number): void {
    this.#machine.consume(stream, bytes);
  }

  /** The call's stream has ended. */
  finish(call: CallStream): void {
    this.#calls.delete(call);
    const { handler } = call;
    const status = call.ended >= 0 ? call.ended : call.status();
    const message = call.message(status);
    this.#pool.push(call);
    handler?.done(status, message);
  }

  /** Whether the server has said GOAWAY. */
  get wentAway(): boolean {
    return this.#wentAway;
  }

  /** Why the connection has ended, or is about to. */
  get closeReason(): string {
    return this.#closeReason;
  }

  #headersOf(path: string): HeaderList {
    const known = this.#headers.get(path);
    if (known !== undefined) return known;
    const { host, port, deadlineMs } = this.#options;
    // One deadline for all calls: worth its place in the server's table.
    const timeout: HeaderPair[] = deadlineMs > 0 ? [["grpc-timeout", `${deadlineMs}m`, "store"]] : [];
    const list = headerList([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", `${host}:${port}`],
      ["te", "trailers"],
      ["content-type", "application/grpc"],
      ["user-agent", "onar-bench"],
      ...timeout,
    ]);
    this.#headers.set(path, list);
    return list;
  }

  #read(chunk: Buffer): void {
    this.nowMs = performance.now();
    this.reading = true;
    this.#machine.receive(chunk, this.nowMs);
    this.reading = false;
    this.#flush();
  }

  #queueFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => {
      this.#flushQueued = false;
      this.#flush();
    });
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    for (;;) {
      const chunks = this.#machine.take();
      for (const chunk of chunks) socket.write(chunk);
      this.#machine.flushed(socket.writableNeedDrain ? socket.writableLength : 0, this.nowMs);
      if (chunks.length === 0) break;
    }
    if (this.#machine.closed !== undefined) socket.end();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#options.onDraining();
  }

  #onMachineClosed({ kind, message }: Closing): void {
    if (kind === "violated") this.#closeReason = message;
  }

  #onSocketClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#machine.lost(this.#closeReason);
    this.#options.onClosed(this.#closeReason);
  }
}
