/** The Pipeline on a stream of bytes: what is read when, what is answered in which order, how it ends. */
import { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";
import { Metadata, type ServerInterceptingCall, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { PipelineRequest, PipelineResponse } from "../../../gen/ts/onar/kv/v1/kv.js";
import type { Call } from "../../../src/rpc/call/call.js";
import { MAX_PIPELINED, type PipelineHandler, servePipelines } from "../../../src/rpc/call/pipeline.js";
import { Unframer } from "../../../src/wire/grpc-frames.js";
import { decodePipelineRequest } from "../../../src/wire/pipeline.js";
import { decodeDetails } from "../../e2e/clients.js";
import { framed } from "../../e2e/raw.js";

const PATH = "/onar.kv.v1.KeyValueService/Pipeline";
/** The handler has a defect that this request shows. */
const BROKEN = 1_000_000n;
const MAX_MESSAGE_BYTES = 1_000;

type Status = Parameters<ServerInterceptingCall["sendStatus"]>[0];

/** An HTTP/2 stream as grpc-js hands it over: paused, with a listener for its data. */
class Stream extends Duplex {
  readonly written: Buffer[] = [];
  /** The transport takes nothing until this is called. */
  private taken: (() => void) | null = null;
  private held = false;

  constructor() {
    super({ writableHighWaterMark: 1 });
    this.on("data", () => expect.unreachable("grpc-js reads no message"));
    this.pause();
  }

  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    this.taken?.();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    if (this.held) this.taken = done;
    else done();
  }
}

interface Asked {
  readonly tag: bigint;
  readonly call: Call;
  readonly answer: (response?: PipelineResponse["response"]) => void;
}

/** A pipeline whose requests the test answers. */
class Bench {
  readonly stream = new Stream();
  readonly asked: Asked[] = [];
  readonly headers: Metadata[] = [];
  readonly stopping = new AbortController();
  status: Status | null = null;
  cancel: () => void = () => {};

  constructor({ deadline = Number.POSITIVE_INFINITY as Date | number, incomingEncoding = "identity" } = {}) {
    const handle: PipelineHandler = ({ tag }, call, answered) => {
      if (tag === BROKEN) throw new Error("secret");
      const answer = (
        response: PipelineResponse["response"] = { $case: "put", value: { header: undefined, version: 1n } },
      ) => answered({ tag, response });
      this.asked.push({ tag, call, answer });
    };
    const wire = {
      stream: this.stream,
      incomingEncoding,
      getDeadline: () => deadline,
      sendMetadata: (headers: Metadata) => this.headers.push(headers),
      sendStatus: (sent: Status) => {
        this.status = sent;
      },
      start: (listener: Parameters<ServerInterceptingCall["start"]>[0]) => {
        this.cancel = () => listener.onCancel();
        listener.onReceiveMetadata(new Metadata());
      },
    };
    const serve = servePipelines(PATH, {
      handle,
      pathOf: () => PATH,
      tracer: null,
      decode: decodePipelineRequest,
      stopping: this.stopping.signal,
      maxMessageBytes: MAX_MESSAGE_BYTES,
    });
    serve({ path: PATH } as never, wire as never).start({} as never);
  }

  async come(...bytes: readonly (Uint8Array | null)[]): Promise<void> {
    for (const chunk of bytes) this.stream.push(chunk);
    await turns();
  }

  get answers(): bigint[] {
    const unframer = new Unframer();
    unframer.push(Buffer.concat(this.stream.written));
    const tags: bigint[] = [];
    for (let one = unframer.next(); one !== null; one = unframer.next()) tags.push(PipelineResponse.decode(one).tag);
    return tags;
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

const request = (tag: number): Buffer =>
  framed(PipelineRequest.encode(PipelineRequest.create({ tag: BigInt(tag) })).finish());
const requests = (from: number, to: number): Buffer =>
  Buffer.concat(Array.from({ length: to - from + 1 }, (_, i) => request(from + i)));

const OK = { code: status.OK, details: "OK", metadata: null };

describe("a pipeline", () => {
  test("tells by a header, before anything is asked, that it stands", () => {
    const [headers] = new Bench().headers;
    expect(headers?.get("onar-pipeline")).toEqual(["1"]);
  });

  test("ends with a status when the node stops: at once when idle, otherwise once what was read is answered", async () => {
    const idle = new Bench();
    idle.stopping.abort();
    expect(idle.status).toMatchObject({ code: status.UNAVAILABLE });
    const details = RpcStatus.decode(idle.status?.metadata?.get("grpc-status-details-bin")[0] as Buffer);
    expect(decodeDetails(details).info?.reason).toBe("DRAINING");
    const busy = new Bench();
    await busy.come(requests(1, 2));
    busy.stopping.abort();
    busy.asked[0]?.answer();
    await turns();
    expect(busy.status).toBeNull();
    await busy.come(request(3));
    busy.asked[1]?.answer();
    await turns();
    expect([busy.answers, busy.asked.length]).toEqual([[1n, 2n], 2]);
    expect(busy.status).toMatchObject({ code: status.UNAVAILABLE });
  });

  test("ends so, too, once its connection is being ended for its age", async () => {
    const bench = new Bench();
    await bench.come(request(1));
    Object.assign(bench.stream, { session: { closed: true } });
    bench.asked[0]?.answer();
    await turns();
    expect([bench.answers, bench.status?.code]).toEqual([[1n], status.UNAVAILABLE]);
  });

  test("answers in the order in which answers come about, those of a turn in one write", async () => {
    const bench = new Bench();
    await bench.come(requests(1, 3));
    expect(bench.asked.map(({ tag }) => tag)).toEqual([1n, 2n, 3n]);
    bench.asked[2]?.answer();
    bench.asked[0]?.answer();
    await turns();
    expect(bench.answers).toEqual([3n, 1n]);
    expect(bench.stream.written).toHaveLength(1);
  });

  test("takes requests however their bytes are cut", async () => {
    const bench = new Bench();
    for (const byte of requests(1, 2)) await bench.come(Buffer.of(byte));
    expect(bench.asked.map(({ tag }) => tag)).toEqual([1n, 2n]);
  });

  test("ends when all requests came and all answers have left", async () => {
    const bench = new Bench();
    await bench.come(requests(1, 2), null);
    bench.asked[0]?.answer();
    await turns();
    expect(bench.status).toBeNull();
    bench.asked[1]?.answer();
    await turns();
    expect(bench.answers).toEqual([1n, 2n]);
    expect(bench.status).toEqual(OK);
  });

  test("ends at once when nothing was asked", async () => {
    const bench = new Bench();
    await bench.come(null);
    expect(bench.status).toEqual(OK);
  });

  test("reads no further with its bound of requests under way, not even what has come with them", async () => {
    const bench = new Bench();
    await bench.come(requests(1, MAX_PIPELINED + 2));
    expect(bench.asked).toHaveLength(MAX_PIPELINED);
    bench.asked[7]?.answer();
    await turns();
    expect(bench.asked).toHaveLength(MAX_PIPELINED + 1);
    expect(bench.asked.at(-1)?.tag).toBe(BigInt(MAX_PIPELINED + 1));
  });

  test("reads no further while answers are not taken", async () => {
    const bench = new Bench();
    bench.stream.hold();
    await bench.come(request(1));
    bench.asked[0]?.answer();
    await turns();
    await bench.come(request(2));
    expect(bench.asked).toHaveLength(1);
    bench.stream.release();
    await turns();
    expect(bench.asked).toHaveLength(2);
  });

  test("sends nothing more, and asks for nothing more, when its client has gone", async () => {
    const bench = new Bench();
    await bench.come(request(1));
    bench.cancel();
    bench.asked[0]?.answer();
    await bench.come(request(2));
    expect(bench.asked).toHaveLength(1);
    expect(bench.stream.written).toEqual([]);
    expect(bench.status).toBeNull();
  });

  test.each([
    [
      "is too long",
      Buffer.of(0, 0, 0, 3, 233),
      status.RESOURCE_EXHAUSTED,
      "Received message larger than max (1001 vs 1000)",
    ],
    ["is no request", framed(Buffer.of(0xff)), status.INTERNAL, "Error deserializing request"],
    [
      "is compressed in an unknown way",
      Buffer.of(1, 0, 0, 0, 1, 7),
      status.UNIMPLEMENTED,
      'Received message compressed with unsupported encoding "identity"',
    ],
  ])("ends when a message %s; what is under way is not answered", async (_what, bytes, code, details) => {
    const bench = new Bench();
    await bench.come(Buffer.concat([request(1), bytes, request(2)]));
    expect(bench.status).toEqual({ code, details, metadata: null });
    bench.asked[0]?.answer();
    await turns();
    expect(bench.asked).toHaveLength(1);
    expect(bench.stream.written).toEqual([]);
  });

  test("ends with an error when the last message is cut short", async () => {
    const bench = new Bench();
    await bench.come(request(1).subarray(0, 6), null);
    expect(bench.status).toMatchObject({ code: status.INTERNAL, details: "the stream ended within a message" });
  });

  test("takes compressed messages, up to the bound once they are not", async () => {
    const compressed = (bytes: Uint8Array): Buffer => {
      const frame = framed(gzipSync(bytes));
      frame[0] = 1;
      return frame;
    };
    const bench = new Bench({ incomingEncoding: "gzip" });
    await bench.come(compressed(request(9).subarray(5)));
    expect(bench.asked.map(({ tag }) => tag)).toEqual([9n]);
    await bench.come(compressed(Buffer.alloc(MAX_MESSAGE_BYTES + 1)));
    expect(bench.status).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  test("ends with an error that says nothing when a handler fails", async () => {
    const bench = new Bench();
    await bench.come(request(Number(BROKEN)));
    expect(bench.status).toEqual({ code: status.INTERNAL, details: "internal error", metadata: null });
  });
});

/** The timeouts of calls that come at these times, in ms after the beginning of a stream with this deadline; null: none. */
async function timeoutsOf(deadlineMs: number | null, times: readonly number[]): Promise<number[]> {
  const real = { performance: performance.now, date: Date.now };
  let now = 1_000_000;
  performance.now = () => now;
  Date.now = () => now;
  try {
    const bench = new Bench({ deadline: deadlineMs === null ? Number.POSITIVE_INFINITY : new Date(now + deadlineMs) });
    for (const [i, time] of times.entries()) {
      now = 1_000_000 + time;
      await bench.come(request(i));
    }
    return bench.asked.map(({ call }) => call.timeout);
  } finally {
    performance.now = real.performance;
    Date.now = real.date;
  }
}

test("a call of a pipeline has ten seconds, as long as the stream lasts, however long that is", async () => {
  expect(await timeoutsOf(300_000, [0, 61_000, 285_000])).toEqual([10_000, 10_000, 10_000]);
  expect(await timeoutsOf(null, [0, 61_000, 285_000])).toEqual([10_000, 10_000, 10_000]);
});

test("a call of a pipeline that is about to end has what is left of it, less the time that an answer needs", async () => {
  expect(await timeoutsOf(12_000, [0, 4_000])).toEqual([10_000, 7_970]);
});
