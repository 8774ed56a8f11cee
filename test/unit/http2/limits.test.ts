/** Each limit that takes effect is told by its name, once. */
import { expect, test } from "vitest";
import { type LimitName, SERVER_TIMING, type Timing } from "../../../src/http2/connection/limits.js";
import { headerList } from "../../../src/http2/hpack/header-list.js";
import * as raw from "./support/raw.js";
import { type Recorded, recorder, server } from "./support/recorder.js";

const OK = headerList([[":status", "200"]]);

type Changes = Partial<Omit<Timing, "keepalive">> & { readonly keepalive?: Partial<Timing["keepalive"]> };
const timing = ({ keepalive, ...rest }: Changes): { readonly timing: Timing } => ({
  timing: {
    ...SERVER_TIMING,
    enforcement: { minTimeMs: 0, permitWithoutStream: true },
    connectionTimeoutMs: 0,
    drainTimeoutMs: 0,
    ...rest,
    keepalive: { ...SERVER_TIMING.keepalive, timeMs: 0, ...keepalive },
  },
});

/** Lets a minute pass. */
function pass(recorded: Recorded): void {
  for (let at = 0; at <= 60_000; at = recorded.connection.nextDeadline()) {
    recorded.now = at;
    recorded.connection.tick(at);
    recorded.sent();
  }
}

/** Opens a call and leaves it open. */
const busy = (recorded: Recorded): Recorded => {
  recorded.feed(raw.request(1));
  return recorded;
};

const many = (n: number, frame: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: n }, (_, i) => frame(i)));
const continued = raw.frame(raw.TYPE.headers, 0, 1, Buffer.alloc(100, 0x40));
const continuation = raw.frame(raw.TYPE.continuation, 0, 1, Buffer.alloc(100, 0x40));

const EFFECTS: readonly [string, readonly LimitName[], () => Recorded][] = [
  ["a handshake that has not come", ["connectionTimeoutMs"], () => recorder(timing({ connectionTimeoutMs: 100 }))],
  [
    "settings that are not acknowledged",
    ["connectionTimeoutMs"],
    () => {
      const recorded = recorder(timing({ connectionTimeoutMs: 100 }));
      recorded.feed(raw.HELLO.subarray(0, 24), raw.settings());
      return recorded;
    },
  ],
  [
    "a client that is asked and does not answer",
    ["timeMs", "timeoutMs"],
    () => server(timing({ keepalive: { timeMs: 100, timeoutMs: 50 } })),
  ],
  [
    "a client without calls",
    ["maxConnectionIdleMs"],
    () => server(timing({ keepalive: { maxConnectionIdleMs: 100 } })),
  ],
  [
    "an old connection, and its calls that go on",
    ["maxConnectionAgeMs", "maxConnectionAgeGraceMs"],
    () => busy(server(timing({ keepalive: { maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 50 } }))),
  ],
  [
    "a client that does not hear of draining",
    ["drainTimeoutMs"],
    () => {
      const recorded = busy(server(timing({ drainTimeoutMs: 50 })));
      recorded.connection.drain(0);
      return recorded;
    },
  ],
  [
    "a client that takes nothing",
    ["writeTimeoutMs"],
    () => {
      const recorded = busy(server(timing({ writeTimeoutMs: 50 })));
      recorded.connection.flushed(50_000, 0);
      return recorded;
    },
  ],
  [
    "PINGs that come too often",
    ["minTimeMs"],
    () => {
      const recorded = busy(server(timing({ enforcement: { minTimeMs: 1_000, permitWithoutStream: true } })));
      recorded.feed(many(5, () => raw.ping("12345678")));
      return recorded;
    },
  ],
  [
    "calls beyond those that may be under way, one by one",
    ["maxConcurrentStreams", "maxConcurrentStreams"],
    () => {
      const recorded = server({ ...timing({}), limits: { maxConcurrentStreams: 2 } });
      recorded.feed(many(4, (i) => raw.request(2 * i + 1)));
      return recorded;
    },
  ],
  [
    "calls while too much is unsent",
    ["maxUnsentBytes"],
    () => {
      const recorded = busy(server({ ...timing({}), limits: { maxUnsentBytes: 100_000 } }));
      const stream = recorded.streams.get(1);
      if (stream === undefined) return expect.unreachable("no stream");
      recorded.connection.respond(stream, OK, false);
      recorded.connection.send(stream, Buffer.alloc(200_000), false);
      recorded.feed(raw.request(3));
      return recorded;
    },
  ],
  [
    "a call that sends on though it was told to wait",
    ["maxStreamUnsentBytes"],
    () => {
      const recorded = busy(server({ ...timing({}), limits: { maxStreamUnsentBytes: 100_000 } }));
      const stream = recorded.streams.get(1);
      if (stream === undefined) return expect.unreachable("no stream");
      recorded.connection.respond(stream, OK, false);
      for (let i = 0; i < 3; i++) recorded.connection.send(stream, Buffer.alloc(80_000), false);
      return recorded;
    },
  ],
  [
    "a header list that is too long",
    ["maxHeaderListSize"],
    () => {
      const recorded = server({ ...timing({}), limits: { maxHeaderListSize: 100 } });
      recorded.feed(raw.request(1));
      return recorded;
    },
  ],
  [
    "a header block that is too long",
    ["maxHeaderBlockBytes"],
    () => {
      const recorded = server({ ...timing({}), limits: { maxHeaderBlockBytes: 150 } });
      recorded.feed(continued, continuation);
      return recorded;
    },
  ],
  [
    "CONTINUATION over and over",
    ["maxContinuations"],
    () => {
      const recorded = server({ ...timing({}), limits: { maxContinuations: 2 } });
      recorded.feed(continued, continuation, continuation, continuation);
      return recorded;
    },
  ],
  [
    "too many settings",
    ["maxSettingsEntries"],
    () => {
      const recorded = server({ ...timing({}), limits: { maxSettingsEntries: 1 } });
      recorded.feed(raw.settings([4, 65_535], [4, 65_535]));
      return recorded;
    },
  ],
  [
    "frames that do nothing",
    ["controlBurst"],
    () => {
      const recorded = server({ ...timing({}), limits: { controlBurst: 3 } });
      recorded.feed(many(10, () => raw.settings()));
      return recorded;
    },
  ],
  [
    "calls that are given up",
    ["resetBurst"],
    () => {
      const recorded = server({ ...timing({}), limits: { resetBurst: 1 } });
      recorded.feed(many(10, (i) => Buffer.concat([raw.request(2 * i + 1), raw.reset(2 * i + 1, 8)])));
      return recorded;
    },
  ],
];

test.each(EFFECTS)("%s: told by name", (_what, limits, caused) => {
  const recorded = caused();
  pass(recorded);
  expect(recorded.limited).toEqual(limits);
});

test("a connection that keeps within its limits tells of none", () => {
  const recorded = server();
  for (let id = 1; id < 100; id += 2) {
    recorded.feed(raw.request(id));
    const stream = recorded.streams.get(id);
    if (stream !== undefined) recorded.connection.respond(stream, OK, true);
  }
  recorded.connection.drain(0);
  recorded.feed(raw.ping("draining", true));
  expect([recorded.closing?.kind, recorded.limited]).toEqual(["drained", []]);
});
