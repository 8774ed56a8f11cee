/** Things that happen to a connection because time has passed; time is an argument. */
import { describe, expect, test } from "vitest";
import { SERVER_TIMING, type Timing } from "../../../src/http2/connection/limits.js";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { headerList } from "../../../src/http2/hpack/header-list.js";
import * as raw from "./support/raw.js";
import { client, type Recorded, recorder, server } from "./support/recorder.js";

const OK = headerList([[":status", "200"]]);
const POST = headerList([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a"],
]);
const MAX = 0x7fff_ffff;

type Changes = Partial<Omit<Timing, "keepalive">> & { readonly keepalive?: Partial<Timing["keepalive"]> };
const timing = ({ keepalive, ...rest }: Changes): Timing => ({
  ...SERVER_TIMING,
  enforcement: { minTimeMs: 0, permitWithoutStream: true },
  ...rest,
  keepalive: { ...SERVER_TIMING.keepalive, timeMs: 0, ...keepalive },
});

/** Lets time pass as a driver does: to every deadline on the way. */
function pass(recorded: Recorded, until: number): string[] {
  const sent: string[] = [];
  for (;;) {
    const at = recorded.connection.nextDeadline();
    if (at > until) break;
    recorded.now = at;
    recorded.connection.tick(at);
    sent.push(...recorded.sent());
  }
  recorded.now = until;
  return sent;
}

describe("the handshake", () => {
  test("that has not come in time ends the connection", () => {
    const recorded = recorder({ timing: timing({ connectionTimeoutMs: 1_000 }) });
    recorded.feed(raw.HELLO.subarray(0, 20));
    expect(pass(recorded, 999)).toEqual([]);
    expect(pass(recorded, 1_000)).toEqual(["goAway last=0 code=1"]);
    expect(recorded.closing).toMatchObject({ kind: "timeout" });
  });

  test("is over only when our settings were acknowledged", () => {
    const recorded = recorder({ timing: timing({ connectionTimeoutMs: 1_000 }) });
    recorded.now = 500;
    recorded.feed(raw.HELLO.subarray(0, 24), raw.settings());
    expect(pass(recorded, 1_500)).toEqual([`goAway last=0 code=${ERROR_CODE.settingsTimeout}`]);
  });

  test("that is over ends nothing", () => {
    const recorded = server({ timing: timing({ connectionTimeoutMs: 1_000 }) });
    expect(pass(recorded, 1e9)).toEqual([]);
  });
});

describe("keepalive", () => {
  const keepalive = { timeMs: 10_000, timeoutMs: 2_000 };

  test("asks a peer that is silent, and gives it up if it does not answer", () => {
    const recorded = server({ timing: timing({ keepalive }) });
    recorded.feed(raw.request(1));
    expect(pass(recorded, 9_999)).toEqual([]);
    expect(pass(recorded, 10_000)).toEqual(["ping keep-ali"]);
    expect(pass(recorded, 12_000)).toEqual(["goAway last=1 code=0"]);
    expect(recorded.closing).toMatchObject({ kind: "timeout" });
    expect(recorded.events.at(-1)).toBe("closed 1 lost 0");
  });

  test("is content with anything that comes", () => {
    const recorded = server({ timing: timing({ keepalive }) });
    expect(pass(recorded, 11_000)).toEqual(["ping keep-ali"]);
    recorded.feed(raw.request(1));
    expect(pass(recorded, 20_999)).toEqual([]);
    expect(pass(recorded, 21_000)).toEqual(["ping keep-ali"]);
    recorded.feed(raw.ping("keep-ali", true));
    expect(pass(recorded, 30_999)).toEqual([]);
  });

  test("of a client rests while it has no call, unless it is permitted", () => {
    const idle = client({ timing: timing({ keepalive: { ...keepalive, permitWithoutStream: false } }) });
    expect(pass(idle, 100_000)).toEqual([]);
    idle.connection.receive(raw.settings(), idle.now);
    idle.connection.request(POST, true, idle.listener);
    idle.sent();
    expect(pass(idle, 109_999)).toEqual([]);
    expect(pass(idle, 110_000)).toEqual(["ping keep-ali"]);
    const permitted = client({ timing: timing({ keepalive: { ...keepalive, permitWithoutStream: true } }) });
    expect(pass(permitted, 10_000)).toEqual(["ping keep-ali"]);
  });
});

describe("pings that come too often", () => {
  const enforcement = { minTimeMs: 1_000, permitWithoutStream: false };
  const calm = `code=${ERROR_CODE.enhanceYourCalm}`;

  test("end the connection after two strikes", () => {
    const recorded = server({ timing: timing({ enforcement }) });
    recorded.feed(raw.request(1));
    for (let strike = 0; strike <= 2; strike++) {
      expect(recorded.feed(raw.ping("12345678"))).toEqual(["ping ack 12345678"]);
      recorded.now += 999;
    }
    expect(recorded.feed(raw.ping("12345678"))).toEqual([`goAway last=1 ${calm}`]);
    expect(recorded.closing).toMatchObject({ kind: "violated", message: "too_many_pings" });
  });

  test("are forgiven with everything that is sent for a call", () => {
    const recorded = server({ timing: timing({ enforcement }) });
    for (let id = 1; id < 100; id += 2) {
      recorded.feed(raw.request(id), raw.ping("12345678"));
      const stream = recorded.streams.get(id);
      if (stream !== undefined) recorded.connection.respond(stream, OK, true);
    }
    expect(recorded.closing).toBeUndefined();
  });

  test("are too many sooner while there is no call", () => {
    const recorded = server({ timing: timing({ enforcement }) });
    for (let strike = 0; strike <= 3; strike++) {
      recorded.now += 100_000;
      recorded.feed(raw.ping("12345678"));
    }
    expect(recorded.closing).toMatchObject({ message: "too_many_pings" });
  });
});

describe("draining", () => {
  test("loses no request that is on its way", () => {
    const recorded = server();
    recorded.feed(raw.request(1));
    recorded.connection.drain(0);
    expect(recorded.sent()).toEqual([`goAway last=${MAX} code=0`, "ping draining"]);
    // This one was sent before the client saw the GOAWAY.
    recorded.feed(raw.request(3));
    expect(recorded.events.at(-1)).toBe("end 3");
    expect(recorded.feed(raw.ping("draining", true))).toEqual(["goAway last=3 code=0"]);
    // This one was not: the client knows that it was not looked at.
    expect(recorded.feed(raw.request(5))).toEqual([]);
    for (const stream of recorded.streams.values()) recorded.connection.respond(stream, OK, true);
    expect(recorded.sent()).toEqual(["headers 1 end", "headers 3 end"]);
    expect(recorded.closing).toMatchObject({ kind: "drained" });
  });

  test("goes on when the client does not answer the ping", () => {
    const recorded = server({ timing: timing({ drainTimeoutMs: 1_000 }) });
    recorded.connection.drain(0);
    recorded.sent();
    expect(pass(recorded, 1_000)).toEqual(["goAway last=0 code=0"]);
    expect(recorded.closing).toMatchObject({ kind: "drained" });
  });

  test("gives up what is still open when the grace is over", () => {
    const recorded = server({ timing: timing({ drainTimeoutMs: 1_000 }) });
    recorded.feed(raw.request(1));
    recorded.connection.drain(0, 5_000);
    recorded.sent();
    expect(pass(recorded, 5_000)).toEqual(["goAway last=1 code=0", "goAway last=1 code=0"]);
    expect(recorded.events.at(-1)).toBe("closed 1 lost 0");
    expect(recorded.closing).toMatchObject({ kind: "timeout" });
  });

  test("of a client lets its calls end and opens no more", () => {
    const recorded = client();
    recorded.connection.request(POST, true, recorded.listener);
    recorded.connection.drain(0);
    expect(recorded.connection.openable).toBe(0);
    expect(recorded.closing).toBeUndefined();
    recorded.feed(raw.response(1, true));
    expect(recorded.closing).toMatchObject({ kind: "drained" });
  });
});

describe("a connection", () => {
  test("without a stream for long is drained, and one with a stream is not", () => {
    const recorded = server({ timing: timing({ keepalive: { maxConnectionIdleMs: 1_000 } }) });
    recorded.now = 900;
    recorded.feed(raw.request(1));
    expect(pass(recorded, 100_000)).toEqual([]);
    const stream = recorded.streams.get(1);
    recorded.feed(raw.ping("12345678"));
    if (stream !== undefined) recorded.connection.respond(stream, OK, true);
    recorded.sent();
    expect(pass(recorded, 100_999)).toEqual([]);
    expect(pass(recorded, 101_000)).toEqual([`goAway last=${MAX} code=0`, "ping draining"]);
  });

  test("that is old is drained, at an age that differs by a tenth, and ended after its grace", () => {
    const keepalive = { maxConnectionAgeMs: 10_000, maxConnectionAgeGraceMs: 2_000 };
    for (const [chance, at] of [
      [0, 9_000],
      [0.5, 10_000],
      [1, 11_000],
    ] as const) {
      const recorded = server({ timing: timing({ keepalive }), chance });
      recorded.feed(raw.request(1));
      expect(pass(recorded, at - 1)).toEqual([]);
      expect(pass(recorded, at)).toEqual([`goAway last=${MAX} code=0`, "ping draining"]);
      expect(pass(recorded, at + 1_999)).toEqual([]);
      expect(pass(recorded, at + 2_000)).toEqual(["goAway last=1 code=0"]);
      expect(recorded.closing).toMatchObject({ kind: "timeout" });
    }
  });

  test("whose peer takes nothing of what waits for it is given up", () => {
    const recorded = server({ timing: timing({ writeTimeoutMs: 1_000 }) });
    recorded.feed(raw.request(1));
    recorded.connection.flushed(50_000, 0);
    recorded.connection.flushed(40_000, 900);
    recorded.connection.flushed(40_000, 1_500);
    expect(pass(recorded, 1_899)).toEqual([]);
    pass(recorded, 1_900);
    expect(recorded.closing).toMatchObject({ kind: "timeout", message: "the peer takes nothing" });
  });
});
