/**
 * A peer may do a little to a server without getting anything done. Then it is told to calm down, and not read from
 * again.
 */
import { describe, expect, test } from "vitest";
import { Connection } from "../../../src/http2/connection/connection.js";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { headerList } from "../../../src/http2/hpack/header-list.js";
import * as raw from "./support/raw.js";
import { type Recorded, server } from "./support/recorder.js";

const OK = headerList([[":status", "200"]]);
const MANY = 100_000;

/** Sends frames until the connection ends, at most so many; returns how many it took. Time stands still. */
function flood(recorded: Recorded, frames: (i: number) => Buffer, most = MANY): number {
  for (let i = 0; i < most; i++) {
    recorded.connection.receive(frames(i), recorded.now);
    recorded.connection.take();
    if (recorded.connection.closed !== undefined) return i + 1;
  }
  return most;
}

const calm = { kind: "violated", code: ERROR_CODE.enhanceYourCalm };

describe("a flood of", () => {
  const unknown = raw.frame(0xbe, 0, 0, Buffer.alloc(10));
  const empty = raw.frame(raw.TYPE.data, 0, 1);
  const padding = raw.frame(raw.TYPE.data, 8, 1, Buffer.alloc(100, 99));
  const priority = raw.frame(raw.TYPE.priority, 0, 1, Buffer.concat([raw.uint32(3), Buffer.of(1)]));
  test.each([
    ["SETTINGS", raw.settings([4, 65_535])],
    ["SETTINGS that are acknowledged", raw.frame(raw.TYPE.settings, 1, 0)],
    ["PING", raw.ping("12345678")],
    ["PING acknowledgements", raw.ping("12345678", true)],
    ["empty DATA", empty],
    ["DATA of nothing but padding", padding],
    ["PRIORITY", priority],
    ["WINDOW_UPDATE of the connection", raw.windowUpdate(0, 1)],
    ["WINDOW_UPDATE of a stream", raw.windowUpdate(1, 1)],
    ["RST_STREAM of a stream that is gone", raw.reset(3, 8)],
    ["small DATA on a stream that is gone", raw.data(3, "x")],
    ["unknown frames", unknown],
    ["GOAWAY", raw.goAway(0, 0)],
  ])("%s ends the connection", (_name, bytes) => {
    const recorded = server({ limits: { controlBurst: 500, closedStreamMemory: 4 } });
    recorded.feed(raw.request(1, false), raw.request(3, false), raw.reset(3, 8));
    expect(flood(recorded, () => bytes)).toBeLessThan(600);
    expect(recorded.closing).toMatchObject(calm);
    expect(recorded.events.at(-1)).toBe(`closed 1 lost ${ERROR_CODE.enhanceYourCalm}`);
  });

  test("requests that are reset at once ends the connection", () => {
    const recorded = server({ limits: { resetBurst: 100 } });
    const frames = (i: number): Buffer => Buffer.concat([raw.request(i * 2 + 1), raw.reset(i * 2 + 1, 8)]);
    expect(flood(recorded, frames)).toBe(101);
    expect(recorded.closing).toMatchObject({ ...calm, message: "too many streams reset" });
  });

  test("requests that the client makes the server reset ends the connection", () => {
    const recorded = server({ limits: { resetBurst: 100 } });
    const frames = (i: number): Buffer =>
      Buffer.concat([raw.request(i * 2 + 1, false), raw.windowUpdate(i * 2 + 1, 0)]);
    expect(flood(recorded, frames)).toBe(101);
    expect(recorded.closing).toMatchObject(calm);
  });

  test("malformed requests ends the connection", () => {
    const recorded = server({ limits: { resetBurst: 100 } });
    const bad = raw.block(["a", "b"]);
    expect(flood(recorded, (i) => raw.frame(raw.TYPE.headers, 5, i * 2 + 1, bad))).toBe(101);
    expect(recorded.closing).toMatchObject(calm);
  });

  test("requests beyond the limit of streams ends the connection, and costs no more than that limit", () => {
    const recorded = server({ limits: { maxConcurrentStreams: 100, controlBurst: 1_000 } });
    expect(flood(recorded, (i) => raw.request(i * 2 + 1, false), 300_000)).toBeLessThan(1_200);
    expect(recorded.closing).toMatchObject(calm);
    expect(recorded.streams.size).toBe(100);
  });

  test("CONTINUATION ends the connection, by number and by bytes", () => {
    for (const [size, most] of [
      [0, 10],
      [16_384, 3],
    ] as const) {
      const recorded = server();
      recorded.feed(raw.frame(raw.TYPE.headers, 0, 1, raw.POST));
      expect(flood(recorded, () => raw.frame(raw.TYPE.continuation, 0, 1, Buffer.alloc(size)))).toBeLessThanOrEqual(
        most,
      );
      expect(recorded.closing).toMatchObject(calm);
    }
  });

  test("settings in one frame ends the connection", () => {
    const recorded = server();
    recorded.feed(raw.settings(...Array.from({ length: 100 }, () => [4, 65_535] as const)));
    expect(recorded.closing).toMatchObject(calm);
  });

  test("bytes for streams that are gone is bounded by the connection's window only, and costs nothing", () => {
    const recorded = server({ limits: { closedStreamMemory: 4 } });
    recorded.feed(raw.request(1, false), raw.reset(1, 8));
    const chunk = raw.frame(raw.TYPE.data, 0, 1, Buffer.alloc(16_384));
    let out = 0;
    for (let i = 0; i < 1_000; i++) {
      recorded.connection.receive(chunk, 0);
      out += recorded.connection.take().reduce((sum, { length }) => sum + length, 0);
    }
    expect(recorded.closing).toBeUndefined();
    expect(out).toBeLessThan(1_000 * 2);
  });
});

describe("an honest client is not mistaken for one that floods", () => {
  test("cancelling half of its calls, for as long as it likes", () => {
    const recorded = server({
      onRequest: (stream, _headers, { connection }) => {
        if (stream.id % 4 === 1) connection.respond(stream, OK, true);
      },
    });
    const frames = (i: number): Buffer =>
      i % 2 === 0 ? raw.request(i * 2 + 1) : Buffer.concat([raw.request(i * 2 + 1), raw.reset(i * 2 + 1, 8)]);
    expect(flood(recorded, frames, 20_000)).toBe(20_000);
  });

  test("reading a long stream, with a WINDOW_UPDATE for stream and connection, and a PING, for every frame", () => {
    const recorded = server();
    recorded.feed(raw.request(1));
    const stream = recorded.streams.get(1);
    if (stream === undefined) throw new Error("no stream");
    for (let i = 0; i < 20_000; i++) {
      recorded.connection.send(stream, Buffer.alloc(1_000), false);
      recorded.feed(raw.windowUpdate(0, 1_000), raw.windowUpdate(1, 1_000), raw.ping("12345678"));
    }
    expect(recorded.closing).toBeUndefined();
  });

  test("pinging now and then, when time passes", () => {
    const recorded = server({ limits: { controlBurst: 10, controlPerSecond: 10 } });
    for (let i = 0; i < 1_000; i++) {
      recorded.now += 100;
      recorded.feed(raw.settings());
    }
    expect(recorded.closing).toBeUndefined();
  });
});

describe("memory", () => {
  const used = (): number => {
    globalThis.gc?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };

  test("for a client that asks for large answers and takes nothing is bounded, and others are answered later", () => {
    const answer = Buffer.alloc(1_000_000);
    const recorded = server({
      limits: { maxUnsentBytes: 8_000_000, controlBurst: 100_000 },
      onRequest: (stream, _headers, { connection }) => {
        connection.respond(stream, OK, false);
        connection.send(stream, Buffer.from(answer), true);
      },
    });
    recorded.feed(raw.settings([4, 0]));
    const before = used();
    for (let id = 1; id < 2_000; id += 2) recorded.connection.receive(raw.request(id), 0);
    expect(recorded.streams.size).toBe(8);
    expect(used() - before).toBeLessThan(16_000_000);
    expect(recorded.sent().filter((line) => line === "rstStream 1999 code=7")).toEqual(["rstStream 1999 code=7"]);
  });

  test("for a stream that sends on though it was told to wait is bounded: it is reset", () => {
    const recorded = server({ limits: { maxStreamUnsentBytes: 1_000_000 } });
    recorded.feed(raw.settings([4, 0]), raw.request(1));
    const stream = recorded.streams.get(1);
    if (stream === undefined) throw new Error("no stream");
    let sent = 0;
    while (!stream.closed) {
      recorded.connection.send(stream, Buffer.alloc(5), false);
      sent++;
    }
    expect(sent).toBeLessThan(10_000);
    expect(recorded.events.at(-1)).toBe(`closed 1 reset by here ${ERROR_CODE.enhanceYourCalm}`);
  });

  test("of connections that do nothing is a few kilobytes each", () => {
    const listener = {
      request: () => expect.unreachable(),
      ready: () => {},
      available: () => {},
      draining: () => {},
      closed: () => {},
      wake: () => {},
    };
    const before = used();
    const idle = Array.from({ length: 10_000 }, () => {
      const connection = new Connection({ role: "server", listener }, 0);
      connection.receive(raw.HELLO, 0);
      connection.take();
      return connection;
    });
    expect((used() - before) / idle.length).toBeLessThan(8_192);
    expect(idle.every(({ closed }) => closed === undefined)).toBe(true);
  });
});
