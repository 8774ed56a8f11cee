/**
 * Which way calls take: one stream where the way allows it, calls of their own where it does not, and what becomes of
 * calls between.
 */
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, createServer as createTcp, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { GetRequest, PipelineRequest, PipelineResponse, PutRequest } from "../../../gen/ts/onar/kv/v1/kv.js";
import { GrpcConnection } from "../../../src/client/grpc-connection.js";
import type { Reply, Request } from "../../../src/client/transport.js";
import { frameMessage } from "../../../src/grpc/message/message-frame.js";

const KV = "/onar.kv.v1.KeyValueService/";
const HEADERS = { ":status": 200, "content-type": "application/grpc" };

/**
 * A node that counts what comes in which way. `stream` says what becomes of a stream; a key that begins with "hold" is
 * not answered.
 */
class Node {
  readonly calls = { unary: 0, streams: 0, streamed: 0 };
  readonly timeouts: number[] = [];
  readonly streams: ServerHttp2Stream[] = [];
  stream: "served" | "silent" | "unknown" | "unsaid" = "served";
  readonly server: Http2Server = createServer();
  address = "";

  constructor() {
    this.server.on("session", (session) => session.on("error", () => {}));
    this.server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      if (headers[":path"] === `${KV}Pipeline`) this.pipeline(stream);
      else this.unary(stream, headers);
    });
  }

  async listen(host = "127.0.0.1"): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, host, resolve));
    this.address = `${host}:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  private unary(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      this.calls.unary++;
      expect(String(headers["grpc-timeout"])).toMatch(/^\d+[mu]$/);
      stream.respond(HEADERS, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(frameMessage(Buffer.alloc(0), false));
    });
  }

  private pipeline(stream: ServerHttp2Stream): void {
    this.calls.streams++;
    this.streams.push(stream);
    if (this.stream === "silent") return;
    if (this.stream === "unknown") {
      stream.respond({ ...HEADERS, "grpc-status": "12", "grpc-message": "no such method" }, { endStream: true });
      return;
    }
    stream.respond(this.stream === "served" ? { ...HEADERS, "onar-pipeline": "1" } : HEADERS);
    let rest = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        const { request, tag, timeoutMs } = PipelineRequest.decode(rest.subarray(5, end));
        rest = rest.subarray(end);
        this.calls.streamed++;
        this.timeouts.push(timeoutMs);
        if (request === undefined || request.value.key.toString().startsWith("hold")) continue;
        const value = { header: undefined, version: 7n };
        const response = { tag, response: { $case: "put" as const, value } };
        const answer = (): unknown => stream.write(frameMessage(PipelineResponse.encode(response).finish(), false));
        if (request.value.key.toString().startsWith("late")) setTimeout(answer, 300);
        else answer();
      }
    });
  }
}

const put = (key: string, bytes = 1): Request => ({
  $case: "put",
  value: PutRequest.create({ key: Buffer.from(key), value: Buffer.alloc(bytes) }),
});

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function nodeOf(stream: Node["stream"] = "served"): Promise<Node> {
  const node = await new Node().listen();
  node.stream = stream;
  ends.push(() => node.server.close());
  return node;
}

function connectionTo(address: string, stream = true): GrpcConnection {
  const connection = new GrpcConnection(address, { userAgent: "test", stream });
  ends.push(() => connection.close());
  return connection;
}

const ask = (connection: GrpcConnection, request: Request, timeoutMs = 5_000): Promise<Reply> =>
  new Promise((resolve) => {
    connection.send(request, timeoutMs, resolve);
  });

async function until(isThere: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!isThere() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(isThere()).toBe(true);
}

/** Asks until calls ride the stream. */
async function riding(connection: GrpcConnection, node: Node): Promise<void> {
  expect(await connection.connect(5_000)).toBeNull();
  await until(() => node.calls.streams > 0);
  const before = node.calls.streamed;
  const end = performance.now() + 10_000;
  while (node.calls.streamed === before && performance.now() < end) await ask(connection, put("k"));
  expect(node.calls.streamed).toBeGreaterThan(before);
}

describe("calls ride one stream", () => {
  test("once the node has said that it serves it, each with its time and one answer (call-stream S1, grpc-connection G2)", async () => {
    const node = await nodeOf();
    const connection = connectionTo(node.address);
    await riding(connection, node);
    const { unary, streamed } = node.calls;
    const replies = await Promise.all(Array.from({ length: 3_000 }, () => ask(connection, put("k"), 1_234.5)));
    expect(replies.every((reply) => reply.$case === "put")).toBe(true);
    expect(node.calls).toMatchObject({ unary, streamed: streamed + 3_000, streams: 1 });
    expect(Math.max(...node.timeouts.slice(-3_000))).toBe(1_234);
    expect(Math.min(...node.timeouts.slice(-3_000))).toBeGreaterThan(0);
  });

  test("but not those with long values, which would hold up the others", async () => {
    const node = await nodeOf();
    const connection = connectionTo(node.address);
    await riding(connection, node);
    const { unary, streamed } = node.calls;
    await ask(connection, put("k", 65_537));
    await ask(connection, put("k", 65_536));
    expect(node.calls).toMatchObject({ unary: unary + 1, streamed: streamed + 1 });
  });

  test("never more than 1,024 at a time; one that is given up while it waits is never sent (call-stream S2)", async () => {
    const node = await nodeOf();
    const connection = connectionTo(node.address);
    await riding(connection, node);
    const before = node.calls.streamed;
    const stops = Array.from({ length: 1_500 }, (_, i) => connection.send(put(`hold${i}`), 5_000, () => {}));
    await until(() => node.calls.streamed === before + 1_024);
    for (const stop of stops.slice(1_024)) stop();
    // Its place is behind them.
    connection.send(put("k"), 5_000, () => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(node.calls.streamed).toBe(before + 1_024);
  });
});

describe("calls are calls of their own", () => {
  test.each([
    ["where the stream is not wanted", "served", false, 0],
    ["where the node does not know it", "unknown", true, 1],
    ["where somebody between keeps it back", "silent", true, 1],
    ["where what answers does not say that it serves it", "unsaid", true, 1],
  ] as const)("%s", async (_name, stream, wanted, streams) => {
    const node = await nodeOf(stream);
    const connection = connectionTo(node.address, wanted);
    expect(await connection.connect(5_000)).toBeNull();
    for (let i = 0; i < 50; i++) expect(await ask(connection, put("k"))).toMatchObject({ $case: "put" });
    expect(node.calls).toEqual({ unary: 50, streamed: 0, streams });
  });

  test("after a stream broke under calls, which are unknown, while the connection stands", async () => {
    const node = await nodeOf();
    const connection = connectionTo(node.address);
    await riding(connection, node);
    const lost = ask(connection, put("hold"));
    await until(() => node.timeouts.length === node.calls.streamed && node.calls.streamed >= 2);
    const { unary } = node.calls;
    node.streams[0]?.close(2);
    expect(await lost).toMatchObject({ execution: "unknown", retryable: true });
    expect(connection.ready).toBe(true);
    for (let i = 0; i < 20; i++) expect(await ask(connection, put("k"))).toMatchObject({ $case: "put" });
    expect(node.calls).toMatchObject({ unary: unary + 20, streams: 1 });
  });

  test("but not after a short call was given up", async () => {
    const node = await nodeOf();
    const connection = connectionTo(node.address);
    await riding(connection, node);
    const stop = connection.send(put("hold"), 10, () => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop();
    const { streams, unary } = node.calls;
    await ask(connection, put("k"));
    expect(node.calls).toMatchObject({ streams, unary });
  });

  test("after a stream said nothing for as long as a call on it waited", async () => {
    const node = await nodeOf();
    const connection = connectionTo(node.address);
    await riding(connection, node);
    const stop = connection.send(put("hold"), 1_000, () => {});
    await new Promise((resolve) => setTimeout(resolve, 1_010));
    stop();
    const { streams, unary } = node.calls;
    await ask(connection, put("k"));
    expect(node.calls).toMatchObject({ streams: streams + 1, unary: unary + 1 });
  });
});

describe("a connection", () => {
  test("that is closed at any moment answers its calls, and throws nothing that nobody can catch", async () => {
    const node = await nodeOf();
    for (let i = 0; i < 100; i++) {
      const connection = new GrpcConnection(node.address, { userAgent: "test", stream: i % 2 === 0 });
      const connecting = connection.connect(5_000);
      const reply = ask(connection, put("k"));
      for (let turn = 0; turn < i % 20; turn++) await new Promise(setImmediate);
      connection.close();
      expect(["put", "failure"]).toContain((await reply).$case);
      await connecting;
      expect(await ask(connection, put("k"))).toMatchObject({ $case: "failure", execution: "notExecuted" });
    }
  });

  test("is another one after it was lost only when it is made anew: what is sent between is not executed (grpc-connection G1)", async () => {
    const node = await nodeOf();
    const sockets = new Set<{ destroy(): void }>();
    const proxy: Server = createTcp((socket) => {
      const port = Number(node.address.split(":")[1]);
      const onward = connect({ host: "127.0.0.1", port });
      sockets.add(socket);
      for (const one of [socket, onward]) one.on("error", () => {});
      socket.pipe(onward);
      onward.pipe(socket);
      socket.on("close", () => onward.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    ends.push(() => proxy.close());
    const connection = connectionTo(`127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    await riding(connection, node);
    for (const socket of sockets) socket.destroy();
    await until(() => !connection.ready);
    expect(await ask(connection, put("k"))).toMatchObject({ $case: "failure", execution: "notExecuted" });
    expect(connection.ready).toBe(false);
    await riding(connection, node);
  });

  test("that the node ends in order still answers its calls, while the next one takes new calls", async () => {
    const node = await nodeOf();
    const connection = connectionTo(node.address);
    await riding(connection, node);
    const before = node.calls.streamed;
    const late = [ask(connection, put("late1")), ask(connection, put("late2"))];
    await until(() => node.calls.streamed === before + 2);
    node.streams[0]?.session?.goaway(0);
    await until(() => !connection.ready);
    await riding(connection, node);
    expect(node.calls.streams).toBe(2);
    for (const reply of await Promise.all(late)) expect(reply).toMatchObject({ $case: "put" });
  });

  test("to a name with several addresses finds the one that listens", async () => {
    const node = await nodeOf();
    const connection = connectionTo(`localhost:${node.address.split(":")[1]}`);
    expect(await connection.connect(5_000)).toBeNull();
    const get: Request = { $case: "get", value: GetRequest.create({ key: Buffer.from("k") }) };
    expect(await ask(connection, get)).toMatchObject({ $case: "get" });
  });

  test("to a port where nothing listens says so", async () => {
    const node = await nodeOf();
    const { address } = node;
    await new Promise((resolve) => node.server.close(resolve));
    expect(await connectionTo(address).connect(5_000)).toBe(`nothing listens at ${address}`);
  });
});
