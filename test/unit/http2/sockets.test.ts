/** The sockets: server and client on loopback, with each other and with Node's own HTTP/2, plain and TLS. */
import { once } from "node:events";
import { connect as connectNode, createSecureServer, createServer, type Http2Server as NodeServer } from "node:http2";
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { SERVER_TIMING } from "../../../src/http2/connection/limits.js";
import type { Stream, StreamEnd, StreamListener } from "../../../src/http2/connection/stream.js";
import { type HeaderList, headerList } from "../../../src/http2/hpack/header-list.js";
import { dial } from "../../../src/http2/socket/client.js";
import type { ConnectionEvents, Driver } from "../../../src/http2/socket/driver.js";
import { Http2Server, type ServerOptions } from "../../../src/http2/socket/server.js";
import { cleanups, quiet } from "./support/cleanups.js";
import { HELLO, request as rawRequest } from "./support/raw.js";
import { TEST_CERTIFICATE, TEST_KEY } from "./support/tls.js";

const OK = headerList([
  [":status", "200"],
  ["content-type", "text/plain"],
]);
const DONE = headerList([["outcome", "fine"]]);
const KEYS = { key: TEST_KEY, cert: TEST_CERTIFICATE };

/** Answers with the request's body, with backpressure both ways, and trailers. */
function echo(driver: Driver): ConnectionEvents {
  const { connection } = driver;
  return {
    ...quiet,
    request: (stream) => {
      connection.respond(stream, OK, false);
      let held = 0;
      return {
        headers: () => {},
        data: (_stream, bytes, start, end) => {
          if (connection.send(stream, bytes.subarray(start, end), false)) connection.consume(stream, end - start);
          else held += end - start;
        },
        end: () => connection.trailers(stream, DONE),
        drained: () => {
          connection.consume(stream, held);
          held = 0;
        },
        closed: () => {},
      };
    },
  };
}

async function serve(options: Partial<ServerOptions> = {}): Promise<{ server: Http2Server; port: number }> {
  const server = new Http2Server({ accept: echo, ...options });
  cleanups.push(() => server.close(1));
  return { server, port: await server.listen(0, "127.0.0.1") };
}

interface Answer {
  readonly head: HeaderList | undefined;
  readonly body: Buffer;
  readonly trailers: HeaderList | undefined;
  readonly end: StreamEnd;
}

/** One call by our client: sends the body in pieces as it may, and resolves when the stream is closed. */
function call(driver: Driver, path: string, pieces: readonly Buffer[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let head: HeaderList | undefined;
    let trailers: HeaderList | undefined;
    const body: Buffer[] = [];
    let next = 0;
    const { connection } = driver;
    const more = (stream: Stream): void => {
      while (next < pieces.length) {
        const piece = pieces[next++] ?? Buffer.alloc(0);
        if (!connection.send(stream, piece, next === pieces.length)) return;
      }
    };
    const listener: StreamListener = {
      headers: (_stream, headers) => {
        head = headers;
      },
      data: (stream, bytes, start, end) => {
        body.push(bytes.subarray(start, end));
        connection.consume(stream, end - start);
      },
      end: (_stream, list) => {
        trailers = list;
      },
      drained: more,
      closed: (_stream, end) => resolve({ head, trailers, end, body: Buffer.concat(body) }),
    };
    const headers = headerList([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", "localhost"],
    ]);
    const stream = connection.request(headers, pieces.length === 0, listener);
    if (stream === undefined) reject(new Error("no stream may be opened"));
    else more(stream);
  });
}

async function client(port: number, tls = false): Promise<Driver> {
  const options = { host: "127.0.0.1", port, accept: () => quiet };
  const driver = await dial(tls ? { ...options, tls: { ca: TEST_CERTIFICATE } } : options);
  cleanups.push(() => driver.socket.destroy());
  return driver;
}

async function plain(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  cleanups.push(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

const pieces = (count: number, size: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.alloc(size, i + 1));
const gone = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume();
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });

describe.each([
  ["plain", false],
  ["TLS", true],
] as const)("%s", (_name, tls) => {
  const options = tls ? { tls: KEYS } : {};
  const origin = (port: number): string => `${tls ? "https" : "http"}://127.0.0.1:${port}`;

  test("our client and our server bring small and large bodies both ways, beside each other", async () => {
    const { port } = await serve(options);
    const driver = await client(port, tls);
    const bodies = [pieces(1, 5), pieces(40, 50_000), pieces(1, 0), pieces(300, 100), pieces(3, 200_000)];
    const answers = await Promise.all(bodies.map((body, i) => call(driver, `/${i}`, body)));
    for (const [i, answer] of answers.entries()) {
      expect(answer.end).toEqual({ kind: "ended" });
      expect(answer.head?.status).toBe(200);
      expect(answer.trailers?.get("outcome")).toBe("fine");
      expect(answer.body.equals(Buffer.concat(bodies[i] ?? []))).toBe(true);
    }
  });

  test("Node's client is served by our server", async () => {
    const { port } = await serve(options);
    const session = connectNode(origin(port), { ca: TEST_CERTIFICATE });
    cleanups.push(() => session.destroy());
    const body = Buffer.concat(pieces(20, 50_000));
    const requests = [body, Buffer.from("small"), Buffer.alloc(0)].map(async (sent) => {
      const stream = session.request({ ":method": "POST", ":path": "/" });
      stream.end(sent);
      let trailers: unknown;
      stream.on("trailers", (headers) => {
        trailers = headers["outcome"];
      });
      const got: Buffer[] = [];
      for await (const chunk of stream) got.push(chunk);
      expect(trailers).toBe("fine");
      expect(Buffer.concat(got).equals(sent)).toBe(true);
    });
    await Promise.all(requests);
  });

  test("our client is served by Node's server", async () => {
    const server: NodeServer = tls ? createSecureServer(KEYS) : createServer();
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ outcome: "fine" }));
      stream.pipe(stream);
    });
    server.listen(0, "127.0.0.1");
    cleanups.push(() => server.close());
    await once(server, "listening");
    const address = server.address();
    const driver = await client(typeof address === "object" && address !== null ? address.port : 0, tls);
    const bodies = [pieces(20, 50_000), pieces(1, 5)];
    const answers = await Promise.all(bodies.map((body, i) => call(driver, `/${i}`, body)));
    for (const [i, answer] of answers.entries()) {
      expect(answer.head?.status).toBe(200);
      expect(answer.trailers?.get("outcome")).toBe("fine");
      expect(answer.body.equals(Buffer.concat(bodies[i] ?? []))).toBe(true);
    }
  });

  test("draining under load loses no call", async () => {
    const { server, port } = await serve(options);
    const driver = await client(port, tls);
    const answers: Promise<Answer>[] = [];
    for (let i = 0; i < 200; i++) answers.push(call(driver, "/", pieces(1, 100)).catch((error) => error));
    await answers[0];
    const closing = server.close(0);
    while (driver.connection.openable > 0) {
      answers.push(call(driver, "/", pieces(1, 100)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const all = await Promise.all(answers);
    await closing;
    const lost = all.filter((answer) => answer instanceof Error || answer.end.kind !== "ended");
    // Some may have found no place when 200 were begun at once, before the server had said how many it takes.
    expect(lost.filter((answer) => !(answer instanceof Error))).toEqual([]);
    expect(all.length - lost.length).toBeGreaterThanOrEqual(100);
  });
});

describe("a server", () => {
  test("closes who speaks HTTP/1.1, or TLS, to its plain port", async () => {
    const { port } = await serve();
    for (const text of ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00"]) {
      const socket = await plain(port);
      socket.write(text, "latin1");
      await gone(socket);
    }
  });

  test("closes a TLS connection that does not agree on h2", async () => {
    const refused: string[] = [];
    const { port } = await serve({ tls: KEYS, onRefused: (reason) => refused.push(reason) });
    const { connect: connectTls } = await import("node:tls");
    const socket = connectTls({ host: "127.0.0.1", port, ca: TEST_CERTIFICATE });
    socket.on("error", () => {});
    await gone(socket);
    expect(refused).toEqual(["no agreement on h2 by ALPN"]);
  });

  test("closes who sends no preface in time, and who begins no TLS handshake", async () => {
    const timing = { ...SERVER_TIMING, connectionTimeoutMs: 100 };
    for (const options of [{ timing }, { timing, tls: KEYS }]) {
      const { port } = await serve(options);
      await gone(await plain(port));
    }
  });

  test("closes connections beyond its limit when they come", async () => {
    const { server, port } = await serve({ maxConnections: 2 });
    const drivers = [await client(port), await client(port)];
    await call(drivers[0] ?? expect.unreachable(), "/", pieces(1, 1));
    await gone(await plain(port));
    expect(server.connections).toBe(2);
  });

  test("reads nothing more from a peer that broke the rules", async () => {
    const drivers: Driver[] = [];
    const { port } = await serve({
      accept: (driver) => {
        drivers.push(driver);
        return echo(driver);
      },
    });
    const socket = await plain(port);
    socket.write(Buffer.concat([HELLO, rawRequest(2)]));
    await new Promise((resolve) => socket.once("readable", resolve));
    const read = drivers[0]?.socket.bytesRead ?? 0;
    for (let i = 0; i < 100; i++) socket.write(Buffer.alloc(100_000));
    await gone(socket);
    // Bytes that one read of the operating system had brought already may be counted.
    expect((drivers[0]?.socket.bytesRead ?? 0) - read).toBeLessThan(200_000);
  });

  test("survives a listener that throws: the connection ends, others go on", async () => {
    const closings: string[] = [];
    const { port } = await serve({
      accept: (driver) => ({
        ...echo(driver),
        request: (stream, headers) => {
          if (headers.path === "/bad") throw new Error("a bug of the application");
          return echo(driver).request(stream, headers);
        },
        closed: ({ kind, message }) => closings.push(`${kind}: ${message}`),
      }),
    });
    const good = await client(port);
    const bad = await client(port);
    expect((await call(bad, "/bad", pieces(1, 1))).end).toMatchObject({ kind: "lost" });
    expect((await call(good, "/good", pieces(1, 1))).end).toEqual({ kind: "ended" });
    expect(closings).toEqual(["failed: a bug of the application"]);
  });

  test("bounds what it holds for a reader that takes nothing, and serves others meanwhile", async () => {
    const big = Buffer.alloc(1_000_000);
    const drivers: Driver[] = [];
    const { port } = await serve({
      limits: { maxUnsentBytes: 4_000_000 },
      accept: (driver) => {
        drivers.push(driver);
        const { connection } = driver;
        return {
          ...quiet,
          request: (stream) => {
            connection.respond(stream, OK, false);
            connection.send(stream, big, true);
            return { headers: () => {}, data: () => {}, end: () => {}, drained: () => {}, closed: () => {} };
          },
        };
      },
    });
    const greedy = await plain(port);
    greedy.pause();
    // Windows as large as can be: only the socket holds the server back.
    const windows = Buffer.from("000006040000000000" + "00047fffffff" + "000004080000000000" + "7fff0000", "hex");
    greedy.write(Buffer.concat([HELLO, windows, ...Array.from({ length: 500 }, (_, i) => rawRequest(i * 2 + 1))]));
    const other = await client(port);
    expect((await call(other, "/", [])).body.length).toBe(big.length);
    expect(drivers[0]?.connection.streams).toBeLessThan(20);
    expect(drivers[0]?.socket.writableLength).toBeLessThan(1_000_000);
  });
});

describe("dialing", () => {
  test("says why nobody is there", async () => {
    const { server, port } = await serve();
    await server.close(1);
    await expect(dial({ host: "127.0.0.1", port, accept: () => quiet })).rejects.toThrow(/ECONNREFUSED/);
  });

  test("calls end when the server is gone", async () => {
    const drivers: Driver[] = [];
    const { port } = await serve({
      accept: (driver) => {
        drivers.push(driver);
        return { ...quiet, request: () => ({ headers() {}, data() {}, end() {}, drained() {}, closed() {} }) };
      },
    });
    const driver = await client(port);
    const answer = call(driver, "/", []);
    while ((drivers[0]?.connection.streams ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    drivers[0]?.socket.destroy();
    expect((await answer).end).toMatchObject({ kind: "lost" });
  });
});
