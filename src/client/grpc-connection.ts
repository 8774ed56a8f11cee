/** A connection to one endpoint over gRPC. Requests are sent only while it stands (reach.ts). */
import {
  type ChannelOptions,
  Client,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { GetViewRequest, GetViewResponse } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { DIRECT_CHANNEL } from "../base/channel-options.js";
import { type Failure, failureOfStatus, ownFailure } from "./failure.js";
import { Http2Stream } from "./http2-stream.js";
import { METHODS } from "./methods.js";
import { whyNotConnected } from "./reach.js";
import { stands } from "./stands.js";
import type { Connection, Reply, Request, Response, Stream } from "./transport.js";

const GET_VIEW = "/onar.reconfiguration.v1.ReconfigurationService/GetView";
const PROBE_MS = 500;

const OPTIONS: ChannelOptions = {
  ...DIRECT_CHANNEL,
  // Answers of any length: what came is an answer, refusing it here would make a write that is done look undone.
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // To grpc-js this is also the time that an attempt to connect may take, which a far or a busy node needs. When to try again is decided
  // by endpoint.ts: a channel that has failed is replaced.
  "grpc.initial_reconnect_backoff_ms": 5_000,
  "grpc.max_reconnect_backoff_ms": 5_000,
  // A node that is gone without a word is noticed in seconds, not in the minutes of TCP.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
};

const NO_METADATA = new Metadata();

export class GrpcConnection implements Connection {
  private client: Client;
  private channel: ReturnType<Client["getChannel"]>;
  private failed = false;
  private closed = false;

  constructor(private readonly address: string) {
    this.client = new Client(address, credentials.createInsecure(), OPTIONS);
    this.channel = this.client.getChannel();
  }

  get ready(): boolean {
    return this.channel.getConnectivityState(false) === connectivityState.READY;
  }

  async connect(withinMs: number): Promise<string | null> {
    if (this.failed && !this.closed && !this.ready) this.renew();
    this.failed = !(await stands(this.channel, withinMs));
    if (!this.failed) return null;
    return this.closed ? "the client is closed" : whyNotConnected(this.address, PROBE_MS, false);
  }

  send(request: Request, timeoutMs: number, replied: (reply: Reply) => void): () => void {
    const { path, encode, decode } = METHODS[request.$case];
    return this.unary(path, request, encode, decode, timeoutMs, replied);
  }

  getView(withinMs: number): Promise<GetViewResponse | Failure> {
    const encode = (request: GetViewRequest): Buffer => Buffer.from(GetViewRequest.encode(request).finish());
    const decode = (bytes: Buffer): GetViewResponse => GetViewResponse.decode(bytes);
    return new Promise((resolve) => {
      this.unary(GET_VIEW, {}, encode, decode, withinMs, resolve);
    });
  }

  openStream(): Stream {
    return new Http2Stream(this.address);
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
    this.client = new Client(this.address, credentials.createInsecure(), OPTIONS);
    this.channel = this.client.getChannel();
  }
}

const failureOfError = (error: ServiceError | null): Failure =>
  error === null
    ? ownFailure("unknown", "INTERNAL", "an answer without message")
    : failureOfStatus(error.code, error.details, error.metadata);
