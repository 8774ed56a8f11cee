/**
 * Streams of frames between nodes, over real connections: what is said arrives, whole and in order, and every end is
 * told, once, to both.
 */

import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer, type Server as TcpServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Admission, MAX_STRANGER_FRAME_BYTES } from "../../../src/rpc/peers/admission.js";
import { DialedStream } from "../../../src/rpc/peers/dialed-stream.js";
import type { FrameEvents, FrameStream } from "../../../src/rpc/peers/frame-stream.js";
import { PeerServer } from "../../../src/rpc/peers/peer-server.js";
import { CONNECT_PATH, MAX_FRAME_BYTES, WINDOW_BYTES } from "../../../src/rpc/peers/peer-service.js";
import { LimitCounts } from "../../../src/rpc/transport/limit-counts.js";
import { prefixOf } from "../../../src/wire/grpc-frames.js";
import { connectMethod, FormerStream, formerClient, formerServer } from "./former-peers.js";

vi.setConfig({ testTimeout: 20_000 });

class Side implements FrameEvents {
  readonly frames: string[] = [];
  ends = 0;

  frame(bytes: Buffer): void {
    this.frames.push(bytes.toString());
  }

  ended(): void {
    this.ends++;
  }
}

let server: PeerServer;
let address: string;
/** The accepting side's answer to a stream. */
let accept: (stream: FrameStream) => FrameEvents;
const dialed: FrameStream[] = [];

beforeEach(async () => {
  const notAskedFor = (): never => {
    throw new Error("not asked for here");
  };
  const connect = (stream: FrameStream): FrameEvents => accept(stream);
  server = new PeerServer({ found: notAskedFor, connect }, new Admission(() => {}), new LimitCounts());
  address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
});
afterEach(() => {
  for (const stream of dialed.splice(0)) stream.cut();
  server.close();
});

function dial(events: FrameEvents, to = address): FrameStream {
  const stream = new DialedStream(to, events);
  dialed.push(stream);
  return stream;
}

const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 5 });

/** Two ends of one stream. */
async function connected(): Promise<{ near: Side; far: Side; dialing: FrameStream; accepting: FrameStream }> {
  const near = new Side();
  const far = new Side();
  let accepting: FrameStream | null = null;
  accept = (stream) => {
    accepting = stream;
    stream.trust();
    return far;
  };
  const dialing = dial(near);
  dialing.trust();
  dialing.write(Buffer.from("hello"));
  await eventually(() => expect(far.frames).toEqual(["hello"]));
  if (accepting === null) throw new Error("nothing was accepted");
  return { near, far, dialing, accepting };
}

describe("a stream of frames", () => {
  test("carries what both sides say, whole and in order, whatever its length, and tells what is not taken yet", async () => {
    const { near, far, dialing, accepting } = await connected();
    const lengths = [0, 1, 5, 70_000, 1_500_000, 3, 300_000];
    for (const [i, length] of lengths.entries()) {
      const frame = Buffer.alloc(length, 97 + i);
      dialing.write(frame);
      accepting.write(frame);
    }
    expect(Math.min(dialing.unsentBytes, accepting.unsentBytes)).toBeGreaterThan(0);
    const expected = lengths.map((length, i) => Buffer.alloc(length, 97 + i).toString());
    await eventually(() => expect(near.frames.length + far.frames.length).toBe(2 * lengths.length + 1));
    expect(near.frames).toEqual(expected);
    expect(far.frames).toEqual(["hello", ...expected]);
    expect([dialing.unsentBytes, accepting.unsentBytes]).toEqual([0, 0]);
    expect([near.ends, far.ends]).toEqual([0, 0]);
  });

  test("has room for megabytes under way, to either side", async () => {
    const asked = withResolvers<number | undefined>();
    const other = createHttp2Server().on("session", (session) => {
      session.on("remoteSettings", ({ initialWindowSize }) => asked.resolve(initialWindowSize));
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    dial(new Side(), `127.0.0.1:${(other.address() as AddressInfo).port}`);
    const session = connectHttp2(`http://${address}`);
    const told = await new Promise<number | undefined>((resolve) =>
      session.on("remoteSettings", ({ initialWindowSize }) => resolve(initialWindowSize)),
    );
    expect([await asked.promise, told]).toEqual([WINDOW_BYTES, WINDOW_BYTES]);
    session.destroy();
    other.close();
  });

  test("that is cut at each moment of connecting ends once, and throws nothing that nobody can catch", async () => {
    const uncaught: unknown[] = [];
    const remember = (error: unknown): void => void uncaught.push(error);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", remember);
    try {
      accept = () => new Side();
      for (let turns = 0; turns < 120; turns++) {
        const near = new Side();
        const dialing = dial(near);
        dialing.trust();
        for (let turn = 0; turn < turns % 40; turn++) {
          await (turns % 2 === 0 ? new Promise(setImmediate) : Promise.resolve());
        }
        if (turns % 4 < 2) await new Promise<void>((resolve) => process.nextTick(resolve));
        dialing.cut();
        expect(near.ends).toBe(1);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      process.removeListener("uncaughtException", remember);
      for (const other of others) process.on("uncaughtException", other);
    }
    expect(uncaught).toEqual([]);
  });

  test.each(["dialing", "accepting"] as const)("that is cut by the %s side ends once on both", async (who) => {
    const sides = await connected();
    sides[who].cut();
    sides[who].cut();
    await eventually(() => expect([sides.near.ends, sides.far.ends]).toEqual([1, 1]));
    for (const stream of [sides.dialing, sides.accepting]) {
      stream.write(Buffer.from("too late"));
      stream.end();
      stream.cut();
      expect([stream.writable, stream.unsentBytes]).toEqual([false, 0]);
    }
    await sleep(50);
    expect([sides.near.ends, sides.far.ends]).toEqual([1, 1]);
    expect([...sides.near.frames, ...sides.far.frames]).toEqual(["hello"]);
  });

  test.each(["dialing", "accepting"] as const)("that the %s side ends brings its last words first", async (who) => {
    const sides = await connected();
    sides[who].write(Buffer.from("goodbye"));
    sides[who].end();
    await eventually(() => expect([sides.near.ends, sides.far.ends]).toEqual([1, 1]));
    expect((who === "dialing" ? sides.far : sides.near).frames.at(-1)).toBe("goodbye");
  });

  test("that was refused hears nothing more of the other side", async () => {
    const near = new Side();
    const heard: string[] = [];
    accept = (stream) => ({
      frame: (bytes) => {
        heard.push(bytes.toString());
        stream.write(Buffer.from("no"));
        stream.end();
      },
      ended: () => heard.push("end"),
    });
    const dialing = dial(near);
    for (const word of ["one", "two", "three"]) dialing.write(Buffer.from(word));
    await eventually(() => expect([heard.at(-1), near.ends]).toEqual(["end", 1]));
    expect(heard).toEqual(["one", "end"]);
    expect(near.frames).toEqual(["no"]);
  });

  test("ends when the node at the other end goes", async () => {
    const { near, far } = await connected();
    server.close();
    await eventually(() => expect([near.ends, far.ends]).toEqual([1, 1]));
  });

  test("ends when nobody is there", async () => {
    server.close();
    const near = new Side();
    dial(near).write(Buffer.from("hello"));
    await eventually(() => expect(near.ends).toBe(1));
    expect(near.frames).toEqual([]);
  });

  test("ends when the other end is silent, or speaks something else", async () => {
    const others: TcpServer[] = [
      createServer(() => {}),
      createServer((socket) => socket.end("HTTP/1.1 400 Bad\r\n\r\n")),
    ];
    const sides = await Promise.all(
      others.map(async (other) => {
        await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
        const side = new Side();
        dial(side, `127.0.0.1:${(other.address() as AddressInfo).port}`).write(Buffer.from("hello"));
        return side;
      }),
    );
    await eventually(() => expect(sides.map(({ ends }) => ends)).toEqual([1, 1]));
    for (const other of others) other.close();
  });

  test("with a frame that is too long, or compressed, is cut", async () => {
    const compressed = Buffer.from([1, 0, 0, 0, 1]);
    for (const prefix of [prefixOf(MAX_FRAME_BYTES + 1), compressed]) {
      const far = new Side();
      accept = (stream) => {
        stream.trust();
        return far;
      };
      const near = new Side();
      const dialing = new FormerStream(address, near);
      dialing.write(Buffer.from("hello"));
      // Past the frames, as no node of ours would.
      const { stream } = dialing as unknown as { stream: { write(bytes: Buffer): void } };
      stream.write(Buffer.concat([prefix, Buffer.alloc(1)]));
      await eventually(() => expect([near.ends, far.ends]).toEqual([1, 1]));
      expect(far.frames).toEqual(["hello"]);
    }
  });

  test("of somebody who is not known yet has short frames", async () => {
    const far = new Side();
    accept = () => far;
    const near = new Side();
    const dialing = dial(near);
    dialing.write(Buffer.alloc(MAX_STRANGER_FRAME_BYTES, 97));
    dialing.write(Buffer.alloc(MAX_STRANGER_FRAME_BYTES + 1, 97));
    await eventually(() => expect([near.ends, far.ends]).toEqual([1, 1]));
    expect(far.frames.map(({ length }) => length)).toEqual([MAX_STRANGER_FRAME_BYTES]);
  });

  test("that the other side does not take is cut at once, and what waits is let go", async () => {
    let accepting: FrameStream | null = null;
    const far = new Side();
    accept = (stream) => {
      accepting = stream;
      return far;
    };
    const session = connectHttp2(`http://${address}`);
    session.on("error", () => {});
    const call = session.request({
      ":method": "POST",
      ":path": CONNECT_PATH,
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.on("error", () => {});
    call.write(Buffer.concat([prefixOf(1), Buffer.from("a")]));
    await eventually(() => expect(far.frames).toEqual(["a"]));
    const stream = accepting as FrameStream | null;
    for (let i = 0; i < 10; i++) stream?.write(Buffer.alloc(1 << 20));
    // Nobody reads: most of it waits here.
    await sleep(50);
    expect(stream?.unsentBytes).toBeGreaterThan(8 << 20);
    stream?.cut();
    expect([stream?.unsentBytes, far.ends]).toEqual([0, 1]);
    await eventually(() => expect(call.closed).toBe(true));
    session.destroy();
  });

  test.each(["dialing", "accepting"] as const)("says on the %s side whether the other process answers", async (who) => {
    const sides = await connected();
    const asked = (): Promise<boolean> => new Promise((resolve) => sides[who].ping(5_000, resolve));
    expect(await asked()).toBe(true);
    sides[who].cut();
    expect(await asked()).toBe(false);
  });

  test("is a gRPC call like any other to who calls it by gRPC", async () => {
    const far = new Side();
    accept = (stream) => ({
      frame: (bytes) => {
        far.frame(bytes);
        stream.write(Buffer.concat([bytes, Buffer.from("!")]));
      },
      ended: () => far.ended(),
    });
    const client = formerClient(address);
    const { path, requestSerialize, responseDeserialize } = connectMethod;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const answers: string[] = [];
    call.on("data", (bytes: Buffer) => answers.push(bytes.toString()));
    const status = new Promise<number>((resolve) => call.on("status", ({ code }) => resolve(code)));
    call.write(Buffer.from("one"));
    call.write(Buffer.from("two"));
    call.end();
    expect(await status).toBe(0);
    expect(answers).toEqual(["one!", "two!"]);
    expect(far.ends).toBe(1);
    client.close();
  });
});

function withResolvers<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const LENGTHS = [0, 1, 5, 70_000, 1_500_000, 3, 300_000];
const letters = (): Buffer[] => LENGTHS.map((length, i) => Buffer.alloc(length, 97 + i));

describe("nodes of this version and of the one before", () => {
  test("hear each other when the older one dials", async () => {
    const far = new Side();
    accept = (stream) => ({
      frame: (bytes) => {
        if (far.frames.length === 0) stream.trust();
        far.frame(bytes);
        stream.write(Buffer.from(bytes));
      },
      ended: () => far.ended(),
    });
    const near = new Side();
    // Asks much more often than they did.
    const dialing = new FormerStream(address, near, 250);
    const said = [Buffer.from("hello"), ...letters()];
    for (const frame of said) dialing.write(frame);
    await eventually(() => expect(near.frames.length).toBe(said.length));
    expect(near.frames).toEqual(said.map(String));
    expect(far.frames).toEqual(near.frames);
    await sleep(1_500);
    expect([near.ends, far.ends]).toEqual([0, 0]);
    dialing.end();
    await eventually(() => expect([near.ends, far.ends]).toEqual([1, 1]));
  });

  test.each(["dialing", "accepting"] as const)(
    "hear each other when the newer one dials, until the %s side ends it",
    async (who) => {
      const heard: string[] = [];
      let there: ServerDuplexStream<Buffer, Buffer> | null = null;
      let over = false;
      const former = await formerServer({
        found: () => expect.fail(),
        connect: (stream) => {
          there = stream;
          stream.on("data", (bytes: Buffer) => {
            heard.push(bytes.toString());
            stream.write(bytes);
          });
          stream.on("end", () => {
            over = true;
            stream.end();
          });
          stream.on("cancelled", () => {
            over = true;
          });
        },
      });
      const near = new Side();
      const dialing = dial(near, former.address);
      dialing.trust();
      for (const frame of letters()) dialing.write(frame);
      await eventually(() => expect(near.frames.length).toBe(LENGTHS.length));
      expect(near.frames).toEqual(letters().map(String));
      expect(heard).toEqual(near.frames);
      if (who === "dialing") dialing.cut();
      else (there as ServerDuplexStream<Buffer, Buffer> | null)?.end();
      await eventually(() => expect([near.ends, over]).toEqual([1, true]));
      former.server.forceShutdown();
    },
  );
});
