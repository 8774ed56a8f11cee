/**
 * One call at the client: from its start to its status.
 *
 * Intuition: a call is begun on a connection, perhaps after waiting for one. Whatever ends it, its sink hears of it
 * once, with an error that says what the server did: answered, surely not begun, or nobody knows. A call with one
 * request that was surely not begun is begun again by itself, as it is still whole.
 *
 * Invariants:
 * 1. The sink hears of messages in order, then once of `end` or `failed`, and nothing after that.
 * 2. A call that has ended holds no stream: what is left of it is reset.
 */

import { performance } from "node:perf_hooks";
import type { Connection } from "../../http2/connection/connection.js";
import type { Stream, StreamEnd, StreamListener } from "../../http2/connection/stream.js";
import { ERROR_CODE } from "../../http2/error.js";
import type { HeaderList } from "../../http2/hpack/header-list.js";
import type { Deadlines, Expiring } from "../call/deadlines.js";
import { Inlet, type InletSink } from "../call/inlet.js";
import { Outlet } from "../call/outlet.js";
import type { ByteBudget } from "../message/byte-budget.js";
import { type Encoding, encodingOf } from "../message/compression.js";
import type { Inflater } from "../message/inflater.js";
import { errorOfReset, failureOf, headFailure } from "../metadata/answer-status.js";
import { Metadata } from "../metadata/metadata.js";
import { GrpcError, STATUS } from "../status.js";
import type { Channel, Startable } from "./channel.js";
import type { CallOptions } from "./method.js";
import { moreOf } from "./request-heads.js";

/** Shared by all calls of a client. */
export interface ClientHost {
  readonly channel: Channel;
  readonly deadlines: Deadlines;
  readonly budget: ByteBudget;
  readonly inflater: Inflater;
  readonly maxResponseBytes: number;
}

/** Sends requests by itself, on the stream of its call. */
export interface Talker {
  /** Once: a conversation is not begun again. */
  opened(connection: Connection, stream: Stream): void;
  /** More may be sent. */
  drained(): void;
}

export interface ClientCallOptions<Response> {
  readonly host: ClientHost;
  readonly head: HeaderList;
  readonly options: CallOptions;
  /** One request, or many, already as bytes; or the one who sends them. */
  readonly request: Uint8Array | AsyncIterable<Uint8Array> | Talker;
  readonly decode: (bytes: Uint8Array) => Response;
  readonly sink: InletSink<Response>;
}

/** How often a call is begun that the server surely did not begin. */
const MAX_ATTEMPTS = 3;

export class ClientCall<Response> implements StreamListener, Expiring, Startable {
  readonly #options: ClientCallOptions<Response>;
  readonly deadlineAt: number;
  readonly waitForReady: boolean;
  #connection: Connection | undefined;
  #stream: Stream | undefined;
  #inlet: Inlet<Response> | undefined;
  #outlet: Outlet | undefined;
  #requests: AsyncIterator<Uint8Array> | undefined;
  #head: HeaderList | undefined;
  #encoding: Encoding = "identity";
  #hasData = false;
  #attempts = 0;
  #over = false;
  #aborted: (() => void) | undefined;
  /** The sink asked for a message before there was a stream. */
  #wanted = false;
  #maxResponseBytes: number;

  constructor(options: ClientCallOptions<Response>) {
    this.#options = options;
    this.#maxResponseBytes = options.host.maxResponseBytes;
    const { timeoutMs = Number.POSITIVE_INFINITY, waitForReady = false } = options.options;
    this.deadlineAt = timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : performance.now() + timeoutMs;
    this.waitForReady = waitForReady;
  }

  start(): void {
    const { host, options } = this.#options;
    const { signal } = options;
    if (signal?.aborted) {
      this.#fail(cancelled("unprocessed"));
      return;
    }
    if (this.deadlineAt <= performance.now()) {
      this.expired();
      return;
    }
    if (signal !== undefined) {
      this.#aborted = () => this.cancel();
      signal.addEventListener("abort", this.#aborted, { once: true });
    }
    host.deadlines.add(this);
    host.channel.start(this);
  }

  /** The sink wants a message. */
  want(): void {
    this.#wanted = true;
    this.#inlet?.want();
  }

  /** Bound of a message from now on, also inflated; until then that of the client. */
  allow(maxResponseBytes: number): void {
    this.#maxResponseBytes = maxResponseBytes;
    if (this.#inlet !== undefined) this.#inlet.maxMessageBytes = maxResponseBytes;
  }

  /** Nobody wants the answer any more. */
  cancel(): void {
    this.#fail(cancelled(this.#progress()));
  }

  begin(connection: Connection): void {
    const { head, options, request } = this.#options;
    this.#attempts++;
    const more = moreOf(options, this.deadlineAt);
    this.#connection = connection;
    const stream = connection.request(head, false, this, more);
    if (stream === undefined) {
      this.#fail(new GrpcError(STATUS.unavailable, "no stream could be opened", { outcome: "unprocessed" }));
      return;
    }
    this.#stream = stream;
    const outlet = new Outlet(connection, stream);
    this.#outlet = outlet;
    if ("opened" in request) request.opened(connection, stream);
    else if (request instanceof Uint8Array)
      outlet.sendLast(request, options.gzip === true)?.catch((e) => this.#broken(e));
    else this.#pump(request, outlet, connection, stream).catch((error: unknown) => this.#broken(error));
  }

  refused(error: GrpcError): void {
    this.#fail(error);
  }

  /** Ends the call with an error that its sink has found. */
  failed(error: GrpcError): void {
    this.#fail(error);
  }

  expired(): void {
    const outcome = this.#progress();
    const what = outcome === "unprocessed" ? "before the call was sent" : "the outcome is not known";
    this.#fail(new GrpcError(STATUS.deadlineExceeded, `the deadline is over: ${what}`, { outcome }));
  }

  headers(_stream: Stream, headers: HeaderList): void {
    if (this.#over || headers.status < 200) return;
    this.#head = headers;
    const failure = headFailure(headers);
    if (failure !== undefined) {
      this.#fail(failure);
      return;
    }
    const encoding = encodingOf(headers.get("grpc-encoding"));
    if (encoding === undefined) {
      this.#fail(new GrpcError(STATUS.internal, "the answer has an unknown grpc-encoding", { outcome: "unknown" }));
      return;
    }
    this.#encoding = encoding;
    // Trailers-only: there are no headers then.
    if (headers.get("grpc-status") === undefined) this.#tell(this.#options.options.onHeaders, headers);
  }

  data(stream: Stream, bytes: Buffer, start: number, end: number): void {
    if (this.#over) {
      this.#connection?.consume(stream, end - start);
      return;
    }
    this.#hasData = true;
    this.#openInlet().push(bytes, start, end);
  }

  end(stream: Stream, trailers: HeaderList | undefined): void {
    if (this.#over) return;
    const last = trailers ?? (this.#hasData ? undefined : this.#head);
    const failure =
      last === undefined
        ? new GrpcError(STATUS.unknown, "the answer ended without grpc-status", { outcome: "unknown" })
        : failureOf(last);
    if (last !== undefined) this.#tell(this.#options.options.onTrailers, last);
    if (this.#over) return;
    // The server is done: what is left of the requests is of no use to it.
    this.#stopRequests();
    if (!stream.localEnded && !stream.closed) this.#connection?.reset(stream, ERROR_CODE.cancel);
    this.#openInlet().end(failure ?? undefined);
  }

  drained(): void {
    this.#outlet?.drained();
    const { request } = this.#options;
    if (!this.#over && "opened" in request) request.drained();
  }

  closed(stream: Stream, end: StreamEnd): void {
    this.#outlet?.drained();
    // `end` was called, or this reset is our own.
    if (this.#over || stream !== this.#stream || stream.remoteEnded) return;
    if (end.kind === "reset" && end.by === "here") {
      const message = "the answer broke HTTP/2's rules, or too much of the request was not taken";
      this.#fail(new GrpcError(STATUS.internal, message, { outcome: "unknown" }));
      return;
    }
    // Servers end a call so at its deadline, and their timer may be the quicker one.
    if (end.kind === "reset" && end.code === ERROR_CODE.cancel && this.deadlineAt <= performance.now()) {
      this.expired();
      return;
    }
    const failure =
      end.kind === "reset"
        ? errorOfReset(end.code, end.unprocessed)
        : new GrpcError(STATUS.unavailable, "the connection was lost", { outcome: "unknown" });
    const { host, request } = this.#options;
    const again = failure.outcome === "unprocessed" && request instanceof Uint8Array && this.#head === undefined;
    if (!again || this.#attempts >= MAX_ATTEMPTS) {
      this.#fail(failure);
      return;
    }
    this.#stream = undefined;
    host.channel.start(this);
  }

  /** The caller's mistake is its own: it must not end the connection. */
  #tell(hear: ((metadata: Metadata) => void) | undefined, headers: HeaderList): void {
    try {
      hear?.(Metadata.from(headers));
    } catch (error) {
      this.#fail(
        new GrpcError(STATUS.cancelled, "who was told of metadata has thrown", { outcome: "unknown", cause: error }),
      );
    }
  }

  /** The call's fate as far as it is known by now. */
  #progress(): "unprocessed" | "unknown" {
    return this.#stream === undefined ? "unprocessed" : "unknown";
  }

  #openInlet(): Inlet<Response> {
    if (this.#inlet !== undefined) return this.#inlet;
    const { decode, host, sink } = this.#options;
    this.#inlet = new Inlet({
      sink: {
        message: (message) => {
          this.#wanted = false;
          sink.message(message);
        },
        end: () => {
          this.#settle();
          sink.end();
        },
        failed: (error) => this.#fail(error),
      },
      encoding: this.#encoding,
      maxMessageBytes: this.#maxResponseBytes,
      budget: host.budget,
      inflater: host.inflater,
      decode,
      consume: (bytes) => {
        if (this.#stream !== undefined) this.#connection?.consume(this.#stream, bytes);
      },
    });
    if (this.#wanted) this.#inlet.want();
    return this.#inlet;
  }

  /** Requests one after the other, as fast as the server takes them. */
  async #pump(
    requests: AsyncIterable<Uint8Array>,
    outlet: Outlet,
    connection: Connection,
    stream: Stream,
  ): Promise<void> {
    const iterator = requests[Symbol.asyncIterator]();
    this.#requests = iterator;
    const gzip = this.#options.options.gzip === true;
    for (;;) {
      const result = await iterator.next();
      if (this.#over || stream.closed) return;
      if (result.done === true) break;
      const full = outlet.send(result.value, gzip);
      if (full !== undefined) await full;
      if (this.#over || stream.closed) return;
    }
    this.#requests = undefined;
    connection.send(stream, NOTHING, true);
  }

  /** The requests cannot be had. */
  #broken(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const outcome = this.#progress();
    this.#fail(new GrpcError(STATUS.cancelled, `the requests failed: ${message}`, { outcome, cause: error }));
  }

  #fail(error: GrpcError): void {
    if (this.#over) return;
    this.#settle();
    this.#options.sink.failed(error);
  }

  #settle(): void {
    this.#over = true;
    const { host, options } = this.#options;
    host.deadlines.delete(this);
    host.channel.forget(this);
    if (this.#aborted !== undefined) options.signal?.removeEventListener("abort", this.#aborted);
    this.#inlet?.close();
    this.#stopRequests();
    const stream = this.#stream;
    if (stream !== undefined && !stream.closed) this.#connection?.reset(stream, ERROR_CODE.cancel);
  }

  #stopRequests(): void {
    const requests = this.#requests;
    this.#requests = undefined;
    requests?.return?.().catch(() => {});
  }
}

const NOTHING = new Uint8Array(0);

function cancelled(outcome: "unprocessed" | "unknown"): GrpcError {
  return new GrpcError(STATUS.cancelled, "the call was cancelled", { outcome });
}
