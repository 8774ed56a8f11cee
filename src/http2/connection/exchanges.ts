/**
 * The exchanges of a connection: how streams begin, what is sent on each, and how each ends. Every stream that was
 * begun is closed once. Connection says what each method does for whoever drives it.
 */

import { ERROR_CODE } from "../error.js";
import type { HeaderList } from "../hpack/header-list.js";
import type { ConnectionListener } from "./events.js";
import type { Parts } from "./parts.js";
import { ENDED, Stream, type StreamEnd, type StreamListener } from "./stream.js";

/** Cost of a waiting chunk besides its bytes. */
const CHUNK_OVERHEAD_BYTES = 128;

export interface ExchangeHost {
  readonly listener: ConnectionListener;
  /** There is something to be taken. */
  readonly touched: () => void;
  /** A stream was closed. */
  readonly closed: () => void;
}

export class Exchanges {
  readonly #parts: Parts;
  readonly #host: ExchangeHost;

  constructor(parts: Parts, host: ExchangeHost) {
    this.#parts = parts;
    this.#host = host;
  }

  begin(headers: HeaderList, endStream: boolean, listener: StreamListener, more?: HeaderList): Stream {
    const { lifetime, limits, outflow, streams, clock } = this.#parts;
    streams.highestLocal += 2;
    const stream = new Stream(streams.highestLocal, listener, outflow.streamWindow, limits.initialWindowSize);
    stream.isHead = headers.method === "HEAD";
    streams.add(stream);
    lifetime.streams(streams.size, clock.now);
    this.#headers(stream, headers, endStream, more);
    return stream;
  }

  respond(stream: Stream, headers: HeaderList, endStream: boolean, more?: HeaderList): void {
    if (stream.closed) return;
    if (stream.responded || stream.localEnded) throw new Error(`stream ${stream.id} was responded to already`);
    stream.responded = headers.status >= 200;
    this.#headers(stream, headers, endStream, more);
  }

  send(stream: Stream, bytes: Uint8Array, endStream: boolean): boolean {
    if (stream.closed) return true;
    if (stream.localEnded || stream.endsAfter) throw new Error(`stream ${stream.id} has ended here`);
    this.#parts.outflow.send(stream, bytes, endStream);
    this.#host.touched();
    if (stream.unsentBytes === 0) return true;
    const chunks = (stream.unsent?.length ?? 0) - stream.unsentAt;
    const kept = stream.unsentBytes + chunks * CHUNK_OVERHEAD_BYTES;
    if (chunks > 1 && kept > this.#parts.limits.maxStreamUnsentBytes) {
      this.#parts.limited("maxStreamUnsentBytes");
      this.reset(stream, ERROR_CODE.enhanceYourCalm);
    }
    stream.waiting = stream.unsentBytes >= this.#parts.limits.sendBufferBytes;
    return !stream.waiting;
  }

  trailers(stream: Stream, list: HeaderList, more?: HeaderList): void {
    if (stream.closed) return;
    if (stream.localEnded || stream.endsAfter) throw new Error(`stream ${stream.id} has ended here`);
    this.#parts.outflow.trailers(stream, list, more);
    this.#host.touched();
  }

  reset(stream: Stream, code: number): void {
    if (stream.closed) return;
    const { output, streams } = this.#parts;
    output.rstStream(stream.id, code);
    streams.rememberReset(stream.id);
    this.close(stream, { kind: "reset", by: "here", code, unprocessed: false });
    this.#host.touched();
  }

  consume(stream: Stream, bytes: number): void {
    if (stream.closed) return;
    if (bytes > stream.unconsumed) throw new RangeError(`${bytes} bytes consumed, ${stream.unconsumed} are there`);
    stream.unconsumed -= bytes;
    this.#parts.inflow.creditStream(stream, bytes);
    this.#host.touched();
  }

  /** END_STREAM is in the output. */
  localEnded(stream: Stream): void {
    stream.localEnded = true;
    if (stream.remoteEnded) this.close(stream, ENDED);
    else if (this.#parts.role === "server") {
      // The response is whole: the rest of the request is of no use to anybody.
      this.#parts.output.rstStream(stream.id, ERROR_CODE.noError);
      this.#parts.streams.rememberReset(stream.id);
      this.close(stream, ENDED);
    }
  }

  /** Both sides are over, one way or another. */
  close(stream: Stream, end: StreamEnd): void {
    if (stream.closed) return;
    stream.closed = true;
    stream.outcome = end;
    const { clock, guard, inflow, lifetime, outflow, streams } = this.#parts;
    streams.delete(stream);
    outflow.forget(stream);
    if (stream.unconsumed > 0) inflow.credit(stream.unconsumed);
    lifetime.streams(streams.size, clock.now);
    if (end.kind === "ended") guard.streamEnded();
    stream.listener.closed(stream, end);
    if (this.#parts.role === "client") this.#host.listener.available();
    this.#host.closed();
  }

  #headers(stream: Stream, headers: HeaderList, endStream: boolean, more: HeaderList | undefined): void {
    const { encoder, guard, output } = this.#parts;
    encoder.encode(headers, more);
    output.headers(stream.id, endStream, encoder.block, encoder.length);
    guard.headersSent();
    if (endStream) this.localEnded(stream);
    this.#host.touched();
  }

  /** The peer begins a request. */
  opened(id: number, headers: HeaderList): Stream {
    const { clock, lifetime, limits, outflow, streams } = this.#parts;
    const stream = new Stream(id, NOBODY, outflow.streamWindow, limits.initialWindowSize);
    streams.add(stream);
    lifetime.streams(streams.size, clock.now);
    const listener = this.#host.listener.request(stream, headers);
    stream.listener = listener;
    // It may have been answered or reset meanwhile, when nobody listened.
    if (stream.outcome !== undefined) listener.closed(stream, stream.outcome);
    return stream;
  }
}

/** Listens to a stream until somebody else does. */
const NOBODY: StreamListener = {
  headers: () => {},
  data: () => {},
  end: () => {},
  drained: () => {},
  closed: () => {},
};
