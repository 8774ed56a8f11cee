/**
 * The commands' way to one node: gRPC on the project's own HTTP/2. It loads in a few milliseconds, where grpc-js would
 * take most of a command's time (docs/adr/2026-12-02-commands-on-lean-grpc.md). A call is sent only on a connection
 * that stands.
 */
import { whyNotConnected } from "../../client/reach.js";
import { type Address, formatAddress } from "../../config/values.js";
import { GrpcClient } from "../../grpc/client/client.js";
import type { CallOptions, Method } from "../../grpc/client/method.js";
import { CLIENT_TIMING, type Timing } from "../../http2/connection/limits.js";
import { version } from "../../version.js";

/** A method as the generated code has it. */
export interface Definition<Request, Response, Many extends boolean = false> {
  readonly name: string;
  readonly requestType: { encode(request: Request): { finish(): Uint8Array } };
  readonly requestStream: false;
  readonly responseType: { decode(bytes: Uint8Array): Response };
  readonly responseStream: Many;
}

export interface Service {
  readonly fullName: string;
}

const TIMING: Timing = {
  ...CLIENT_TIMING,
  // A far or a busy node needs some; the caller bounds it, too.
  connectionTimeoutMs: 5_000,
  // A node that is gone without a word is noticed in seconds, not in the minutes of TCP.
  keepalive: { ...CLIENT_TIMING.keepalive, timeMs: 10_000, timeoutMs: 5_000 },
};
/** Answers of any length: an answer that came is one, and refusing it would make a write that is done look undone. */
const MAX_ANSWER_BYTES = 2 ** 31 - 1;
const CLOSE_GRACE_MS = 1;

export class Channel {
  private client: GrpcClient;
  private readonly name: string;
  private isClosed = false;
  private hasFailed = false;

  constructor(private readonly address: Address) {
    this.name = formatAddress(address);
    this.client = this.make();
  }

  /** It stands, as far as is known. */
  get ready(): boolean {
    return this.client.isConnected;
  }

  /** Whether it stands within that time; one that was refused or broke off says no at once. */
  async stands(withinMs: number): Promise<boolean> {
    if (this.hasFailed && !this.isClosed && !this.ready) this.renew();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), withinMs);
    });
    const connected = this.client.connect().then(
      () => true,
      () => false,
    );
    const stands = await Promise.race([connected, late]);
    clearTimeout(timer);
    this.hasFailed = !stands;
    return stands;
  }

  /** Why it does not stand, for people. `lingers`: whether the process stays for the answer. */
  why(withinMs: number, lingers: boolean): Promise<string> {
    if (this.isClosed) return Promise.resolve("the client is closed");
    return whyNotConnected(this.name, withinMs, lingers).then(({ text }) => text);
  }

  unary<Request, Response>(
    service: Service,
    definition: Definition<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    return this.client.unary(methodOf("unary", service, definition), request, options);
  }

  /** A call that is encoded by hand. */
  send<Request, Response>(
    method: Method<"unary", Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    return this.client.unary(method, request, options);
  }

  many<Request, Response>(
    service: Service,
    definition: Definition<Request, Response, true>,
    request: Request,
    options: CallOptions,
  ): AsyncIterableIterator<Response, undefined> {
    return this.client.serverStreaming(methodOf("server-streaming", service, definition), request, options);
  }

  close(): void {
    this.isClosed = true;
    void this.client.close(CLOSE_GRACE_MS);
  }

  /** One that has failed would wait before it tries again; here each command decides that. */
  private renew(): void {
    void this.client.close(CLOSE_GRACE_MS);
    this.client = this.make();
  }

  private make(): GrpcClient {
    const { host, port } = this.address;
    return new GrpcClient({
      host,
      port,
      timing: TIMING,
      userAgent: `onar/${version}`,
      maxResponseBytes: MAX_ANSWER_BYTES,
      maxGatheredBytes: MAX_ANSWER_BYTES,
    });
  }
}

function methodOf<Kind extends "unary" | "server-streaming", Request, Response>(
  kind: Kind,
  { fullName }: Service,
  { name, requestType, responseType }: Definition<Request, Response, boolean>,
): Method<Kind, Request, Response> {
  return {
    path: `/${fullName}/${name}`,
    kind,
    encode: (request) => requestType.encode(request).finish(),
    decode: (bytes) => responseType.decode(bytes),
  };
}
