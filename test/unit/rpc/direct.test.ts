import { Metadata, type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { serveDirectly, type UnaryHandler } from "../../../src/rpc/call/direct.js";
import { Failure } from "../../../src/rpc/call/failure.js";

const PATH = "/onar.kv.v1.KeyValueService/Get";
type Listener = Parameters<ServerInterceptingCall["start"]>[0];
type Status = Parameters<ServerInterceptingCall["sendStatus"]>[0];

/** What stands below the interceptor: takes what is sent, and lets the test play what comes from the wire. */
class Wire {
  listener: Listener | null = null;
  readonly sent: unknown[] = [];
  reads = 0;
  deadline: Date | number = Number.POSITIVE_INFINITY;

  start(listener: Listener): void {
    this.listener = listener;
  }
  startRead(): void {
    this.reads++;
  }
  sendMessage(message: unknown): void {
    this.sent.push(message);
  }
  sendStatus(sent: Status): void {
    this.sent.push(sent);
  }
  getDeadline(): Date | number {
    return this.deadline;
  }
}

const passedOn: string[] = [];
const others: ServerInterceptor = (method, call) => {
  passedOn.push(method.path);
  return call as ServerInterceptingCall;
};

/** Requests as they come; returns what was sent. */
async function called(handle: UnaryHandler, requests: readonly unknown[], wire = new Wire()): Promise<unknown[]> {
  const interceptor = serveDirectly(new Map([[PATH, handle]]), others);
  const call = interceptor({ path: PATH } as never, wire as never);
  call.start({
    onReceiveMetadata: () => expect.unreachable(),
    onReceiveMessage: () => expect.unreachable(),
    onReceiveHalfClose: () => expect.unreachable(),
    onCancel: () => expect.unreachable(),
  } as never);
  const { listener } = wire;
  if (listener === null) return expect.unreachable();
  listener.onReceiveMetadata(new Metadata());
  for (const request of requests) listener.onReceiveMessage(request);
  listener.onReceiveHalfClose();
  await new Promise((resolve) => setImmediate(resolve));
  listener.onCancel();
  return wire.sent;
}

const answers: UnaryHandler = async (request: { n: number }) => ({ n: request.n + 1 });

test("a request is answered, with the status behind", async () => {
  expect(await called(answers, [{ n: 1 }])).toEqual([{ n: 2 }, { code: status.OK, details: "OK", metadata: null }]);
});

test("the handler gets what is left of the deadline, less the time that an answer needs", async () => {
  let timeout = 0;
  const wire = new Wire();
  wire.deadline = new Date(Date.now() + 1_000);
  const handle: UnaryHandler = async (_request, call) => {
    timeout = call.timeout;
    return {};
  };
  await called(handle, [{}], wire);
  expect(timeout).toBeGreaterThan(900);
  expect(timeout).toBeLessThanOrEqual(970);
});

test("a failure becomes a status with details and no message", async () => {
  const failure = new Failure({
    code: 3,
    reason: "KEY_EMPTY",
    message: "key must not be empty",
    metadata: { field: "key" },
  });
  const [sent, ...rest] = (await called(() => Promise.reject(failure), [{}])) as Status[];
  expect(rest).toEqual([]);
  expect(sent).toMatchObject({ code: status.INVALID_ARGUMENT, details: "key must not be empty" });
  expect(sent?.metadata?.get("grpc-status-details-bin")).toEqual([Buffer.from(failure.encodedStatus())]);
});

test("any other error tells the client nothing of itself", async () => {
  const sent = await called(() => Promise.reject(new Error("at secret.ts:7")), [{}]);
  expect(sent).toEqual([{ code: status.INTERNAL, details: "internal error", metadata: null }]);
});

test.each([
  ["no request", []],
  ["two requests", [{ n: 1 }, { n: 2 }]],
])("a unary call with %s is refused", async (_name, requests) => {
  const [sent] = (await called(answers, requests)) as Status[];
  expect(sent?.code).toBe(status.UNIMPLEMENTED);
});

test("calls of other methods go on", () => {
  const wire = new Wire();
  const call = serveDirectly(new Map(), others)({ path: "/other/Method" } as never, wire as never);
  expect(call).toBe(wire);
  expect(passedOn).toContain("/other/Method");
});
