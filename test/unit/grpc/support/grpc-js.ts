/** grpc-js at the other end: its server with the echo service, and its client with calls of all four kinds. */
import { Duplex, Writable } from "node:stream";
import {
  Client,
  type ClientOptions,
  compressionAlgorithms,
  credentials,
  Metadata as JsMetadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";

const same = (bytes: Buffer): Buffer => bytes;
export const definition = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const ECHO = {
  unary: definition("/test.Echo/Unary", false, false),
  collect: definition("/test.Echo/Collect", true, false),
  spread: definition("/test.Echo/Spread", false, true),
  chat: definition("/test.Echo/Chat", true, true),
};

const failureIn = (metadata: JsMetadata): ServiceError | undefined => {
  const [code] = metadata.get("fail");
  if (code === undefined) return undefined;
  const trailers = new JsMetadata();
  trailers.set("why", "asked");
  trailers.set("grpc-status-details-bin", Buffer.from("details"));
  return Object.assign(new Error(), { code: Number(code), details: "as asked: ü %", metadata: trailers });
};

const echoed = (metadata: JsMetadata, prefix: string): JsMetadata => {
  const echo = new JsMetadata();
  for (const name of Object.keys(metadata.getMap())) {
    if (!name.startsWith("echo-")) continue;
    for (const value of metadata.get(name)) echo.add(`${prefix}${name}`, value);
  }
  return echo;
};

const headersOf = (call: { metadata: JsMetadata; sendMetadata(metadata: JsMetadata): void }): void =>
  call.sendMetadata(echoed(call.metadata, ""));

export interface JsServer {
  readonly port: number;
  stop(): void;
  /** Lets calls that run end. */
  drain(): Promise<void>;
}

export async function jsServer(port = 0): Promise<JsServer> {
  const server = new Server({
    "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
    "grpc.max_receive_message_length": 8_388_608,
  });
  server.addService(ECHO, {
    unary: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      if (call.metadata.get("hang").length > 0) return;
      headersOf(call);
      const failure = failureIn(call.metadata);
      if (failure !== undefined) answer(failure);
      else answer(null, call.request, echoed(call.metadata, "trailing-"));
    },
    collect: (call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      headersOf(call);
      const all: Buffer[] = [];
      call.on("data", (message: Buffer) => all.push(message));
      call.on("end", () => {
        if (call.metadata.get("hang").length > 0) return;
        const failure = failureIn(call.metadata);
        if (failure !== undefined) answer(failure);
        else answer(null, Buffer.concat(all), echoed(call.metadata, "trailing-"));
      });
    },
    spread: (call: ServerWritableStream<Buffer, Buffer>) => {
      headersOf(call);
      let left = Number(call.metadata.get("times")[0] ?? 3);
      const go = (): void => {
        while (left > 0) {
          left--;
          if (!call.write(call.request)) {
            call.once("drain", go);
            return;
          }
        }
        if (call.metadata.get("hang").length > 0) return;
        const failure = failureIn(call.metadata);
        if (failure === undefined) call.end(echoed(call.metadata, "trailing-"));
        else call.emit("error", failure);
      };
      go();
    },
    chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
      headersOf(call);
      call.on("data", (message: Buffer) => {
        if (!call.write(message)) {
          call.pause();
          call.once("drain", () => call.resume());
        }
      });
      call.on("end", () => {
        if (call.metadata.get("hang").length > 0) return;
        const failure = failureIn(call.metadata);
        if (failure === undefined) call.end(echoed(call.metadata, "trailing-"));
        else call.emit("error", failure);
      });
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) => {
      if (error === null) resolve(at);
      else reject(error);
    });
  });
  return {
    port: bound,
    stop: () => server.forceShutdown(),
    drain: () =>
      new Promise((resolve) => {
        server.tryShutdown(() => resolve());
      }),
  };
}

/** How a call of grpc-js's client went. */
export interface JsOutcome {
  readonly code: number;
  readonly text: string;
  readonly messages: readonly Buffer[];
  readonly headers: JsMetadata | undefined;
  readonly trailers: JsMetadata;
}

export interface JsCall {
  readonly kind: keyof typeof ECHO;
  readonly messages: readonly Buffer[];
  readonly metadata?: Readonly<Record<string, string | Buffer>>;
  readonly timeoutMs?: number;
  readonly gzip?: boolean;
  /** Cancels the call after so long. */
  readonly cancelAfterMs?: number;
  /** Takes no answers for so long. */
  readonly slowMs?: number;
}

export class JsClient {
  readonly #client: Client;

  constructor(port: number, options: ClientOptions = {}) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": 8_388_608,
      ...options,
    });
  }

  close(): void {
    this.#client.close();
  }

  run(what: JsCall): Promise<JsOutcome> {
    const { path, requestStream, responseStream } = ECHO[what.kind];
    const metadata = new JsMetadata();
    for (const [name, value] of Object.entries(what.metadata ?? {})) metadata.add(name, value);
    if (what.gzip === true) metadata.set("grpc-internal-encoding-request", "gzip");
    const options = what.timeoutMs === undefined ? {} : { deadline: Date.now() + what.timeoutMs };
    return new Promise((resolve) => {
      const messages: Buffer[] = [];
      let headers: JsMetadata | undefined;
      let failure: ServiceError | null = null;
      const single = (error: ServiceError | null, message?: Buffer): void => {
        failure = error;
        if (message !== undefined) messages.push(message);
      };
      const call =
        requestStream && responseStream
          ? this.#client.makeBidiStreamRequest(path, same, same, metadata, options)
          : requestStream
            ? this.#client.makeClientStreamRequest(path, same, same, metadata, options, single)
            : responseStream
              ? this.#client.makeServerStreamRequest(path, same, same, first(what), metadata, options)
              : this.#client.makeUnaryRequest(path, same, same, first(what), metadata, options, single);
      call.on("metadata", (came: JsMetadata) => {
        headers = came;
      });
      if (responseStream) {
        const listen = (): void => {
          call.on("data", (message: Buffer) => messages.push(message));
        };
        if (what.slowMs === undefined) listen();
        else setTimeout(listen, what.slowMs);
        call.on("error", (error: ServiceError) => {
          failure = error;
        });
      }
      call.on("status", ({ code, details, metadata: trailers }) => {
        // The callback of a single answer comes behind the status.
        setImmediate(() => resolve({ code: failure?.code ?? code, text: details, messages, headers, trailers }));
      });
      if (what.cancelAfterMs !== undefined) setTimeout(() => call.cancel(), what.cancelAfterMs);
      if (call instanceof Writable || call instanceof Duplex) {
        for (const message of what.messages) call.write(message);
        call.end();
      }
    });
  }
}

const first = (what: JsCall): Buffer => what.messages[0] ?? Buffer.alloc(0);

export const CODE = status;
