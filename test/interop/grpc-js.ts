/** grpc-js at the other end: its client, and its server with the test service. */
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  compressionAlgorithms,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type StatusObject,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { definition } from "../unit/grpc/support/grpc-js.js";
import type { Ask, Caller, Outcome } from "./caller.js";
import {
  decodePayloadBytes,
  decodeSimpleRequest,
  decodeStreamingOutputRequest,
  encodeAggregate,
  encodePayload,
  type Request,
} from "./messages.js";
import { first } from "./our-caller.js";
import { DUPLEX, EMPTY, INITIAL, INPUT, OUTPUT, TRAILING, UNARY } from "./paths.js";

const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

export function grpcJsCaller(port: number): Caller {
  const open = (gzip: boolean): Client =>
    new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      ...(gzip ? { "grpc.default_compression_algorithm": compressionAlgorithms.gzip } : {}),
    });
  // Compression is a matter of the channel.
  const clients = { plain: open(false), gzip: open(true) };
  return {
    call: (ask) => call(ask.gzip === true ? clients.gzip : clients.plain, ask),
    receivedBytes: undefined,
    close: async () => {
      clients.plain.close();
      clients.gzip.close();
    },
  };
}

const pairsOf = (metadata: Metadata): Map<string, string | Uint8Array> => new Map(Object.entries(metadata.getMap()));

async function call(client: Client, ask: Ask): Promise<Outcome> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(ask.metadata ?? {})) {
    metadata.add(name, typeof value === "string" ? value : Buffer.from(value));
  }
  const options = ask.timeoutMs === undefined ? {} : { deadline: Date.now() + ask.timeoutMs };
  const { kind, path } = ask;
  const messages: Uint8Array[] = [];
  let headers = new Metadata();
  const take = (message: Uint8Array): void => {
    messages.push(message);
    ask.onMessage?.(message);
  };
  const { code, details, trailers } = await new Promise<{ code: number; details: string; trailers: Metadata }>(
    (resolve, reject) => {
      const over = (status: StatusObject): void =>
        resolve({ code: status.code, details: status.details, trailers: status.metadata });
      const answered = (_error: ServiceError | null, response?: Buffer): void => {
        if (response !== undefined) take(response);
      };
      const follow = (stream: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>): void => {
        stream.on("data", take);
        stream.on("error", () => {});
      };
      const sending = <Stream extends ClientWritableStream<Buffer>>(stream: Stream): Stream => {
        stream.on("error", () => {});
        const send = async (): Promise<void> => {
          for await (const request of ask.requests) stream.write(Buffer.from(request));
          stream.end();
        };
        send().catch(reject);
        return stream;
      };
      const begin = async (): Promise<void> => {
        const started = await start();
        started.on("metadata", (came: Metadata) => {
          headers = came;
        });
        started.on("status", over);
        ask.signal?.addEventListener("abort", () => started.cancel());
        if (ask.signal?.aborted === true) started.cancel();
      };
      const start = async () => {
        if (kind === "unary") {
          return client.makeUnaryRequest(
            path,
            same,
            same,
            Buffer.from(await first(ask.requests)),
            metadata,
            options,
            answered,
          );
        }
        if (kind === "server-streaming") {
          const request = Buffer.from(await first(ask.requests));
          const stream = client.makeServerStreamRequest(path, same, same, request, metadata, options);
          follow(stream);
          return stream;
        }
        if (kind === "client-streaming") {
          return sending(client.makeClientStreamRequest(path, same, same, metadata, options, answered));
        }
        const stream = client.makeBidiStreamRequest(path, same, same, metadata, options);
        follow(stream);
        return sending(stream);
      };
      begin().catch(reject);
    },
  );
  return { code, text: details, messages, headers: pairsOf(headers), trailers: pairsOf(trailers) };
}

const trailersFor = (metadata: Metadata): Metadata => {
  const trailers = new Metadata();
  for (const value of metadata.get(TRAILING)) trailers.add(TRAILING, value);
  return trailers;
};

function sendHeaders(call: { metadata: Metadata; sendMetadata(metadata: Metadata): void }): void {
  const headers = new Metadata();
  for (const value of call.metadata.get(INITIAL)) headers.add(INITIAL, value);
  call.sendMetadata(headers);
}

function failureOf({ responseStatus }: Request): ServiceError | undefined {
  if (responseStatus === undefined || responseStatus.code === 0) return undefined;
  const { code, message } = responseStatus;
  return Object.assign(new Error(message), { code, details: message, metadata: new Metadata() });
}

export interface GrpcJsServer {
  readonly port: number;
  close(): void;
}

export async function grpcJsServer(): Promise<GrpcJsServer> {
  const server = new Server({ "grpc.default_compression_algorithm": compressionAlgorithms.gzip });
  const methods = {
    empty: definition(EMPTY, false, false),
    unary: definition(UNARY, false, false),
    input: definition(INPUT, true, false),
    output: definition(OUTPUT, false, true),
    duplex: definition(DUPLEX, true, true),
  };
  const respond = (
    call: ServerDuplexStream<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>,
    request: Request,
  ): boolean => {
    const failure = failureOf(request);
    if (failure !== undefined) call.emit("error", failure);
    for (const { size } of failure === undefined ? request.responses : []) call.write(same(encodePayload(size)));
    return failure === undefined;
  };
  server.addService(methods, {
    empty: (_call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, Buffer.alloc(0)),
    unary: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      sendHeaders(call);
      const request = decodeSimpleRequest(call.request);
      const failure = failureOf(request);
      if (failure !== undefined) answer(failure);
      else answer(null, same(encodePayload(request.responseSize)), trailersFor(call.metadata));
    },
    input: (call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      let sum = 0;
      call.on("data", (message: Buffer) => {
        sum += decodePayloadBytes(message);
      });
      call.on("end", () => answer(null, same(encodeAggregate(sum))));
      call.on("error", () => {});
    },
    output: (call: ServerWritableStream<Buffer, Buffer>) => {
      if (respond(call, decodeStreamingOutputRequest(call.request))) call.end();
    },
    duplex: (call: ServerDuplexStream<Buffer, Buffer>) => {
      sendHeaders(call);
      let failed = false;
      call.on("data", (message: Buffer) => {
        failed = !respond(call, decodeStreamingOutputRequest(message)) || failed;
      });
      call.on("end", () => {
        if (!failed) call.end(trailersFor(call.metadata));
      });
      call.on("error", () => {});
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, at) => {
      if (error === null) resolve(at);
      else reject(error);
    });
  });
  return { port, close: () => server.forceShutdown() };
}
