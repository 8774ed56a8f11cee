/**
 * Streams both ways without promises, from our client to our server: what is told, what is bounded, and how they end.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { GrpcClient, type GrpcClientOptions } from "../../../src/grpc/client/client.js";
import type { Method } from "../../../src/grpc/client/method.js";
import { frameMessage } from "../../../src/grpc/message/message-frame.js";
import type { Conversation, ConversationHandler } from "../../../src/grpc/server/conversation.js";
import { type Route, RouteTable } from "../../../src/grpc/server/route.js";
import { GrpcServer, type GrpcServerOptions } from "../../../src/grpc/server/server.js";
import { GrpcError, STATUS } from "../../../src/grpc/status.js";

const PATH = "/test.Talk/Talk";
const bytes = (value: Uint8Array): Uint8Array => value;
const METHOD: Method<"bidirectional", Uint8Array, string> = {
  path: PATH,
  kind: "bidirectional",
  encode: bytes,
  decode: (value) => Buffer.from(value).toString(),
};
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 5 });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The server's side of one conversation. */
class Far implements ConversationHandler<string> {
  readonly heard: string[] = [];
  readonly log: string[] = [];
  onMessage: (message: string) => void = () => {};

  constructor(readonly talk: Conversation<string>) {}

  message(message: string): void {
    this.heard.push(message);
    this.onMessage(message);
  }

  ended(): void {
    this.log.push("ended");
    this.talk.end();
  }

  drained(): void {}

  closed(): void {
    this.log.push("closed");
  }
}

interface Served {
  readonly port: number;
  readonly far: Far[];
  readonly errors: unknown[];
}

async function served(more: Partial<GrpcServerOptions> = {}, maxRequestBytes?: number): Promise<Served> {
  const far: Far[] = [];
  const errors: unknown[] = [];
  const route: Route = {
    path: PATH,
    kind: "conversation",
    ...(maxRequestBytes === undefined ? {} : { maxRequestBytes }),
    decode: (value) => Buffer.from(value).toString(),
    frame: (messages, write) => {
      for (const message of messages) write(frameMessage(Buffer.from(String(message)), false));
      return messages.length;
    },
    handle: (talk) => {
      const one = new Far(talk as Conversation<string>);
      far.push(one);
      return one as ConversationHandler<unknown>;
    },
  };
  const server = new GrpcServer({ table: new RouteTable([route]), onError: (error) => errors.push(error), ...more });
  closing.push(() => server.destroy());
  return { port: await server.listen(0, "127.0.0.1"), far, errors };
}

/** The client's side. */
function talking(port: number, more: Partial<GrpcClientOptions> = {}) {
  const client = new GrpcClient({ host: "127.0.0.1", port, ...more });
  const heard: string[] = [];
  const ends: (GrpcError | null)[] = [];
  const talk = client.converse(METHOD, {
    message: (message) => heard.push(message),
    closed: (failure) => ends.push(failure),
  });
  closing.push(() => {
    talk.cut();
    return client.close();
  });
  return { talk, heard, ends, client };
}

const first = ({ far }: Served): Far => far[0] ?? expect.fail("nobody has come");
const thousands = Array.from({ length: 20_000 }, (_, i) => `${i}`);

describe("a conversation", () => {
  test("brings thousands of messages of one turn both ways, in order, those sent before there is a connection first", async () => {
    const server = await served();
    const { talk, heard, ends } = talking(server.port);
    for (const message of thousands) talk.push(Buffer.from(message));
    expect(talk.unsentBytes).toBeGreaterThan(0);
    await eventually(() => expect(server.far[0]?.heard.length).toBe(thousands.length));
    expect(first(server).heard).toEqual(thousands);
    expect(talk.unsentBytes).toBe(0);
    first(server).talk.push(thousands);
    await eventually(() => expect(heard.length).toBe(thousands.length));
    expect(heard).toEqual(thousands);
    talk.end();
    await eventually(() => expect(ends).toEqual([null]));
    expect(first(server).log).toEqual(["ended", "closed"]);
  });

  test("has a bound of a message that either side may move while it goes on", async () => {
    const server = await served({}, 10);
    const { talk, heard, ends } = talking(server.port, { maxResponseBytes: 10 });
    talk.push(Buffer.alloc(10, 97));
    await eventually(() => expect(server.far[0]?.heard.length).toBe(1));
    first(server).talk.allow(20);
    talk.allow(20);
    talk.push(Buffer.alloc(20, 98));
    first(server).talk.push(["c".repeat(20)]);
    await eventually(() => expect([first(server).heard.length, heard.length]).toEqual([2, 1]));
    talk.push(Buffer.alloc(21, 99));
    await eventually(() => expect(ends).toMatchObject([{ code: STATUS.resourceExhausted }]));
    expect(first(server).heard.length).toBe(2);
  });

  test("that the server cuts ends with its status, or at once if the client takes nothing", async () => {
    const server = await served();
    const quick = talking(server.port);
    quick.talk.push(Buffer.from("a"));
    await eventually(() => expect(server.far.length).toBe(1));
    first(server).talk.cut(new GrpcError(STATUS.aborted, "cut"));
    await eventually(() => expect(quick.ends).toMatchObject([{ code: STATUS.aborted, message: "cut" }]));
    // Nothing is read while this turn lasts.
    const slow = talking(server.port);
    slow.talk.push(Buffer.from("a"));
    await eventually(() => expect(server.far[1]?.heard.length).toBe(1));
    const far = server.far[1] ?? expect.fail();
    far.talk.push(Array.from({ length: 8 }, () => "x".repeat(1 << 20)));
    expect(far.talk.unsentBytes).toBeGreaterThan(4 << 20);
    far.talk.cut(new GrpcError(STATUS.aborted, "cut"));
    expect([far.talk.unsentBytes, far.log]).toEqual([0, ["closed"]]);
    await eventually(() => expect(slow.ends).toMatchObject([{ code: STATUS.cancelled }]));
    expect(server.errors).toEqual([]);
  });

  test("says on both sides whether the other process answers, and does not keep more than some questions", async () => {
    const server = await served();
    const { talk } = talking(server.port);
    talk.push(Buffer.from("a"));
    await eventually(() => expect(server.far[0]?.heard.length).toBe(1));
    for (const side of [talk, first(server).talk]) {
      let answers = 0;
      expect(side.ping(() => answers++)).toBe(true);
      await eventually(() => expect(answers).toBe(1));
    }
    let asked = 0;
    while (asked < 100 && first(server).talk.ping(() => {})) asked++;
    expect(asked).toBe(16);
    talk.cut();
    expect(talk.ping(() => expect.fail())).toBe(false);
    await eventually(() => expect(first(server).log).toEqual(["closed"]));
    expect(first(server).talk.ping(() => expect.fail())).toBe(false);
  });

  test("with a server that is not there ends with UNAVAILABLE, once, and nothing is kept for it", async () => {
    const { talk, ends } = talking(1);
    talk.push(Buffer.from("a"));
    await eventually(() => expect(ends).toMatchObject([{ code: STATUS.unavailable, outcome: "unprocessed" }]));
    talk.push(Buffer.from("b"));
    talk.end();
    talk.cut();
    expect([talk.unsentBytes, ends.length]).toEqual([0, 1]);
  });

  test("whose handler throws ends with INTERNAL, and the server's owner hears of it", async () => {
    const server = await served();
    const { talk, ends } = talking(server.port);
    talk.push(Buffer.from("a"));
    await eventually(() => expect(server.far[0]?.heard.length).toBe(1));
    const failure = new Error("a defect");
    first(server).onMessage = () => {
      throw failure;
    };
    talk.push(Buffer.from("b"));
    await eventually(() => expect(ends).toMatchObject([{ code: STATUS.internal }]));
    expect(server.errors).toEqual([failure]);
  });
});

describe("a server", () => {
  test("bounds requests by who asks, if its route says so", async () => {
    const bounds: number[] = [100, 1_000];
    const callers: string[] = [];
    const route: Route = {
      path: "/test.Talk/Once",
      kind: "unary",
      maxRequestBytes: ({ address }) => {
        callers.push(address);
        return bounds[0] ?? 0;
      },
      decode: bytes,
      encode: bytes as (value: unknown) => Uint8Array,
      handle: (request) => request,
    };
    const server = new GrpcServer({ table: new RouteTable([route]) });
    closing.push(() => server.destroy());
    const client = new GrpcClient({ host: "127.0.0.1", port: await server.listen(0, "127.0.0.1") });
    closing.push(() => client.close());
    const method: Method<"unary", Uint8Array, Uint8Array> = {
      path: "/test.Talk/Once",
      kind: "unary",
      encode: bytes,
      decode: bytes,
    };
    await expect(client.unary(method, Buffer.alloc(500))).rejects.toMatchObject({ code: STATUS.resourceExhausted });
    bounds.shift();
    expect((await client.unary(method, Buffer.alloc(500))).length).toBe(500);
    expect(callers[0]).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test("closes sockets that it is told not to admit before anything is read of them", async () => {
    let asked = 0;
    const server = await served({
      admit: () => {
        asked++;
        return asked > 1;
      },
    });
    const refused = talking(server.port);
    refused.talk.push(Buffer.from("a"));
    await eventually(() => expect(refused.ends).toMatchObject([{ code: STATUS.unavailable }]));
    expect(server.far).toEqual([]);
    const taken = talking(server.port);
    taken.talk.push(Buffer.from("b"));
    await eventually(() => expect(server.far[0]?.heard).toEqual(["b"]));
  });
});
