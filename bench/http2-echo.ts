/**
 * One and the same unary echo on different transports: a call's answer is its request's bytes. No store, no protobuf,
 * no middleware, so that what is measured is the transport.
 *
 * usage: http2-echo TRANSPORT [--listen HOST:PORT]
 * TRANSPORT: http2 (src/http2), grpc (src/grpc on it), grpc-tls (with TLS), node (node:http2), grpc-js, nice-grpc (on
 * grpc-js). Prints `ready HOST:PORT`; SIGINT or SIGTERM ends it at once.
 */

import { createServer, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { parseArgs } from "node:util";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { createServer as createNiceServer } from "nice-grpc";
import { RouteTable, type UnaryRoute } from "../src/grpc/server/route.js";
import { GrpcServer } from "../src/grpc/server/server.js";
import type { Connection } from "../src/http2/connection/connection.js";
import type { Stream, StreamListener } from "../src/http2/connection/stream.js";
import { headerList } from "../src/http2/hpack/header-list.js";
import { Http2Server } from "../src/http2/socket/server.js";
import { TEST_CERTIFICATE, TEST_KEY } from "../test/unit/http2/support/tls.js";
import { GET_PATH, PUT_PATH } from "./load/onar.js";

type Listen = (host: string, port: number) => Promise<number>;

const HEAD = headerList([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);
const OK = headerList([["grpc-status", "0"]]);

/** One call on src/http2: gathers the body, which nearly always is one piece, and sends it back. */
class EchoCall implements StreamListener {
  readonly #connection: Connection;
  #body: Buffer | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  headers(): void {}

  data(stream: Stream, bytes: Buffer, start: number, end: number): void {
    const piece = bytes.subarray(start, end);
    this.#body = this.#body === undefined ? piece : Buffer.concat([this.#body, piece]);
    this.#connection.consume(stream, end - start);
  }

  end(stream: Stream): void {
    const connection = this.#connection;
    connection.respond(stream, HEAD, false);
    if (this.#body !== undefined) connection.send(stream, this.#body, false);
    connection.trailers(stream, OK);
  }

  drained(): void {}

  closed(): void {}
}

const listenHttp2: Listen = (host, port) => {
  const server = new Http2Server({
    accept: ({ connection }) => ({
      request: () => new EchoCall(connection),
      ready: () => {},
      available: () => {},
      draining: () => {},
      closed: () => {},
    }),
  });
  return server.listen(port, host);
};

const NODE_HEAD: OutgoingHttpHeaders = { ":status": 200, "content-type": "application/grpc" };

const listenNode: Listen = (host, port) => {
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream) => {
    const pieces: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("end", () => {
      stream.respond(NODE_HEAD, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
    });
  });
  return new Promise((resolve) => {
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
};

const same = <T>(bytes: T): T => bytes;

const grpcOver =
  (tls: boolean): Listen =>
  (host, port) => {
    const route = (path: string): UnaryRoute<Uint8Array, Uint8Array> => ({
      path,
      kind: "unary",
      decode: same,
      encode: same,
      handle: same,
    });
    const table = new RouteTable([route(GET_PATH), route(PUT_PATH)]);
    const keys = { key: TEST_KEY, cert: TEST_CERTIFICATE };
    return new GrpcServer(tls ? { table, tls: keys } : { table }).listen(port, host);
  };

const listenNiceGrpc: Listen = (host, port) => {
  const server = createNiceServer();
  const method = (path: string) =>
    ({
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: same<Uint8Array>,
      requestDeserialize: same<Uint8Array>,
      responseSerialize: same<Uint8Array>,
      responseDeserialize: same<Uint8Array>,
      options: {},
    }) as const;
  const echo = async (request: Uint8Array): Promise<Uint8Array> => request;
  server.add({ get: method(GET_PATH), put: method(PUT_PATH) }, { get: echo, put: echo });
  return server.listen(`${host}:${port}`);
};

const listenGrpcJs: Listen = (host, port) => {
  const server = new Server();
  const echo = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void =>
    answer(null, call.request);
  const method = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same<Buffer>,
    requestDeserialize: same<Buffer>,
    responseSerialize: same<Buffer>,
    responseDeserialize: same<Buffer>,
  });
  server.addService({ get: method(GET_PATH), put: method(PUT_PATH) }, { get: echo, put: echo });
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
};

const TRANSPORTS: Readonly<Record<string, Listen>> = {
  http2: listenHttp2,
  grpc: grpcOver(false),
  "grpc-tls": grpcOver(true),
  node: listenNode,
  "grpc-js": listenGrpcJs,
  "nice-grpc": listenNiceGrpc,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { listen: { type: "string", default: "127.0.0.1:0" } },
});
const listen = TRANSPORTS[positionals[0] ?? ""];
const [, host, port] = /^(.*):(\d+)$/.exec(values.listen) ?? [];
if (listen === undefined || host === undefined) {
  process.stderr.write("usage: http2-echo http2|grpc|grpc-tls|node|grpc-js|nice-grpc [--listen HOST:PORT]\n");
  process.exit(2);
}
process.stdout.write(`ready ${host}:${await listen(host, Number(port))}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0));
