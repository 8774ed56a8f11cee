/** gRPC's test service on src/grpc, with what its interoperability cases ask of a server. */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Call } from "../../src/grpc/server/call.js";
import { type Route, RouteTable } from "../../src/grpc/server/route.js";
import { servingOf } from "../../src/grpc/server/server.js";
import { Session } from "../../src/grpc/server/session.js";
import { GrpcError, STATUS } from "../../src/grpc/status.js";
import type { StreamListener } from "../../src/http2/connection/stream.js";
import type { ConnectionEvents, Driver } from "../../src/http2/socket/driver.js";
import { Http2Server, type ServerOptions } from "../../src/http2/socket/server.js";
import {
  decodePayloadBytes,
  decodeSimpleRequest,
  decodeStreamingOutputRequest,
  encodeAggregate,
  encodePayload,
  type Request,
} from "./messages.js";
import { DUPLEX, EMPTY, INITIAL, INPUT, OUTPUT, TRAILING, UNARY } from "./paths.js";

const bytes = (message: Uint8Array): Uint8Array => message;

function echoMetadata(call: Call): void {
  const initial = call.metadata.get(INITIAL);
  const trailing = call.metadata.getBytes(TRAILING);
  if (initial !== undefined) call.responseHeaders.add(INITIAL, initial);
  if (trailing !== undefined) call.responseTrailers.add(TRAILING, trailing);
}

function failIfAsked({ responseStatus }: Request): void {
  if (responseStatus !== undefined && responseStatus.code !== STATUS.ok) {
    throw new GrpcError(responseStatus.code, responseStatus.message);
  }
}

async function* responsesTo(requests: AsyncIterable<Request>, call: Call): AsyncIterable<Uint8Array> {
  echoMetadata(call);
  // A client may wait for the headers before it says more.
  call.sendHeaders();
  for await (const request of requests) {
    failIfAsked(request);
    for (const { size, intervalUs } of request.responses) {
      if (intervalUs > 0) await sleep(intervalUs / 1_000, undefined, { signal: call.signal });
      yield encodePayload(size);
    }
  }
}

async function* only<T>(one: T): AsyncIterable<T> {
  yield one;
}

function routes(isCompressed: (call: Call) => boolean): Route[] {
  return [
    { path: EMPTY, kind: "unary", decode: bytes, encode: bytes, handle: () => new Uint8Array(0) },
    {
      path: UNARY,
      kind: "unary",
      decode: decodeSimpleRequest,
      encode: bytes,
      handle: (request: Request, call: Call) => {
        echoMetadata(call);
        failIfAsked(request);
        const { expectCompressed } = request;
        if (expectCompressed !== undefined && expectCompressed !== isCompressed(call)) {
          throw new GrpcError(STATUS.invalidArgument, `the request was ${expectCompressed ? "not " : ""}compressed`);
        }
        call.gzip = request.responseCompressed;
        return encodePayload(request.responseSize);
      },
    },
    {
      path: INPUT,
      kind: "client-streaming",
      decode: decodePayloadBytes,
      encode: encodeAggregate,
      handle: async (requests: AsyncIterable<number>) => {
        let sum = 0;
        for await (const length of requests) sum += length;
        return sum;
      },
    },
    {
      path: OUTPUT,
      kind: "server-streaming",
      decode: decodeStreamingOutputRequest,
      encode: bytes,
      handle: (request: Request, call: Call) => responsesTo(only(request), call),
    },
    { path: DUPLEX, kind: "bidirectional", decode: decodeStreamingOutputRequest, encode: bytes, handle: responsesTo },
  ];
}

export interface TestService {
  readonly port: number;
  /** All connections that there were. */
  readonly accepted: number;
  /** Those after the first `count`, in words; empty when they are over. */
  openAfter(count: number): string[];
  /** Bytes that were sent on those after the first `count`. */
  sentBytesAfter(count: number): number;
  close(): Promise<void>;
}

/**
 * Whether a request was compressed is nothing that a handler is told: the prefix of its message is looked at on its
 * way.
 */
export async function serveTestService(options: Partial<ServerOptions> = {}): Promise<TestService> {
  const compressed = new WeakSet<object>();
  const serving = servingOf({ table: new RouteTable(routes((call) => compressed.has(call))) });
  const sockets: Socket[] = [];
  const accept = ({ connection, socket }: Driver): ConnectionEvents => {
    sockets.push(socket);
    const session = new Session(connection, { address: "", certificate: undefined }, serving);
    return {
      request: (stream, headers) => watched(session.request(stream, headers), compressed),
      ready: () => session.ready(),
      available: () => session.available(),
      draining: () => session.draining(),
      closed: () => session.closed(),
    };
  };
  const server = new Http2Server({ ...options, accept });
  const port = await server.listen(0, "127.0.0.1");
  return {
    port,
    get accepted() {
      return sockets.length;
    },
    openAfter: (count) => sockets.slice(count).filter(isOpen).map(inWords),
    sentBytesAfter: (count) => sockets.slice(count).reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    close: () => server.close(500),
  };
}

const isOpen = (socket: Socket): boolean => !socket.closed;

function inWords(socket: Socket): string {
  const { remotePort, bytesRead, bytesWritten, writableLength } = socket;
  const paused = socket.isPaused() ? ", paused" : "";
  return `from port ${remotePort}: ${bytesRead} bytes read, ${bytesWritten} written, ${writableLength} not yet${paused}`;
}

/** Notes whether the first message of a call is compressed. */
function watched(call: StreamListener, compressed: WeakSet<object>): StreamListener {
  let isFirst = true;
  return {
    headers: (...event) => call.headers(...event),
    data: (stream, chunk, start, end) => {
      if (isFirst && chunk[start] === 1) compressed.add(call);
      isFirst = false;
      call.data(stream, chunk, start, end);
    },
    end: (...event) => call.end(...event),
    drained: (...event) => call.drained(...event),
    closed: (...event) => call.closed(...event),
  };
}
