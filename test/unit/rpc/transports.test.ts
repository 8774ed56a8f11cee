/**
 * The same table of routes on both transports. A handler's knowledge, and a client's answer, must not depend on which
 * of them serves.
 */
import { once } from "node:events";
import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Call } from "../../../src/grpc/server/call.js";
import type { Conversation } from "../../../src/grpc/server/conversation.js";
import { type Route, RouteTable } from "../../../src/grpc/server/route.js";
import { GrpcError, STATUS } from "../../../src/grpc/status.js";
import { grpcJsServer, listen } from "../../../src/rpc/transport/grpc-js-server.js";
import { LeanServer } from "../../../src/rpc/transport/lean-server.js";
import { writeFrames } from "../../../src/wire/grpc-frames.js";
import { cancel, framed, RawClient } from "../../e2e/raw.js";

const MAX_BYTES = 1_000;

/** Handlers as a test wants them, and what they were told. */
class Desk {
  readonly calls: Call[] = [];
  readonly ended: [path: string, kind: string, code: number][] = [];
  readonly errors: unknown[] = [];
  readonly told: string[] = [];
  /** Given to `Wait`, which waits for nothing else. */
  answer: (text: string) => void = () => {};
  conversation: Conversation<string> | null = null;
  made = 0;

  routes(): Route[] {
    const decode = (bytes: Uint8Array): string => {
      const text = Buffer.from(bytes).toString();
      if (text === "undecodable") throw new RangeError("secret");
      if (text === "refused") throw new GrpcError(STATUS.invalidArgument, "refused", { details: Buffer.from("why") });
      return text;
    };
    const encode = (text: string): Uint8Array => Buffer.from(text);
    const of = { decode, encode };
    const seen = (call: Call): void => void this.calls.push(call);
    const desk = this;
    return [
      {
        ...of,
        path: "/t.T/Unary",
        kind: "unary",
        handle(text: string, call) {
          seen(call);
          if (text === "bug") throw new TypeError("at secret.ts:7");
          if (text === "fail") throw new GrpcError(STATUS.notFound, "it is ü", { details: Buffer.from([1, 2, 3]) });
          call.responseHeaders.set("head", call.metadata.get("head") ?? "none");
          call.responseTrailers.set("tail", "last");
          return `${text}!`;
        },
      },
      {
        ...of,
        path: "/t.T/Wait",
        kind: "unary",
        handle(_text: string, call) {
          seen(call);
          return new Promise<string>((resolve) => {
            desk.answer = resolve;
          });
        },
      },
      {
        ...of,
        path: "/t.T/Spread",
        kind: "server-streaming",
        async *handle(text: string, call) {
          seen(call);
          try {
            for (let i = 0; i < Number(text); i++) {
              desk.made++;
              yield "x".repeat(100_000);
            }
          } finally {
            desk.told.push("left");
          }
        },
      },
      {
        ...of,
        path: "/t.T/Collect",
        kind: "client-streaming",
        async handle(texts: AsyncIterable<string>) {
          const all: string[] = [];
          for await (const text of texts) all.push(text);
          return all.join("+");
        },
      },
      {
        ...of,
        path: "/t.T/Chat",
        kind: "bidirectional",
        async *handle(texts: AsyncIterable<string>) {
          for await (const text of texts) yield `${text}?`;
        },
      },
      {
        decode,
        path: "/t.T/Converse",
        kind: "conversation",
        frame: (texts: readonly string[], write) => writeFrames(texts, (text, w) => w.raw(Buffer.from(text)), write),
        handle(conversation: Conversation<string>) {
          desk.conversation = conversation;
          conversation.call.sendHeaders();
          return {
            message: (text: string) => {
              desk.told.push(text);
              if (text === "bug") throw new TypeError("at secret.ts:8");
              if (text === "pause") conversation.pause();
              else conversation.send([`${text}?`, `${text}!`]);
            },
            ended: () => {
              desk.told.push("(end)");
              conversation.end();
            },
            drained: () => void desk.told.push("(drained)"),
            closed: () => void desk.told.push("(closed)"),
          };
        },
      },
    ];
  }
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function served(transport: "lean" | "grpc-js") {
  const desk = new Desk();
  const options = {
    table: new RouteTable(desk.routes()),
    maxRequestBytes: MAX_BYTES,
    listener: {
      began: (call: Call, kind: string) => (code: number) => void desk.ended.push([call.path, kind, code]),
    },
    onError: (error: unknown) => void desk.errors.push(error),
  };
  let port: number;
  if (transport === "lean") {
    const server = new LeanServer(options);
    port = await server.listen("127.0.0.1:0");
    ends.push(() => server.forceShutdown());
  } else {
    const server = grpcJsServer({ ...options, channel: {} });
    port = await listen(server, "127.0.0.1:0");
    ends.push(() => server.forceShutdown());
  }
  const raw = await RawClient.open(`127.0.0.1:${port}`);
  ends.push(() => raw.close());
  return { desk, raw };
}

/** Pieces that came on a call so far, by frames of gRPC. */
function receiving(stream: ClientHttp2Stream) {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const status = new Promise<IncomingHttpHeaders>((resolve) => {
    stream.once("response", (headers) => {
      if (headers["grpc-status"] !== undefined) resolve(headers);
    });
    stream.once("trailers", resolve);
  });
  return { text: () => textsOf(Buffer.concat(chunks)), status: async () => (await status)["grpc-status"] };
}

function textsOf(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    texts.push(bytes.subarray(at + 5, end).toString());
    at = end;
  }
  return texts;
}

const message = (text: string): Buffer => framed(Buffer.from(text));

describe.each(["lean", "grpc-js"] as const)("on %s", (transport) => {
  test("a unary call is answered, with its headers and trailers", async () => {
    const { raw, desk } = await served(transport);
    const answer = await raw.unary("/t.T/Unary", Buffer.from("a"), { head: "h" });
    expect(answer.headers).toMatchObject({ ":status": 200, head: "h" });
    expect(textsOf(answer.data)).toEqual(["a!"]);
    expect(answer.trailers).toMatchObject({ "grpc-status": "0", tail: "last" });
    expect(desk.ended).toEqual([["/t.T/Unary", "unary", 0]]);
    expect(desk.calls[0]?.caller.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(desk.calls[0]?.deadlineAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("a failure is its status with text and details, and no message", async () => {
    const { raw, desk } = await served(transport);
    const { headers, trailersOnly } = await raw.unary("/t.T/Unary", Buffer.from("fail"));
    expect(trailersOnly).toBe(true);
    expect([headers["grpc-status"], decodeURIComponent(String(headers["grpc-message"]))]).toEqual(["5", "it is ü"]);
    expect(Buffer.from(String(headers["grpc-status-details-bin"]), "base64")).toEqual(Buffer.from([1, 2, 3]));
    expect([desk.ended, desk.errors]).toEqual([[["/t.T/Unary", "unary", 5]], []]);
  });

  test("what a decoder refuses has the status that it says", async () => {
    const { raw } = await served(transport);
    const { headers } = await raw.unary("/t.T/Unary", Buffer.from("refused"));
    expect(headers).toMatchObject({ "grpc-status": "3", "grpc-message": "refused" });
    expect(Buffer.from(String(headers["grpc-status-details-bin"]), "base64").toString()).toBe("why");
  });

  test.each(["bug", "undecodable"])(
    "an error that is none of gRPC's (%s) tells the client nothing of itself",
    async (text) => {
      const { raw } = await served(transport);
      const { headers } = await raw.unary("/t.T/Unary", Buffer.from(text));
      expect(headers["grpc-status"]).toBe("13");
      expect(headers["grpc-message"]).not.toContain("secret");
    },
  );

  test("a handler's bug is told to whoever runs the server", async () => {
    const { raw, desk } = await served(transport);
    await raw.unary("/t.T/Unary", Buffer.from("bug"));
    expect(desk.errors).toEqual([expect.any(TypeError)]);
  });

  test.each([
    ["no request", ""],
    ["two requests", "ab"],
  ])("a unary call with %s is refused", async (_what, texts) => {
    const { raw } = await served(transport);
    const stream = raw.open("/t.T/Unary");
    const { status } = receiving(stream);
    stream.end(Buffer.concat([...texts].map(message)));
    expect(await status()).toBe("12");
  });

  test("a message that is too long is RESOURCE_EXHAUSTED, whatever the kind", async () => {
    const { raw } = await served(transport);
    for (const path of ["/t.T/Unary", "/t.T/Spread", "/t.T/Collect", "/t.T/Chat", "/t.T/Converse"]) {
      const stream = raw.open(path);
      const { status } = receiving(stream);
      stream.end(framed(Buffer.alloc(MAX_BYTES + 1)));
      expect([path, await status()]).toEqual([path, "8"]);
    }
  });

  test("what is compressed is read; in an unknown way it is UNIMPLEMENTED", async () => {
    const { raw } = await served(transport);
    const compressed = framed(gzipSync("a"));
    compressed[0] = 1;
    for (const [encoding, code] of [
      ["gzip", "0"],
      ["no-such", "12"],
    ] as const) {
      for (const path of ["/t.T/Unary", "/t.T/Converse"]) {
        const stream = raw.open(path, { "grpc-encoding": encoding });
        const { status } = receiving(stream);
        stream.end(compressed);
        expect([path, encoding, await status()]).toEqual([path, encoding, code]);
      }
    }
  });

  const PATHS = ["/t.T/Unary", "/t.T/Spread", "/t.T/Collect", "/t.T/Chat", "/t.T/Converse"];
  const compressed = framed(gzipSync("1"));
  compressed[0] = 1;
  const flagged = framed(Buffer.from("1"));
  flagged[0] = 2;

  test.each<[string, Record<string, string>, Buffer, string]>([
    ["a compressed message without grpc-encoding", {}, compressed, "13"],
    ["a compressed message under grpc-encoding: identity", { "grpc-encoding": "identity" }, compressed, "13"],
    ["a compressed message under an empty grpc-encoding", { "grpc-encoding": "" }, compressed, "12"],
    ["a flag that gRPC does not know", { "grpc-encoding": "gzip" }, flagged, "13"],
    [
      "a compressed message that is no gzip",
      { "grpc-encoding": "gzip" },
      Buffer.concat([Buffer.of(1), message("1").subarray(1)]),
      "13",
    ],
    ["an unknown grpc-encoding", { "grpc-encoding": "snappy" }, compressed, "12"],
    ["an encoding that only grpc-js knows", { "grpc-encoding": "deflate" }, message("1"), "12"],
    ["an unknown grpc-encoding that no message uses", { "grpc-encoding": "snappy" }, message("1"), "12"],
    ["a grpc-timeout that is none", { "grpc-timeout": "1e9S" }, message("1"), "13"],
    ["a grpc-timeout with too many digits", { "grpc-timeout": "123456789S" }, message("1"), "13"],
    ["an empty grpc-timeout", { "grpc-timeout": "" }, message("1"), "13"],
    ["the content type of something else", { "content-type": "application/json" }, message("1"), "http 415"],
    ["the content type of gRPC-Web", { "content-type": "application/grpc-web+proto" }, message("1"), "http 415"],
    ["metadata that is no base64", { "x-bin": "a" }, message("1"), "13"],
    ["a GET", { ":method": "GET" }, message("1"), "http 405"],
  ])("%s is refused with the same status whatever the kind of call", async (_what, headers, bytes, code) => {
    const { raw } = await served(transport);
    for (const path of PATHS) {
      const stream = raw.open(path, headers);
      const { status } = receiving(stream);
      const http = new Promise((resolve) => stream.once("response", (received) => resolve(received[":status"])));
      if (!stream.destroyed) stream.end(bytes);
      const said = (await http) === 200 ? await status() : `http ${await http}`;
      expect([path, said]).toEqual([path, code]);
    }
  });

  test("a method that is no route is UNIMPLEMENTED, and no listener hears of it", async () => {
    const { raw, desk } = await served(transport);
    const { headers } = await raw.unary("/t.T/Other", Buffer.from("a"));
    expect(headers["grpc-status"]).toBe("12");
    expect(desk.ended).toEqual([]);
  });

  test("a deadline from the wire is known to the handler, and ends the call", async () => {
    const { raw, desk } = await served(transport);
    const { headers } = await raw.unary("/t.T/Wait", Buffer.from("a"), { "grpc-timeout": "100m" });
    expect(headers["grpc-status"]).toBe("4");
    const [call] = desk.calls;
    expect(call?.deadlineAt).toBeLessThan(performance.now() + 100);
    expect(call?.signal.aborted).toBe(true);
    desk.answer("too late");
    await vi.waitFor(() => expect(desk.ended).toEqual([["/t.T/Wait", "unary", 4]]));
  });

  test("a client that goes away aborts the signal, and the call has ended as CANCELLED", async () => {
    const { raw, desk } = await served(transport);
    const stream = raw.open("/t.T/Wait");
    stream.end(message("a"));
    await vi.waitFor(() => expect(desk.calls).toHaveLength(1));
    const aborted = once(desk.calls[0]?.signal ?? new EventTarget(), "abort");
    cancel(stream);
    await aborted;
    expect(desk.ended).toEqual([["/t.T/Wait", "unary", 1]]);
  });

  test("a stream of answers waits for its client, and is left with it", async () => {
    const { raw, desk } = await served(transport);
    const stream = raw.open("/t.T/Spread");
    stream.end(message("1000"));
    await vi.waitFor(() => expect(desk.made).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(desk.made).toBeLessThan(100);
    cancel(stream);
    await vi.waitFor(() => expect(desk.told).toEqual(["left"]));
    expect(desk.ended).toEqual([["/t.T/Spread", "server-streaming", 1]]);
  });

  test("streams of requests, and both ways, come in order", async () => {
    const { raw, desk } = await served(transport);
    for (const [path, texts] of [
      ["/t.T/Collect", ["a+b+c"]],
      ["/t.T/Chat", ["a?", "b?", "c?"]],
    ] as const) {
      const stream = raw.open(path);
      const { text, status } = receiving(stream);
      stream.end(Buffer.concat([..."abc"].map(message)));
      expect([await status(), text()]).toEqual(["0", texts]);
    }
    expect(desk.ended.map(([, kind, code]) => [kind, code])).toEqual([
      ["client-streaming", 0],
      ["bidirectional", 0],
    ]);
  });
});

describe.each(["lean", "grpc-js"] as const)("a conversation on %s", (transport) => {
  const opened = async () => {
    const { raw, desk } = await served(transport);
    const stream = raw.open("/t.T/Converse");
    return { desk, stream, ...receiving(stream) };
  };

  test("tells each message, however its bytes are cut, and the end", async () => {
    const { desk, stream, status, text } = await opened();
    for (const byte of Buffer.concat(["a", "b"].map(message))) {
      stream.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.end();
    expect([await status(), text()]).toEqual(["0", ["a?", "a!", "b?", "b!"]]);
    expect(desk.told).toEqual(["a", "b", "(end)", "(closed)"]);
    expect(desk.ended).toEqual([["/t.T/Converse", "bidirectional", 0]]);
  });

  test("tells of thousands of messages that came at once", async () => {
    const { desk, stream, status } = await opened();
    stream.end(Buffer.concat(Array.from({ length: 20_000 }, (_, i) => message(String(i)))));
    expect(await status()).toBe("0");
    expect(desk.told.filter((told) => !told.startsWith("("))).toEqual(
      Array.from({ length: 20_000 }, (_, i) => String(i)),
    );
  });

  test("tells nothing while it is paused", async () => {
    const { desk, stream, status } = await opened();
    stream.end(Buffer.concat(["pause", "a"].map(message)));
    await vi.waitFor(() => expect(desk.told).toEqual(["pause"]));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(desk.told).toEqual(["pause"]);
    desk.conversation?.resume();
    expect(await status()).toBe("0");
    expect(desk.told).toEqual(["pause", "a", "(end)", "(closed)"]);
  });

  test("says when its client takes too little, and when it takes more", async () => {
    const { raw, desk } = await served(transport);
    const stream = raw.open("/t.T/Converse");
    stream.pause();
    await vi.waitFor(() => expect(desk.conversation).not.toBeNull());
    const { conversation } = desk;
    const long = Array.from({ length: 100 }, () => "x".repeat(200_000));
    const sent = conversation?.send(long) ?? 0;
    expect([sent < 100, conversation?.isFull, conversation?.send(long)]).toEqual([true, true, 0]);
    stream.resume();
    await vi.waitFor(() => expect(desk.told).toEqual(["(drained)"]));
    expect(conversation?.isFull).toBe(false);
    cancel(stream);
  });

  test("is closed, once, when its client goes away", async () => {
    const { raw, desk } = await served(transport);
    const stream = raw.open("/t.T/Converse");
    stream.write(message("a"));
    await vi.waitFor(() => expect(desk.told).toEqual(["a"]));
    raw.close();
    await vi.waitFor(() => expect(desk.told).toEqual(["a", "(closed)"]));
    expect(desk.conversation?.send(["late"])).toBe(1);
    desk.conversation?.end();
    expect(desk.ended).toEqual([["/t.T/Converse", "bidirectional", 1]]);
  });

  test.each([
    ["what cannot be decoded", message("undecodable"), "13"],
    ["what a decoder refuses", message("refused"), "3"],
    ["a message that is cut short", message("abc").subarray(0, 6), "13"],
    ["a handler's bug", message("bug"), "13"],
  ])("ends for %s, and nothing behind it is told", async (_what, bytes, code) => {
    const { desk, stream, status } = await opened();
    stream.end(bytes);
    expect(await status()).toBe(code);
    expect(desk.told.at(-1)).toBe("(closed)");
    expect(desk.told).not.toContain("(end)");
  });
});
