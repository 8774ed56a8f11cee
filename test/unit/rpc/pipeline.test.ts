/**
 * The Pipeline: what is read when, what is answered in which order, how it ends. For its bytes see
 * grpc-js-conversation.test.ts.
 */
import { describe, expect, test } from "vitest";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { GetResponse, PipelineRequest, PipelineResponse } from "../../../gen/ts/onar/kv/v1/kv.js";
import { Metadata } from "../../../src/grpc/metadata/metadata.js";
import type { Call as GrpcCall } from "../../../src/grpc/server/call.js";
import type { Conversation, ConversationHandler } from "../../../src/grpc/server/conversation.js";
import type { GrpcError } from "../../../src/grpc/status.js";
import { STATUS } from "../../../src/grpc/status.js";
import type { Call } from "../../../src/rpc/call/call.js";
import { MAX_PIPELINED, type PipelineHandler, pipelineRoute } from "../../../src/rpc/call/pipeline.js";
import { Unframer } from "../../../src/wire/grpc-frames.js";
import { decodeDetails } from "../../e2e/clients.js";

const PATH = "/onar.kv.v1.KeyValueService/Pipeline";

interface Asked {
  readonly tag: bigint;
  readonly call: Call;
  readonly answer: (response?: PipelineResponse["response"]) => void;
}

/** A pipeline whose requests the test answers, and whose transport it is. */
class Bench implements Conversation<PipelineResponse> {
  readonly asked: Asked[] = [];
  readonly headers = new Metadata();
  headersSent = 0;
  readonly stopping = new AbortController();
  readonly written: Buffer[] = [];
  isDraining = false;
  isFull = false;
  /** The transport takes one piece, and is full then. */
  held = false;
  status: GrpcError | "OK" | null = null;
  private readonly incoming: PipelineRequest[] = [];
  private paused = false;
  private readonly handler: ConversationHandler<PipelineRequest>;
  private readonly route;

  constructor({ deadlineAt = Number.POSITIVE_INFINITY } = {}) {
    const handle: PipelineHandler = ({ tag }, call, answered) => {
      const answer = (
        response: PipelineResponse["response"] = { $case: "put", value: { header: undefined, version: 1n } },
      ) => answered({ tag, response });
      this.asked.push({ tag, call, answer });
    };
    this.route = pipelineRoute(PATH, { handle, pathOf: () => PATH, tracer: null, stopping: this.stopping.signal });
    const call: Partial<GrpcCall> = {
      deadlineAt,
      responseHeaders: this.headers,
      sendHeaders: () => {
        this.headersSent++;
      },
    };
    this.call = call as GrpcCall;
    this.handler = this.route.handle(this);
  }

  readonly call: GrpcCall;

  pause(): void {
    this.paused = true;
  }

  // A pipeline has no use for the rest.
  readonly unsentBytes = 0;
  push(): void {}
  allow(): void {}
  ping(): boolean {
    return false;
  }
  cut(): void {}

  resume(): void {
    this.paused = false;
    this.read();
  }

  send(responses: readonly PipelineResponse[]): number {
    if (this.isFull) return 0;
    return this.route.frame(responses, (framed) => {
      this.written.push(Buffer.from(framed));
      this.isFull = this.held;
      return !this.isFull;
    });
  }

  end(failure?: GrpcError): void {
    this.status = failure ?? "OK";
    this.handler.closed();
  }

  release(): void {
    this.held = false;
    this.isFull = false;
    this.handler.drained();
  }

  cancel(): void {
    this.handler.closed();
  }

  /** null: the client has said all. */
  async come(...tags: readonly (number | null)[]): Promise<void> {
    for (const tag of tags) if (tag !== null) this.incoming.push(PipelineRequest.create({ tag: BigInt(tag) }));
    this.read();
    if (tags.at(-1) === null) this.handler.ended();
    await turns();
  }

  private read(): void {
    while (!this.paused && this.status === null) {
      const request = this.incoming.shift();
      if (request === undefined) return;
      this.handler.message(request);
    }
  }

  get answers(): bigint[] {
    const unframer = new Unframer();
    unframer.push(Buffer.concat(this.written));
    const tags: bigint[] = [];
    for (let one = unframer.next(); one !== null; one = unframer.next()) tags.push(PipelineResponse.decode(one).tag);
    return tags;
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe("a pipeline", () => {
  test("tells by a header, before anything is asked, that it stands", () => {
    const bench = new Bench();
    expect([bench.headers.get("onar-pipeline"), bench.headersSent]).toEqual(["1", 1]);
  });

  test("ends with a status when the node stops: at once when idle, otherwise once what was read is answered (P4)", async () => {
    const idle = new Bench();
    idle.stopping.abort();
    expect(idle.status).toMatchObject({ code: STATUS.unavailable });
    const { details } = idle.status as GrpcError;
    expect(decodeDetails(RpcStatus.decode(details ?? Buffer.alloc(0))).info?.reason).toBe("DRAINING");
    const busy = new Bench();
    await busy.come(1, 2);
    busy.stopping.abort();
    busy.asked[0]?.answer();
    await turns();
    expect(busy.status).toBeNull();
    await busy.come(3);
    busy.asked[1]?.answer();
    await turns();
    expect([busy.answers, busy.asked.length]).toEqual([[1n, 2n], 2]);
    expect(busy.status).toMatchObject({ code: STATUS.unavailable });
  });

  test("ends so, too, once its connection is being ended for its age", async () => {
    const bench = new Bench();
    await bench.come(1);
    bench.isDraining = true;
    bench.asked[0]?.answer();
    await turns();
    expect([bench.answers, (bench.status as GrpcError).code]).toEqual([[1n], STATUS.unavailable]);
  });

  test("answers in the order in which answers come about, those of a turn in one write (P2)", async () => {
    const bench = new Bench();
    await bench.come(1, 2, 3);
    expect(bench.asked.map(({ tag }) => tag)).toEqual([1n, 2n, 3n]);
    bench.asked[2]?.answer();
    bench.asked[0]?.answer();
    await turns();
    expect(bench.answers).toEqual([3n, 1n]);
    expect(bench.written).toHaveLength(1);
  });

  test("ends when all requests came and all answers have left (P3)", async () => {
    const bench = new Bench();
    await bench.come(1, 2, null);
    bench.asked[0]?.answer();
    await turns();
    expect(bench.status).toBeNull();
    bench.asked[1]?.answer();
    await turns();
    expect(bench.answers).toEqual([1n, 2n]);
    expect(bench.status).toBe("OK");
  });

  test("ends at once when nothing was asked", async () => {
    const bench = new Bench();
    await bench.come(null);
    expect(bench.status).toBe("OK");
  });

  test("reads no further with its bound of requests under way, not even what has come with them (P1)", async () => {
    const bench = new Bench();
    await bench.come(...upTo(MAX_PIPELINED + 2));
    expect(bench.asked).toHaveLength(MAX_PIPELINED);
    bench.asked[7]?.answer();
    await turns();
    expect(bench.asked).toHaveLength(MAX_PIPELINED + 1);
    expect(bench.asked.at(-1)?.tag).toBe(BigInt(MAX_PIPELINED + 1));
  });

  test("reads no further while answers are not taken, and keeps those that come meanwhile", async () => {
    const bench = new Bench();
    bench.held = true;
    await bench.come(1, 2);
    bench.asked[0]?.answer();
    await turns();
    bench.asked[1]?.answer();
    await bench.come(3);
    expect([bench.answers, bench.asked.length]).toEqual([[1n], 3]);
    await bench.come(4);
    expect(bench.asked).toHaveLength(3);
    bench.release();
    await turns();
    expect([bench.answers, bench.asked.length]).toEqual([[1n, 2n], 4]);
  });

  test("hands on of many long answers no more than the transport takes", async () => {
    const bench = new Bench();
    bench.held = true;
    await bench.come(...upTo(64));
    const entry = { value: Buffer.alloc(200_000), version: 1n };
    for (const { answer } of bench.asked) answer({ $case: "get", value: GetResponse.create({ entry }) });
    await turns();
    expect(bench.answers.length).toBeLessThan(4);
    bench.release();
    await turns();
    expect(bench.answers).toEqual(upTo(64).map(BigInt));
  });

  test("sends nothing more, and asks for nothing more, when its client has gone", async () => {
    const bench = new Bench();
    await bench.come(1);
    bench.cancel();
    bench.asked[0]?.answer();
    await bench.come(2);
    expect(bench.asked).toHaveLength(1);
    expect(bench.written).toEqual([]);
    expect(bench.status).toBeNull();
  });
});

/**
 * The timeouts of calls that come at these times, in ms after the beginning of a stream with this deadline; null: none.
 */
async function timeoutsOf(deadlineMs: number | null, times: readonly number[]): Promise<number[]> {
  const real = { performance: performance.now, date: Date.now };
  let now = 1_000_000;
  performance.now = () => now;
  Date.now = () => now;
  try {
    const bench = new Bench({ deadlineAt: deadlineMs === null ? Number.POSITIVE_INFINITY : now + deadlineMs });
    for (const [i, time] of times.entries()) {
      now = 1_000_000 + time;
      await bench.come(i);
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
