/**
 * A call of a route on grpc-js. grpc-js begins the call, reads and writes its messages, and ends it at its deadline;
 * everything in between is the route's.
 *
 * Invariants:
 * 1. A call ends once, whoever ends it. Calls of a handler after that are ignored.
 * 2. A message is read when somebody wants it.
 */

import { Metadata as GrpcJsMetadata, type ServerInterceptingCall } from "@grpc/grpc-js";
import { unreachable } from "../../base/assert.js";
import { MessageStream } from "../../grpc/call/message-stream.js";
import { Metadata } from "../../grpc/metadata/metadata.js";
import type { Call, Caller } from "../../grpc/server/call.js";
import type { CallEnded, CallListener } from "../../grpc/server/call-listener.js";
import { type ConversationRoute, methodKindOf, type Route } from "../../grpc/server/route.js";
import { GrpcError, STATUS } from "../../grpc/status.js";
import { toBuffer } from "../../wire/bytes.js";

type PlainRoute = Exclude<Route, ConversationRoute<unknown, unknown>>;
type SentStatus = Parameters<ServerInterceptingCall["sendStatus"]>[0];

/** The part that calls of all routes share. */
export interface GrpcJsServing {
  readonly listener: CallListener | undefined;
  /** A handler has thrown something else than a GrpcError. */
  readonly onError: (error: unknown, call: Call) => void;
}

export class GrpcJsCall implements Call {
  readonly path: string;
  readonly deadlineAt: number;
  readonly caller: Caller;
  gzip = false;
  /** The call is over, however it has ended. */
  over = false;
  private received: Metadata | null = null;
  private headers: Metadata | null = null;
  private trailers: Metadata | null = null;
  private controller: AbortController | null = null;
  private whenEnded: CallEnded | undefined;
  private readonly sendRawStatus: (status: SentStatus) => void;
  private readonly ends: ((error: GrpcError | null) => void)[] = [];

  constructor(
    route: Route,
    private readonly call: ServerInterceptingCall,
    private readonly raw: GrpcJsMetadata,
    private readonly serving: GrpcJsServing,
  ) {
    this.path = route.path;
    const deadline = call.getDeadline();
    const at = deadline instanceof Date ? deadline.getTime() : deadline;
    this.deadlineAt = Number.isFinite(at) ? performance.now() + at - Date.now() : Number.POSITIVE_INFINITY;
    this.caller = { address: call.getPeer(), certificate: undefined };
    const { sendStatus } = call;
    this.sendRawStatus = (status) => sendStatus.call(call, status);
    // grpc-js ends calls itself, too: at their deadline, and for messages that it refuses.
    call.sendStatus = (status) => {
      this.hasEnded(new GrpcError(status.code ?? STATUS.unknown, status.details ?? ""));
      this.sendRawStatus(status);
    };
    this.whenEnded = serving.listener?.began(this, methodKindOf(route));
  }

  get metadata(): Metadata {
    this.received ??= fromGrpcJs(this.raw);
    return this.received;
  }

  get responseHeaders(): Metadata {
    this.headers ??= new Metadata();
    return this.headers;
  }

  get responseTrailers(): Metadata {
    this.trailers ??= new Metadata();
    return this.trailers;
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.over) this.controller.abort();
    return this.controller.signal;
  }

  sendHeaders(): void {
    if (this.over) return;
    this.call.sendMetadata(this.headers === null ? new GrpcJsMetadata() : toGrpcJs(this.headers));
    this.headers = null;
  }

  /** Is told when the call is over: null if it was answered, else why not. */
  onEnd(told: (error: GrpcError | null) => void): void {
    if (this.over) told(null);
    else this.ends.push(told);
  }

  /** Calls back once the transport has taken the message. */
  send(message: unknown, taken: () => void): void {
    if (this.over) return;
    if (this.headers !== null) this.sendHeaders();
    this.call.sendMessage(message, taken);
  }

  end(): void {
    if (this.over) return;
    if (this.headers !== null) this.sendHeaders();
    this.hasEnded(null);
    this.sendRawStatus({
      code: STATUS.ok,
      details: "OK",
      metadata: this.trailers === null ? null : toGrpcJs(this.trailers),
    });
  }

  fail(error: unknown): void {
    if (!(error instanceof GrpcError) && !this.over) this.serving.onError(error, this);
    if (this.over) return;
    const failure = error instanceof GrpcError ? error : new GrpcError(STATUS.internal, "internal error");
    this.hasEnded(failure);
    this.sendRawStatus({ code: failure.code, details: failure.message, metadata: trailersOf(failure, this.trailers) });
  }

  /** The client has gone away, or the call was over before. */
  cancelled(): void {
    this.hasEnded(new GrpcError(STATUS.cancelled, "the client has gone away"));
  }

  private hasEnded(error: GrpcError | null): void {
    if (this.over) return;
    this.over = true;
    this.whenEnded?.(error?.code ?? STATUS.ok);
    for (const told of this.ends.splice(0)) told(error);
    if (error !== null) this.controller?.abort(error);
  }
}

/** The one that is told of messages on a call. */
export interface Incoming {
  message(message: unknown): void;
  end(): void;
}

/** Runs a route on its call; `want` asks for one message, or the end. */
export function runRoute(route: PlainRoute, call: GrpcJsCall, want: () => void): Incoming {
  switch (route.kind) {
    case "unary":
      return single(call, want, (request) => answerWith(call, route.handle(request, call)));
    case "server-streaming":
      return single(call, want, (request) => pump(call, route.handle(request, call)));
    case "client-streaming":
    case "bidirectional": {
      const requests = new MessageStream<unknown>(() => {});
      requests.from({ want });
      call.onEnd((error) => requests.failed(error ?? new GrpcError(STATUS.cancelled, "the call has ended")));
      guarded(call, () => {
        if (route.kind === "bidirectional") pump(call, route.handle(requests, call));
        else answerWith(call, route.handle(requests, call));
      });
      return {
        message: (message) => {
          if (message instanceof GrpcError) call.fail(message);
          else requests.message(message);
        },
        end: () => requests.end(),
      };
    }
    default:
      return unreachable(route);
  }
}

/** The one request of a call, once it is sure that there is no other. */
function single(call: GrpcJsCall, want: () => void, handle: (request: unknown) => void): Incoming {
  let request: unknown;
  want();
  return {
    message: (message) => {
      if (message instanceof GrpcError) return call.fail(message);
      if (request !== undefined) {
        return call.fail(new GrpcError(STATUS.unimplemented, "more than one message in a request of one"));
      }
      request = message;
      want();
    },
    end: () => {
      if (request === undefined) call.fail(new GrpcError(STATUS.unimplemented, "no message in a request of one"));
      else guarded(call, () => handle(request));
    },
  };
}

function answerWith(call: GrpcJsCall, response: unknown): void {
  if (response instanceof Promise) {
    response.then((value) => answered(call, value)).catch((error: unknown) => call.fail(error));
  } else answered(call, response);
}

function answered(call: GrpcJsCall, response: unknown): void {
  call.send(response, () => {});
  call.end();
}

/** Responses one after the other, as fast as the transport takes them. */
function pump(call: GrpcJsCall, responses: AsyncIterable<unknown>): void {
  const iterator = responses[Symbol.asyncIterator]();
  // A generator that waits for something else than the signal cannot be ended; it hears of it when it goes on.
  call.onEnd((error) => {
    if (error !== null) iterator.return?.().catch(() => {});
  });
  const each = async (): Promise<void> => {
    for (;;) {
      const result = await iterator.next();
      if (call.over) return;
      if (result.done === true) return call.end();
      await new Promise<void>((taken) => {
        call.onEnd(() => taken());
        call.send(result.value, taken);
      });
    }
  };
  each().catch((error: unknown) => call.fail(error));
}

function guarded(call: GrpcJsCall, what: () => void): void {
  try {
    what();
  } catch (error) {
    call.fail(error);
  }
}

function trailersOf(failure: GrpcError, trailers: Metadata | null): GrpcJsMetadata {
  const all = trailers === null ? new GrpcJsMetadata() : toGrpcJs(trailers);
  all.merge(toGrpcJs(failure.metadata));
  const { details } = failure;
  if (details !== undefined) all.set("grpc-status-details-bin", toBuffer(details));
  return all;
}

function toGrpcJs(metadata: Metadata): GrpcJsMetadata {
  const all = new GrpcJsMetadata();
  for (const [name, value] of metadata.entries()) all.add(name, typeof value === "string" ? value : toBuffer(value));
  return all;
}

/** Fields that cannot be metadata here are left out. */
function fromGrpcJs(metadata: GrpcJsMetadata): Metadata {
  const all = new Metadata();
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name)) {
      try {
        all.add(name, value);
      } catch {
        // A name of gRPC's own, or characters that no value has.
      }
    }
  }
  return all;
}
