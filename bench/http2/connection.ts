/**
 * A gRPC client connection for load, by hand: HTTP/2 without TLS on a plain socket, unary calls only.
 *
 * Intuition: a general client pays for a call with streams, events, promises and metadata objects; a load
 * generator needs none of them. One socket read brings the answers of many calls. Each is given to its handler at once,
 * and the handler starts the next call at once. All that one read has caused leaves in one socket write. It is a
 * complete citizen otherwise: it honours flow control, settings, pings, resets and GOAWAY, and closes the connection on
 * what it cannot understand.
 */

import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import {
  CLIENT_PREFACE,
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  FrameWriter,
  HTTP2_ERROR,
  INITIAL_MAX_FRAME_BYTES,
  INITIAL_WINDOW_BYTES,
  SETTING,
} from "./frames.js";
import { DEFAULT_TABLE_BYTES, HpackDecoder, RequestHeaders } from "./hpack.js";
import { Outflow } from "./outflow.js";
import { type CallHandler, CallStream, CLIENT_STATUS } from "./stream.js";

/** As much as this client lets a server send before it asks for more: per stream, and per connection. */
const RECEIVE_STREAM_WINDOW_BYTES = 16 * 1024 * 1024;
const RECEIVE_WINDOW_BYTES = 1024 * 1024 * 1024;
const READ_BUFFER_BYTES = 256 * 1024;
const MAX_STREAM_ID = 0x7fff_ff00;
const MAX_HEADER_BLOCK_BYTES = 64 * 1024;

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
  /** How many calls the server lets be open at once. */
  maxConcurrentStreams = Number.POSITIVE_INFINITY;

  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  readonly #decoder = new HpackDecoder();
  readonly #streams = new Map<number, CallStream>();
  readonly #pool: CallStream[] = [];
  readonly #outflow: Outflow;
  #headers: RequestHeaders | undefined;
  #nextId = 1;
  #open = false;
  #draining = false;
  #closeReason = "closed by the server";
  #closed = false;
  #flushQueued = false;
  #receivedSinceUpdate = 0;
  #carry: Buffer | undefined;
  // A header block whose CONTINUATION is still to come.
  #fragments: Buffer[] = [];
  #fragmentBytes = 0;
  #fragmentStreamId = 0;
  #fragmentEndsStream = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = connect({
      host: options.host,
      port: options.port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
        callback: (length, buffer) => {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, length));
          return true;
        },
      },
    });
    this.#writer = new FrameWriter(this.#socket);
    this.#outflow = new Outflow(this.#writer);
    this.#socket.on("error", (error) => {
      this.#closeReason = error.message;
    });
    this.#socket.on("close", () => this.#onSocketClose());
    this.#sendPreface();
  }

  /** Open calls. */
  get inFlight(): number {
    return this.#streams.size;
  }

  get usable(): boolean {
    return this.#open && !this.#draining && !this.#closed;
  }

  /**
   * Starts a unary call; the first `length` bytes of `body` are the gRPC-framed request, and are copied before this
   * returns. Only when `usable`. The request leaves at the end of this turn, or of the socket read that it is part of.
   */
  call(path: string, body: Uint8Array, length: number, handler: CallHandler): void {
    if (!this.usable || this.#headers === undefined) throw new Error("call on a connection that is not usable");
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = this.#pool.pop() ?? new CallStream();
    stream.begin(id, handler, this.reading ? this.nowMs : performance.now());
    this.#streams.set(id, stream);
    const headers = this.#headers.block(path);
    const writer = this.#writer;
    writer.frame(FRAME.headers, FLAG.endHeaders, id, headers.length);
    writer.bytes(headers, 0, headers.length);
    this.#outflow.send(stream, body, length);
    if (this.#nextId >= MAX_STREAM_ID) this.#drain();
    if (!this.reading) this.#queueFlush();
  }

  /** Gives up calls older than `limitMs`: resets their streams and ends them as client timeouts. */
  expire(limitMs: number): void {
    const now = performance.now();
    this.nowMs = now;
    for (const stream of this.#streams.values()) {
      // The map keeps the order of starting.
      if (now - stream.startedAtMs < limitMs) break;
      this.#reset(stream.id, HTTP2_ERROR.cancel);
      this.#finish(stream, CLIENT_STATUS.clientTimeout, "");
    }
    this.#queueFlush();
  }

  close(): void {
    this.#draining = true;
    this.#closeReason = "closed by the client";
    this.#writer.flush();
    this.#socket.destroy();
  }

  #sendPreface(): void {
    const writer = this.#writer;
    writer.bytes(CLIENT_PREFACE, 0, CLIENT_PREFACE.length);
    writer.frame(FRAME.settings, 0, 0, 12);
    writer.uint16(SETTING.enablePush);
    writer.uint32(0);
    writer.uint16(SETTING.initialWindowSize);
    writer.uint32(RECEIVE_STREAM_WINDOW_BYTES);
    writer.frame(FRAME.windowUpdate, 0, 0, 4);
    writer.uint32(RECEIVE_WINDOW_BYTES - INITIAL_WINDOW_BYTES);
    writer.flush();
  }

  #queueFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => {
      this.#flushQueued = false;
      this.#writer.flush();
    });
  }

  #read(fresh: Buffer): void {
    this.nowMs = performance.now();
    this.reading = true;
    const chunk = this.#carry === undefined ? fresh : Buffer.concat([this.#carry, fresh]);
    this.#carry = undefined;
    let at = 0;
    try {
      while (chunk.length - at >= FRAME_HEADER_BYTES) {
        const word = chunk.readUInt32BE(at);
        const length = word >>> 8;
        if (length > INITIAL_MAX_FRAME_BYTES) throw new Error(`a frame of ${length} octets`);
        const start = at + FRAME_HEADER_BYTES;
        if (start + length > chunk.length) break;
        this.#frame(
          word & 0xff,
          chunk.readUInt8(at + 4),
          chunk.readUInt32BE(at + 5) & 0x7fff_ffff,
          chunk,
          start,
          start + length,
        );
        at = start + length;
        if (this.#closed) return;
      }
      // The socket reads into the same buffer again: keep a copy of the frame that has not come whole.
      if (at < chunk.length) this.#carry = Buffer.from(chunk.subarray(at));
      this.#replenish();
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    } finally {
      this.reading = false;
      this.#writer.flush();
    }
  }

  #frame(type: number, flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    if (this.#fragmentStreamId !== 0 && type !== FRAME.continuation) throw new Error("a header block interrupted");
    switch (type) {
      case FRAME.data:
        this.#onData(flags, id, chunk, start, end);
        break;
      case FRAME.headers:
        this.#onHeaders(flags, id, chunk, start, end);
        break;
      case FRAME.continuation:
        this.#onContinuation(flags, id, chunk, start, end);
        break;
      case FRAME.settings:
        this.#onSettings(flags, chunk, start, end);
        break;
      case FRAME.windowUpdate:
        this.#onWindowUpdate(id, chunk.readUInt32BE(start) & 0x7fff_ffff);
        break;
      case FRAME.reset:
        this.#onReset(id, chunk.readUInt32BE(start));
        break;
      case FRAME.ping:
        if ((flags & FLAG.ack) === 0) {
          this.#writer.frame(FRAME.ping, FLAG.ack, 0, 8);
          this.#writer.bytes(chunk, start, start + 8);
        }
        break;
      case FRAME.goAway:
        this.#onGoAway(chunk.readUInt32BE(start) & 0x7fff_ffff, chunk.readUInt32BE(start + 4));
        break;
      case FRAME.pushPromise:
        throw new Error("a push that was not allowed");
      default:
        break; // PRIORITY and what is not known: to be ignored.
    }
  }

  #onData(flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    this.#receivedSinceUpdate += end - start;
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const padded = (flags & FLAG.padded) !== 0;
    const from = padded ? start + 1 : start;
    const to = padded ? end - chunk.readUInt8(start) : end;
    if (from > to) throw new Error("more padding than frame");
    stream.received += to - from;
    if (to > from) stream.handler?.data(chunk, from, to);
    if ((flags & FLAG.endStream) !== 0) this.#finish(stream, stream.status(), stream.message());
  }

  #onHeaders(flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    let from = start;
    let to = end;
    if ((flags & FLAG.padded) !== 0) {
      to -= chunk.readUInt8(from);
      from += 1;
    }
    if ((flags & FLAG.priority) !== 0) from += 5;
    if (from > to) throw new Error("more padding than frame");
    const endsStream = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) {
      this.#headerBlock(id, endsStream, chunk, from, to);
      return;
    }
    this.#fragmentStreamId = id;
    this.#fragmentEndsStream = endsStream;
    this.#fragmentBytes = to - from;
    this.#fragments = [Buffer.from(chunk.subarray(from, to))];
  }

  #onContinuation(flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    if (id === 0 || id !== this.#fragmentStreamId) throw new Error("a continuation of nothing");
    this.#fragments.push(Buffer.from(chunk.subarray(start, end)));
    this.#fragmentBytes += end - start;
    if (this.#fragmentBytes > MAX_HEADER_BLOCK_BYTES) throw new Error("a header block without end");
    if ((flags & FLAG.endHeaders) === 0) return;
    const block = Buffer.concat(this.#fragments);
    this.#fragmentStreamId = 0;
    this.#fragments = [];
    this.#headerBlock(id, this.#fragmentEndsStream, block, 0, block.length);
  }

  #headerBlock(id: number, endsStream: boolean, block: Buffer, start: number, end: number): void {
    const stream = this.#streams.get(id);
    // Also the block of a stream given up is decoded: the dynamic table must stay in step.
    this.#decoder.decode(block, start, end, stream ?? IGNORE_HEADERS);
    if (stream !== undefined && endsStream) this.#finish(stream, stream.status(), stream.message());
  }

  #onSettings(flags: number, chunk: Buffer, start: number, end: number): void {
    if ((flags & FLAG.ack) !== 0) return;
    let tableBytes = DEFAULT_TABLE_BYTES;
    for (let at = start; at + 6 <= end; at += 6) {
      const value = chunk.readUInt32BE(at + 2);
      const setting = chunk.readUInt16BE(at);
      if (setting === SETTING.headerTableSize) tableBytes = value;
      else if (setting === SETTING.maxConcurrentStreams) this.maxConcurrentStreams = value;
      else if (setting === SETTING.maxFrameSize) this.#outflow.setMaxFrame(value);
      else if (setting === SETTING.initialWindowSize) this.#outflow.setStreamWindow(value);
    }
    this.#writer.frame(FRAME.settings, FLAG.ack, 0, 0);
    this.#outflow.resume();
    if (this.#headers !== undefined) return;
    const timeout: (readonly [string, string])[] =
      this.#options.deadlineMs > 0 ? [["grpc-timeout", `${this.#options.deadlineMs}m`]] : [];
    const authority = `${this.#options.host}:${this.#options.port}`;
    this.#headers = new RequestHeaders(authority, [["user-agent", "onar-bench"], ...timeout], tableBytes);
    this.#open = true;
    this.#options.onReady();
  }

  #onWindowUpdate(id: number, increment: number): void {
    const stream = this.#streams.get(id);
    if (id === 0) this.#outflow.grantConnection(increment);
    else if (stream !== undefined) this.#outflow.grantStream(stream, increment);
  }

  #onReset(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#finish(stream, CLIENT_STATUS.streamReset, `RST_STREAM ${code}`);
  }

  #onGoAway(lastId: number, code: number): void {
    this.#closeReason = `GOAWAY ${code}`;
    for (const stream of [...this.#streams.values()]) {
      if (stream.id > lastId) this.#finish(stream, CLIENT_STATUS.refusedByGoAway, `GOAWAY ${code}`);
    }
    this.#drain();
  }

  #drain(): void {
    if (!this.#draining) {
      this.#draining = true;
      this.#options.onDraining();
    }
    if (this.#streams.size === 0) this.#socket.end();
  }

  /** Asks for more once half of the connection's window is used up. */
  #replenish(): void {
    if (this.#receivedSinceUpdate < RECEIVE_WINDOW_BYTES / 2) return;
    this.#writer.frame(FRAME.windowUpdate, 0, 0, 4);
    this.#writer.uint32(this.#receivedSinceUpdate);
    this.#receivedSinceUpdate = 0;
  }

  #reset(id: number, code: number): void {
    this.#writer.frame(FRAME.reset, 0, id, 4);
    this.#writer.uint32(code);
  }

  #finish(stream: CallStream, status: number, message: string): void {
    this.#streams.delete(stream.id);
    // An answer before the whole request was out: the server will not get the rest.
    if (stream.unsent !== undefined && this.#outflow.forget(stream) && status < 100)
      this.#reset(stream.id, HTTP2_ERROR.cancel);
    const handler = stream.handler;
    stream.handler = undefined;
    this.#pool.push(stream);
    handler?.done(status, message);
    if (this.#draining && this.#streams.size === 0) this.#socket.end();
  }

  #fail(reason: string): void {
    this.#closeReason = reason;
    this.#writer.frame(FRAME.goAway, 0, 0, 8);
    this.#writer.uint32(0);
    this.#writer.uint32(HTTP2_ERROR.protocol);
    this.#writer.flush();
    this.#socket.destroy();
  }

  #onSocketClose(): void {
    this.#closed = true;
    this.nowMs = performance.now();
    for (const stream of [...this.#streams.values()]) {
      this.#finish(stream, CLIENT_STATUS.connectionLost, this.#closeReason);
    }
    this.#options.onClosed(this.#closeReason);
  }
}

const IGNORE_HEADERS = { header: (): void => {} };
