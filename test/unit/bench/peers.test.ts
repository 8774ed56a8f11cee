import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { etcd } from "../../../bench/load/etcd.js";
import { nats } from "../../../bench/load/nats.js";
import { onar } from "../../../bench/load/onar.js";
import { LOAD_DEFAULTS } from "../../../bench/load/options.js";
import { forEachField } from "../../../bench/load/protobuf.js";
import { runLoad } from "../../../bench/load/runner.js";
import { NatsParser } from "../../../bench/nats/parser.js";
import { versionIn, whyNot } from "../../../bench/peers/build.js";
import { type Cell, type Sample, summarize } from "../../../bench/suites/peers-table.js";
import { CompareAndSetRequest, CompareAndSetResponse } from "../../../gen/ts/onar/kv/v1/kv.js";

const SHAPE = { keyBytes: 16, valueBytes: 100, requestId: true };
const KEY = "0123456789abcdef";

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const action of cleanUp.splice(0)) action();
});

const framed = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

/** A message as nested lists of [field, integer or bytes]. */
function fieldsOf(message: Buffer): (readonly [number, number | string])[] {
  const fields: (readonly [number, number | string])[] = [];
  forEachField(message, (number, value, bytes) => fields.push([number, bytes?.toString("latin1") ?? value]));
  return fields;
}

describe("a CAS by hand", () => {
  test("is what Onar's generated code reads, at any length of the version", () => {
    const template = onar.template("cas", SHAPE);
    template.bytes.write(KEY, template.keyAt);
    for (const version of [1, 127, 128, 2 ** 40]) {
      const length = template.expect?.(version) ?? 0;
      const request = CompareAndSetRequest.decode(template.bytes.subarray(5, length));
      expect(template.bytes.readUInt32BE(1)).toBe(length - 5);
      expect(request.key.toString()).toBe(KEY);
      expect(request.value.length).toBe(100);
      expect(request.condition?.expected).toEqual({ $case: "version", value: BigInt(version) });
    }
  });

  test("tells of Onar's answer whether it was applied, and which version there is", () => {
    const swapped = CompareAndSetResponse.encode(CompareAndSetResponse.fromPartial({ swapped: true, version: 9n }));
    expect(onar.decode("cas", framed(swapped.finish()))).toEqual({ version: 9, value: undefined, applied: true });
    const refused = CompareAndSetResponse.encode(
      CompareAndSetResponse.fromPartial({ found: { value: Buffer.from("x"), version: 12n } }),
    );
    expect(onar.decode("cas", framed(refused.finish()))).toEqual({ version: 12, value: undefined, applied: false });
  });

  test("is a transaction of etcd with the key in all its parts", () => {
    const template = etcd.template("cas", SHAPE);
    template.bytes.write(KEY, template.keyAt);
    template.bytes.fill("v", template.valueAt, template.valueAt + 100);
    const length = template.expect?.(300) ?? 0;
    const parts = new Map<number, Buffer>();
    forEachField(template.bytes.subarray(5, length), (number, _value, bytes) => {
      if (bytes !== undefined) parts.set(number, bytes);
    });
    expect(fieldsOf(parts.get(1) ?? Buffer.alloc(0))).toEqual([
      [2, 2],
      [3, KEY],
      [6, 300],
    ]);
    const inner = (part: number): Buffer => {
      let found = Buffer.alloc(0);
      forEachField(parts.get(part) ?? found, (_number, _value, bytes) => {
        found = Buffer.from(bytes ?? found);
      });
      return found;
    };
    expect(fieldsOf(inner(2))).toEqual([
      [1, KEY],
      [2, "v".repeat(100)],
    ]);
    expect(fieldsOf(inner(3))).toEqual([[1, KEY]]);
  });

  test("keeps its length in NATS, whose answers may not say which version there is", () => {
    const template = nats.template("cas", SHAPE);
    expect(template.expect?.(42)).toBe(template.bytes.length);
    expect(template.bytes.toString("latin1")).toContain(
      "Nats-Expected-Last-Subject-Sequence: 0000000000000042\r\n\r\n",
    );
    const answer = (text: string) => nats.decode("cas", Buffer.from(text));
    expect(answer('{"stream":"KV_bench", "seq":7}')).toMatchObject({ version: 7, applied: true });
    const refusal = (description: string) => answer(`{"error":{"code":400,"description":"${description}"}}`);
    expect(refusal("wrong last sequence: 12")).toMatchObject({ version: 12, applied: false });
    expect(refusal("wrong last sequence")).toMatchObject({ version: 0, applied: false });
    expect(() => refusal("insufficient resources")).toThrow("insufficient");
  });
});

describe("NATS", () => {
  test("is parsed the same in pieces of any size", () => {
    const text =
      "INFO {}\r\nMSG _INBOX.a.1 1 5\r\nhe\r\no\r\nHMSG _INBOX.a.2 1 12 15\r\nNATS/1.0\r\n\r\nabc\r\nPING\r\n";
    for (const size of [1, 2, 3, 7, text.length]) {
      const seen: string[] = [];
      const parser = new NatsParser({
        onLine: (line) => seen.push(line),
        onMessage: (subject, chunk, start, end, headerBytes) =>
          seen.push(`${subject} ${headerBytes} ${chunk.toString("latin1", start, end)}`),
      });
      for (let at = 0; at < text.length; at += size) parser.read(Buffer.from(text.slice(at, at + size)));
      expect(seen).toEqual(["INFO {}", "_INBOX.a.1 0 he\r\no", "_INBOX.a.2 12 NATS/1.0\r\n\r\nabc", "PING"]);
    }
  });

  test("a load counts a server's refusals as errors", async () => {
    let answers = 0;
    const answer = (socket: Socket, chunk: Buffer): void => {
      const text = chunk.toString("latin1");
      if (text.includes("PING")) socket.write("PONG\r\n");
      for (const [, reply] of text.matchAll(/^PUB \S+ (_INBOX\.\w+\.\d+) 100\r$/gm)) {
        const body = answers++ % 2 === 0 ? '{"stream":"KV_bench", "seq":1}' : '{"error":{"code":503}}';
        socket.write(`MSG ${reply} 1 ${body.length}\r\n${body}\r\n`);
      }
    };
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => answer(socket, chunk));
    });
    cleanUp.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const report = await runLoad({
      ...LOAD_DEFAULTS,
      dialect: "nats",
      endpoints: [{ host: "127.0.0.1", port }],
      inFlight: 1,
      getFraction: 0,
      warmUpMs: 0,
      durationMs: 20_000,
      count: 100,
    });
    expect(report).toMatchObject({ operations: 50, errorCount: 50 });
    expect(report.errors).toMatchObject({ UNKNOWN: { count: 50 } });
  });
});

describe("peers", () => {
  test("the ratio to etcd is taken within each round, for a stream to etcd's unary calls", () => {
    const put: Cell = { call: "put", spread: "uniform", shape: "16x64", valueBytes: 100 };
    const cells: Cell[] = [put, { ...put, call: "pipelined put" }];
    const sample = (cell: Cell, store: string, round: number, rate: number): Sample => {
      return { cell, store, round, rate, micros: 1, p50Ms: 1, p99Ms: 1, p999Ms: 1, errors: {} };
    };
    const [first, second] = cells as [Cell, Cell];
    const samples = [
      ...[sample(first, "etcd", 0, 100), sample(first, "onar", 0, 200), sample(second, "onar", 0, 800)],
      ...[sample(first, "etcd", 1, 50), sample(first, "onar", 1, 150), sample(second, "onar", 1, 500)],
    ];
    const stores = ["onar", "etcd"].map((name) => ({ name, title: name }));
    const ratios = summarize(cells, stores, samples).map(({ store, ofEtcd }) => [store, ofEtcd]);
    expect(ratios).toEqual([
      ["onar", { ratio: 2.5, least: 2, most: 3 }],
      ["etcd", { ratio: 1, least: 1, most: 1 }],
      ["onar", { ratio: 9, least: 8, most: 10 }],
    ]);
  });

  test("a version is read from its go.mod, and a missing Go is said in a word", () => {
    const goMod = fileURLToPath(new URL("../../../bench/peers/etcd/go.mod", import.meta.url));
    expect(versionIn(readFileSync(goMod, "utf8"), "go.etcd.io/etcd/server/v3")).toMatch(/^v3\.\d+\.\d+$/);
    expect(whyNot(Object.assign(new Error("spawn go ENOENT"), { code: "ENOENT" }))).toBe("Go is not installed");
    const failed = Object.assign(new Error("Command failed"), { stderr: "go: downloading x\ngo: no such module\n" });
    expect(whyNot(failed)).toBe("it cannot be built: go: no such module");
  });
});
