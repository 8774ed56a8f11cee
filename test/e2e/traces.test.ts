/**
 * One trace shows a request's way through real nodes: spans of three of them, with the right parents, at a collector.
 */
import { randomBytes } from "node:crypto";
import { Metadata } from "nice-grpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NodeClients } from "./clients.js";
import { Collector, type ReceivedSpan } from "./collector.js";
import { Cluster, eventually, freePorts, HOST, type Node, NodeProcess, startArgs } from "./harness.js";

const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;

let collector: Collector;
let cluster: Cluster;
beforeAll(async () => {
  collector = await Collector.start();
  cluster = await Cluster.start({
    nodes: 3,
    replicas: 3,
    partitions: 4,
    // Only what callers trace, so that each test knows its spans.
    args: ["--trace-endpoint", collector.url, "--trace-sample", "0"],
  });
});
afterAll(async () => {
  await cluster?.stop();
  await collector?.stop();
});

interface Caller {
  readonly traceId: string;
  readonly spanId: string;
  readonly options: { readonly metadata: Metadata };
}

function caller(flags = "01"): Caller {
  const [traceId, spanId] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
  const metadata = Metadata({ traceparent: `00-${traceId}-${spanId}-${flags}` });
  return { traceId, spanId, options: { metadata } };
}

/** The spans of a trace once all of these have come, each as often as it is named. */
async function spansOf(traceId: string, names: readonly string[]): Promise<ReceivedSpan[]> {
  return eventually(`the spans ${names.join(", ")}`, 20_000, () => {
    const spans = collector.of(traceId);
    const missing = [...names];
    for (const { name } of spans) if (missing.includes(name)) missing.splice(missing.indexOf(name), 1);
    if (missing.length > 0)
      throw new Error(`missing: ${missing.join()}; there: ${spans.map(({ name }) => name).join()}`);
    return spans;
  });
}

function one(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name);
  expect(found, name).toHaveLength(1);
  return found[0] as ReceivedSpan;
}

const nodeOf = (span: ReceivedSpan): number => Number(span.resource["service.instance.id"]);

/** Some node that is not the writer of the key's partition, and the writer. */
async function entryAndWriter(key: string): Promise<{ readonly entry: Node; readonly writer: Node }> {
  const writer = await cluster.writerOf(key);
  const entry = cluster.nodes.find((node) => node !== writer) as Node;
  return { entry, writer };
}

describe("a traced request", () => {
  test("that another node writes shows the way there, the round, and each replica", async () => {
    const key = "way-of-a-put";
    const { entry, writer } = await entryAndWriter(key);
    const { traceId, spanId, options } = caller();
    const requestId = randomBytes(16);
    await entry.clients.kv.put({ key: Buffer.from(key), value: Buffer.from("confidential"), requestId }, options);
    const put = "onar.kv.v1.KeyValueService/Put";
    const spans = await spansOf(traceId, [
      ...[put, "onar.Forward", "onar.serve", "onar.Recover", "onar.Write"],
      ...["onar.replica.Recover", "onar.replica.Write", "onar.replica.Write"],
    ]);

    const call = one(spans, put);
    expect(call).toMatchObject({ parentSpanId: spanId, kind: SERVER, status: 0 });
    expect(call.attributes).toMatchObject({
      "rpc.system": "grpc",
      "rpc.service": "onar.kv.v1.KeyValueService",
      "rpc.method": "Put",
    });
    expect(Number(call.attributes["rpc.grpc.status_code"])).toBe(0);
    expect(nodeOf(call)).toBe(entry.id);
    const forward = one(spans, "onar.Forward");
    expect(forward).toMatchObject({ parentSpanId: call.spanId, kind: CLIENT });
    expect(forward.attributes).toMatchObject({ "onar.outcome": "done" });
    expect(Number(forward.attributes["onar.peer"])).toBe(writer.id);
    expect(nodeOf(forward)).toBe(entry.id);
    const serve = one(spans, "onar.serve");
    expect(serve).toMatchObject({ parentSpanId: forward.spanId, kind: SERVER });
    expect(nodeOf(serve)).toBe(writer.id);
    const { partition } = await cluster.locate(key);
    for (const question of ["Recover", "Write"]) {
      const asked = one(spans, `onar.${question}`);
      expect(asked).toMatchObject({ parentSpanId: serve.spanId, kind: CLIENT });
      expect(Number(asked.attributes["onar.partition"])).toBe(partition);
      expect(nodeOf(asked)).toBe(writer.id);
      expect(asked.events.filter(({ name }) => name === "sent").length).toBeGreaterThanOrEqual(2);
      for (const replica of spans.filter(({ name }) => name === `onar.replica.${question}`)) {
        expect(replica).toMatchObject({ parentSpanId: asked.spanId, kind: SERVER });
        expect(nodeOf(replica)).not.toBe(writer.id);
      }
    }
    const replicas = spans.filter(({ name }) => name === "onar.replica.Write").map(nodeOf);
    expect(new Set([writer.id, ...replicas]).size).toBe(3);
  });

  test("of a read at a replica shows whom it asked", async () => {
    const { traceId, options } = caller();
    await cluster.node(1).clients.kv.get({ key: Buffer.from("way-of-a-get") }, options);
    const get = "onar.kv.v1.KeyValueService/Get";
    const spans = await spansOf(traceId, [get, "onar.serve", "onar.Read", "onar.replica.Read"]);
    const serve = one(spans, "onar.serve");
    expect(serve).toMatchObject({ parentSpanId: one(spans, get).spanId, kind: INTERNAL });
    expect(one(spans, "onar.Read").parentSpanId).toBe(serve.spanId);
    expect(spans.map(({ name }) => name)).not.toContain("onar.Forward");
  });

  test("through the text service and through a pipeline is traced like any other", async () => {
    const node = cluster.node(0);
    const text = caller();
    await node.clients.text.get({ key: "words" }, text.options);
    await spansOf(text.traceId, ["onar.text.v1.TextService/Get", "onar.serve"]);
    const piped = caller();
    async function* requests() {
      for (const tag of [1n, 2n]) {
        const value = { key: Buffer.from("piped"), consistency: 0, keySpace: "" };
        yield { tag, request: { $case: "get" as const, value } };
      }
    }
    let answers = 0;
    for await (const _ of node.clients.kv.pipeline(requests(), piped.options)) answers++;
    expect(answers).toBe(2);
    const get = "onar.kv.v1.KeyValueService/Get";
    const spans = await spansOf(piped.traceId, [get, get, "onar.serve", "onar.serve"]);
    for (const span of spans.filter(({ name }) => name === get)) expect(span.parentSpanId).toBe(piped.spanId);
  });

  test("that is refused says with which status, and is no fault of the server", async () => {
    const { traceId, options } = caller();
    await expect(cluster.node(0).clients.kv.get({}, options)).rejects.toThrow();
    const [span] = await spansOf(traceId, ["onar.kv.v1.KeyValueService/Get"]);
    expect(Number(span?.attributes["rpc.grpc.status_code"])).toBe(3);
    expect(span?.status).toBe(0);
  });

  test("tells nothing of keys and values, nor do calls that nobody traces tell anything", async () => {
    const { clients } = cluster.node(0);
    const untraced = caller("00");
    await clients.kv.put({ key: Buffer.from("not-recorded"), value: Buffer.from("v") }, untraced.options);
    const broken = { metadata: Metadata({ traceparent: "gibberish", "onar-internal-trace": `00-${"a".repeat(32)}-` }) };
    await clients.kv.put({ key: Buffer.from("not-recorded"), value: Buffer.from("v") }, broken);
    const { traceId, options } = caller();
    const key = Buffer.from("classified-key");
    await clients.kv.put({ key, value: Buffer.from("classified-value") }, options);
    await spansOf(traceId, ["onar.kv.v1.KeyValueService/Put", "onar.Write"]);
    expect(collector.of(untraced.traceId)).toEqual([]);
    const sent = collector.bodies.join();
    for (const secret of ["classified", "confidential"]) {
      for (const form of ["utf8", "base64", "hex"] as const) {
        expect(sent).not.toContain(Buffer.from(secret).toString(form).replaceAll("=", "").slice(0, -1));
      }
    }
    // Each trace began at a caller here.
    for (const span of collector.spans) expect(span.parentSpanId).not.toBe("");
  });
});

describe("a node", () => {
  test("traces what the usual variables say, under the name they say, and sends its last spans when it stops", async () => {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const node = new NodeProcess(port, peerPort, startArgs(port, peerPort, `${HOST}:${peerPort}`, 1), {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=onar-test",
      OTEL_TRACES_SAMPLER: "always_on",
      OTEL_SERVICE_NAME: "store",
    });
    const clients = new NodeClients(node.address);
    try {
      await node.said("ready", 30_000);
      await clients.kv.put({ key: Buffer.from("k"), value: Buffer.from("v") });
      clients.close();
      expect(await node.stop()).toBe(0);
      const spans = collector.spans.filter((span) => span.resource["service.name"] === "store");
      const put = one(spans, "onar.kv.v1.KeyValueService/Put");
      expect(put.parentSpanId).toBe("");
      expect(spans.find(({ name }) => name === "onar.serve")).toMatchObject({ parentSpanId: put.spanId });
      expect(collector.headers.some((headers) => headers["x-tenant"] === "onar-test")).toBe(true);
    } finally {
      await node.kill();
    }
  });

  test("says once that its collector is away, and serves all the same", async () => {
    const [port, peerPort, nowhere] = (await freePorts(3)) as [number, number, number];
    const more = ["--trace-endpoint", `http://${HOST}:${nowhere}`, "--trace-sample", "1"];
    const args = [...startArgs(port, peerPort, `${HOST}:${peerPort}`, 1), ...more];
    const env = { OTEL_EXPORTER_OTLP_TIMEOUT: "500" };
    const node = new NodeProcess(port, peerPort, args, env);
    const clients = new NodeClients(node.address);
    try {
      await node.said("ready", 30_000);
      await clients.kv.put({ key: Buffer.from("k"), value: Buffer.from("v") });
      await node.said(`traces cannot be sent to http://${HOST}:${nowhere}/v1/traces`, 30_000);
      await clients.kv.get({ key: Buffer.from("k") });
      clients.close();
      expect(await node.stop()).toBe(0);
      expect(node.lines.filter((line) => line.includes("cannot be sent"))).toHaveLength(1);
    } finally {
      await node.kill();
    }
  });
});
