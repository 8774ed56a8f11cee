/** Calls of all four kinds, between our client and our server, without sockets. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { GrpcClient } from "../../../src/grpc/client/client.js";
import type { CallOptions } from "../../../src/grpc/client/method.js";
import { Metadata } from "../../../src/grpc/metadata/metadata.js";
import { RouteTable } from "../../../src/grpc/server/route.js";
import { GrpcError, STATUS } from "../../../src/grpc/status.js";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { all, CHAT, COLLECT, echoRoutes, nothingSeen, type Seen, SPREAD, stream, UNARY } from "./support/echo.js";
import { type InProcess, type InProcessOptions, inProcess } from "./support/in-process.js";

const HELLO = Buffer.from("hello");
const md = (pairs: Readonly<Record<string, string>>): Metadata => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(pairs)) metadata.add(name, value);
  return metadata;
};

const rigs: InProcess[] = [];
const rigOf = (seen?: Seen, options?: InProcessOptions): InProcess => {
  const rig = inProcess(echoRoutes(seen), options);
  rigs.push(rig);
  return rig;
};

afterEach(async () => {
  for (const rig of rigs.splice(0)) {
    for (const connection of rig.connections) connection.close(ERROR_CODE.noError, "the test is over");
    await rig.client.close(1);
  }
});

/** One call of each kind, whose answer is told as a list of messages. */
const KINDS: readonly [string, (client: GrpcClient, options?: CallOptions) => Promise<Uint8Array[]>][] = [
  ["unary", async (client, options) => [await client.unary(UNARY, HELLO, options)]],
  ["client-streaming", async (client, options) => [await client.clientStreaming(COLLECT, stream([HELLO]), options)]],
  ["server-streaming", async (client, options) => all(client.serverStreaming(SPREAD, HELLO, options))],
  ["bidirectional", async (client, options) => all(client.bidirectional(CHAT, stream([HELLO]), options))],
];

describe.each(KINDS)("a %s call", (_kind, call) => {
  test("answers what it was sent", async () => {
    const answer = await call(rigOf().client);
    for (const message of answer) expect(Buffer.from(message)).toEqual(HELLO);
    expect(answer.length).toBeGreaterThan(0);
  });

  test("carries metadata both ways, text and bytes", async () => {
    const heard: Metadata[] = [];
    const metadata = md({ "echo-text": "a, b" }).add("echo-data-bin", Buffer.of(0, 1, 255));
    await call(rigOf().client, {
      metadata,
      onHeaders: (headers) => heard.push(headers),
      onTrailers: (trailers) => heard.push(trailers),
    });
    expect(heard.map((one) => [...one.entries()])).toEqual([
      [
        ["echo-text", "a, b"],
        ["echo-data-bin", Buffer.of(0, 1, 255)],
      ],
      [
        ["trailing-echo-text", "a, b"],
        ["trailing-echo-data-bin", Buffer.of(0, 1, 255)],
      ],
    ]);
  });

  test("fails with the status, text, details and trailers that its handler throws", async () => {
    await expect(call(rigOf().client, { metadata: md({ fail: "5" }) })).rejects.toMatchObject({
      code: STATUS.notFound,
      message: "as asked: ü %",
      details: Buffer.from("details"),
      outcome: "answered",
    });
  });

  test("hides what a handler throws by mistake, and tells the server of it", async () => {
    const rig = rigOf();
    await expect(call(rig.client, { metadata: md({ fail: "bug" }) })).rejects.toMatchObject({
      code: STATUS.internal,
      message: "internal error",
    });
    await vi.waitFor(() => expect(rig.errors).toEqual([new TypeError("a bug in a handler")]));
  });

  test("ends at its deadline, here and at the server", async () => {
    const seen = nothingSeen();
    const rig = rigOf(seen);
    // On a busy machine a deadline may be over before the handler waits for it.
    for (let timeoutMs = 30; seen.waiting === 0; timeoutMs *= 2) {
      await expect(call(rig.client, { metadata: md({ hang: "" }), timeoutMs })).rejects.toMatchObject({
        code: STATUS.deadlineExceeded,
      });
    }
    await vi.waitFor(() => expect(seen.aborted).toHaveLength(1));
    expect(rig.errors).toEqual([]);
  });

  test("ends when it is cancelled, here and at the server", async () => {
    const seen = nothingSeen();
    const controller = new AbortController();
    const rig = rigOf(seen);
    const answer = call(rig.client, { metadata: md({ hang: "" }), signal: controller.signal });
    const failure = expect(answer).rejects.toMatchObject({ code: STATUS.cancelled, outcome: "unknown" });
    await vi.waitFor(() => expect(seen.waiting).toBe(1));
    controller.abort();
    await failure;
    await vi.waitFor(() => expect(seen.aborted).toMatchObject([{ code: STATUS.cancelled }]));
    expect(rig.connections[0]?.streams).toBe(0);
  });

  test.each([false, true])("compresses what is sent, with an answer in gzip: %s", async (gzip) => {
    const answer = await call(rigOf().client, { gzip: true, ...(gzip ? { metadata: md({ gzip: "" }) } : {}) });
    for (const message of answer) expect(Buffer.from(message)).toEqual(HELLO);
  });

  test("is not sent if it is cancelled or too late already", async () => {
    const rig = rigOf();
    const unprocessed = { outcome: "unprocessed" };
    await expect(call(rig.client, { signal: AbortSignal.abort() })).rejects.toMatchObject(unprocessed);
    await expect(call(rig.client, { timeoutMs: 0 })).rejects.toMatchObject(unprocessed);
    expect(rig.connections).toHaveLength(0);
  });
});

describe("messages", () => {
  test.each([0, 1, 16_384, 16_385, 300_000, 4_194_304])("of %i bytes go both ways, also compressed", async (length) => {
    const { client } = rigOf();
    const message = Buffer.alloc(length, "0123456789");
    for (const gzip of [false, true]) {
      const answer = await client.unary(UNARY, message, { gzip, ...(gzip ? { metadata: md({ gzip: "" }) } : {}) });
      expect(Buffer.compare(Buffer.from(answer), message)).toBe(0);
    }
  });

  test("longer than the server takes are refused, compressed or not", async () => {
    const { client } = rigOf(undefined, { serving: { maxRequestBytes: 1_000 } });
    for (const gzip of [false, true]) {
      await expect(client.unary(UNARY, Buffer.alloc(1_001), { gzip })).rejects.toMatchObject({
        code: STATUS.resourceExhausted,
        message: "a message of 1001 bytes; the limit is 1000",
      });
    }
  });

  test("longer than the client takes are refused", async () => {
    const { client } = rigOf(undefined, { client: { maxResponseBytes: 1_000 } });
    await expect(client.unary(UNARY, Buffer.alloc(1_001))).rejects.toMatchObject({ code: STATUS.resourceExhausted });
    await expect(all(client.serverStreaming(SPREAD, Buffer.alloc(1_001)))).rejects.toMatchObject({
      code: STATUS.resourceExhausted,
    });
  });

  test("that together are more than a connection may gather fail, and only those", async () => {
    const { client } = rigOf(undefined, { serving: { maxConnectionGatheredBytes: 600_000 } });
    const calls = [1, 2, 3].map(() => client.unary(UNARY, Buffer.alloc(500_000)));
    const results = await Promise.allSettled(calls);
    const failed = results.filter(({ status }) => status === "rejected");
    expect(failed.length).toBeGreaterThan(0);
    for (const one of failed) expect(one).toMatchObject({ reason: { code: STATUS.resourceExhausted } });
    expect((await client.unary(UNARY, Buffer.alloc(500_000))).length).toBe(500_000);
  });
});

describe("backpressure", () => {
  test("holds back a handler whose client takes nothing", async () => {
    const seen = nothingSeen();
    const { client } = rigOf(seen);
    const answers = client.serverStreaming(SPREAD, Buffer.alloc(10_000), { metadata: md({ times: "1000" }) });
    await answers.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen.taken).toBeLessThan(60);
    expect(await all(answers)).toHaveLength(999);
  });

  test("holds back a client whose handler takes nothing", async () => {
    let sent = 0;
    async function* many(): AsyncIterable<Uint8Array> {
      for (; sent < 1_000; sent++) yield Buffer.alloc(10_000);
    }
    const { client } = rigOf();
    const answers = client.bidirectional(CHAT, many());
    await answers.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sent).toBeLessThan(120);
    expect(await all(answers)).toHaveLength(999);
  });

  test("of a bidirectional call lets each answer come before the next request", async () => {
    const { client } = rigOf();
    const turns: string[] = [];
    const waiting: (() => void)[] = [];
    async function* asking(): AsyncIterable<Uint8Array> {
      for (const text of ["a", "b", "c"]) {
        turns.push(`ask ${text}`);
        yield Buffer.from(text);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    }
    for await (const answer of client.bidirectional(CHAT, asking())) {
      turns.push(`hear ${Buffer.from(answer)}`);
      await vi.waitFor(() => expect(waiting).toHaveLength(1));
      waiting.pop()?.();
    }
    expect(turns).toEqual(["ask a", "hear a", "ask b", "hear b", "ask c", "hear c"]);
  });
});

describe("leaving", () => {
  test("an iteration early ends the call at the server", async () => {
    const rig = rigOf();
    for await (const _answer of rig.client.serverStreaming(SPREAD, HELLO, { metadata: md({ times: "1000000" }) }))
      break;
    await vi.waitFor(() => expect(rig.connections[0]?.streams).toBe(0));
  });

  test("a handler early ends the requests", async () => {
    let stopped = false;
    async function* endless(): AsyncIterable<Uint8Array> {
      try {
        for (;;) {
          yield HELLO;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        stopped = true;
      }
    }
    const { client } = rigOf();
    const answer = client.clientStreaming(COLLECT, endless(), { metadata: md({ fail: "9" }) });
    await expect(answer).rejects.toMatchObject({ code: STATUS.failedPrecondition });
    await vi.waitFor(() => expect(stopped).toBe(true));
  });

  test("requests that fail cancel the call, and say why", async () => {
    async function* failing(): AsyncIterable<Uint8Array> {
      yield HELLO;
      throw new Error("out of requests");
    }
    const rig = rigOf();
    await expect(rig.client.clientStreaming(COLLECT, failing())).rejects.toMatchObject({
      code: STATUS.cancelled,
      message: "the requests failed: out of requests",
    });
    await vi.waitFor(() => expect(rig.connections[0]?.streams).toBe(0));
  });
});

describe("a table of routes", () => {
  test("answers UNIMPLEMENTED for methods and services that it has not", async () => {
    const { client } = rigOf();
    const call = (path: string) => client.unary({ ...UNARY, path }, HELLO);
    await expect(call("/test.Echo/Nope")).rejects.toMatchObject({
      code: STATUS.unimplemented,
      message: "unknown method: /test.Echo/Nope",
    });
    await expect(call("/test.Nope/Unary")).rejects.toMatchObject({ message: "unknown service: /test.Nope/Unary" });
  });

  test("refuses a path twice, and a path that is none", () => {
    const [route] = echoRoutes();
    if (route === undefined) throw new Error("no route");
    expect(() => new RouteTable([route, route])).toThrow("is there twice");
    expect(() => new RouteTable([{ ...route, path: "test.Echo/Unary" }])).toThrow("no path of a method");
  });

  test("lets a route have a limit of its own", async () => {
    const routes = echoRoutes().map((route) => ({ ...route, maxRequestBytes: 4 }));
    const { client } = inProcess(routes);
    await expect(client.unary(UNARY, HELLO)).rejects.toMatchObject({ code: STATUS.resourceExhausted });
    await client.close(1);
  });
});

test("a request of many messages to a method of one is refused, and so is one of none", async () => {
  const { client } = rigOf();
  const method = { ...COLLECT, path: UNARY.path };
  for (const count of [0, 2]) {
    const messages = Array.from({ length: count }, () => HELLO);
    await expect(client.clientStreaming(method, stream(messages))).rejects.toMatchObject({
      code: STATUS.unimplemented,
    });
  }
});

test("an answer of many messages to a method of one is an error, and so is one of none", async () => {
  const { client } = rigOf();
  for (const times of ["0", "2"]) {
    const answer = client.unary({ ...UNARY, path: SPREAD.path }, HELLO, { metadata: md({ times }) });
    await expect(answer).rejects.toMatchObject({ code: STATUS.unimplemented });
  }
});

test("a GrpcError with the status OK is not taken for an answer", async () => {
  const { client } = rigOf();
  await expect(client.unary(UNARY, HELLO, { metadata: md({ fail: "0" }) })).rejects.toMatchObject({
    code: STATUS.unknown,
  });
  expect(new GrpcError(STATUS.ok, "").name).toBe("GrpcError");
});

describe("metadata longer than the client takes", () => {
  const long = { metadata: md({ "echo-long": "a".repeat(2_000) }) };
  const clientLimits = { maxHeaderListSize: 1_500 };

  test("fails the call in place of an answer", async () => {
    const { client } = rigOf(undefined, { clientLimits });
    await client.unary(UNARY, HELLO);
    await expect(client.unary(UNARY, HELLO, long)).rejects.toMatchObject({
      code: STATUS.resourceExhausted,
      message: "headers longer than the client takes",
    });
  });

  test("does not keep it from hearing of a failure", async () => {
    const { client } = rigOf(undefined, { clientLimits });
    await client.unary(UNARY, HELLO);
    const metadata = md({ "echo-long": "a".repeat(2_000), fail: "5" });
    await expect(client.unary(UNARY, HELLO, { metadata })).rejects.toMatchObject({
      code: STATUS.notFound,
      message: "as asked: ü %",
      details: undefined,
    });
  });
});

test.each(["onHeaders", "onTrailers"])("an %s that throws ends its call, and no other", async (name) => {
  const rig = rigOf();
  const fails = (): void => {
    throw new Error("a bug of the caller's");
  };
  await expect(rig.client.unary(UNARY, HELLO, { [name]: fails })).rejects.toMatchObject({
    code: STATUS.cancelled,
    cause: new Error("a bug of the caller's"),
  });
  expect(Buffer.from(await rig.client.unary(UNARY, HELLO))).toEqual(HELLO);
  expect(rig.connections).toHaveLength(1);
});

test("compressed messages that together would become more than a connection may hold fail, and only those", async () => {
  const { client } = rigOf(undefined, { serving: { maxConnectionGatheredBytes: 5_000_000 } });
  const bombs = Array.from({ length: 10 }, () => client.unary(UNARY, Buffer.alloc(2_000_000), { gzip: true }));
  const results = await Promise.allSettled(bombs);
  const failed = results.filter(({ status }) => status === "rejected");
  for (const one of failed) expect(one).toMatchObject({ reason: { code: STATUS.resourceExhausted } });
  expect((await client.unary(UNARY, Buffer.alloc(2_000_000), { gzip: true })).length).toBe(2_000_000);
});
