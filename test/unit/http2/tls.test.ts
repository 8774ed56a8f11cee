/**
 * TLS on both roles, with a certificate made for the run. Ends that speak another protocol than their port are told so,
 * and ended.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { GrpcClient } from "../../../src/grpc/client/client.js";
import type { Call } from "../../../src/grpc/server/call.js";
import { RouteTable } from "../../../src/grpc/server/route.js";
import { GrpcServer } from "../../../src/grpc/server/server.js";
import { SERVER_TIMING } from "../../../src/http2/connection/limits.js";
import { CLIENT_PREFACE } from "../../../src/http2/frame/wire.js";
import { dial } from "../../../src/http2/socket/client.js";
import { Http2Server, type ServerOptions } from "../../../src/http2/socket/server.js";
import { UNARY } from "../grpc/support/echo.js";
import { cleanups, quiet } from "./support/cleanups.js";
import { describeFrames } from "./support/raw.js";
import { CLIENT_CERTIFICATE, CLIENT_KEY, TEST_CERTIFICATE, TEST_KEY } from "./support/tls.js";

const KEYS = { key: TEST_KEY, cert: TEST_CERTIFICATE };
async function serve(options: Partial<ServerOptions> = {}): Promise<{ server: Http2Server; port: number }> {
  const server = new Http2Server({ accept: () => quiet, ...options });
  cleanups.push(() => server.close(1));
  return { server, port: await server.listen(0, "127.0.0.1") };
}

/** A socket of ours that has sent these bytes: all that came until it was closed. */
function answerTo(socket: Socket, bytes: Buffer | string): Promise<Buffer> {
  cleanups.push(() => socket.destroy());
  const chunks: Buffer[] = [];
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  return new Promise((resolve) => socket.once("close", () => resolve(Buffer.concat(chunks))));
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  cleanups.push(() => server.close());
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : expect.unreachable("no port");
}

const unary = (options: ConstructorParameters<typeof GrpcClient>[0]): Promise<Uint8Array> => {
  const client = new GrpcClient(options);
  cleanups.push(() => client.close(1));
  return client.unary(UNARY, Buffer.from("hi"), { timeoutMs: 20_000 });
};

describe("the plain port", () => {
  test.each([
    ["HTTP/1.1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1; this port speaks HTTP/2 with prior knowledge"],
    ["HTTP/1.1 that begins as the preface does", "POST / HTTP/1.1\r\n\r\n", "HTTP/1.1; this port speaks HTTP/2 with"],
    ["TLS", Buffer.from("160301020001000000000000", "hex"), "a TLS handshake; this port speaks HTTP/2 without TLS"],
    ["something else", "\0\0\0\0", "not the preface of an HTTP/2 client"],
  ] as const)("tells who speaks %s, and closes", async (_name, bytes, message) => {
    const closings: string[] = [];
    const { port } = await serve({
      accept: () => ({ ...quiet, closed: ({ kind, message: why }) => closings.push(`${kind}: ${why}`) }),
    });
    const answer = await answerTo(connect(port, "127.0.0.1"), bytes);
    expect(answer.toString("latin1")).toContain(message);
    expect(describeFrames(answer).at(-1)).toBe("goAway last=0 code=1");
    expect(closings).toEqual([expect.stringContaining(`violated: ${message}`)]);
  });

  test("whose client dials with TLS is named in the client's error", async () => {
    const { port } = await serve();
    const dialed = dial({ host: "127.0.0.1", port, tls: { ca: TEST_CERTIFICATE }, accept: () => quiet });
    await expect(dialed).rejects.toThrow(`127.0.0.1:${port} does not speak TLS`);
  });
});

describe("the TLS port", () => {
  test("ends who speaks without TLS, and says so to its server; others go on", async () => {
    const refused: string[] = [];
    const { port } = await serve({ tls: KEYS, onRefused: (reason) => refused.push(reason) });
    const good = await dial({ host: "127.0.0.1", port, tls: { ca: TEST_CERTIFICATE }, accept: () => quiet });
    cleanups.push(() => good.socket.destroy());
    for (const bytes of ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", CLIENT_PREFACE]) {
      await answerTo(connect(port, "127.0.0.1"), bytes);
    }
    expect(refused).toEqual([expect.stringMatching(/http request/), expect.stringMatching(/SSL routines/)]);
    expect(good.connection.closed).toBeUndefined();
    expect(good.socket.destroyed).toBe(false);
  });

  test("whose client dials without TLS is named in the client's error", async () => {
    const table = new RouteTable([]);
    const server = new GrpcServer({ table, tls: KEYS });
    cleanups.push(() => server.close(1));
    const port = await server.listen(0, "127.0.0.1");
    await expect(unary({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: 14, outcome: "unprocessed" });
    // OpenSSL may say nothing before it closes; where it sends an alert, that is named.
    const alert = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(Buffer.from("15030100020246", "hex"));
    });
    const dialed = unary({ host: "127.0.0.1", port: await listening(alert) });
    await expect(dialed).rejects.toThrow("the server speaks TLS, not HTTP/2 without it");
  });

  test("takes no older TLS than 1.2", async () => {
    const { port } = await serve({ tls: KEYS });
    const socket = connectTls({
      host: "127.0.0.1",
      port,
      ca: TEST_CERTIFICATE,
      maxVersion: "TLSv1.1",
      minVersion: "TLSv1",
    });
    const [error] = await once(socket, "error").catch((reason) => [reason]);
    expect(String(error)).toMatch(/protocol|version/i);
  });

  test("lets close() end though a handshake is half done, and serves who was nearly through", async () => {
    const timing = { ...SERVER_TIMING, drainTimeoutMs: 300 };
    const { server, port } = await serve({ tls: KEYS, timing });
    const half = connect(port, "127.0.0.1");
    const ended = answerTo(half, Buffer.from("1603010200010001", "hex"));
    const drained: string[] = [];
    await once(half, "connect");
    // The client has done its part when this resolves, the server has not.
    const good = await dial({
      host: "127.0.0.1",
      port,
      tls: { ca: TEST_CERTIFICATE },
      accept: () => ({ ...quiet, closed: ({ kind }) => drained.push(kind) }),
    });
    cleanups.push(() => good.socket.destroy());
    await server.close(0);
    await ended;
    while (drained.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(drained).toEqual(["drained"]);
    expect(server.connections).toBe(0);
  });

  test("closes who takes too long for its handshake, byte by byte", async () => {
    const timing = { ...SERVER_TIMING, connectionTimeoutMs: 300 };
    const refused: string[] = [];
    const { port } = await serve({ tls: KEYS, timing, onRefused: (reason) => refused.push(reason) });
    const socket = connect(port, "127.0.0.1");
    const closed = answerTo(socket, Buffer.of(0x16));
    const hello = Buffer.alloc(10_000, 1);
    hello.set([3, 1, 0x20, 0, 1, 0, 0x1f, 0xfc]);
    let at = 0;
    const drip = setInterval(() => socket.write(hello.subarray(at, ++at)), 20);
    cleanups.push(() => clearInterval(drip));
    await closed;
    expect(refused).toEqual([expect.stringMatching(/handshake timeout/i)]);
  });
});

describe("a client", () => {
  test("does not speak with a server whose certificate it does not know", async () => {
    const { port } = await serve({ tls: KEYS });
    const dialed = dial({ host: "127.0.0.1", port, tls: {}, accept: () => quiet });
    await expect(dialed).rejects.toThrow(/self-signed/);
  });

  test("does not speak with a server of another name", async () => {
    const { port } = await serve({ tls: KEYS });
    const tls = { ca: TEST_CERTIFICATE, servername: "elsewhere" };
    await expect(dial({ host: "127.0.0.1", port, tls, accept: () => quiet })).rejects.toThrow(/altnames/i);
  });

  test.each([
    ["agrees on nothing", undefined],
    ["knows HTTP/1.1 only", ["http/1.1"]],
  ])("is told that the server %s by ALPN", async (_name, protocols) => {
    const options = protocols === undefined ? KEYS : { ...KEYS, ALPNProtocols: protocols };
    const port = await listening(createTlsServer(options, (socket: TLSSocket) => socket.on("error", () => {})));
    const dialed = dial({ host: "127.0.0.1", port, tls: { ca: TEST_CERTIFICATE }, accept: () => quiet });
    await expect(dialed).rejects.toThrow(`127.0.0.1:${port} speaks no HTTP/2 (ALPN)`);
  });

  test.each([
    ["HTTP/1.1", "HTTP/1.1 400 Bad Request\r\n\r\n", "the server speaks HTTP/1.1, not HTTP/2"],
    ["something else", "SSH-2.0-x\r\n", "5460"],
  ])("is told that a server speaks %s", async (_name, text, message) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(text);
    });
    await expect(unary({ host: "127.0.0.1", port: await listening(server) })).rejects.toThrow(message);
  });
});

describe("certificates of clients", () => {
  const serveGrpc = async (): Promise<number> => {
    const table = new RouteTable([
      {
        ...UNARY,
        handle: (_request: Uint8Array, call: Call) => call.caller.certificate ?? Buffer.alloc(0),
      },
    ]);
    const tls = { ...KEYS, ca: TEST_CERTIFICATE, requestCert: true, rejectUnauthorized: true };
    const server = new GrpcServer({ table, tls });
    cleanups.push(() => server.close(1));
    return server.listen(0, "127.0.0.1");
  };

  test("a handler sees the certificate that its client has shown", async () => {
    const port = await serveGrpc();
    const tls = { ca: TEST_CERTIFICATE, key: CLIENT_KEY, cert: CLIENT_CERTIFICATE };
    const shown = Buffer.from(await unary({ host: "127.0.0.1", port, tls }));
    expect(CLIENT_CERTIFICATE.replaceAll(/\s/g, "")).toContain(shown.toString("base64"));
  });

  test("a client without one is refused where one is asked for", async () => {
    const port = await serveGrpc();
    await expect(unary({ host: "127.0.0.1", port, tls: { ca: TEST_CERTIFICATE } })).rejects.toMatchObject({ code: 14 });
  });
});
