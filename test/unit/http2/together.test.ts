/**
 * Random calls drive a client machine and a server machine against each other, over a network that cuts as it likes.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Connection } from "../../../src/http2/connection/connection.js";
import type { Limits } from "../../../src/http2/connection/limits.js";
import type { Stream, StreamEnd, StreamListener } from "../../../src/http2/connection/stream.js";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { type HeaderList, headerList } from "../../../src/http2/hpack/header-list.js";

/** The course of one call: sizes of the pieces of request and response, and whether somebody gives it up midway. */
interface Call {
  readonly ask: readonly number[];
  readonly answer: readonly number[];
  readonly giveUp: "nobody" | "client" | "server";
  readonly trailers: boolean;
  /** The response begins with the request, not after its end. */
  readonly early: boolean;
}

interface World {
  readonly calls: readonly Call[];
  /** By which the two ends take turns: how many bytes of the network's are delivered, and when calls begin. */
  readonly schedule: readonly number[];
  readonly clientLimits: Partial<Limits>;
  readonly serverLimits: Partial<Limits>;
}

const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 40_000 })), {
  maxLength: 4,
});
const call: fc.Arbitrary<Call> = fc.record({
  ask: sizes,
  answer: sizes,
  giveUp: fc.oneof({ weight: 6, arbitrary: fc.constant("nobody" as const) }, fc.constantFrom("client", "server")),
  trailers: fc.boolean(),
  early: fc.boolean(),
});
const limits = fc.record({
  initialWindowSize: fc.constantFrom(65_535, 262_144),
  initialConnWindowSize: fc.constantFrom(65_535, 1_048_576),
  maxConcurrentStreams: fc.constantFrom(1, 3, 1_000),
  headerTableSize: fc.constantFrom(0, 100, 4_096),
  writeBufferSize: fc.constantFrom(1_000, 262_144),
  sendBufferBytes: fc.constantFrom(100, 65_536),
  closedStreamMemory: fc.constantFrom(16, 128),
});
const world: fc.Arbitrary<World> = fc.record({
  calls: fc.array(call, { minLength: 1, maxLength: 12 }),
  // A large piece at the end, so that a run does not take thousands of small ones.
  schedule: fc
    .array(fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 70_000 })), { maxLength: 20 })
    .map((pieces) => [...pieces, 100_000]),
  clientLimits: limits,
  serverLimits: limits,
});

const bodyOf = (call: number, side: number, sizes: readonly number[]): Buffer =>
  Buffer.concat(sizes.map((size, piece) => Buffer.alloc(size, call * 31 + side * 7 + piece)));

/** Sends pieces as far as it is let, and then what ends them. */
class Sender {
  #piece = 0;
  readonly #connection: () => Connection;
  readonly #pieces: readonly Buffer[];
  readonly #finish: (stream: Stream) => void;

  constructor(connection: () => Connection, pieces: readonly Buffer[], finish: (stream: Stream) => void) {
    this.#connection = connection;
    this.#pieces = pieces;
    this.#finish = finish;
  }

  go(stream: Stream): void {
    while (this.#piece < this.#pieces.length && !stream.closed) {
      const piece = this.#pieces[this.#piece++] ?? Buffer.alloc(0);
      if (!this.#connection().send(stream, piece, false)) return;
    }
    if (!stream.closed && !stream.endsAfter && !stream.localEnded) this.#finish(stream);
  }
}

interface Seen {
  head: HeaderList | undefined;
  readonly body: Buffer[];
  ended: boolean;
  trailers: HeaderList | undefined;
  readonly closed: StreamEnd[];
}
const nothing = (): Seen => ({ head: undefined, body: [], ended: false, trailers: undefined, closed: [] });

/** Runs the world to its end and returns what both sides have seen of each call. */
function run({ calls, schedule, clientLimits, serverLimits }: World) {
  const atClient = calls.map(nothing);
  const atServer = calls.map(nothing);
  const sides: { client?: Connection; server?: Connection } = {};
  const client = (): Connection => sides.client ?? expect.unreachable();
  const server = (): Connection => sides.server ?? expect.unreachable();

  const listen = (
    seen: Seen,
    side: () => Connection,
    sender: Sender,
    onEnd: (stream: Stream) => void,
  ): StreamListener => ({
    headers: (_stream, headers) => {
      if (headers.status >= 200) seen.head = headers;
    },
    data: (stream, bytes, start, end) => {
      seen.body.push(Buffer.from(bytes.subarray(start, end)));
      side().consume(stream, end - start);
    },
    end: (stream, trailers) => {
      expect(seen.ended).toBe(false);
      seen.ended = true;
      seen.trailers = trailers;
      onEnd(stream);
    },
    drained: (stream) => sender.go(stream),
    closed: (_stream, end) => {
      seen.closed.push(end);
    },
  });
  const quiet = { ready: () => {}, available: () => {}, draining: () => {}, wake: () => {} };
  const neverRequested = { request: (): StreamListener => expect.unreachable("a request at a client") };
  const closings: string[] = [];

  sides.server = new Connection(
    {
      role: "server",
      limits: serverLimits,
      listener: {
        ...quiet,
        closed: ({ kind, message }) => closings.push(`server ${kind} ${message}`),
        request: (stream, headers) => {
          const index = Number(headers.path.slice(1));
          const planned = calls[index] ?? expect.unreachable();
          const seen = atServer[index] ?? expect.unreachable();
          seen.head = headers;
          const pieces = planned.answer.map((size, piece) => Buffer.alloc(size, index * 31 + 7 + piece));
          const sender = new Sender(server, pieces, (ending) => {
            if (planned.giveUp === "server") server().reset(ending, ERROR_CODE.internalError);
            else if (planned.trailers) server().trailers(ending, headerList([["number", `${index}`]]));
            else server().send(ending, Buffer.alloc(0), true);
          });
          const answer = (answered: Stream): void => {
            server().respond(answered, headerList([[":status", "200"]]), false, headerList([["call", `${index}`]]));
            sender.go(answered);
          };
          // An early answer that ends would cut the request short: it begins early and ends with the rest.
          if (planned.early) server().respond(stream, headerList([[":status", "100"]]), false);
          return listen(seen, server, sender, answer);
        },
      },
    },
    0,
  );
  sides.client = new Connection(
    {
      role: "client",
      limits: clientLimits,
      listener: {
        ...quiet,
        ...neverRequested,
        closed: ({ kind, message }) => closings.push(`client ${kind} ${message}`),
      },
    },
    0,
  );

  const waiting = calls.map((_, index) => index);
  const begin = (): void => {
    while (waiting.length > 0 && client().openable > 0) {
      const index = waiting.shift() ?? 0;
      const planned = calls[index] ?? expect.unreachable();
      const pieces = planned.ask.map((size, piece) => Buffer.alloc(size, index * 31 + piece));
      const sender = new Sender(client, pieces, (ending) => {
        if (planned.giveUp === "client") client().reset(ending, ERROR_CODE.cancel);
        else client().send(ending, Buffer.alloc(0), true);
      });
      const shared = headerList([
        [":method", "POST"],
        [":scheme", "http"],
        [":path", `/${index}`],
        [":authority", "somebody"],
        ["user-agent", "x".repeat(index * 20)],
      ]);
      const seen = atClient[index] ?? expect.unreachable();
      const stream = client().request(
        shared,
        false,
        listen(seen, client, sender, () => {}),
        headerList([["call", `${index}`]]),
      );
      if (stream !== undefined) sender.go(stream);
    }
  };

  const wires = { toServer: Buffer.alloc(0), toClient: Buffer.alloc(0) };
  /** Takes what an end says; the network takes all of it at once. */
  const collect = (): void => {
    for (;;) {
      const fromClient = client().take();
      const fromServer = server().take();
      if (fromClient.length + fromServer.length === 0) return;
      wires.toServer = Buffer.concat([wires.toServer, ...fromClient]);
      wires.toClient = Buffer.concat([wires.toClient, ...fromServer]);
      client().flushed(0, 0);
      server().flushed(0, 0);
    }
  };
  for (let step = 0; step < 100_000; step++) {
    begin();
    collect();
    const size = schedule[step % schedule.length] ?? 1;
    const idle = wires.toServer.length + wires.toClient.length === 0;
    if (idle && (waiting.length === 0 || client().closed !== undefined)) break;
    expect(server().streams).toBeLessThanOrEqual(serverLimits.maxConcurrentStreams ?? 1_000);
    // A copy each: a chunk must not change later.
    const toServer = Buffer.from(wires.toServer.subarray(0, size));
    wires.toServer = wires.toServer.subarray(size);
    if (toServer.length > 0) server().receive(toServer, 0);
    const toClient = Buffer.from(wires.toClient.subarray(0, size));
    wires.toClient = wires.toClient.subarray(size);
    if (toClient.length > 0) client().receive(toClient, 0);
  }
  return { atClient, atServer, closings, client: client(), server: server(), waiting };
}

describe("client and server", () => {
  test("bring every call to its end, with what was sent, whatever the network's pieces and the limits", () => {
    fc.assert(
      fc.property(world, (w) => {
        const { atClient, atServer, closings, client, server, waiting } = run(w);
        expect(closings).toEqual([]);
        expect(waiting).toEqual([]);
        expect(client.streams + server.streams).toBe(0);
        for (const [index, { ask, answer, giveUp, trailers }] of w.calls.entries()) {
          const mine = atClient[index] ?? expect.unreachable();
          const theirs = atServer[index] ?? expect.unreachable();
          expect(mine.closed.length).toBe(1);
          const refused = mine.closed[0]?.kind === "reset" && mine.closed[0].code === ERROR_CODE.refusedStream;
          // A request that was refused was never shown to the server's application.
          expect(theirs.closed.length).toBe(refused || theirs.head === undefined ? 0 : 1);
          if (refused) continue;
          expect(theirs.head?.get("call")).toBe(theirs.head === undefined ? undefined : `${index}`);
          if (giveUp !== "client") expect(Buffer.concat(theirs.body).equals(bodyOf(index, 0, ask))).toBe(true);
          if (giveUp !== "nobody") {
            expect(mine.closed[0]).toMatchObject({ kind: "reset", by: giveUp === "client" ? "here" : "peer" });
            continue;
          }
          expect(mine.closed[0]).toEqual({ kind: "ended" });
          expect(mine.head?.status).toBe(200);
          expect(mine.head?.get("call")).toBe(`${index}`);
          expect(Buffer.concat(mine.body).equals(bodyOf(index, 1, answer))).toBe(true);
          expect(mine.trailers?.get("number")).toBe(trailers ? `${index}` : undefined);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("see the same in a call, however the bytes are cut", () => {
    fc.assert(
      fc.property(world, (w) => {
        const whole = run({ ...w, schedule: [1_000_000] });
        const cut = run(w);
        const shape = ({ head, body, trailers, closed }: Seen) => ({
          status: head?.status,
          body: Buffer.concat(body).toString("base64"),
          trailers: trailers?.fields.map(({ name, value }) => [name, value]),
          closed,
        });
        const calls = w.calls.map((call, i) => [call, i] as const);
        // The part that was received of a call that was given up depends on when; so does which calls find no place.
        const settled = calls.filter(([{ giveUp }]) => giveUp === "nobody").map(([, i]) => i);
        const ended = settled.filter((i) => [whole, cut].every((r) => r.atClient[i]?.closed[0]?.kind === "ended"));
        for (const i of ended) {
          expect(shape(cut.atClient[i] ?? nothing())).toEqual(shape(whole.atClient[i] ?? nothing()));
          expect(shape(cut.atServer[i] ?? nothing())).toEqual(shape(whole.atServer[i] ?? nothing()));
        }
      }),
      { numRuns: 15 },
    );
  });
});
