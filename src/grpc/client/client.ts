/** A client of gRPC: calls of all four kinds to one server. */

import type { HeaderList } from "../../http2/hpack/header-list.js";
import { type DialOptions, dial } from "../../http2/socket/client.js";
import { Deadlines } from "../call/deadlines.js";
import type { InletSink } from "../call/inlet.js";
import { checkPath, type MethodKind } from "../call/kind.js";
import { MessageStream } from "../call/message-stream.js";
import { ByteBudget } from "../message/byte-budget.js";
import { Inflater } from "../message/inflater.js";
import type { Metadata } from "../metadata/metadata.js";
import { GrpcError, STATUS } from "../status.js";
import { Channel, type ChannelOptions } from "./channel.js";
import { ClientCall, type ClientHost, type Talker } from "./client-call.js";
import { ClientConversation, type ClientConversationHandler } from "./client-conversation.js";
import type { CallOptions, Method } from "./method.js";
import { requestHead } from "./request-heads.js";

export interface GrpcClientOptions extends Partial<ChannelOptions>, Omit<DialOptions, "accept"> {
  /** The name of the server in requests; HOST:PORT if not given. */
  readonly authority?: string;
  readonly userAgent?: string;
  /** Bound of one message of an answer, in bytes, also inflated. 4 MiB if not given. */
  readonly maxResponseBytes?: number;
  /** Bytes of messages that are not there as a whole, beyond HTTP/2's windows. 64 MiB if not given. */
  readonly maxGatheredBytes?: number;
}

const MIB = 1_048_576;
const UNKNOWN = { outcome: "unknown" } as const;

/**
 * Nothing is dialed before the first call. Calls reject with a GrpcError, whose `outcome` says what the server did;
 * iterations throw it.
 */
export class GrpcClient {
  readonly #host: ClientHost;
  readonly #scheme: "http" | "https";
  readonly #authority: string;
  readonly #userAgent: string;
  readonly #heads = new WeakMap<object, HeaderList>();

  constructor(options: GrpcClientOptions) {
    const { host, port, maxResponseBytes = 4 * MIB, maxGatheredBytes = 64 * MIB } = options;
    this.#scheme = options.tls === undefined ? "http" : "https";
    this.#authority = options.authority ?? `${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#userAgent = options.userAgent ?? "grpc-ts";
    const connect: ChannelOptions["connect"] =
      options.connect ?? ((events) => dial({ ...options, accept: () => events }));
    this.#host = {
      channel: new Channel({ ...options, connect }),
      deadlines: new Deadlines(),
      budget: new ByteBudget(maxGatheredBytes),
      inflater: new Inflater(),
      maxResponseBytes,
    };
  }

  unary<Request, Response>(
    method: Method<"unary", Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return this.#single(method, method.encode(request), options);
  }

  /**
   * As `unary`, without a promise: one of `answered` and `failed` is called, once, perhaps before this returns. The
   * function that is returned gives the call up; then neither is called.
   */
  ask<Request, Response>(
    method: Method<"unary", Request, Response>,
    request: Request,
    options: CallOptions,
    answered: (response: Response) => void,
    failed: (error: GrpcError) => void,
  ): () => void {
    let isGivenUp = false;
    const call = this.#one(method, method.encode(request), options, answered, (error) => {
      if (!isGivenUp) failed(error);
    });
    return () => {
      isGivenUp = true;
      call.cancel();
    };
  }

  clientStreaming<Request, Response>(
    method: Method<"client-streaming", Request, Response>,
    requests: AsyncIterable<Request>,
    options: CallOptions = {},
  ): Promise<Response> {
    return this.#single(method, encoded(method, requests), options);
  }

  /** The call begins at once. Leaving the iteration early cancels it. */
  serverStreaming<Request, Response>(
    method: Method<"server-streaming", Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): AsyncIterableIterator<Response, undefined> {
    return this.#many(method, method.encode(request), options);
  }

  /** The call begins at once. Leaving the iteration early cancels it. */
  bidirectional<Request, Response>(
    method: Method<"bidirectional", Request, Response>,
    requests: AsyncIterable<Request>,
    options: CallOptions = {},
  ): AsyncIterableIterator<Response, undefined> {
    return this.#many(method, encoded(method, requests), options);
  }

  /** A stream both ways whose user is told by calls, and sends by calls. The call begins at once. */
  converse<Response>(
    method: Method<"bidirectional", never, Response>,
    handler: ClientConversationHandler<Response>,
    options: CallOptions = {},
  ): ClientConversation<Response> {
    const conversation = new ClientConversation(handler);
    const told = { ...options, onHeaders: (headers: Metadata) => handler.began?.(headers) };
    conversation.on(
      this.#call(method, conversation, handler.began === undefined ? options : told, conversation.sink()),
    );
    return conversation;
  }

  /** There is a connection, as far as is known: a call would not wait for one. */
  get isConnected(): boolean {
    return this.#host.channel.isConnected;
  }

  /**
   * Connects if there is no connection. Resolves once a call could be made, and rejects with the GrpcError that a call
   * would get.
   */
  connect(): Promise<void> {
    const { channel } = this.#host;
    return new Promise((resolve, reject) => {
      if (channel.isConnected) resolve();
      else channel.start({ waitForReady: false, begin: () => resolve(), refused: reject });
    });
  }

  /** Takes no further calls, and lets those that run end for `graceMs`, or as long as they want if it is 0. */
  close(graceMs = 0): Promise<void> {
    return this.#host.channel.close(graceMs);
  }

  #single<Response>(
    method: Method<MethodKind, never, Response>,
    request: Uint8Array | AsyncIterable<Uint8Array>,
    options: CallOptions,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#one(method, request, options, resolve, reject);
    });
  }

  /** A call with one message in its answer. */
  #one<Response>(
    method: Method<MethodKind, never, Response>,
    request: Uint8Array | AsyncIterable<Uint8Array>,
    options: CallOptions,
    answered: (response: Response) => void,
    failed: (error: GrpcError) => void,
  ): ClientCall<Response> {
    let answer: { readonly message: Response } | undefined;
    const call: ClientCall<Response> = this.#call(method, request, options, {
      message: (message) => {
        if (answer === undefined) {
          answer = { message };
          call.want();
        } else call.failed(new GrpcError(STATUS.unimplemented, "more than one message in an answer of one", UNKNOWN));
      },
      end: () => {
        if (answer !== undefined) answered(answer.message);
        // An error takes longer to make than all the rest of a call.
        else failed(new GrpcError(STATUS.unimplemented, "an answer without a message", UNKNOWN));
      },
      failed,
    });
    call.want();
    call.start();
    return call;
  }

  #many<Response>(
    method: Method<MethodKind, never, Response>,
    request: Uint8Array | AsyncIterable<Uint8Array>,
    options: CallOptions,
  ): AsyncIterableIterator<Response, undefined> {
    const responses = new MessageStream<Response>(() => call.cancel());
    const call = this.#call(method, request, options, responses);
    responses.from(call);
    call.start();
    return responses;
  }

  #call<Response>(
    method: Method<MethodKind, never, Response>,
    request: Uint8Array | AsyncIterable<Uint8Array> | Talker,
    options: CallOptions,
    sink: InletSink<Response>,
  ): ClientCall<Response> {
    let head = this.#heads.get(method);
    if (head === undefined) {
      checkPath(method.path);
      head = requestHead(this.#scheme, this.#authority, method.path, this.#userAgent);
      this.#heads.set(method, head);
    }
    return new ClientCall({ host: this.#host, head, options, request, decode: (bytes) => method.decode(bytes), sink });
  }
}

async function* encoded<Request>(
  method: Method<MethodKind, Request, unknown>,
  requests: AsyncIterable<Request>,
): AsyncIterable<Uint8Array> {
  for await (const request of requests) yield method.encode(request);
}
