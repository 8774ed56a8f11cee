/**
 * The module `onar/client/grpc-js`: the client over the library @grpc/grpc-js, for programs that hand in credentials,
 * interceptors or options of a channel of their own. A call costs several times what the client's own way does, and
 * none rides a stream. The library is not among the packages that `@onar/client` depends on: install it beside.
 *
 * Requests are sent only while the connection stands (reach.ts).
 */
import {
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
  Client,
  connectivityState,
  credentials as credentialsOf,
  type Interceptor,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { GetViewRequest, GetViewResponse } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { DIRECT_CHANNEL } from "../base/channel-options.js";
import { toBuffer } from "../wire/bytes.js";
import { type Failure, failureWith, ownFailure } from "./failure.js";
import { METHODS } from "./methods.js";
import type { Transport } from "./options.js";
import { whyNotConnected } from "./reach.js";
import type { Connection, Reply, Request, Response } from "./transport.js";

export type { Transport } from "./options.js";

const GET_VIEW = "/onar.reconfiguration.v1.ReconfigurationService/GetView";
const PROBE_MS = 500;

const OPTIONS: ChannelOptions = {
  ...DIRECT_CHANNEL,
  // Answers of any length: what came is an answer, refusing it here would make a write that is done look undone.
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // To grpc-js this is also the time that an attempt to connect may take, which a far or a busy node needs. When to try
  // again is decided by endpoint.ts: a channel that has failed is replaced.
  "grpc.initial_reconnect_backoff_ms": 5_000,
  "grpc.max_reconnect_backoff_ms": 5_000,
  // A node that is gone without a word is noticed in seconds, not in the minutes of TCP.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
};

const NO_METADATA = new Metadata();

/** Everything may be missing. */
export interface GrpcJsOptions {
  /** Insecure ones when missing. */
  readonly credentials?: ChannelCredentials;
  /**
   * Options of each channel, before the client's own: `{ "grpc.enable_http_proxy": 1 }` heeds the proxies of the
   * environment.
   */
  readonly channelOptions?: ChannelOptions;
  /** Those of each call, the outermost first. */
  readonly interceptors?: readonly Interceptor[];
}

/**
 * A way to nodes for the option `transport`.
 *
 * @example
 * ```ts
 * import { credentials } from "@grpc/grpc-js";
 * import { OnarClient } from "onar/client";
 * import { overGrpcJs } from "onar/client/grpc-js";
 *
 * const transport = overGrpcJs({ credentials: credentials.createSsl() });
 * const client = new OnarClient({ endpoints: ["onar.example.com:443"], direct: false, transport });
 * ```
 */
export function overGrpcJs(options: GrpcJsOptions = {}): Transport {
  return (address) => new GrpcJsConnection(address, options);
}

class GrpcJsConnection implements Connection {
  private client: Client;
  private channel: ChannelInterface;
  private failed = false;
  private closed = false;

  constructor(
    private readonly address: string,
    private readonly options: GrpcJsOptions,
  ) {
    this.client = this.make();
    this.channel = this.client.getChannel();
  }

  get ready(): boolean {
    return this.channel.getConnectivityState(false) === connectivityState.READY;
  }

  async connect(withinMs: number): Promise<string | null> {
    if (this.failed && !this.closed && !this.ready) this.renew();
    this.failed = !(await stands(this.channel, withinMs));
    if (!this.failed) return null;
    if (this.closed) return "the client is closed";
    const { text, talks } = await whyNotConnected(this.address, PROBE_MS, false);
    return talks && this.options.credentials !== undefined ? `${text}, or its TLS was refused` : text;
  }

  send(request: Request, timeoutMs: number, replied: (reply: Reply) => void): () => void {
    const { path, encode, decode } = METHODS[request.$case];
    return this.unary(path, request, (asked) => toBuffer(encode(asked)), decode, timeoutMs, replied);
  }

  getView(withinMs: number): Promise<GetViewResponse | Failure> {
    const encode = (request: GetViewRequest): Buffer => Buffer.from(GetViewRequest.encode(request).finish());
    const decode = (bytes: Buffer): GetViewResponse => GetViewResponse.decode(bytes);
    return new Promise((resolve) => {
      this.unary(GET_VIEW, {}, encode, decode, withinMs, resolve);
    });
  }

  close(): void {
    this.closed = true;
    this.client.close();
  }

  private unary<Asked, Answer extends Response | GetViewResponse>(
    path: string,
    request: Asked,
    encode: (request: Asked) => Buffer,
    decode: (bytes: Buffer) => Answer,
    timeoutMs: number,
    replied: (reply: Answer | Failure) => void,
  ): () => void {
    let givenUp = false;
    const call = this.client.makeUnaryRequest(
      path,
      encode,
      decode,
      request,
      NO_METADATA,
      { deadline: Date.now() + timeoutMs },
      (error, answer) => {
        if (givenUp) return;
        if (error !== null || answer === undefined) replied(failureOfError(error));
        else replied(answer);
      },
    );
    return () => {
      givenUp = true;
      call.cancel();
    };
  }

  private renew(): void {
    this.client.close();
    this.client = this.make();
    this.channel = this.client.getChannel();
  }

  private make(): Client {
    const { channelOptions, credentials = credentialsOf.createInsecure(), interceptors = [] } = this.options;
    return new Client(this.address, credentials, { ...OPTIONS, ...channelOptions, interceptors: [...interceptors] });
  }
}

/** Whether the connection stands within `withinMs`; one that was refused or broke off says no at once. */
function stands(channel: ChannelInterface, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  return new Promise((resolve) => {
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return resolve(true);
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) return resolve(false);
      channel.watchConnectivityState(state, deadline, (error) => (error ? resolve(false) : look()));
    };
    look();
  });
}

const DETAILS = "grpc-status-details-bin";

function failureOfError(error: ServiceError | null): Failure {
  if (error === null) return ownFailure("unknown", "INTERNAL", "an answer without message");
  const encoded = error.metadata?.get(DETAILS)[0];
  return failureWith(error.code, error.details, encoded instanceof Uint8Array ? encoded : null);
}
