/**
 * The Pipeline stream: many calls under way, answers as they finish, errors that end nothing, and clients that leave in
 * the middle.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { Metadata } from "nice-grpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Presence } from "../../gen/ts/onar/kv/v1/common.js";
import { Execution } from "../../gen/ts/onar/kv/v1/error.js";
import { PipelineRequest, PipelineResponse } from "../../gen/ts/onar/kv/v1/kv.js";
import { Unframer } from "../../src/wire/grpc-frames.js";
import { answerOf, decodeDetails, type NodeClients } from "./clients.js";
import { Cluster, eventually, type Node } from "./harness.js";
import { framed, RawClient } from "./raw.js";

type Call = NonNullable<Parameters<NodeClients["kv"]["pipeline"]>[0] extends AsyncIterable<infer T> ? T : never>;

/** A pipeline that is written to and read from at will. */
class Pipeline {
  private readonly queue: Call[] = [];
  private wake: (() => void) | null = null;
  private ended = false;
  private readonly abort = new AbortController();
  private readonly answers: AsyncIterator<PipelineResponse>;

  constructor(clients: NodeClients, metadata = Metadata()) {
    this.answers = clients.kv
      .pipeline(this.requests(), { signal: this.abort.signal, metadata })
      [Symbol.asyncIterator]();
  }

  send(...calls: Call[]): void {
    this.queue.push(...calls);
    this.wake?.();
  }

  /** No more calls; answers still come. */
  end(): void {
    this.ended = true;
    this.wake?.();
  }

  cancel(): void {
    this.abort.abort();
  }

  async next(): Promise<PipelineResponse> {
    const { value, done } = await this.answers.next();
    if (done === true) throw new Error("the stream ended");
    return value;
  }

  async rest(): Promise<PipelineResponse[]> {
    const all: PipelineResponse[] = [];
    for (;;) {
      const { value, done } = await this.answers.next();
      if (done === true) return all;
      all.push(value);
    }
  }

  private async *requests(): AsyncGenerator<Call> {
    for (;;) {
      const call = this.queue.shift();
      if (call !== undefined) yield call;
      else if (this.ended) return;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }
}

let cluster: Cluster;
let node: Node;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
  node = cluster.node(0);
});
afterAll(() => cluster?.stop());

const put = (tag: bigint, key: string, value: string | Buffer): Call => ({
  tag,
  request: { $case: "put", value: { key: Buffer.from(key), value: Buffer.from(value) } },
});
const get = (tag: bigint, key: string): Call => ({ tag, request: { $case: "get", value: { key: Buffer.from(key) } } });
const add = (tag: bigint, key: string): Call => ({
  tag,
  request: { $case: "add", value: { key: Buffer.from(key), delta: 1n, requestId: randomBytes(16) } },
});

function mayHaveRun(response: PipelineResponse["response"]): boolean {
  if (response?.$case !== "status") return false;
  return decodeDetails(response.value).outcome?.execution !== Execution.NOT_EXECUTED;
}

const openRequests = async (): Promise<number> =>
  (await answerOf((o) => node.clients.cluster.status({ partitions: [0] }, o))).openRequests;
const nothingOpen = (): Promise<true> =>
  eventually("no request is open any more", 15_000, async () => ((await openRequests()) === 0 ? true : undefined));

describe("a pipeline", () => {
  test("carries every kind of call, each answered under its tag by an answer of its kind", async () => {
    const pipeline = new Pipeline(node.clients);
    const step = async (call: Call): Promise<PipelineResponse["response"]> => {
      pipeline.send(call);
      const { tag, response } = await pipeline.next();
      expect(tag).toBe(call.tag);
      return response;
    };
    const key = Buffer.from("mixed");
    expect(await step(put(1n, "mixed", "a"))).toMatchObject({ $case: "put" });
    expect(await step(get(2n, "mixed"))).toMatchObject({ $case: "get", value: { entry: { value: Buffer.from("a") } } });
    const condition = { expected: { $case: "presence", value: Presence.PRESENT } } as const;
    const cas = { $case: "compareAndSet", value: { key, value: Buffer.from("b"), condition } } as const;
    expect(await step({ tag: 2n ** 64n - 1n, request: cas })).toMatchObject({
      $case: "compareAndSet",
      value: { swapped: true },
    });
    expect(await step({ tag: 0n, request: { $case: "delete", value: { key } } })).toMatchObject({
      $case: "delete",
      value: { deleted: true },
    });
    expect(await step(add(5n, "mixed"))).toMatchObject({ $case: "add", value: { number: 1n } });
    pipeline.end();
    expect(await pipeline.rest()).toEqual([]);
  });

  test("answers errors as statuses with their details, and goes on", async () => {
    const pipeline = new Pipeline(node.clients);
    pipeline.send(
      { tag: 1n },
      { tag: 2n, request: { $case: "get", value: {} } },
      put(3n, "big", Buffer.alloc(1_048_577)),
    );
    pipeline.send(put(4n, "word", "ten"), get(5n, "word"));
    const first = [
      await pipeline.next(),
      await pipeline.next(),
      await pipeline.next(),
      await pipeline.next(),
      await pipeline.next(),
    ];
    pipeline.send(add(6n, "word"), get(7n, "word"));
    pipeline.end();
    const all = new Map([...first, ...(await pipeline.rest())].map(({ tag, response }) => [tag, response]));
    const reasonOf = (tag: bigint): unknown => {
      const response = all.get(tag);
      return response?.$case === "status"
        ? [response.value.code, decodeDetails(response.value).info?.reason]
        : response?.$case;
    };
    expect([1n, 2n, 3n, 4n, 5n, 6n, 7n].map(reasonOf)).toEqual([
      [3, "REQUEST_MISSING"],
      [3, "KEY_EMPTY"],
      [3, "VALUE_TOO_LONG"],
      "put",
      "get",
      [9, "NOT_A_NUMBER"],
      "get",
    ]);
  });

  test("answers in the order in which calls finish: one that waits for its writer holds up no other", async () => {
    const other = cluster.node(1);
    const slow = await cluster.findKey("slow", (at) => at.writer === other.id);
    const pipeline = new Pipeline(node.clients);
    pipeline.send(put(1n, "fast", "x"));
    await pipeline.next();
    other.process.pause();
    try {
      pipeline.send(put(2n, slow, "x"), get(3n, "fast"));
      expect((await pipeline.next()).tag).toBe(3n);
    } finally {
      other.process.resume();
    }
    expect((await pipeline.next()).tag).toBe(2n);
    pipeline.end();
    expect(await pipeline.rest()).toEqual([]);
  });

  test("has response headers before its first answer, and before any request", async () => {
    const raw = await RawClient.open(node.address);
    const stream = raw.open("/onar.kv.v1.KeyValueService/Pipeline");
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
    expect(headers[":status"]).toBe(200);
    expect(headers["grpc-status"]).toBeUndefined();
    raw.close();
  });

  test("takes requests that its client compresses, as any call does", async () => {
    const raw = await RawClient.open(node.address);
    const stream = raw.open("/onar.kv.v1.KeyValueService/Pipeline", { "grpc-encoding": "gzip" });
    const unframer = new Unframer();
    const answered = new Promise<PipelineResponse>((resolve) => {
      stream.on("data", (chunk: Buffer) => {
        unframer.push(chunk);
        const message = unframer.next();
        if (message !== null) resolve(PipelineResponse.decode(message));
      });
    });
    const request = PipelineRequest.fromPartial(put(8n, "compressed", Buffer.alloc(10_000, "z")));
    const frame = framed(gzipSync(PipelineRequest.encode(request).finish()));
    expect(frame.length).toBeLessThan(1_000);
    frame[0] = 1;
    stream.write(frame);
    expect(await answered).toMatchObject({ tag: 8n, response: { $case: "put" } });
    const { entry } = await answerOf((o) => node.clients.kv.get({ key: Buffer.from("compressed") }, o));
    expect(entry?.value).toEqual(Buffer.alloc(10_000, "z"));
    raw.close();
  });

  test("takes more calls at once than it has under way, and answers every one exactly once", async () => {
    const count = 5_000;
    const pipeline = new Pipeline(node.clients);
    for (let i = 0; i < count; i++) {
      const key = `many${i % 100}`;
      pipeline.send(i % 200 < 100 ? add(BigInt(i), key) : get(BigInt(i), key));
    }
    pipeline.end();
    const answers = await pipeline.rest();
    expect(new Set(answers.map(({ tag }) => tag)).size).toBe(count);
    expect(answers).toHaveLength(count);
    expect(answers.some(({ response }) => response?.$case === "add")).toBe(true);
    const additions = answers.filter(({ tag }) => Number(tag) % 200 < 100);
    for (let i = 0; i < 100; i++) {
      const here = additions.filter(({ tag }) => Number(tag) % 100 === i);
      const done = here.filter(({ response }) => response?.$case === "add").length;
      const unknown = here.filter(({ response }) => mayHaveRun(response)).length;
      const { entry } = await answerOf((o) => node.clients.kv.get({ key: Buffer.from(`many${i}`) }, o));
      const value = Number(entry?.value ?? 0);
      // A machine that stands still for a while costs an office: what was refused then is not in the sum.
      expect(value).toBeGreaterThanOrEqual(done);
      expect(value).toBeLessThanOrEqual(done + unknown);
    }
    await nothingOpen();
  });

  test("of more than a thousand additions under way on one key, each with an id, executes none twice and loses none that it answered", async () => {
    const count = 2_500;
    for (const entryNode of cluster.nodes) {
      const key = `hot${entryNode.id}`;
      const pipeline = new Pipeline(entryNode.clients);
      for (let i = 0; i < count; i++) pipeline.send(add(BigInt(i), key));
      pipeline.end();
      const answers = await pipeline.rest();
      const done = answers.filter(({ response }) => response?.$case === "add").length;
      const unknown = answers.filter(({ response }) => mayHaveRun(response)).length;
      const { entry } = await answerOf((o) => node.clients.kv.get({ key: Buffer.from(key) }, o));
      const value = Number(entry?.value ?? 0);
      console.log(`${done} done, ${unknown} unknown, of ${count}: the sum is ${value}`);
      expect(answers).toHaveLength(count);
      expect(value).toBeGreaterThanOrEqual(done);
      expect(value).toBeLessThanOrEqual(done + unknown);
    }
  });

  test("of a client that does not read is not read on either, and loses nothing", async () => {
    const value = randomBytes(32_768);
    await answerOf((o) => node.clients.kv.put({ key: Buffer.from("wide"), value }, o));
    const pipeline = new Pipeline(node.clients);
    for (let i = 0; i < 3_000; i++) pipeline.send(get(BigInt(i), "wide"));
    pipeline.end();
    await sleep(1_000);
    const answers = await pipeline.rest();
    expect(answers).toHaveLength(3_000);
    expect(
      answers.every(({ response }) => response?.$case === "get" && response.value.entry?.value.equals(value)),
    ).toBe(true);
  });

  test("that a client cancels leaves nothing open, and what was sent is executed at most once", async () => {
    const counts = [0, 1, 5, 20];
    for (const wait of counts) {
      const pipeline = new Pipeline(node.clients);
      for (let i = 0; i < 2_000; i++) pipeline.send(add(BigInt(i), `cancelled${wait}`));
      pipeline.next().catch(() => {});
      await sleep(wait);
      pipeline.cancel();
    }
    await nothingOpen();
    for (const wait of counts) {
      const { entry } = await answerOf((o) => node.clients.kv.get({ key: Buffer.from(`cancelled${wait}`) }, o));
      expect(Number(entry?.value ?? 0)).toBeLessThanOrEqual(2_000);
    }
  });

  test("ends at the deadline of the stream", async () => {
    const pipeline = new Pipeline(node.clients, Metadata().set("grpc-timeout", "400m"));
    const started = performance.now();
    pipeline.send(put(1n, "deadline", "x"));
    await pipeline.next();
    await expect(pipeline.next()).rejects.toThrow(/DEADLINE_EXCEEDED/);
    expect(performance.now() - started).toBeLessThan(5_000);
    await nothingOpen();
  });
});
