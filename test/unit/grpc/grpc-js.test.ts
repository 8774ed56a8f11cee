/** Beside grpc-js: its client against our server, and our client against its server. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { GrpcClient } from "../../../src/grpc/client/client.js";
import { Metadata } from "../../../src/grpc/metadata/metadata.js";
import { RouteTable } from "../../../src/grpc/server/route.js";
import { GrpcServer } from "../../../src/grpc/server/server.js";
import { echoRoutes, nothingSeen, UNARY } from "./support/echo.js";
import { CODE, type JsCall, JsClient, type JsServer, jsServer } from "./support/grpc-js.js";
import { ourRun } from "./support/our-client.js";

const HELLO = Buffer.from("hello");
const KINDS = ["unary", "collect", "spread", "chat"] as const;

const seen = nothingSeen();
let server: GrpcServer;
let reference: JsServer;
let jsClient: JsClient;
let client: GrpcClient;

beforeAll(async () => {
  server = new GrpcServer({ table: new RouteTable(echoRoutes(seen)) });
  jsClient = new JsClient(await server.listen(0, "127.0.0.1"));
  reference = await jsServer();
  client = new GrpcClient({ host: "127.0.0.1", port: reference.port });
});

afterAll(async () => {
  jsClient.close();
  reference.stop();
  await Promise.all([server.close(100), client.close(100)]);
});

/** The answer of a call that nothing goes wrong with. */
const expected = ({ kind, messages, metadata }: JsCall): Buffer[] => {
  const [first = Buffer.alloc(0)] = messages;
  if (kind === "unary") return [first];
  if (kind === "collect") return [Buffer.concat(messages)];
  return kind === "spread" ? Array.from({ length: Number(metadata?.times ?? 3) }, () => first) : [...messages];
};

describe.each([
  ["the client of grpc-js against our server", (what: JsCall) => jsClient.run(what)],
  ["our client against the server of grpc-js", (what: JsCall) => ourRun(client, what)],
] as const)("%s", (_name, run) => {
  describe.each(KINDS)("%s", (kind) => {
    test.each<[string, Partial<JsCall>]>([
      ["one message", {}],
      ["no bytes", { messages: [Buffer.alloc(0)] }],
      ["many messages", { messages: Array.from({ length: 100 }, (_, i) => Buffer.alloc(i * 7, i)) }],
      ["compressed messages", { gzip: true, metadata: { gzip: "" } }],
      ["long compressed messages", { gzip: true, metadata: { gzip: "" }, messages: [Buffer.alloc(200_000, "ab")] }],
      ["a big message", { messages: [Buffer.alloc(4_000_000, "abc")] }],
    ])("answers %s", async (_what, parts) => {
      const what = { kind, messages: [HELLO], ...parts };
      const { code, messages } = await run(what);
      expect(code).toBe(CODE.OK);
      const wanted = expected(what);
      expect(messages.map((one) => one.length)).toEqual(wanted.map((one) => one.length));
      for (const [i, message] of messages.entries()) expect(Buffer.compare(message, wanted[i] ?? HELLO)).toBe(0);
    });

    test("fails with the status that the handler gives", async () => {
      const { code, text } = await run({ kind, messages: [HELLO], metadata: { fail: "9" } });
      expect([code, text]).toEqual([CODE.FAILED_PRECONDITION, "as asked: ü %"]);
    });

    test("ends at its deadline", async () => {
      const { code } = await run({ kind, messages: [HELLO], metadata: { hang: "" }, timeoutMs: 50 });
      expect(code).toBe(CODE.DEADLINE_EXCEEDED);
    });

    test("ends when it is cancelled", async () => {
      const { code } = await run({ kind, messages: [HELLO], metadata: { hang: "" }, cancelAfterMs: 30 });
      expect(code).toBe(CODE.CANCELLED);
    });
  });

  test("flow control lets all through to a receiver that begins late", async () => {
    const what: JsCall = {
      kind: "spread",
      messages: [Buffer.alloc(50_000, "x")],
      metadata: { times: "60" },
      slowMs: 50,
    };
    const { code, messages } = await run(what);
    expect([code, messages.length, messages.at(-1)?.length]).toEqual([CODE.OK, 60, 50_000]);
  });
});

test("the client of grpc-js reads headers, trailers and status details of our server", async () => {
  const metadata = { "echo-text": "a, b", "echo-data-bin": Buffer.of(0, 1, 255) };
  for (const kind of KINDS) {
    const { headers, trailers } = await jsClient.run({ kind, messages: [HELLO], metadata });
    expect(headers?.get("echo-text")).toEqual(["a, b"]);
    expect(headers?.get("echo-data-bin")).toEqual([Buffer.of(0, 1, 255)]);
    expect(trailers.get("trailing-echo-data-bin")).toEqual([Buffer.of(0, 1, 255)]);
    const failed = await jsClient.run({ kind, messages: [HELLO], metadata: { fail: "3" } });
    expect(failed.trailers.get("grpc-status-details-bin")).toEqual([Buffer.from("details")]);
    expect(failed.trailers.get("why")).toEqual(["asked"]);
  }
});

test("our client reads headers, trailers and status details of the server of grpc-js", async () => {
  const heard: Metadata[] = [];
  await client.unary(UNARY, HELLO, {
    metadata: new Metadata().add("echo-text", "a, b").add("echo-data-bin", Buffer.of(0, 1, 255)),
    onHeaders: (headers) => heard.push(headers),
    onTrailers: (trailers) => heard.push(trailers),
  });
  expect(heard[0]?.get("echo-text")).toBe("a, b");
  expect(heard[0]?.getBytes("echo-data-bin")).toEqual(Buffer.of(0, 1, 255));
  expect(heard[1]?.getBytes("trailing-echo-data-bin")).toEqual(Buffer.of(0, 1, 255));
  await expect(client.unary(UNARY, HELLO, { metadata: new Metadata().add("fail", "3") })).rejects.toMatchObject({
    code: CODE.INVALID_ARGUMENT,
    details: Buffer.from("details"),
    outcome: "answered",
  });
});

test.each<[string, (ms: number) => Partial<JsCall>, number]>([
  ["a deadline", (timeoutMs) => ({ timeoutMs }), CODE.DEADLINE_EXCEEDED],
  ["a cancelled call", (cancelAfterMs) => ({ cancelAfterMs }), CODE.CANCELLED],
])("our server hears of %s of grpc-js's client", async (_name, parts, code) => {
  for (const kind of KINDS) {
    seen.aborted.length = 0;
    seen.waiting = 0;
    // On a busy machine it may be over before the handler waits for it.
    for (let ms = 50; seen.waiting === 0; ms *= 2) {
      expect((await jsClient.run({ kind, messages: [HELLO], metadata: { hang: "" }, ...parts(ms) })).code).toBe(code);
    }
    await vi.waitFor(() => expect(seen.aborted.at(-1)).toMatchObject({ name: "GrpcError" }));
  }
});

test("a server that closes lets the calls of grpc-js's client that run end, and takes no others", async () => {
  const draining = new GrpcServer({ table: new RouteTable(echoRoutes()) });
  const port = await draining.listen(0, "127.0.0.1");
  const other = new JsClient(port);
  const calls = Array.from({ length: 20 }, () =>
    other.run({ kind: "spread", messages: [Buffer.alloc(20_000)], metadata: { times: "40" }, slowMs: 30 }),
  );
  await vi.waitFor(() => expect(draining.connections).toBe(1));
  await other.run({ kind: "unary", messages: [HELLO] });
  const closed = draining.close(0);
  for (const { code, messages } of await Promise.all(calls)) expect([code, messages.length]).toEqual([CODE.OK, 40]);
  await closed;
  const late = await other.run({ kind: "unary", messages: [HELLO], timeoutMs: 2_000 });
  expect(late.code).toBe(CODE.UNAVAILABLE);
  other.close();
});
