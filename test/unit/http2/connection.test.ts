/** One connection, by claim: frames made by hand go in, events and frames come out. */
import { describe, expect, test } from "vitest";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { headerList } from "../../../src/http2/hpack/header-list.js";
import * as raw from "./support/raw.js";
import { client, recorder, server } from "./support/recorder.js";

const OK = headerList([[":status", "200"]]);
const POST = headerList([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a"],
  [":authority", "a"],
]);
const TRAILERS = headerList([["grpc-status", "0"]]);

describe("a server", () => {
  test("says its settings at once, and acknowledges the client's", () => {
    const { feed, events } = recorder();
    expect(feed()).toEqual(["settings", "windowUpdate 0 983041"]);
    expect(feed(raw.HELLO)).toEqual(["settings ack"]);
    expect(events).toEqual(["ready"]);
  });

  test("answers all requests of one read in one go", () => {
    const { feed, events } = server({
      onEnd: (stream, { connection }) => {
        connection.respond(stream, OK, false);
        connection.send(stream, Buffer.from("answer"), false);
        connection.trailers(stream, TRAILERS);
      },
    });
    const read = [1, 3].flatMap((id) => [raw.request(id, false), raw.data(id, "ask", true)]);
    expect(feed(Buffer.concat(read))).toEqual(
      [1, 3].flatMap((id) => [`headers ${id}`, `data ${id} 6 bytes`, `headers ${id} end`]),
    );
    expect(events).toEqual(
      [1, 3].flatMap((id) => [`request ${id} /a`, `data ${id} ask`, `end ${id}`, `closed ${id} ended`]),
    );
  });

  test("wakes its driver once for what is sent outside of a read", () => {
    const recorded = server();
    recorded.feed(raw.request(1), raw.request(3));
    for (const stream of recorded.streams.values()) recorded.connection.respond(stream, OK, true);
    expect(recorded.wakes).toBe(1);
    expect(recorded.sent()).toEqual(["headers 1 end", "headers 3 end"]);
  });

  test("that has answered in full tells the client to send no more, and ignores what was on its way", () => {
    const { feed, events } = server({
      onRequest: (stream, _headers, { connection }) => connection.respond(stream, OK, true),
    });
    expect(feed(raw.request(1, false))).toEqual(["headers 1 end", "rstStream 1 code=0"]);
    expect(feed(raw.data(1, "late"), raw.windowUpdate(1, 5), raw.data(1, "later", true))).toEqual([]);
    expect(events).toEqual(["request 1 /a", "closed 1 ended"]);
  });

  test("sends interim responses before the response", () => {
    const recorded = server();
    recorded.feed(raw.request(1));
    const stream = recorded.streams.get(1);
    if (stream === undefined) throw new Error("no stream");
    recorded.connection.respond(stream, headerList([[":status", "103"]]), false);
    recorded.connection.respond(stream, OK, true);
    expect(recorded.sent()).toEqual(["headers 1", "headers 1 end"]);
    expect(stream.state).toBe("closed");
  });

  test("gives trailers to the listener, and the states of a stream by name", () => {
    const recorded = server();
    recorded.feed(raw.request(1, false));
    const stream = recorded.streams.get(1);
    expect(stream?.state).toBe("open");
    recorded.feed(raw.frame(raw.TYPE.headers, 5, 1, raw.block(["checksum", "1"])));
    expect(recorded.events).toEqual(["request 1 /a", "end 1 checksum"]);
    expect(stream?.state).toBe("half-closed (remote)");
  });

  test("takes a header block in pieces, with padding and a priority", () => {
    const { feed, events } = server();
    const padded = Buffer.concat([
      Buffer.of(3),
      raw.uint32(0),
      Buffer.of(9),
      raw.POST.subarray(0, 10),
      Buffer.alloc(3),
    ]);
    feed(
      raw.frame(raw.TYPE.headers, 0x29, 1, padded),
      raw.frame(raw.TYPE.continuation, 0, 1, raw.POST.subarray(10, 20)),
      raw.frame(raw.TYPE.continuation, 4, 1, raw.POST.subarray(20)),
    );
    expect(events).toEqual(["request 1 /a", "end 1"]);
  });

  test("says that a header list was cut, and gives its beginning", () => {
    const { feed, events } = server({ limits: { maxHeaderListSize: 200 } });
    feed(raw.frame(raw.TYPE.headers, 5, 1, Buffer.concat([raw.POST, raw.block(["x", "y".repeat(100)])])));
    expect(events).toEqual(["request 1 /a truncated", "end 1"]);
  });

  test("refuses streams beyond its limit so that they may be tried again", () => {
    const { feed } = server({ limits: { maxConcurrentStreams: 2 } });
    expect(feed(raw.request(1), raw.request(3), raw.request(5))).toEqual(["rstStream 5 code=7"]);
  });

  test("ignores frames and settings that it does not know, and PRIORITY", () => {
    const { feed } = server();
    expect(
      feed(
        raw.frame(0xbe, 0xff, 7, Buffer.from("what")),
        raw.settings([0x99, 7]),
        raw.frame(raw.TYPE.priority, 0, 9, Buffer.concat([raw.uint32(1), Buffer.of(1)])),
      ),
    ).toEqual(["settings ack"]);
  });
});

describe("what is wrong with the connection ends it with the right code", () => {
  const long = Buffer.alloc(9);
  long.writeUIntBE(16_385, 0, 3);
  const self = Buffer.concat([raw.uint32(1), Buffer.of(1)]);
  test.each([
    ["DATA on stream 0", [raw.data(0, "a")], ERROR_CODE.protocolError],
    ["DATA on an idle stream", [raw.data(1, "a")], ERROR_CODE.protocolError],
    ["HEADERS on stream 0", [raw.request(0)], ERROR_CODE.protocolError],
    ["HEADERS on a stream of the server's", [raw.request(2)], ERROR_CODE.protocolError],
    ["HEADERS on a lower stream than before", [raw.request(5), raw.request(3)], ERROR_CODE.streamClosed],
    ["RST_STREAM on an idle stream", [raw.reset(1, 8)], ERROR_CODE.protocolError],
    ["WINDOW_UPDATE on an idle stream", [raw.windowUpdate(1, 1)], ERROR_CODE.protocolError],
    ["an increment of 0", [raw.windowUpdate(0, 0)], ERROR_CODE.protocolError],
    ["a window too large", [raw.windowUpdate(0, 0x7fff_ffff)], ERROR_CODE.flowControlError],
    ["a stream's window too large by settings", [raw.settings([4, 0x8000_0000])], ERROR_CODE.flowControlError],
    ["PUSH_PROMISE", [raw.frame(raw.TYPE.pushPromise, 4, 1, raw.uint32(2))], ERROR_CODE.protocolError],
    ["CONTINUATION of nothing", [raw.frame(raw.TYPE.continuation, 4, 1)], ERROR_CODE.protocolError],
    [
      "a frame inside a header block",
      [raw.frame(raw.TYPE.headers, 1, 1, raw.POST), raw.ping("12345678")],
      ERROR_CODE.protocolError,
    ],
    [
      "CONTINUATION of another stream",
      [raw.frame(raw.TYPE.headers, 1, 1, raw.POST), raw.frame(raw.TYPE.continuation, 4, 3)],
      ERROR_CODE.protocolError,
    ],
    [
      "padding longer than the frame",
      [raw.request(1, false), raw.frame(0, 8, 1, Buffer.of(1))],
      ERROR_CODE.protocolError,
    ],
    ["a PING of 7 bytes", [raw.frame(raw.TYPE.ping, 0, 0, Buffer.alloc(7))], ERROR_CODE.frameSizeError],
    ["SETTINGS of 5 bytes", [raw.frame(raw.TYPE.settings, 0, 0, Buffer.alloc(5))], ERROR_CODE.frameSizeError],
    [
      "an acknowledgement with settings",
      [raw.frame(raw.TYPE.settings, 1, 0, Buffer.alloc(6))],
      ERROR_CODE.frameSizeError,
    ],
    ["ENABLE_PUSH of 2", [raw.settings([2, 2])], ERROR_CODE.protocolError],
    ["MAX_FRAME_SIZE of 1", [raw.settings([5, 1])], ERROR_CODE.protocolError],
    ["a GOAWAY of 7 bytes", [raw.frame(raw.TYPE.goAway, 0, 0, Buffer.alloc(7))], ERROR_CODE.frameSizeError],
    ["a frame too long", [long], ERROR_CODE.frameSizeError],
    ["an index without an entry", [raw.frame(raw.TYPE.headers, 5, 1, Buffer.of(0xff, 0))], ERROR_CODE.compressionError],
    ["a priority of itself on an idle stream", [raw.frame(raw.TYPE.priority, 0, 1, self)], ERROR_CODE.protocolError],
  ] as const)("%s", (_name, frames, code) => {
    const recorded = server();
    const sent = recorded.feed(...frames);
    expect(sent.at(-1)).toMatch(new RegExp(`^goAway last=\\d+ code=${code}$`));
    expect(recorded.closing).toMatchObject({ kind: "violated", code });
    const events = [...recorded.events];
    expect(recorded.feed(raw.request(101), raw.ping("12345678"))).toEqual([]);
    expect(recorded.events).toEqual(events);
    expect(recorded.connection.wantsInput).toBe(false);
  });

  test("what is no preface", () => {
    const recorded = recorder();
    expect(recorded.feed(Buffer.from("GET / HTTP/1.1\r\n\r\n")).at(-1)).toBe("goAway last=0 code=1");
  });

  test("anything before SETTINGS", () => {
    const recorded = recorder();
    expect(recorded.feed(Buffer.concat([raw.HELLO.subarray(0, 24), raw.ping("12345678")])).at(-1)).toMatch(/code=1$/);
  });

  test("more data than the connection's window", () => {
    const recorded = server({
      limits: { initialConnWindowSize: 65_535, initialWindowSize: 1_000_000 },
      onData: () => {},
    });
    const chunk = raw.frame(raw.TYPE.data, 0, 1, Buffer.alloc(16_384));
    expect(recorded.feed(raw.request(1, false), chunk, chunk, chunk)).toEqual([]);
    expect(recorded.feed(chunk)).toEqual(["goAway last=1 code=3"]);
    expect(recorded.events.at(-1)).toBe("closed 1 lost 3");
  });
});

describe("what is wrong with one stream ends that stream only", () => {
  const headers = (...fields: readonly (readonly [string, string])[]): Buffer =>
    raw.frame(raw.TYPE.headers, 5, 1, Buffer.concat([raw.POST, raw.block(...fields)]));
  const twelve = raw.block(["content-length", "12"]);
  const self = Buffer.concat([raw.uint32(1), Buffer.of(1)]);
  test.each([
    ["a header name with capitals", [headers(["Upper", "1"])], ERROR_CODE.protocolError],
    ["a connection header", [headers(["connection", "close"])], ERROR_CODE.protocolError],
    ["no path", [raw.frame(1, 5, 1, raw.block([":method", "GET"], [":scheme", "http"]))], ERROR_CODE.protocolError],
    ["a pseudo-header behind others", [headers(["a", "b"], [":path", "/"])], ERROR_CODE.protocolError],
    [
      "a stream that depends on itself",
      [raw.frame(1, 0x25, 1, Buffer.concat([self, raw.POST]))],
      ERROR_CODE.protocolError,
    ],
    ["DATA after the end", [raw.request(1), raw.data(1, "a")], ERROR_CODE.streamClosed],
    ["HEADERS after the end", [raw.request(1), raw.request(1)], ERROR_CODE.streamClosed],
    [
      "trailers that do not end",
      [raw.request(1, false), raw.frame(1, 4, 1, raw.block(["a", "b"]))],
      ERROR_CODE.protocolError,
    ],
    ["pseudo-headers in trailers", [raw.request(1, false), raw.request(1)], ERROR_CODE.protocolError],
    ["an increment of 0", [raw.request(1), raw.windowUpdate(1, 0)], ERROR_CODE.protocolError],
    ["a window too large", [raw.request(1), raw.windowUpdate(1, 0x7fff_ffff)], ERROR_CODE.flowControlError],
    [
      "less body than announced",
      [raw.frame(1, 4, 1, Buffer.concat([raw.POST, twelve])), raw.data(1, "short", true)],
      ERROR_CODE.protocolError,
    ],
    [
      "more body than announced",
      [raw.frame(1, 4, 1, Buffer.concat([raw.POST, twelve])), raw.data(1, "more than twelve")],
      ERROR_CODE.protocolError,
    ],
    [
      "no body where one was announced",
      [raw.frame(1, 5, 1, Buffer.concat([raw.POST, twelve]))],
      ERROR_CODE.protocolError,
    ],
    [
      "a PRIORITY of 4 bytes",
      [raw.request(1), raw.frame(raw.TYPE.priority, 0, 1, Buffer.alloc(4))],
      ERROR_CODE.frameSizeError,
    ],
  ] as const)("%s", (_name, frames, code) => {
    const recorded = server();
    expect(recorded.feed(...frames)).toEqual([`rstStream 1 code=${code}`]);
    expect(recorded.closing).toBeUndefined();
    expect(recorded.feed(raw.request(3))).toEqual([]);
    expect(recorded.events.slice(-2)).toEqual(["request 3 /a", "end 3"]);
  });

  test("more data than its window", () => {
    const recorded = server({ limits: { initialWindowSize: 65_535 }, onData: () => {} });
    const chunk = raw.frame(raw.TYPE.data, 0, 1, Buffer.alloc(16_384));
    expect(recorded.feed(raw.request(1, false), chunk, chunk, chunk)).toEqual([]);
    expect(recorded.feed(chunk)).toEqual(["rstStream 1 code=3"]);
  });
});

describe("a listener that throws", () => {
  const bug = (): never => {
    throw new Error("a bug");
  };

  test("ends its connection, and the peer reads nothing of it", () => {
    const recorded = server({ onRequest: bug });
    expect(recorded.feed(raw.request(1))).toEqual([`goAway last=1 code=${ERROR_CODE.internalError}`]);
    expect(recorded.closing).toMatchObject({ kind: "failed", message: "a bug" });
  });

  test("when it hears of the end does not keep others from hearing of it", () => {
    const recorded = client();
    const others = { ...recorded.listener, closed: bug };
    recorded.connection.request(POST, true, others);
    recorded.connection.request(POST, true, recorded.listener);
    recorded.connection.lost("gone");
    expect(recorded.events).toEqual(["closed 3 lost 0"]);
    expect(recorded.closing).toMatchObject({ kind: "failed", message: "a bug" });
  });
});

describe("flow control", () => {
  test("lets the client send more when half of a window was consumed", () => {
    const limits = { initialWindowSize: 65_536, initialConnWindowSize: 131_072 };
    const recorded = server({ limits });
    const chunk = raw.frame(raw.TYPE.data, 0, 1, Buffer.alloc(16_384));
    expect(recorded.feed(raw.request(1, false), chunk)).toEqual([]);
    expect(recorded.feed(chunk)).toEqual(["windowUpdate 1 32768"]);
    expect(recorded.feed(chunk, chunk)).toEqual(["windowUpdate 0 65536", "windowUpdate 1 32768"]);
  });

  test("lets the client send no more while nothing is consumed, and again once its stream is gone", () => {
    const limits = { initialWindowSize: 65_536, initialConnWindowSize: 65_536 };
    const recorded = server({ limits, onData: () => {} });
    const chunk = raw.frame(raw.TYPE.data, 0, 1, Buffer.alloc(16_384));
    expect(recorded.feed(raw.request(1, false), chunk, chunk, chunk)).toEqual([]);
    expect(recorded.feed(raw.reset(1, 8))).toEqual(["windowUpdate 0 49152"]);
  });

  test("sends as far as the windows allow, and the rest when they are opened", () => {
    const recorded = server({
      onEnd: (stream, { connection }) => {
        connection.respond(stream, OK, false);
        expect(connection.send(stream, Buffer.alloc(100_000), false)).toBe(true);
        connection.trailers(stream, TRAILERS);
      },
    });
    const sent = recorded.feed(raw.request(1));
    expect(sent).toEqual(["headers 1", ...Array(3).fill("data 1 16384 bytes"), "data 1 16383 bytes"]);
    expect(recorded.feed(raw.windowUpdate(0, 1_000_000))).toEqual([]);
    expect(recorded.feed(raw.windowUpdate(1, 10))).toEqual(["data 1 10 bytes"]);
    expect(recorded.feed(raw.settings([4, 65_535 + 1_000_000]))).toEqual([
      "settings ack",
      "data 1 16384 bytes",
      "data 1 16384 bytes",
      "data 1 1687 bytes",
      "headers 1 end",
    ]);
    expect(recorded.events.at(-1)).toBe("closed 1 ended");
  });

  test("a large answer does not hold up a small one", () => {
    const recorded = server({
      onRequest: (stream, _headers, { connection }) => {
        connection.respond(stream, OK, false);
        connection.send(stream, Buffer.alloc(stream.id === 1 ? 60_000 : 20_000), true);
      },
    });
    recorded.feed(raw.settings([4, 0]), raw.request(1), raw.request(3));
    // The last one is as long as what is left of the connection's window.
    expect(recorded.feed(raw.settings([4, 65_535]))).toEqual([
      "settings ack",
      "data 1 16384 bytes",
      "data 3 16384 bytes",
      "data 1 16384 bytes",
      "data 3 end 3616 bytes",
      "data 1 12767 bytes",
    ]);
  });

  test("lowered by settings below what was sent, waits until it is above 0 again", () => {
    const recorded = server({
      onRequest: (stream, _headers, { connection }) => {
        connection.respond(stream, OK, false);
        connection.send(stream, Buffer.alloc(10_000), false);
      },
    });
    expect(recorded.feed(raw.request(1))).toEqual(["headers 1", "data 1 10000 bytes"]);
    recorded.feed(raw.settings([4, 5_000]));
    const stream = recorded.streams.get(1);
    if (stream === undefined) throw new Error("no stream");
    recorded.connection.send(stream, Buffer.alloc(1), false);
    expect(recorded.sent()).toEqual([]);
    expect(recorded.feed(raw.windowUpdate(1, 5_000))).toEqual([]);
    expect(recorded.feed(raw.windowUpdate(1, 1))).toEqual(["data 1 1 bytes"]);
  });

  test("tells a sender to wait, and when it need not any more", () => {
    const recorded = server({ limits: { sendBufferBytes: 1_000 } });
    recorded.feed(raw.settings([4, 0]), raw.request(1));
    const stream = recorded.streams.get(1);
    if (stream === undefined) throw new Error("no stream");
    expect(recorded.connection.send(stream, Buffer.alloc(999), false)).toBe(true);
    expect(recorded.connection.send(stream, Buffer.alloc(1), false)).toBe(false);
    recorded.feed(raw.windowUpdate(1, 499));
    expect(recorded.events.at(-1)).toBe("end 1");
    recorded.feed(raw.windowUpdate(1, 1));
    expect(recorded.events.at(-1)).toBe("drained 1");
  });

  test("holds data back while the network takes none, and lets small frames pass", () => {
    const recorded = server({ limits: { writeBufferSize: 20_000, inputPauseBytes: 40_000 } });
    const { connection } = recorded;
    recorded.feed(raw.request(1));
    const stream = recorded.streams.get(1);
    if (stream === undefined) throw new Error("no stream");
    connection.send(stream, Buffer.alloc(60_000), false);
    const first = connection.take();
    connection.flushed(
      first.reduce((sum, { length }) => sum + length, 0),
      0,
    );
    expect(connection.take()).toEqual([]);
    expect(connection.wantsInput).toBe(true);
    connection.flushed(40_000, 0);
    expect(connection.wantsInput).toBe(false);
    expect(recorded.sent().length).toBe(0);
    connection.flushed(0, 0);
    expect(recorded.sent().at(-1)).toMatch(/^data 1/);
    expect(connection.wantsInput).toBe(true);
  });
});

describe("a client", () => {
  test("begins with the preface and allows no push", () => {
    const { connection } = recorder({ role: "client" });
    const bytes = Buffer.concat(connection.take());
    expect(bytes.toString("latin1", 0, 24)).toBe("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    expect(bytes.toString("hex", 33, 39)).toBe("000200000000");
  });

  test("makes a request and is told of interim response, response, body and trailers", () => {
    const recorded = client();
    const stream = recorded.connection.request(POST, false, recorded.listener);
    if (stream === undefined) throw new Error("no stream");
    recorded.connection.send(stream, Buffer.from("ask"), true);
    expect(recorded.sent()).toEqual(["headers 1", "data 1 end 3 bytes"]);
    recorded.feed(
      raw.frame(1, 4, 1, raw.block([":status", "103"])),
      raw.response(1),
      raw.data(1, "answer"),
      raw.frame(1, 5, 1, raw.block(["grpc-status", "0"])),
    );
    expect(recorded.events).toEqual([
      "headers 1 103",
      "headers 1 200",
      "data 1 answer",
      "end 1 grpc-status",
      "closed 1 ended",
    ]);
  });

  test("opens as many streams as the server allows", () => {
    const recorded = client({}, [3, 2]);
    expect(recorded.connection.openable).toBe(2);
    recorded.connection.request(POST, true, recorded.listener);
    recorded.connection.request(POST, true, recorded.listener);
    expect(recorded.connection.request(POST, true, recorded.listener)).toBeUndefined();
    recorded.feed(raw.response(1, true));
    expect(recorded.connection.openable).toBe(1);
    expect(recorded.connection.request(POST, true, recorded.listener)?.id).toBe(5);
  });

  test("knows which requests a GOAWAY has left untouched, and opens no more", () => {
    const recorded = client();
    recorded.connection.request(POST, true, recorded.listener);
    recorded.connection.request(POST, true, recorded.listener);
    recorded.feed(raw.goAway(1, 0));
    expect(recorded.events).toEqual(["draining 0", "closed 3 reset by peer 7 unprocessed"]);
    expect(recorded.connection.openable).toBe(0);
    recorded.feed(raw.response(1, true));
    expect(recorded.closing).toMatchObject({ kind: "drained" });
  });

  test("knows that a refused stream may be tried again, and a reset one may not", () => {
    const recorded = client();
    recorded.connection.request(POST, true, recorded.listener);
    recorded.connection.request(POST, true, recorded.listener);
    recorded.feed(raw.reset(1, 7), raw.reset(3, 2));
    expect(recorded.events).toEqual(["closed 1 reset by peer 7 unprocessed", "closed 3 reset by peer 2"]);
  });

  test("takes a response that ends before the request did", () => {
    const recorded = client();
    recorded.connection.request(POST, false, recorded.listener);
    recorded.feed(raw.response(1, true), raw.reset(1, 0));
    expect(recorded.events).toEqual(["headers 1 200", "end 1", "closed 1 ended"]);
  });

  test.each([
    ["a response without status", raw.frame(1, 4, 1, raw.block(["a", "b"])), 1],
    ["data before the response", raw.data(1, "a"), 1],
    ["an interim response that ends", raw.frame(1, 5, 1, raw.block([":status", "100"])), 1],
  ] as const)("resets a stream with %s", (_name, bytes, code) => {
    const recorded = client();
    recorded.connection.request(POST, true, recorded.listener);
    recorded.sent();
    expect(recorded.feed(bytes)).toEqual([`rstStream 1 code=${code}`]);
  });

  test("refuses a push", () => {
    const recorded = client();
    recorded.connection.request(POST, true, recorded.listener);
    recorded.feed(raw.frame(raw.TYPE.pushPromise, 4, 1, Buffer.concat([raw.uint32(2), raw.POST])));
    expect(recorded.closing).toMatchObject({ kind: "violated", code: ERROR_CODE.protocolError });
  });

  test("a response to HEAD has a length and no body", () => {
    const recorded = client();
    const head = headerList([
      [":method", "HEAD"],
      [":scheme", "http"],
      [":path", "/"],
    ]);
    recorded.connection.request(head, true, recorded.listener);
    recorded.feed(raw.frame(1, 5, 1, raw.block([":status", "200"], ["content-length", "12"])));
    expect(recorded.events).toEqual(["headers 1 200", "end 1", "closed 1 ended"]);
  });
});
