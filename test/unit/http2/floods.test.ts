/** Floods over real sockets: the offender is told why and closed, memory stays, and an honest client beside it gets every answer. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StreamEnd } from "../../../src/http2/connection/stream.js";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { headerList } from "../../../src/http2/hpack/header-list.js";
import { dial } from "../../../src/http2/socket/client.js";
import type { ConnectionEvents, Driver } from "../../../src/http2/socket/driver.js";
import { Http2Server } from "../../../src/http2/socket/server.js";
import * as raw from "./support/raw.js";

const OK = headerList([[":status", "200"]]);
const ASK = headerList([
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
]);
const nothing = { headers: () => {}, data: () => {}, end: () => {}, drained: () => {} };
const quiet: ConnectionEvents = {
  request: () => expect.unreachable("a request"),
  ready: () => {},
  available: () => {},
  draining: () => {},
  closed: () => {},
};

let server: Http2Server;
let port = 0;
let honest: Driver;

beforeAll(async () => {
  server = new Http2Server({
    accept: ({ connection }) => ({
      ...quiet,
      request: (stream) => ({
        ...nothing,
        data: (_stream, _bytes, start, end) => connection.consume(stream, end - start),
        end: () => connection.respond(stream, OK, true),
        closed: () => {},
      }),
    }),
  });
  port = await server.listen(0, "127.0.0.1");
  honest = await dial({ host: "127.0.0.1", port, accept: () => quiet });
});

afterAll(async () => {
  honest.socket.destroy();
  await server.close(1);
});

const call = (): Promise<StreamEnd> =>
  new Promise((resolve) => {
    const closed = (_stream: unknown, end: StreamEnd): void => resolve(end);
    honest.connection.request(ASK, true, { ...nothing, closed });
  });

const MEGABYTES = 1;

/** Sends so much of the flood as the server takes; resolves to the code of the GOAWAY, or undefined, when the server has closed. */
function flood(piece: (i: number) => Buffer): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const got: Buffer[] = [];
    let i = 0;
    let sent = 0;
    const more = (): void => {
      while (sent < MEGABYTES * 1_000_000 && socket.writable) {
        const batch = Buffer.concat(Array.from({ length: 100 }, () => piece(i++)));
        sent += batch.length;
        if (!socket.write(batch)) return;
      }
    };
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => got.push(chunk));
    socket.on("drain", more);
    socket.on("close", () => {
      const all = Buffer.concat(got);
      let at = 0;
      let code: number | undefined;
      while (at + 9 <= all.length) {
        const end = at + 9 + all.readUIntBE(at, 3);
        if (all[at + 3] === raw.TYPE.goAway && end <= all.length) code = all.readUInt32BE(at + 13);
        at = end;
      }
      resolve(code);
    });
    socket.write(raw.HELLO);
    more();
  });
}

describe("while somebody floods the server with", () => {
  const headersWithoutEnd = raw.frame(raw.TYPE.headers, 0, 1, raw.POST);
  const floods: readonly [string, (i: number) => Buffer][] = [
    ["streams that are reset at once", (i) => Buffer.concat([raw.request(i * 2 + 1), raw.reset(i * 2 + 1, 8)])],
    ["open streams", (i) => raw.request(i * 2 + 1, false)],
    ["PING", () => raw.ping("12345678")],
    ["SETTINGS", () => raw.settings([4, 65_535])],
    ["CONTINUATION", (i) => (i === 0 ? headersWithoutEnd : raw.frame(raw.TYPE.continuation, 0, 1, Buffer.alloc(100)))],
    ["empty DATA", (i) => (i === 0 ? raw.request(1, false) : raw.frame(raw.TYPE.data, 0, 1))],
    ["WINDOW_UPDATE", (i) => (i === 0 ? raw.request(1, false) : raw.windowUpdate(1, 1))],
    ["PRIORITY", () => raw.frame(raw.TYPE.priority, 0, 9, Buffer.concat([raw.uint32(1), Buffer.of(1)]))],
  ];
  test.each(floods)("%s, it is closed for that, and others are served", async (_name, piece) => {
    const before = process.memoryUsage();
    let over = false;
    const offended = Promise.all([flood(piece), flood(piece), flood(piece)]).finally(() => {
      over = true;
    });
    let answered = 0;
    do {
      expect(await call()).toEqual({ kind: "ended" });
      answered++;
    } while (!over || answered < 50);
    // A reset of the connection may take the GOAWAY with it; whoever gets one is told that.
    const codes = (await offended).filter((code) => code !== undefined);
    for (const code of codes) expect(code).toBe(ERROR_CODE.enhanceYourCalm);
    // The server's end of the sockets is closed a little later.
    await expect.poll(() => server.connections, { timeout: 20_000 }).toBe(1);
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    // Client and server are one process here; the floods themselves are three megabytes.
    expect(heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(50_000_000);
  });

  test("half-open connections, others are served, and each costs little", async () => {
    const before = process.memoryUsage();
    const sockets = await Promise.all(
      Array.from(
        { length: 500 },
        () =>
          new Promise<ReturnType<typeof connect>>((resolve) => {
            const socket = connect(port, "127.0.0.1", () => {
              socket.write(raw.HELLO.subarray(0, 10));
              resolve(socket);
            });
            socket.on("error", () => {});
          }),
      ),
    );
    for (let i = 0; i < 50; i++) expect(await call()).toEqual({ kind: "ended" });
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    expect(heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(sockets.length * 100_000);
    for (const socket of sockets) socket.destroy();
  });
});
