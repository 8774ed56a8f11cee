import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Connection } from "../../../bench/http2/connection.js";
import { statusName } from "../../../bench/http2/stream.js";

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const action of cleanUp.splice(0)) action();
});

function frame(type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([bytes(0x40, name.length), Buffer.from(name), bytes(value.length), Buffer.from(value)]);
const SETTINGS = frame(4, 0, 0);
const STATUS_200 = bytes(0x88);
const MESSAGE = Buffer.concat([bytes(0, 0, 0, 0, 3), Buffer.from("abc")]);
const GOOD = (id: number): Buffer =>
  Buffer.concat([frame(1, 4, id, STATUS_200), frame(0, 0, id, MESSAGE), frame(1, 5, id, literal("grpc-status", "0"))]);

function portOf(server: Pick<Server, "address">): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** A server by script: sends SETTINGS, then `onFrame` decides. */
async function rawServer(onFrame: (frame: Seen, socket: Socket) => void): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write(SETTINGS);
    let rest = Buffer.alloc(0);
    let skip = 24;
    socket.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      if (skip > 0 && rest.length >= skip) {
        rest = rest.subarray(skip);
        skip = 0;
      }
      while (skip === 0 && rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const end = 9 + rest.readUIntBE(0, 3);
        onFrame(
          {
            type: rest.readUInt8(3),
            flags: rest.readUInt8(4),
            id: rest.readUInt32BE(5),
            payload: rest.subarray(9, end),
          },
          socket,
        );
        rest = rest.subarray(end);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => server.close());
  return portOf(server);
}

async function http2Server(settings: Record<string, number>): Promise<number> {
  const server: Http2Server = createHttp2Server({ settings });
  server.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () =>
        stream.sendTrailers({ "grpc-status": "0", "x-path": `${headers[":path"]} ${headers.te}` }),
      );
      stream.end(Buffer.concat(chunks));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => server.close());
  return portOf(server);
}

async function open(port: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const connection: Connection = new Connection({
      host: "127.0.0.1",
      port,
      deadlineMs: 1000,
      onReady: () => resolve(connection),
      onDraining: () => {},
      onClosed: (reason) => reject(new Error(reason)),
    });
    cleanUp.push(() => connection.close());
  });
}

function call(
  connection: Connection,
  body: Uint8Array = MESSAGE,
): Promise<{ status: string; message: string; data: Buffer }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    connection.call("/s/M", body, body.length, {
      data: (chunk, start, end) => chunks.push(Buffer.from(chunk.subarray(start, end))),
      done: (status, message) => resolve({ status: statusName(status), message, data: Buffer.concat(chunks) }),
    });
  });
}

describe("against node:http2", () => {
  test("many calls at once are answered with their own bodies", async () => {
    const connection = await open(await http2Server({}));
    const bodies = Array.from({ length: 500 }, (_, i) => Buffer.from(`\0\0\0\0\u0004${String(i).padStart(4, "0")}`));
    const answers = await Promise.all(bodies.map((body) => call(connection, body)));
    expect(answers).toEqual(bodies.map((data) => ({ status: "OK", message: "", data })));
  });

  test("bodies far larger than every window arrive whole, several at once", async () => {
    const connection = await open(await http2Server({ initialWindowSize: 10_000 }));
    const bodies = [1, 2, 3].map((n) => Buffer.alloc(300_000, n));
    const answers = await Promise.all(bodies.map((body) => call(connection, body)));
    expect(answers.map((answer, i) => bodies[i]?.equals(answer.data))).toEqual([true, true, true]);
  });

  test("a server that keeps no header table understands every request", async () => {
    const connection = await open(await http2Server({ headerTableSize: 0 }));
    for (let i = 0; i < 3; i++) expect((await call(connection)).status).toBe("OK");
  });
});

describe("framing", () => {
  test("answers cut at every octet are put together", async () => {
    const port = await rawServer(({ type, id }, socket) => {
      if (type !== 0) return;
      socket.setNoDelay(true);
      const answer = GOOD(id);
      let at = 0;
      const next = (): void => {
        if (at < answer.length) socket.write(answer.subarray(at, ++at), () => setImmediate(next));
      };
      next();
    });
    const connection = await open(port);
    for (let i = 0; i < 3; i++) expect(await call(connection)).toEqual({ status: "OK", message: "", data: MESSAGE });
  });

  test("padding, priority, CONTINUATION and unknown frames are understood", async () => {
    const port = await rawServer(({ type, id }, socket) => {
      if (type !== 0) return;
      const trailers = Buffer.concat([literal("grpc-status", "5"), literal("grpc-message", "gone")]);
      socket.write(
        Buffer.concat([
          frame(99, 0, 0, bytes(1, 2, 3)),
          frame(1, 4 | 8 | 32, id, bytes(2, 0, 0, 0, 0, 9, 0x88, 0, 0)),
          frame(0, 8, id, Buffer.concat([bytes(4), MESSAGE, Buffer.alloc(4)])),
          frame(1, 1, id, trailers.subarray(0, 5)),
          frame(9, 0, id, trailers.subarray(5, 20)),
          frame(9, 4, id, trailers.subarray(20)),
        ]),
      );
    });
    expect(await call(await open(port))).toEqual({ status: "NOT_FOUND", message: "gone", data: MESSAGE });
  });

  test("settings and pings are acknowledged", async () => {
    const acknowledged: string[] = [];
    const port = await rawServer(({ type, flags, id, payload }, socket) => {
      if (type === 4 && flags === 1) socket.write(frame(6, 0, 0, Buffer.from("pingpong")));
      if ((type === 4 || type === 6) && flags === 1) acknowledged.push(`${type} ${payload}`);
      if (type === 0) setTimeout(() => socket.write(GOOD(id)), 20);
    });
    await call(await open(port));
    expect(acknowledged).toEqual(["4 ", "6 pingpong"]);
  });
});

describe("ends that are not OK", () => {
  const cases: readonly [string, (id: number, socket: Socket) => void, string][] = [
    [
      "trailers only",
      (id, s) => s.write(frame(1, 5, id, Buffer.concat([STATUS_200, literal("grpc-status", "14")]))),
      "UNAVAILABLE",
    ],
    [
      "an empty grpc-status",
      (id, s) => s.write(frame(1, 5, id, Buffer.concat([STATUS_200, literal("grpc-status", "")]))),
      "client:noGrpcStatus",
    ],
    [
      "OK without a message",
      (id, s) => s.write(frame(1, 5, id, Buffer.concat([STATUS_200, literal("grpc-status", "0")]))),
      "client:emptyAnswer",
    ],
    [
      "no grpc-status at all",
      (id, s) => s.write(Buffer.concat([frame(1, 4, id, STATUS_200), frame(0, 1, id, MESSAGE)])),
      "client:noGrpcStatus",
    ],
    ["HTTP status 404", (id, s) => s.write(frame(1, 5, id, bytes(0x8d))), "client:badHttpStatus"],
    ["RST_STREAM", (id, s) => s.write(frame(3, 0, id, bytes(0, 0, 0, 7))), "client:streamReset"],
    ["GOAWAY below the stream", (_id, s) => s.write(frame(7, 0, 0, Buffer.alloc(8))), "client:refusedByGoAway"],
    ["the connection's end", (_id, s) => s.end(), "client:connectionLost"],
    ["the connection's reset", (_id, s) => s.resetAndDestroy(), "client:connectionLost"],
    [
      "a header block that is garbage",
      (id, s) => s.write(frame(1, 5, id, bytes(0xff, 0xff, 0xff))),
      "client:connectionLost",
    ],
    ["a frame too large", (_id, s) => s.write(bytes(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1)), "client:connectionLost"],
    ["a frame cut short by its own length", (_id, s) => s.write(frame(8, 0, 0, bytes(1))), "client:connectionLost"],
  ];
  test.each(cases)("%s", async (_name, answer, expected) => {
    const port = await rawServer(({ type, id }, socket) => {
      if (type === 0) answer(id, socket);
    });
    expect((await call(await open(port))).status).toBe(expected);
  });

  test("a call without answer is given up, and its stream reset", async () => {
    const resets: number[] = [];
    const port = await rawServer(({ type, id }) => {
      if (type === 3) resets.push(id);
    });
    const connection = await open(port);
    const answer = call(connection);
    connection.expire(10_000);
    expect(connection.inFlight).toBe(1);
    connection.expire(0);
    expect((await answer).status).toBe("client:clientTimeout");
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    expect(resets).toEqual([1]);
  });
});
