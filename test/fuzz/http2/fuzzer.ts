/**
 * Feeds an HTTP/2 machine with mutations of a corpus, and holds it to what must be whatever comes.
 *
 * 1. Nothing is thrown.
 * 2. The same bytes in other chunks give the same events and the same answer.
 * 3. The output is in proportion to the input.
 * 4. Every stream that was begun is closed once by the end of the connection, and no event comes after that.
 */
import { Connection } from "../../../src/http2/connection/connection.js";
import type { Stream, StreamListener } from "../../../src/http2/connection/stream.js";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { headerList } from "../../../src/http2/hpack/header-list.js";
import { judgeHpack } from "./hpack-fuzzer.js";

export interface Seed {
  readonly name: string;
  /** The machine that gets the bytes; `hpack`: the decoder of header blocks alone. */
  readonly role: "client" | "server" | "hpack";
  readonly bytes: Buffer;
}

/** Random numbers from a seed: xorshift, of 32 bits. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e37_79b9) | 1;
  }

  below(bound: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % bound;
  }
}

const OK = headerList([[":status", "200"]]);
const DONE = headerList([["grpc-status", "0"]]);
const ASK = headerList([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a"],
]);
/** An answer has so many bytes. */
const ANSWER = Buffer.alloc(100, "a");
/**
 * As much as may come out for a byte that comes in, and besides: settings and a GOAWAY, and for a client its requests.
 */
const OUT_PER_BYTE = 24;
const OUT_BESIDES = 4_096;
const REQUESTS = 5;

interface Outcome {
  readonly events: readonly string[];
  readonly output: string;
  readonly outputBytes: number;
}

/**
 * Gives the chunks to a fresh machine whose application answers, resets and holds back, by the number of the stream.
 */
function run(role: "client" | "server", chunks: readonly Buffer[]): Outcome {
  const events: string[] = [];
  const begun = new Map<Stream, number>();
  const output: Buffer[] = [];
  let over = false;
  const note = (event: string): void => {
    if (over) throw new Error(`an event after the end: ${event}`);
    events.push(event);
  };
  const listener: StreamListener = {
    headers: (stream, headers) => note(`headers ${stream.id} ${headers.status} ${headers.size}`),
    data: (stream, bytes, start, end) => {
      note(`data ${stream.id} ${bytes.toString("latin1", start, end)}`);
      if (stream.id % 8 !== 5) connection.consume(stream, end - start);
    },
    end: (stream, trailers) => {
      note(`end ${stream.id} ${trailers?.size}`);
      if (role === "server") answer(stream);
    },
    drained: (stream) => note(`drained ${stream.id}`),
    closed: (stream, { kind }) => {
      note(`closed ${stream.id} ${kind}`);
      begun.set(stream, (begun.get(stream) ?? 0) + 1);
    },
  };
  const answer = (stream: Stream): void => {
    if (stream.id % 16 === 7) connection.reset(stream, ERROR_CODE.cancel);
    connection.respond(stream, OK, false);
    connection.send(stream, ANSWER, false);
    connection.trailers(stream, DONE);
  };
  const connection = new Connection(
    {
      role,
      listener: {
        request: (stream, headers) => {
          begun.set(stream, 0);
          note(`request ${stream.id} ${headers.path} ${headers.size}`);
          return listener;
        },
        ready: () => note("ready"),
        available: () => {},
        draining: (code) => note(`draining ${code}`),
        closed: ({ kind, code, message }) => note(`over ${kind} ${code} ${message}`),
        wake: () => {},
      },
    },
    0,
  );
  for (let i = 0; role === "client" && i < REQUESTS; i++) {
    const stream = connection.request(ASK, i % 2 === 0, listener);
    if (stream !== undefined) begun.set(stream, 0);
  }
  const take = (): void => {
    for (;;) {
      const taken = connection.take();
      if (taken.length === 0) return;
      output.push(...taken);
      connection.flushed(0, 0);
    }
  };
  take();
  for (const chunk of chunks) connection.receive(chunk, 0);
  take();
  if (connection.closed?.kind === "failed") throw new Error(`failed: ${connection.closed.message}`);
  connection.lost("the end");
  over = true;
  connection.receive(Buffer.from("more"), 0);
  for (const [stream, times] of begun) {
    if (times !== 1) throw new Error(`stream ${stream.id} was closed ${times} times`);
  }
  const all = Buffer.concat(output);
  return { events, output: all.toString("latin1"), outputBytes: all.length };
}

/** Throws what is wrong with the machine's conduct for these bytes. */
export function judge(role: Seed["role"], bytes: Buffer, chance: Chance): void {
  if (role === "hpack") {
    judgeHpack(bytes);
    return;
  }
  // A copy each time: chunks are kept.
  const whole = run(role, [Buffer.from(bytes)]);
  const allowed = bytes.length * OUT_PER_BYTE + OUT_BESIDES;
  if (whole.outputBytes > allowed) throw new Error(`${whole.outputBytes} bytes out for ${bytes.length} bytes in`);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + chance.below(chance.below(4) === 0 ? 1_000 : 12));
    chunks.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  const cut = run(role, chunks);
  const differing = whole.events.findIndex((event, i) => event !== cut.events[i]);
  if (differing >= 0 || whole.events.length !== cut.events.length) {
    throw new Error(`in pieces: ${cut.events[differing]}, as a whole: ${whole.events[differing]}`);
  }
  if (whole.output !== cut.output) throw new Error("in pieces the answer is another one");
}

const INTERESTING = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xff];

/** A mutation of a seed, or of two. */
export function mutate(seeds: readonly Seed[], seed: Seed, chance: Chance): Buffer {
  let bytes: Buffer = Buffer.from(seed.bytes);
  for (let times = 1 + chance.below(4); times > 0; times--) bytes = mutateOnce(seeds, bytes, chance);
  return bytes.subarray(0, 20_000);
}

function mutateOnce(seeds: readonly Seed[], bytes: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  const length = chance.below(Math.min(64, bytes.length - at + 1));
  switch (chance.below(8)) {
    case 0: {
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.below(8));
      return bytes;
    }
    case 1: {
      if (at < bytes.length) bytes[at] = INTERESTING[chance.below(INTERESTING.length)] ?? 0;
      return bytes;
    }
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case 4: {
      const other = seeds[chance.below(seeds.length)]?.bytes ?? bytes;
      return Buffer.concat([bytes.subarray(0, at), other.subarray(chance.below(other.length + 1))]);
    }
    default:
      return mutateFrame(bytes, chance);
  }
}

/** Changes, repeats or drops one whole frame, so that the mutation is seen behind the framing. */
function mutateFrame(bytes: Buffer, chance: Chance): Buffer {
  const starts: number[] = [];
  const preface = bytes.subarray(0, 3).toString("latin1") === "PRI" ? 24 : 0;
  for (let at = preface; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) starts.push(at);
  const start = starts[chance.below(starts.length || 1)];
  if (start === undefined) return bytes;
  const end = Math.min(bytes.length, start + 9 + bytes.readUIntBE(start, 3));
  const frame = Buffer.from(bytes.subarray(start, end));
  switch (chance.below(6)) {
    case 0:
      frame[3] = chance.below(11);
      break;
    case 1:
      frame[4] = (frame[4] ?? 0) ^ (1 << chance.below(8));
      break;
    case 2:
      frame.writeUInt32BE(chance.below(12), 5);
      break;
    case 3:
      if (frame.length > 9) frame[9 + chance.below(frame.length - 9)] = chance.below(256);
      break;
    case 4: {
      const copies = Array.from({ length: 1 + chance.below(30) }, () => frame);
      return Buffer.concat([bytes.subarray(0, start), ...copies, bytes.subarray(end)]);
    }
    default:
      return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  }
  return Buffer.concat([bytes.subarray(0, start), frame, bytes.subarray(end)]);
}

/** A corpus file: lines of `role name hex`; empty lines and those that begin with # are left out. */
export function parseCorpus(text: string): Seed[] {
  return text.split("\n").flatMap((line) => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    const [role, name, hex] = line.split(" ");
    if ((role !== "client" && role !== "server" && role !== "hpack") || name === undefined || hex === undefined) {
      throw new Error(`not a line of a corpus: ${line}`);
    }
    return [{ role, name, bytes: Buffer.from(hex, "hex") }];
  });
}
