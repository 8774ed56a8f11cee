/**
 * The way to a server: made when it is needed, lost, and made again; and what is known of calls that it could not
 * carry.
 */
import { expect, test, vi } from "vitest";
import { Backoff } from "../../../src/grpc/client/backoff.js";
import { GrpcClient } from "../../../src/grpc/client/client.js";
import { Metadata } from "../../../src/grpc/metadata/metadata.js";
import type { Call } from "../../../src/grpc/server/call.js";
import { RouteTable } from "../../../src/grpc/server/route.js";
import { GrpcServer } from "../../../src/grpc/server/server.js";
import { STATUS } from "../../../src/grpc/status.js";
import { Connection } from "../../../src/http2/connection/connection.js";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { block, describeFrames, frame, settings, TYPE, uint32 } from "../http2/support/raw.js";
import { all, CHAT, echoRoutes, SPREAD, stream, UNARY } from "./support/echo.js";
import { inProcess } from "./support/in-process.js";

const HELLO = Buffer.from("hello");
const FAST = { backoff: { baseDelayMs: 20, jitter: 0 } };
const HANG = new Metadata().add("hang", "");

test("a call fails at once where nobody is, and was surely not processed", async () => {
  const rig = inProcess(echoRoutes(), { client: FAST });
  rig.unreachable = true;
  const failure = { code: STATUS.unavailable, outcome: "unprocessed", message: "no connection: nobody is there" };
  await expect(rig.client.unary(UNARY, HELLO)).rejects.toMatchObject(failure);
  await expect(rig.client.unary(UNARY, HELLO)).rejects.toMatchObject(failure);
  await rig.client.close();
});

test("connecting without a call succeeds once a call could be made, and fails as a call would", async () => {
  const rig = inProcess(echoRoutes(), { client: FAST });
  expect(rig.client.isConnected).toBe(false);
  await rig.client.connect();
  expect(rig.client.isConnected).toBe(true);
  await rig.client.connect();
  expect(rig.connections).toHaveLength(1);
  await rig.client.close();
  const alone = inProcess(echoRoutes(), { client: FAST });
  alone.unreachable = true;
  await expect(alone.client.connect()).rejects.toMatchObject({ code: STATUS.unavailable, outcome: "unprocessed" });
  expect(alone.client.isConnected).toBe(false);
  await alone.client.close();
});

test("a call that waits for the server is answered once it is there, and others are again", async () => {
  const rig = inProcess(echoRoutes(), { client: FAST });
  rig.unreachable = true;
  const waiting = rig.client.unary(UNARY, HELLO, { waitForReady: true });
  await expect(rig.client.unary(UNARY, HELLO)).rejects.toMatchObject({ code: STATUS.unavailable });
  rig.unreachable = false;
  expect(Buffer.from(await waiting)).toEqual(HELLO);
  expect(Buffer.from(await rig.client.unary(UNARY, HELLO))).toEqual(HELLO);
  expect(rig.connections).toHaveLength(1);
  await rig.client.close();
});

test("a call that waits in vain ends at its deadline, and was surely not processed", async () => {
  const rig = inProcess(echoRoutes(), { client: FAST });
  rig.unreachable = true;
  const waiting = rig.client.unary(UNARY, HELLO, { waitForReady: true, timeoutMs: 60 });
  await expect(waiting).rejects.toMatchObject({ code: STATUS.deadlineExceeded, outcome: "unprocessed" });
  await rig.client.close();
});

test("a call whose connection is lost has an unknown outcome, and the next one has a new connection", async () => {
  const rig = inProcess(echoRoutes(), { client: FAST });
  await rig.client.unary(UNARY, HELLO);
  const lost = rig.client.unary(UNARY, HELLO, { metadata: HANG });
  await vi.waitFor(() => expect(rig.connections[0]?.streams).toBe(1));
  rig.connections[0]?.close(ERROR_CODE.internalError, "gone");
  await expect(lost).rejects.toMatchObject({ code: STATUS.unavailable, outcome: "unknown" });
  expect(Buffer.from(await rig.client.unary(UNARY, HELLO, { waitForReady: true }))).toEqual(HELLO);
  expect(rig.connections).toHaveLength(2);
  await rig.client.close();
});

test("a server that drains loses no call: those that run end, further ones take a new connection", async () => {
  const rig = inProcess(echoRoutes(), { client: FAST });
  const running = rig.client.serverStreaming(SPREAD, Buffer.alloc(20_000), {
    metadata: new Metadata().add("times", "100"),
  });
  await running.next();
  rig.connections[0]?.drain(performance.now());
  const further = Array.from({ length: 50 }, () => rig.client.unary(UNARY, HELLO));
  expect((await Promise.all(further)).map((one) => Buffer.from(one).toString())).toEqual(further.map(() => "hello"));
  expect(await all(running)).toHaveLength(99);
  await vi.waitFor(() => expect(rig.connections[0]?.closed).toMatchObject({ kind: "drained" }));
  await rig.client.close();
});

test("calls beyond the streams that a server allows wait for their turn", async () => {
  const rig = inProcess(echoRoutes(), { serverLimits: { maxConcurrentStreams: 2 } });
  const calls = Array.from({ length: 40 }, () =>
    rig.client.unary(UNARY, HELLO, { metadata: new Metadata().add("later", "") }),
  );
  expect(await Promise.all(calls)).toHaveLength(40);
  await rig.client.close();
});

test("no more calls wait than is allowed", async () => {
  const rig = inProcess(echoRoutes(), { client: { maxWaitingCalls: 3 } });
  const calls = Array.from({ length: 5 }, () => rig.client.unary(UNARY, HELLO));
  const results = await Promise.allSettled(calls);
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  expect(results.at(-1)).toMatchObject({ reason: { code: STATUS.resourceExhausted, outcome: "unprocessed" } });
  await rig.client.close();
});

test("a call that the server refuses to begin is begun again by itself, a stream of requests is not", async () => {
  // Streams are refused while the server has too much to send.
  const rig = inProcess(echoRoutes(), { serverLimits: { maxUnsentBytes: 0 } });
  const refused = { code: STATUS.unavailable, outcome: "unprocessed" };
  await expect(rig.client.unary(UNARY, HELLO)).rejects.toMatchObject(refused);
  const requests = vi.spyOn(rig.clientConnections[0] ?? expect.unreachable("no connection"), "request");
  await expect(rig.client.unary(UNARY, HELLO)).rejects.toMatchObject(refused);
  expect(requests).toHaveBeenCalledTimes(3);
  await expect(all(rig.client.bidirectional(CHAT, stream([HELLO])))).rejects.toMatchObject(refused);
  expect(requests).toHaveBeenCalledTimes(4);
  await rig.client.close();
});

test("a closed client refuses calls, and waits for those that run", async () => {
  const rig = inProcess(echoRoutes());
  await rig.client.unary(UNARY, HELLO);
  const running = rig.client.unary(UNARY, HELLO, { metadata: new Metadata().add("later", "") });
  const closed = rig.client.close();
  expect(Buffer.from(await running)).toEqual(HELLO);
  await closed;
  await expect(rig.client.unary(UNARY, HELLO)).rejects.toMatchObject({
    code: STATUS.unavailable,
    outcome: "unprocessed",
    message: "the client was closed",
  });
});

test("over sockets: a port where nobody listens, a server that comes, goes and comes again", async () => {
  const serving = () => new GrpcServer({ table: new RouteTable(echoRoutes()) });
  const first = serving();
  const port = await first.listen(0, "127.0.0.1");
  const client = new GrpcClient({ host: "127.0.0.1", port, ...FAST });
  expect(Buffer.from(await client.unary(UNARY, HELLO))).toEqual(HELLO);
  await first.close(0);
  await expect(client.unary(UNARY, HELLO)).rejects.toMatchObject({ code: STATUS.unavailable, outcome: "unprocessed" });
  const waiting = client.unary(UNARY, HELLO, { waitForReady: true, timeoutMs: 20_000 });
  const second = serving();
  await second.listen(port, "127.0.0.1");
  expect(Buffer.from(await waiting)).toEqual(HELLO);
  await client.close();
  await second.close(0);
});

test("a handler learns who calls", async () => {
  const callers: string[] = [];
  const server = new GrpcServer({
    table: new RouteTable([
      {
        ...UNARY,
        handle: (request: Uint8Array, { caller }: Call) => {
          callers.push(`${caller.address} ${caller.certificate}`);
          return request;
        },
      },
    ]),
  });
  const client = new GrpcClient({ host: "127.0.0.1", port: await server.listen(0, "127.0.0.1") });
  await client.unary(UNARY, HELLO);
  expect(callers).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+ undefined$/)]);
  await client.close();
  await server.close(0);
});

test("a handler's signal that is asked for late is aborted already", async () => {
  let late: AbortSignal | undefined;
  let begun = 0;
  const rig = inProcess([
    ...echoRoutes(),
    {
      ...UNARY,
      path: "/test.Echo/Late",
      handle: async (request: Uint8Array, call: Call) => {
        begun++;
        await vi.waitFor(() => expect(rig.connections[0]?.streams).toBe(0));
        late = call.signal;
        return request;
      },
    },
  ]);
  for (let timeoutMs = 20; begun === 0; timeoutMs *= 2) {
    const call = rig.client.unary({ ...UNARY, path: "/test.Echo/Late" }, HELLO, { timeoutMs });
    await expect(call).rejects.toMatchObject({ code: STATUS.deadlineExceeded });
  }
  await vi.waitFor(() => expect(late?.aborted).toBe(true));
  await rig.client.close();
});

test("delays between attempts grow up to their bound, and differ by chance", () => {
  const options = { baseDelayMs: 100, multiplier: 2, jitter: 0.5, maxDelayMs: 350 };
  const backoff = new Backoff(options, () => 0.5);
  expect([1, 2, 3, 4].map(() => backoff.next())).toEqual([100, 200, 350, 350]);
  backoff.reset();
  expect(backoff.next()).toBe(100);
  expect(new Backoff(options, () => 0).next()).toBe(50);
  expect(new Backoff(options, () => 1).next()).toBe(150);
});

test("a connection that has had its share of calls is left for a new one, and no call is lost", async () => {
  const rig = inProcess(echoRoutes(), { client: { maxCallsPerConnection: 10 } });
  const calls = Array.from({ length: 95 }, () =>
    rig.client.unary(UNARY, HELLO, { metadata: new Metadata().add("later", "") }),
  );
  expect(await Promise.all(calls)).toHaveLength(95);
  expect(rig.connections).toHaveLength(10);
  await vi.waitFor(() => expect(rig.connections.filter(({ closed }) => closed === undefined)).toHaveLength(1));
  await rig.client.close();
});

test("an old connection that is lost while a new one is made does not keep calls from that", async () => {
  const rig = inProcess(echoRoutes(), { client: { ...FAST, maxCallsPerConnection: 1 } });
  const lost = rig.client.unary(UNARY, HELLO, { metadata: HANG });
  const failure = expect(lost).rejects.toMatchObject({ outcome: "unknown" });
  await vi.waitFor(() => expect(rig.connections[0]?.streams).toBe(1));
  let open = (): void => {};
  rig.gate = new Promise((resolve) => {
    open = resolve;
  });
  const next = rig.client.unary(UNARY, HELLO);
  rig.connections[0]?.close(ERROR_CODE.internalError, "gone");
  await failure;
  open();
  expect(Buffer.from(await next)).toEqual(HELLO);
  await rig.client.close();
});

test("a server that has answered early, and leaves the stream open, has it reset by the client", async () => {
  const connections: Connection[] = [];
  const client = new GrpcClient({
    host: "localhost",
    port: 1,
    connect: async (events) => {
      const connection = new Connection({ role: "client", listener: { ...events, wake: () => {} } }, 0);
      connections.push(connection);
      setImmediate(() => connection.receive(settings(), 0));
      return { connection, flush: () => {} };
    },
  });
  async function* endless(): AsyncIterable<Uint8Array> {
    await new Promise(() => {});
    yield HELLO;
  }
  const answer = client.clientStreaming({ ...UNARY, kind: "client-streaming" }, endless());
  const failure = expect(answer).rejects.toMatchObject({ code: STATUS.notFound, outcome: "answered" });
  await vi.waitFor(() => expect(connections[0]?.streams).toBe(1));
  const connection = connections[0] ?? expect.unreachable("no connection");
  connection.take();
  connection.receive(frame(TYPE.headers, 5, 1, block([":status", "200"], ["grpc-status", "5"])), 0);
  expect(describeFrames(Buffer.concat(connection.take()))).toEqual([`rstStream 1 code=${ERROR_CODE.cancel}`]);
  await failure;
  connection.close(ERROR_CODE.noError, "");
});

test("an iteration of a handler's that waits for something else is told when its client has gone away", async () => {
  let left = false;
  let begun = false;
  const responses = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        begun = true;
        return new Promise<never>(() => {});
      },
      return: async () => {
        left = true;
        return { done: true as const, value: undefined };
      },
    }),
  };
  const rig = inProcess([{ ...SPREAD, handle: () => responses }]);
  const controller = new AbortController();
  const answer = all(rig.client.serverStreaming(SPREAD, HELLO, { signal: controller.signal }));
  const failure = expect(answer).rejects.toMatchObject({ code: STATUS.cancelled });
  await vi.waitFor(() => expect(begun).toBe(true));
  controller.abort();
  await failure;
  await vi.waitFor(() => expect(left).toBe(true));
  await rig.client.close();
});

test.each([
  ["at its deadline is told of the deadline", 0, STATUS.deadlineExceeded],
  ["before its deadline was cancelled", 60_000, STATUS.cancelled],
])("a call that the server gives up %s", async (_name, moreMs, code) => {
  let connection: Connection | undefined;
  const client = new GrpcClient({
    host: "localhost",
    port: 1,
    connect: async (events) => {
      connection = new Connection({ role: "client", listener: { ...events, wake: () => {} } }, 0);
      connection.receive(settings(), 0);
      return { connection, flush: () => {} };
    },
  });
  const timeoutMs = 20 + moreMs;
  const ended = expect(client.unary(UNARY, HELLO, { timeoutMs })).rejects.toMatchObject({ code, outcome: "unknown" });
  const called = performance.now();
  // Promises alone are waited for, and then the event loop stands still until the deadline is over: no timer has told
  // the client of it.
  while (connection?.streams !== 1) await Promise.resolve();
  while (performance.now() < called + 30);
  connection?.receive(frame(TYPE.rstStream, 0, 1, uint32(ERROR_CODE.cancel)), performance.now());
  await ended;
  await client.close(1);
});
