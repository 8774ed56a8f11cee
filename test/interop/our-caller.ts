/** The client of src/grpc. */
import { GrpcClient } from "../../src/grpc/client/client.js";
import type { CallOptions, Method } from "../../src/grpc/client/method.js";
import { Metadata } from "../../src/grpc/metadata/metadata.js";
import { GrpcError } from "../../src/grpc/status.js";
import { type DialOptions, dial } from "../../src/http2/socket/client.js";
import type { Driver } from "../../src/http2/socket/driver.js";
import type { Ask, Caller, Kind, Outcome } from "./caller.js";

type Bytes = Uint8Array;
const same = (bytes: Bytes): Bytes => bytes;
const methodOf = <K extends Kind>(kind: K, path: string): Method<K, Bytes, Bytes> => ({
  path,
  kind,
  encode: same,
  decode: same,
});

export function ourCaller(port: number, tls?: DialOptions["tls"]): Caller {
  const drivers: Driver[] = [];
  const options = { host: "127.0.0.1", port, ...(tls === undefined ? {} : { tls }) };
  const client = new GrpcClient({
    ...options,
    connect: async (events) => {
      const driver = await dial({ ...options, accept: () => events });
      drivers.push(driver);
      return driver;
    },
  });
  return {
    call: (ask) => call(client, ask),
    get receivedBytes() {
      return drivers.reduce((sum, { socket }) => sum + socket.bytesRead, 0);
    },
    close: () => client.close(500),
  };
}

async function call(client: GrpcClient, ask: Ask): Promise<Outcome> {
  const messages: Bytes[] = [];
  let [headers, trailers] = [new Metadata(), new Metadata()];
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(ask.metadata ?? {})) metadata.add(name, value);
  const options: CallOptions = {
    ...(ask.timeoutMs === undefined ? {} : { timeoutMs: ask.timeoutMs }),
    ...(ask.signal === undefined ? {} : { signal: ask.signal }),
    ...(ask.gzip === undefined ? {} : { gzip: ask.gzip }),
    metadata,
    onHeaders: (came) => {
      headers = came;
    },
    onTrailers: (came) => {
      trailers = came;
    },
  };
  const ended = (code: number, text: string): Outcome => ({
    code,
    text,
    messages,
    headers: new Map(headers.entries()),
    trailers: new Map(trailers.entries()),
  });
  const take = (message: Bytes): void => {
    messages.push(message);
    ask.onMessage?.(message);
  };
  try {
    for await (const message of answersTo(client, ask, options)) take(message);
    return ended(0, "");
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    return ended(error.code, error.message);
  }
}

async function* answersTo(
  client: GrpcClient,
  { kind, path, requests }: Ask,
  options: CallOptions,
): AsyncIterable<Bytes> {
  switch (kind) {
    case "unary":
      yield await client.unary(methodOf(kind, path), await first(requests), options);
      return;
    case "client-streaming":
      yield await client.clientStreaming(methodOf(kind, path), requests, options);
      return;
    case "server-streaming":
      yield* client.serverStreaming(methodOf(kind, path), await first(requests), options);
      return;
    case "bidirectional":
      yield* client.bidirectional(methodOf(kind, path), requests, options);
  }
}

export async function first(requests: AsyncIterable<Bytes>): Promise<Bytes> {
  for await (const request of requests) return request;
  throw new Error("no request");
}
