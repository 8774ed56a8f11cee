/** Random calls to our server and to that of grpc-js, from either client: the answers do not differ. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GrpcClient } from "../../../src/grpc/client/client.js";
import { RouteTable } from "../../../src/grpc/server/route.js";
import { GrpcServer } from "../../../src/grpc/server/server.js";
import { echoRoutes } from "./support/echo.js";
import { type JsCall, JsClient, type JsOutcome, type JsServer, jsServer } from "./support/grpc-js.js";
import { ourRun } from "./support/our-client.js";

let server: GrpcServer;
let reference: JsServer;
let jsClients: readonly JsClient[];
let clients: readonly GrpcClient[];

beforeAll(async () => {
  server = new GrpcServer({ table: new RouteTable(echoRoutes()) });
  reference = await jsServer();
  const ports = [await server.listen(0, "127.0.0.1"), reference.port];
  jsClients = ports.map((port) => new JsClient(port));
  clients = ports.map((port) => new GrpcClient({ host: "127.0.0.1", port }));
});

afterAll(async () => {
  for (const client of jsClients) client.close();
  await Promise.all(clients.map((client) => client.close(100)));
  reference.stop();
  await server.close(100);
});

const message = fc
  .tuple(fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100_000 })), fc.string({ minLength: 1 }))
  .map(([length, text]) => Buffer.alloc(length, text));
const metadata = fc
  .record(
    {
      fail: fc.integer({ min: 1, max: 16 }).map(String),
      gzip: fc.constant(""),
      times: fc.integer({ min: 0, max: 5 }).map(String),
      "echo-text": fc.stringMatching(/^[!-~]([ -~]*[!-~])?$/),
      "echo-bytes-bin": fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    },
    { requiredKeys: [] },
  )
  .map((pairs) => Object.fromEntries(Object.entries(pairs)));
const call: fc.Arbitrary<JsCall> = fc.record({
  kind: fc.constantFrom("unary", "collect", "spread", "chat"),
  messages: fc.array(message, { maxLength: 5 }),
  metadata,
  gzip: fc.boolean(),
});

test("of grpc-js's client", { timeout: 60_000 }, async () => {
  await same(async (server, what) => told(await (jsClients[server] ?? expect.unreachable("no client")).run(what)));
});

test("of our client", { timeout: 60_000 }, async () => {
  await same(async (server, what) => {
    const { code, text, messages } = await ourRun(clients[server] ?? expect.unreachable("no client"), what);
    return { code, text, messages: messages.map(digest) };
  });
});

/** Calls one by one, and many at a time. */
async function same(run: (server: number, what: JsCall) => Promise<unknown>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 12 }), async (calls) => {
      const [ours, theirs] = await Promise.all(
        [0, 1].map((server) => Promise.all(calls.map((what) => run(server, what)))),
      );
      expect(ours).toEqual(theirs);
    }),
    { numRuns: 40 },
  );
}

const digest = (message: Buffer): string => `${message.length} ${message.subarray(0, 20).toString("hex")}`;

/**
 * An answer as far as the client of grpc-js can tell. It gives up messages that it has not told of when the call fails.
 */
function told({ code, text, messages, trailers }: JsOutcome) {
  const names = ["trailing-echo-text", "trailing-echo-bytes-bin", "why", "grpc-status-details-bin"];
  return {
    code,
    text: code === 0 ? "" : text,
    messages: code === 0 ? messages.map(digest) : [],
    // The server of grpc-js drops the trailers of a handler that fails.
    trailers: names.map((name) => (code !== 0 && name.startsWith("trailing") ? [] : trailers.get(name))),
  };
}
