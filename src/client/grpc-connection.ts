/**
 * A connection to one endpoint: gRPC on the project's own HTTP/2. Calls ride one stream where the way allows it
 * (call-stream.ts), and are calls of their own where it does not.
 *
 * Invariants:
 *   G1  Requests are sent only on the connection that whoever answered the introduction is at the end of (endpoint.ts).
 *       So a GrpcClient here connects once. When its connection is lost it refuses calls, which are surely not executed
 *       then.
 *   G2  A call whose time is short is no longer under way than it says: its time is on the wire, whichever way it
 *       takes.
 */
import { GetViewRequest, GetViewResponse } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrpcClient, type GrpcClientOptions } from "../grpc/client/client.js";
import type { Method } from "../grpc/client/method.js";
import { CLIENT_TIMING, type Limits, type Timing } from "../http2/connection/limits.js";
import { dial } from "../http2/socket/client.js";
import { CallStream } from "./call-stream.js";
import { type Failure, failureOfError } from "./failure.js";
import { METHODS } from "./methods.js";
import { hostAndPort, whyNotConnected } from "./reach.js";
import type { Connection, Reply, Request } from "./transport.js";

const GET_VIEW: Method<"unary", GetViewRequest, GetViewResponse> = {
  path: "/onar.reconfiguration.v1.ReconfigurationService/GetView",
  kind: "unary",
  encode: (request) => GetViewRequest.encode(request).finish(),
  decode: (bytes) => GetViewResponse.decode(bytes),
};

const PROBE_MS = 500;
/** A node that takes no further calls still answers those that it has. None takes longer (courier.ts). */
const CLOSE_GRACE_MS = 5_000;
/** Answers of any length: what came is an answer, refusing it here would make a write that is done look undone. */
const MAX_ANSWER_BYTES = 2 ** 31 - 1;
/** Calls that wait for a place among the calls of the connection. Their callers hold each of them anyway. */
const MAX_WAITING = 1_000_000;
/** A longer value goes as a call of its own, which holds up no other. */
const MAX_STREAMED_BYTES = 65_536;
/** How long no stream is tried on a connection after one that broke under calls, longer each time. */
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 600_000;

const TIMING: Timing = {
  ...CLIENT_TIMING,
  // A far or a busy node needs some; who connects bounds it, too.
  connectionTimeoutMs: 5_000,
  // A node that is gone without a word is noticed in seconds, not in the minutes of TCP. Only while something is open
  // is it asked.
  keepalive: { ...CLIENT_TIMING.keepalive, timeMs: 10_000, timeoutMs: 5_000 },
};
/** Many answers may be on their way on one stream. */
const LIMITS: Partial<Limits> = { initialWindowSize: 4_194_304, initialConnWindowSize: 16_777_216 };

export interface GrpcWay {
  readonly userAgent: string;
  /** Calls may ride one stream. */
  readonly stream: boolean;
  readonly tls?: GrpcClientOptions["tls"];
}

export class GrpcConnection implements Connection {
  private client: GrpcClient;
  private stream: CallStream | null = null;
  /** performance.now() from which a stream may be tried. */
  private streamFrom = 0;
  private pauseMs = FIRST_PAUSE_MS;
  private spent = false;
  private readonly closing = new AbortController();

  constructor(
    private readonly address: string,
    private readonly way: GrpcWay,
  ) {
    this.client = this.make();
  }

  get ready(): boolean {
    return this.client.isConnected;
  }

  async connect(withinMs: number): Promise<string | null> {
    if (this.closed) return "the client is closed";
    if (this.ready) return null;
    if (this.spent) this.renew();
    this.spent = true;
    const why = await within(withinMs, this.client.connect());
    if (why === null) {
      this.openStream();
      return null;
    }
    if (this.closed) return "the client is closed";
    const probed = await whyNotConnected(this.address, PROBE_MS, false);
    return this.way.tls === undefined || why === undefined || !probed.talks ? probed.text : `${this.address}: ${why}`;
  }

  send(request: Request, timeoutMs: number, replied: (reply: Reply) => void): () => void {
    const stream = this.streamFor(request);
    if (stream !== null) return stream.send(request, timeoutMs, replied);
    return this.client.ask(METHODS[request.$case], request, { timeoutMs }, replied, (error) =>
      replied(failureOfError(error)),
    );
  }

  getView(withinMs: number): Promise<GetViewResponse | Failure> {
    const options = { timeoutMs: withinMs, signal: this.closing.signal };
    return new Promise((resolve) => {
      this.client.ask(GET_VIEW, {}, options, resolve, (error) => resolve(failureOfError(error)));
    });
  }

  /** Calls that are under way still end. */
  close(): void {
    this.closing.abort();
    this.stream?.leave();
    void this.client.close(CLOSE_GRACE_MS);
  }

  private get closed(): boolean {
    return this.closing.signal.aborted;
  }

  private streamFor(request: Request): CallStream | null {
    if (!this.way.stream) return null;
    if (this.stream === null) this.openStream();
    if (this.stream?.serves !== true) return null;
    return "value" in request.value && request.value.value.length > MAX_STREAMED_BYTES ? null : this.stream;
  }

  private openStream(): void {
    if (!this.way.stream || !this.ready || performance.now() < this.streamFrom) return;
    const { client } = this;
    this.stream = new CallStream(client, ({ hurt }) => {
      if (this.client !== client) return;
      this.stream = null;
      if (!hurt) return;
      this.streamFrom = performance.now() + this.pauseMs;
      this.pauseMs = Math.min(2 * this.pauseMs, MAX_PAUSE_MS);
    });
  }

  private renew(): void {
    this.stream?.leave();
    void this.client.close(CLOSE_GRACE_MS);
    this.client = this.make();
    this.stream = null;
    this.streamFrom = 0;
    this.pauseMs = FIRST_PAUSE_MS;
  }

  private make(): GrpcClient {
    const { tls, userAgent } = this.way;
    const { host, port } = hostAndPort(this.address);
    let dialed = false;
    return new GrpcClient({
      host,
      port,
      ...(tls === undefined ? {} : { tls }),
      userAgent,
      authority: this.address,
      maxResponseBytes: MAX_ANSWER_BYTES,
      maxGatheredBytes: MAX_ANSWER_BYTES,
      maxWaitingCalls: MAX_WAITING,
      connect: async (accept) => {
        if (dialed) throw new Error("the connection was lost");
        dialed = true;
        const driver = await dial({
          host,
          port,
          ...(tls === undefined ? {} : { tls }),
          limits: LIMITS,
          timing: TIMING,
          accept: () => accept,
        });
        // A program whose calls have all ended may end, too. While one is under way its timer keeps the process.
        driver.socket.unref();
        return driver;
      },
    });
  }
}

/** null: it came about. Otherwise why not; undefined: it was not there in time. */
async function within(ms: number, connecting: Promise<void>): Promise<string | null | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
    timer.unref();
  });
  const connected = connecting.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const why = await Promise.race([connected, late]);
  clearTimeout(timer);
  return why;
}
