import { createServer } from "nice-grpc";
import { ServerError, Status } from "nice-grpc-common";
import { afterEach, describe, expect, test } from "vitest";
import { parseNodeLine } from "../../../bench/cluster.js";
import { requestTemplate } from "../../../bench/load/onar.js";
import {
  checkOptions,
  LOAD_DEFAULTS,
  type LoadOptions,
  parseEndpoint,
  parseLoadArguments,
} from "../../../bench/load/options.js";
import { runLoad } from "../../../bench/load/runner.js";
import { GetRequest, KeyValueServiceDefinition, PutRequest } from "../../../gen/ts/onar/kv/v1/kv.js";

const { get, put } = KeyValueServiceDefinition.methods;
const Definition = { ...KeyValueServiceDefinition, methods: { get, put } } as const;

interface Stored {
  readonly value: Buffer;
  readonly version: bigint;
}

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const action of cleanUp.splice(0)) action();
});

/** A store in one process; `lie` may change what a GET finds. */
async function store(
  lie: (key: string, entry: Stored | undefined, all: Map<string, Stored>) => Stored | undefined,
): Promise<LoadOptions> {
  const all = new Map<string, Stored>();
  let version = 0n;
  const server = createServer();
  server.add(Definition, {
    get: async (request) => {
      const key = request.key.toString("latin1");
      const entry = lie(key, all.get(key), all);
      return entry === undefined ? {} : { entry };
    },
    put: async (request) => {
      if (request.value.length !== 100 || request.requestId.length !== 16)
        throw new ServerError(Status.INVALID_ARGUMENT, "shape");
      version++;
      all.set(request.key.toString("latin1"), { value: request.value, version });
      return { version };
    },
  });
  const port = await server.listen("127.0.0.1:0");
  cleanUp.push(() => server.forceShutdown());
  return {
    ...LOAD_DEFAULTS,
    endpoints: [{ host: "127.0.0.1", port }],
    keys: 50,
    warmUpMs: 0,
    durationMs: 20_000,
    count: 600,
    inFlight: 16,
    verify: true,
  };
}

describe("load", () => {
  test("an honest store passes every check", async () => {
    const options = await store((_key, entry) => entry);
    const report = await runLoad({ ...options, connections: 2, preload: true });
    expect(report).toMatchObject({ operations: 600, errorCount: 0, preloadFailures: 0 });
    expect(report.verify).toMatchObject({ failures: 0 });
    expect(report.verify?.checked).toBeGreaterThanOrEqual(600);
    expect(report.get.count + report.put.count).toBe(600);
  });

  test("another key's value is noticed", async () => {
    const report = await runLoad({
      ...(await store((key, _entry, all) => [...all].find(([other]) => other !== key)?.[1])),
      preload: true,
    });
    expect(report.verify?.failures).toBeGreaterThan(0);
  });

  test("a stale value is noticed", async () => {
    const first = new Map<string, Stored>();
    const options = await store((key, entry) => {
      if (entry !== undefined && !first.has(key)) first.set(key, entry);
      return first.get(key);
    });
    const report = await runLoad(options);
    expect(report.verify?.examples.join()).toContain("was answered before it began");
  });

  test("a lost key and a damaged value are noticed", async () => {
    const lost = await runLoad({ ...(await store(() => undefined)), preload: true });
    expect(lost.verify?.examples.join()).toContain("found nothing");
    const damaged = await runLoad({
      ...(await store(
        (_key, entry) => entry && { ...entry, value: Buffer.concat([entry.value.subarray(0, 99), Buffer.of(1)]) },
      )),
      preload: true,
    });
    expect(damaged.verify?.examples.join()).toContain("damaged value");
  });

  test("every answer that is not OK is counted under its name", async () => {
    const options = await store((_key, entry) => entry);
    const report = await runLoad({ ...options, valueBytes: 99, getFraction: 0, count: 100, verify: false });
    expect(report.operations).toBe(0);
    expect(report.errors).toEqual({ INVALID_ARGUMENT: { count: 100, example: "shape" } });
  });

  test("nobody listening is an error", async () => {
    const options = await store((_key, entry) => entry);
    await expect(
      runLoad({ ...options, endpoints: [{ host: "127.0.0.1", port: 1 }], connectLimitMs: 300 }),
    ).rejects.toThrow("no connection");
  });
});

describe("requests by hand", () => {
  test("the generated code reads what the templates say", () => {
    const template = requestTemplate({ keyBytes: 16, valueBytes: 300, requestId: true });
    template.bytes.write("0123456789abcdef", template.keyAt);
    template.bytes.fill("v", template.valueAt, template.valueAt + 300);
    template.bytes.fill("i", template.requestIdAt, template.requestIdAt + 16);
    const request = PutRequest.decode(template.bytes.subarray(5));
    expect(request.key.toString()).toBe("0123456789abcdef");
    expect(request.value.toString()).toBe("v".repeat(300));
    expect(request.requestId.toString()).toBe("i".repeat(16));
    expect(GetRequest.decode(requestTemplate({ keyBytes: 16 }).bytes.subarray(5)).key.length).toBe(16);
    expect(
      PutRequest.decode(requestTemplate({ keyBytes: 16, valueBytes: 100 }).bytes.subarray(5)).requestId.length,
    ).toBe(0);
  });
});

describe("arguments", () => {
  test("are read and checked", () => {
    const command = parseLoadArguments([
      "--endpoint",
      "[::1]:4600",
      "--gets",
      "1",
      "--distribution",
      "zipf:1.1",
      "--no-request-id",
    ]);
    expect(command?.options).toMatchObject({
      endpoints: [{ host: "::1", port: 4600 }],
      getFraction: 1,
      distribution: { kind: "zipf", theta: 1.1 },
      requestId: false,
    });
    expect(() => parseLoadArguments(["--gets", "2"])).toThrow("gets");
    expect(() => parseLoadArguments(["--in-flight", "x"])).toThrow("in-flight");
    expect(() => parseLoadArguments(["--nonsense"])).toThrow("nonsense");
    expect(() => parseEndpoint("localhost")).toThrow("HOST:PORT");
    expect(() => checkOptions({ ...LOAD_DEFAULTS, endpoints: [] })).toThrow("endpoint");
  });

  test("a cluster's lines name its nodes", () => {
    expect(parseNodeLine("node 2 pid 4711 client 127.0.0.1:4601 peer 127.0.0.1:4701")).toEqual([
      { number: 2, pid: 4711, client: { host: "127.0.0.1", port: 4601 } },
    ]);
    expect(parseNodeLine("ready in 2 s")).toEqual([]);
  });
});
