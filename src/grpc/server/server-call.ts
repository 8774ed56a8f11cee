/**
 * One call at the server: from the head of its request to its status.
 *
 * Intuition: most calls are one message each way, and the message comes in one piece. Those need this object, its
 * answer and little else: metadata, signal and inlet are made when somebody asks for them.
 *
 * Invariant: a call ends once, by its answer, by a failure, at its deadline, or because the client has gone away. Calls
 * of a handler after that are ignored.
 *
 * Source: gRPC's PROTOCOL-HTTP2.md.
 */

import { performance } from "node:perf_hooks";
import type { Connection } from "../../http2/connection/connection.js";
import type { Stream, StreamEnd, StreamListener } from "../../http2/connection/stream.js";
import { ERROR_CODE } from "../../http2/error.js";
import type { HeaderList } from "../../http2/hpack/header-list.js";
import type { Deadlines, Expiring } from "../call/deadlines.js";
import { asGrpcError, Inlet, type InletSink } from "../call/inlet.js";
import { MessageStream } from "../call/message-stream.js";
import type { ByteBudget } from "../message/byte-budget.js";
import type { Encoding } from "../message/compression.js";
import type { Inflater } from "../message/inflater.js";
import { PREFIX_BYTES } from "../message/message-reader.js";
import { Metadata } from "../metadata/metadata.js";
import { causedByPeer, GrpcError, STATUS } from "../status.js";
import { Answer, type Answered } from "./answer.js";
import type { Call, Caller } from "./call.js";
import type { CallEnded, CallListener } from "./call-listener.js";
import {
  type ConversationRoute,
  methodKindOf,
  type Route,
  type ServerStreamingRoute,
  type UnaryRoute,
} from "./route.js";
import { ServerConversation } from "./server-conversation.js";

type SingleRequestRoute = UnaryRoute<unknown, unknown> | ServerStreamingRoute<unknown, unknown>;

/** The connection that a call is on, and what its calls share. */
export interface CallHost {
  readonly connection: Connection;
  readonly caller: Caller;
  readonly deadlines: Deadlines;
  readonly budget: ByteBudget;
  readonly inflater: Inflater;
  readonly maxRequestBytes: number;
  readonly listener: CallListener | undefined;
  /** A handler, an encoder or an iteration has thrown something else than a GrpcError. */
  readonly onError: (error: unknown, call: Call) => void;
}

export interface ServerCallOptions {
  readonly session: CallHost;
  readonly stream: Stream;
  readonly route: Route;
  readonly encoding: Encoding;
  readonly timeoutMs: number;
  readonly requestHeaders: HeaderList;
}

/** No request has come yet. */
const NONE = Symbol("none");

export class ServerCall implements StreamListener, Call, Answered, Expiring {
  readonly #session: CallHost;
  readonly #stream: Stream;
  readonly #route: Route;
  readonly #encoding: Encoding;
  readonly #requestHeaders: HeaderList;
  readonly #answer: Answer;
  readonly deadlineAt: number;
  gzip = false;
  #metadata: Metadata | undefined;
  #controller: AbortController | undefined;
  #inlet: Inlet<unknown> | undefined;
  /** Unary and server-streaming: the request, until the handler gets it. */
  #request: unknown = NONE;
  #requests: MessageStream<unknown> | undefined;
  #conversation: ServerConversation | undefined;
  #whenEnded: CallEnded | undefined;
  /** Why nobody waits for the answer any more. */
  #abandoned: GrpcError | undefined;

  constructor(options: ServerCallOptions) {
    this.#session = options.session;
    this.#stream = options.stream;
    this.#route = options.route;
    this.#encoding = options.encoding;
    this.#requestHeaders = options.requestHeaders;
    this.#answer = new Answer(this, options.session.connection, options.stream, options.requestHeaders);
    const { timeoutMs } = options;
    this.deadlineAt = timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : performance.now() + timeoutMs;
  }

  get path(): string {
    return this.#route.path;
  }

  get caller(): Caller {
    return this.#session.caller;
  }

  get metadata(): Metadata {
    this.#metadata ??= Metadata.from(this.#requestHeaders);
    return this.#metadata;
  }

  get responseHeaders(): Metadata {
    return this.#answer.headers;
  }

  get responseTrailers(): Metadata {
    return this.#answer.trailers;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abandoned !== undefined) this.#controller.abort(this.#abandoned);
    }
    return this.#controller.signal;
  }

  sendHeaders(): void {
    if (!this.#answer.over) this.#answer.sendHead();
  }

  /** The head of the request was taken. */
  begin(): void {
    this.#session.deadlines.add(this);
    const route = this.#route;
    this.#whenEnded = this.#session.listener?.began(this, methodKindOf(route));
    if (route.kind === "unary" || route.kind === "server-streaming") return;
    if (route.kind === "conversation") return this.#converse(route);
    const requests = new MessageStream<unknown>(() => this.#inlet?.close());
    this.#requests = requests;
    requests.from(this.#openInlet(requests));
    try {
      if (route.kind === "client-streaming") this.#answerWith(route.handle(requests, this));
      else this.#answer.withStream(route.handle(requests, this), route);
    } catch (error) {
      this.failed(error);
    }
  }

  data(stream: Stream, bytes: Buffer, start: number, end: number): void {
    if (this.#answer.over) {
      this.#session.connection.consume(stream, end - start);
      return;
    }
    if (this.#inlet === undefined) {
      if (this.#takeWhole(bytes, start, end)) return;
      this.#openInlet(this.#single()).want();
    }
    this.#inlet?.push(bytes, start, end);
  }

  end(_stream: Stream, _trailers: HeaderList | undefined): void {
    if (this.#answer.over) return;
    if (this.#inlet !== undefined) this.#inlet.end();
    else this.#requestIsWhole();
  }

  drained(): void {
    this.#answer.drained();
    this.#conversation?.drained();
  }

  headers(): void {}

  closed(_stream: Stream, end: StreamEnd): void {
    this.#session.deadlines.delete(this);
    this.#inlet?.close();
    if (this.#answer.over || end.kind === "ended") this.#answer.drained();
    else this.#abandon(causedByPeer(STATUS.cancelled, "the client has gone away"));
  }

  expired(): void {
    const error = causedByPeer(STATUS.deadlineExceeded, "the deadline is over");
    const isAnswered = this.#answer.over;
    this.ended(error.code);
    // The client takes too little of what was sent already to hear of a status.
    if (this.#stream.unsentBytes > 0) this.#session.connection.reset(this.#stream, ERROR_CODE.cancel);
    else if (!isAnswered) this.#answer.sendFailure(error);
    if (!isAnswered) this.#abandon(error);
  }

  /** A single message that came in one piece, not compressed, and is all that a request of one message has. */
  #takeWhole(bytes: Buffer, start: number, end: number): boolean {
    const length = end - start - PREFIX_BYTES;
    if (this.#request !== NONE || length < 0 || length > 0xffff || bytes[start] !== 0) return false;
    if (bytes[start + 1] !== 0 || bytes[start + 2] !== 0) return false;
    if (bytes[start + 3] !== length >>> 8 || bytes[start + 4] !== (length & 0xff)) return false;
    const route = this.#route;
    if (length > this.#maxRequestBytes(route)) return false;
    this.#session.connection.consume(this.#stream, end - start);
    try {
      this.#request = route.decode(bytes.subarray(start + PREFIX_BYTES, end));
    } catch (error) {
      this.failed(asGrpcError(error));
    }
    return true;
  }

  /** Takes the one message of a request that did not come in one piece, and sees that there is no other. */
  #single(): InletSink<unknown> {
    return {
      message: (message) => {
        if (this.#request !== NONE) {
          this.failed(causedByPeer(STATUS.unimplemented, "more than one message in a request of one"));
          return;
        }
        this.#request = message;
        this.#inlet?.want();
      },
      end: () => this.#requestIsWhole(),
      failed: (error) => this.failed(error),
    };
  }

  #openInlet(sink: InletSink<unknown>): Inlet<unknown> {
    const { connection, budget, inflater } = this.#session;
    const route = this.#route;
    this.#inlet = new Inlet({
      sink,
      encoding: this.#encoding,
      maxMessageBytes: this.#maxRequestBytes(route),
      budget,
      inflater,
      decode: (bytes) => route.decode(bytes),
      consume: (bytes) => connection.consume(this.#stream, bytes),
    });
    return this.#inlet;
  }

  #maxRequestBytes({ maxRequestBytes }: Route): number {
    if (typeof maxRequestBytes === "function") return maxRequestBytes(this.#session.caller);
    return maxRequestBytes ?? this.#session.maxRequestBytes;
  }

  #requestIsWhole(): void {
    const request = this.#request;
    if (request === NONE) {
      this.failed(causedByPeer(STATUS.unimplemented, "no message in a request of one"));
      return;
    }
    this.#request = undefined;
    const route = this.#route;
    if (route.kind === "unary" || route.kind === "server-streaming") this.#handle(route, request);
  }

  #handle(route: SingleRequestRoute, request: unknown): void {
    try {
      if (route.kind === "server-streaming") this.#answer.withStream(route.handle(request, this), route);
      else {
        const response = route.handle(request, this);
        if (response instanceof Promise) this.#answerWith(response);
        else this.#answerWithOne(response);
      }
    } catch (error) {
      this.failed(error);
    }
  }

  #answerWith(response: Promise<unknown>): void {
    response.then((value) => this.#answerWithOne(value)).catch((error: unknown) => this.failed(error));
  }

  #converse(route: ConversationRoute<unknown, unknown>): void {
    const { connection } = this.#session;
    const stream = this.#stream;
    const conversation = new ServerConversation(
      {
        call: this,
        isDraining: () => connection.draining,
        want: () => this.#inlet?.want(),
        write: (framed) => {
          this.#answer.sendHead();
          return connection.send(stream, framed, false);
        },
        get unsentBytes() {
          return stream.unsentBytes;
        },
        allow: (bytes) => {
          if (this.#inlet !== undefined) this.#inlet.maxMessageBytes = bytes;
        },
        ping: (answered) => connection.ping(answered),
        end: (failure) => this.#endConversation(failure),
        cut: (failure) => {
          if (stream.unsentBytes === 0) return this.failed(failure);
          this.ended(failure.code);
          this.#inlet?.close();
          connection.reset(stream, ERROR_CODE.cancel);
        },
      },
      route,
    );
    this.#conversation = conversation;
    this.#openInlet(conversation.sink());
    try {
      conversation.begin();
    } catch (error) {
      this.failed(error);
    }
  }

  #endConversation(failure: unknown): void {
    if (failure === undefined) {
      this.#answer.sendHead();
      this.#answer.sendOk();
      this.#inlet?.close();
    } else this.failed(failure);
  }

  /** May throw what the route's encoder throws. */
  #answerWithOne(response: unknown): void {
    const route = this.#route;
    if (this.#answer.over || route.kind === "conversation") return;
    this.#answer.withOne(route.encode(response));
  }

  failed(error: unknown): void {
    if (!(error instanceof GrpcError) && !(this.#answer.over && isAbort(error))) this.#session.onError(error, this);
    if (this.#answer.over) return;
    this.#answer.sendFailure(error instanceof GrpcError ? error : new GrpcError(STATUS.internal, "internal error"));
    if (this.#requests !== undefined || this.#answer.isStream) {
      this.#leaveRequests(causedByPeer(STATUS.cancelled, "the call has ended"));
    }
    this.#inlet?.close();
  }

  ended(code: number): void {
    this.#answer.over = true;
    const ended = this.#whenEnded;
    this.#whenEnded = undefined;
    ended?.(code);
    this.#conversation?.close();
  }

  /** Nobody waits for the answer any more. */
  #abandon(error: GrpcError): void {
    this.ended(error.code);
    this.#abandoned = error;
    this.#answer.drained();
    this.#leaveRequests(error);
    this.#inlet?.close();
    this.#controller?.abort(error);
  }

  #leaveRequests(error: GrpcError): void {
    this.#requests?.failed(error);
    this.#answer.leave();
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
