/**
 * Bad arguments over the wire: each is refused by name, nothing is executed, and what only looks dangerous is an
 * ordinary key.
 */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Presence } from "../../gen/ts/onar/kv/v1/common.js";
import { Execution } from "../../gen/ts/onar/kv/v1/error.js";
import { GetRequest, PutRequest } from "../../gen/ts/onar/kv/v1/kv.js";
import { GetRequest as TextGetRequest, PutRequest as TextPutRequest } from "../../gen/ts/onar/text/v1/text.js";
import { answerOf, errorOf, type NodeClients } from "./clients.js";
import { Cluster } from "./harness.js";
import { framed, RawClient } from "./raw.js";

const KEY_MAX = 4_096;
const VALUE_MAX = 1_048_576;
const KV = "/onar.kv.v1.KeyValueService";
const TEXT = "/onar.text.v1.TextService";

let cluster: Cluster;
let here: NodeClients;
let there: NodeClients;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
  here = cluster.node(0).clients;
  there = cluster.node(2).clients;
});
afterAll(() => cluster?.stop());

const key = Buffer.from("key");
const value = Buffer.from("value");
const id = (): Buffer => randomBytes(16);

describe("a bad argument", () => {
  const refused = (reason: string, metadata: object) => ({
    status: "INVALID_ARGUMENT",
    info: { reason, domain: "onar", metadata: expect.objectContaining(metadata) },
  });
  const notExecuted = { outcome: { execution: Execution.NOT_EXECUTED } };

  test("empty and missing keys are refused by every call", async () => {
    const reason = refused("KEY_EMPTY", { field: "key", bound: "1", value: "0" });
    const absent = { expected: { $case: "presence", value: Presence.ABSENT } } as const;
    for (const empty of [{}, { key: Buffer.alloc(0) }]) {
      expect(await errorOf((o) => here.kv.get(empty, o))).toMatchObject({ ...reason, outcome: null });
      for (const error of [
        await errorOf((o) => here.kv.put({ ...empty, value }, o)),
        await errorOf((o) => here.kv.compareAndSet({ ...empty, value, condition: absent }, o)),
        await errorOf((o) => here.kv.delete(empty, o)),
        await errorOf((o) => here.kv.add({ ...empty, delta: 1n }, o)),
      ])
        expect(error).toMatchObject({ ...reason, ...notExecuted });
    }
    expect(await errorOf((o) => here.text.put({ value: "x" }, o))).toMatchObject({ ...reason, ...notExecuted });
    expect(await errorOf((o) => here.cluster.locate({}, o))).toMatchObject(
      refused("REQUEST_MISSING", { field: "target" }),
    );
  });

  test("a key of 4,097 bytes is refused, one of 4,096 is a key", async () => {
    const long = Buffer.alloc(KEY_MAX + 1, 0x61);
    const reason = refused("KEY_TOO_LONG", { field: "key", bound: "4096", value: "4097" });
    expect(await errorOf((o) => here.kv.get({ key: long }, o))).toMatchObject(reason);
    expect(await errorOf((o) => here.kv.put({ key: long, value }, o))).toMatchObject({ ...reason, ...notExecuted });
    // In UTF-8, not in characters.
    expect(await errorOf((o) => here.text.get({ key: "é".repeat(2_049) }, o))).toMatchObject(
      refused("KEY_TOO_LONG", { value: "4098" }),
    );
    const longest = long.subarray(1);
    await answerOf((o) => here.kv.put({ key: longest, value }, o));
    expect((await answerOf((o) => there.kv.get({ key: longest }, o))).entry?.value).toEqual(value);
  });

  test("a value of 1 MiB and one byte is refused, one of 1 MiB is stored, an empty one is not absent", async () => {
    const large = randomBytes(VALUE_MAX + 1);
    const reason = refused("VALUE_TOO_LONG", { field: "value", bound: "1048576", value: "1048577" });
    expect(await errorOf((o) => here.kv.put({ key, value: large }, o))).toMatchObject({ ...reason, ...notExecuted });
    const condition = { expected: { $case: "value", value: large } } as const;
    expect(await errorOf((o) => here.kv.compareAndSet({ key, value, condition }, o))).toMatchObject(
      refused("VALUE_TOO_LONG", { field: "condition.value" }),
    );
    const largest = large.subarray(1);
    // With an id, as the office may change while so much is written on a busy machine.
    await answerOf((o) => here.kv.put({ key: Buffer.from("large"), value: largest, requestId: randomBytes(16) }, o));
    const read = await answerOf((o) => there.kv.get({ key: Buffer.from("large") }, o));
    expect(read.entry?.value.equals(largest)).toBe(true);
    await answerOf((o) => here.kv.put({ key: Buffer.from("empty") }, o));
    expect((await answerOf((o) => there.kv.get({ key: Buffer.from("empty") }, o))).entry?.value).toEqual(
      Buffer.alloc(0),
    );
  });

  test("a message beyond 4 MiB is RESOURCE_EXHAUSTED, and the connection goes on", async () => {
    const error = await errorOf((o) => here.kv.put({ key, value: Buffer.alloc(4_194_304) }, o), 5_000);
    expect(error.status).toBe("RESOURCE_EXHAUSTED");
    await answerOf((o) => here.kv.put({ key, value }, o));
    const raw = await RawClient.open(cluster.node(0).address);
    // Announces 4 GiB and sends nothing of it.
    const stream = raw.open(`${KV}/Put`);
    const status = new Promise((resolve) => {
      stream.once("response", (headers) => resolve(headers["grpc-status"]));
      stream.once("trailers", (headers) => resolve(headers["grpc-status"]));
    });
    stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
    expect(await status).toBe("8");
    raw.close();
  });

  test("a condition that says nothing, or expects version 0, is refused", async () => {
    const missing = refused("CONDITION_MISSING", { field: "condition" });
    const conditions = [undefined, {}, { expected: { $case: "presence", value: Presence.UNSPECIFIED } }] as const;
    for (const condition of conditions) {
      const error = await errorOf((o) => here.kv.compareAndSet({ key, value, ...(condition && { condition }) }, o));
      expect(error).toMatchObject({ ...missing, ...notExecuted });
    }
    expect(await errorOf((o) => here.kv.delete({ key, condition: {} }, o))).toMatchObject(missing);
    const zero = { expected: { $case: "version", value: 0n } } as const;
    const reason = refused("VERSION_ZERO", { field: "condition.version", bound: "1", value: "0" });
    expect(await errorOf((o) => here.kv.compareAndSet({ key, value, condition: zero }, o))).toMatchObject(reason);
    expect(await errorOf((o) => here.kv.delete({ key, condition: zero }, o))).toMatchObject(reason);
    expect(await errorOf((o) => here.text.delete({ key: "key", condition: zero }, o))).toMatchObject(reason);
  });

  test("a request id that is not 16 bytes, or was used with other arguments, is refused", async () => {
    for (const length of [1, 15, 17]) {
      const error = await errorOf((o) => here.kv.put({ key, value, requestId: Buffer.alloc(length) }, o));
      expect(error).toMatchObject({
        ...refused("REQUEST_ID_LENGTH", { field: "request_id", bound: "16", value: String(length) }),
        ...notExecuted,
      });
    }
    const requestId = id();
    await answerOf((o) => here.kv.put({ key, value, requestId }, o));
    for (const error of [
      await errorOf((o) => there.kv.put({ key, value: Buffer.from("other"), requestId }, o)),
      await errorOf((o) => there.kv.delete({ key, requestId }, o)),
    ])
      expect(error).toMatchObject({ ...refused("REQUEST_ID_REUSED", { field: "request_id" }), ...notExecuted });
  });

  test("an after of another partition, or from the future, is refused", async () => {
    const { header } = await answerOf((o) => here.kv.put({ key, value }, o));
    const own = header?.revision;
    if (own === undefined) return expect.fail("an answer has a revision");
    for (const partition of [(own.partition + 1) % 64, 64, 0xffff_ffff]) {
      const after = { partition, revision: 1n };
      expect(await errorOf((o) => here.kv.put({ key, value, requestId: id(), after }, o))).toMatchObject({
        ...refused("AFTER_OTHER_PARTITION", { field: "after", bound: String(own.partition), value: String(partition) }),
        ...notExecuted,
      });
    }
    for (const revision of [own.revision + 1_000_000n, 2n ** 53n, 2n ** 64n - 1n]) {
      const after = { ...own, revision };
      expect(await errorOf((o) => there.kv.put({ key, value, requestId: id(), after }, o), 3_000)).toMatchObject(
        refused("AFTER_IN_FUTURE", { field: "after" }),
      );
    }
    await answerOf((o) => there.kv.put({ key, value, requestId: id(), after: own }, o));
  });

  test("a key space that does not exist is NOT_FOUND", async () => {
    const found = { status: "NOT_FOUND", info: { reason: "KEY_SPACE_NOT_FOUND" } };
    expect(await errorOf((o) => here.kv.get({ key, keySpace: "other" }, o))).toMatchObject(found);
    expect(await errorOf((o) => here.kv.put({ key, value, keySpace: "other" }, o))).toMatchObject({
      ...found,
      ...notExecuted,
    });
    expect(await errorOf((o) => here.text.get({ key: "key", keySpace: "other" }, o))).toMatchObject(found);
    expect(
      await errorOf((o) => here.cluster.locate({ target: { $case: "key", value: key }, keySpace: "other" }, o)),
    ).toMatchObject(found);
  });

  test("a partition that does not exist is refused", async () => {
    const reason = refused("PARTITION_OUT_OF_RANGE", { bound: "64", value: "64" });
    expect(await errorOf((o) => here.cluster.locate({ target: { $case: "partition", value: 64 } }, o))).toMatchObject(
      reason,
    );
    expect(await errorOf((o) => here.cluster.status({ partitions: [0, 64] }, o))).toMatchObject(reason);
  });

  test("adding to what is not a number, or beyond 64 bits, is refused", async () => {
    const text = Buffer.from("not a number");
    await answerOf((o) => here.kv.put({ key: text, value }, o));
    expect(await errorOf((o) => there.kv.add({ key: text, delta: 1n }, o))).toMatchObject({
      status: "FAILED_PRECONDITION",
      info: { reason: "NOT_A_NUMBER" },
      ...notExecuted,
    });
    const most = Buffer.from("most");
    await answerOf((o) => here.kv.add({ key: most, delta: 2n ** 63n - 1n }, o));
    expect(await errorOf((o) => there.kv.add({ key: most, delta: 1n }, o))).toMatchObject({
      status: "OUT_OF_RANGE",
      info: { reason: "OVERFLOW" },
      ...notExecuted,
    });
  });
});

describe("a hostile key", () => {
  const keys = [
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "toString",
    "\0",
    "a\0b",
    "../../etc/passwd",
    " ",
    "\r\n",
    "‮",
  ];

  test("is an ordinary key in both services, distinct from every other", async () => {
    for (const [i, name] of keys.entries()) await answerOf((o) => here.text.put({ key: name, value: `value ${i}` }, o));
    for (const [i, name] of keys.entries()) {
      expect((await answerOf((o) => there.text.get({ key: name }, o))).entry?.value).toBe(`value ${i}`);
      const bytes = await answerOf((o) => there.kv.get({ key: Buffer.from(name) }, o));
      expect(bytes.entry?.value.toString()).toBe(`value ${i}`);
    }
    expect((await answerOf((o) => there.text.get({ key: "valueOf" }, o))).entry).toBeUndefined();
  });

  test("of bytes that are not UTF-8 is kept byte for byte by KeyValueService", async () => {
    const bytes = [Buffer.from([0xff]), Buffer.from([0xfe]), Buffer.from([0xc3]), Buffer.from([0, 0xff, 0])];
    for (const one of bytes) await answerOf((o) => here.kv.put({ key: one, value: one }, o));
    for (const one of bytes) expect((await answerOf((o) => there.kv.get({ key: one }, o))).entry?.value).toEqual(one);
  });

  test("of bytes that are not UTF-8, or with U+FFFD, is refused by TextService", async () => {
    const refused = { status: "INVALID_ARGUMENT", info: { reason: "NOT_UTF8", metadata: { field: "key" } } };
    expect(await errorOf((o) => here.text.get({ key: "a\uFFFDb" }, o))).toMatchObject(refused);
    expect(await errorOf((o) => here.text.put({ key: "a\uFFFDb" }, o))).toMatchObject(refused);
    expect(await errorOf((o) => here.text.put({ key: "k", value: "\uFFFD" }, o))).toMatchObject({
      info: { reason: "NOT_UTF8", metadata: { field: "value" } },
    });
    const raw = await RawClient.open(cluster.node(0).address);
    // The same fields, but as bytes: a client in another language can send these.
    for (const bad of [Buffer.from([0xff]), Buffer.from([0xc3, 0x28]), Buffer.from([0x61, 0xed, 0xa0, 0x80])]) {
      const get = await raw.unary(`${TEXT}/Get`, GetRequest.encode(GetRequest.create({ key: bad })).finish());
      expect(get.headers["grpc-status"]).toBe("3");
      const put = await raw.unary(`${TEXT}/Put`, PutRequest.encode(PutRequest.create({ key: bad, value })).finish());
      expect(put.headers["grpc-status"]).toBe("3");
    }
    const fine = await raw.unary(`${TEXT}/Get`, TextGetRequest.encode(TextGetRequest.create({ key: "k" })).finish());
    expect(fine.headers["grpc-status"]).toBeUndefined();
    expect(fine.trailers?.["grpc-status"]).toBe("0");
    raw.close();
  });

  test("a value that is not UTF-8 is NOT_TEXT for TextService, which shows no such entry after a failed condition", async () => {
    await answerOf((o) => here.kv.put({ key: Buffer.from("binary"), value: Buffer.from([0x80]) }, o));
    expect(await errorOf((o) => there.text.get({ key: "binary" }, o))).toMatchObject({
      status: "FAILED_PRECONDITION",
      info: { reason: "NOT_TEXT" },
    });
    const condition = { expected: { $case: "value", value: "x" } } as const;
    const refused = await answerOf((o) => there.text.delete({ key: "binary", condition }, o));
    expect(refused).toMatchObject({ deleted: false, found: undefined });
    expect(refused.version).toBeGreaterThan(0n);
  });
});

describe("on the wire", () => {
  test("errors of unary calls are trailers only, so that a proxy may retry what is safe", async () => {
    const raw = await RawClient.open(cluster.node(0).address);
    const put = (request: Parameters<typeof PutRequest.create>[0]) =>
      PutRequest.encode(PutRequest.create(request)).finish();
    const errors: [string, Uint8Array, string, Record<string, string>?][] = [
      [`${KV}/Get`, GetRequest.encode(GetRequest.create({})).finish(), "3"],
      [`${KV}/Put`, put({ value }), "3"],
      [`${KV}/Put`, put({ key, keySpace: "x" }), "5"],
      [`${KV}/Put`, Buffer.from([0xff, 0xff, 0xff]), "13"],
      [`${KV}/Nothing`, Buffer.alloc(0), "12"],
      ["/no.such.Service/Get", Buffer.alloc(0), "12"],
      [`${TEXT}/Put`, TextPutRequest.encode(TextPutRequest.create({})).finish(), "3"],
      ["/onar.reconfiguration.v1.ReconfigurationService/Locate", Buffer.alloc(0), "3"],
      ["/grpc.health.v1.Health/Check", Buffer.from([0x0a, 1, 0x78]), "5"],
    ];
    for (const [path, message, status, headers] of errors) {
      const answer = await raw.unary(path, message, headers);
      expect([path, answer.headers["grpc-status"], answer.trailersOnly]).toEqual([path, status, true]);
      expect(answer.data).toHaveLength(0);
    }
    raw.close();
  });

  test("a deadline that is already past executes nothing and is answered at once", async () => {
    const late = Buffer.from("late");
    const raw = await RawClient.open(cluster.node(0).address);
    const message = PutRequest.encode(PutRequest.create({ key: late, value })).finish();
    for (const timeout of ["0n", "0m", "1n"]) {
      const started = performance.now();
      const answer = await raw.unary(`${KV}/Put`, message, { "grpc-timeout": timeout });
      expect(answer.headers["grpc-status"]).toBe("4");
      // Not when the ten seconds of a call without deadline are over.
      expect(performance.now() - started).toBeLessThan(5_000);
    }
    expect((await answerOf((o) => there.kv.get({ key: late }, o))).entry).toBeUndefined();
    raw.close();
  });

  test("a message that is cut short, compressed unknown ways or followed by another is an error of that call alone", async () => {
    const raw = await RawClient.open(cluster.node(0).address);
    const whole = framed(GetRequest.encode(GetRequest.create({ key })).finish());
    for (const [bytes, headers] of [
      [whole.subarray(0, whole.length - 1), {}],
      [Buffer.alloc(0), {}],
      [Buffer.concat([whole, whole]), {}],
      [Buffer.concat([Buffer.from([1]), whole.subarray(1)]), { "grpc-encoding": "no-such-encoding" }],
    ] as const) {
      const stream = raw.open(`${KV}/Get`, headers);
      const status = new Promise((resolve) => {
        stream.once("response", (received) => received["grpc-status"] && resolve(received["grpc-status"]));
        stream.once("trailers", (received) => resolve(received["grpc-status"]));
        stream.once("close", () => resolve("closed"));
      });
      stream.end(bytes);
      expect(await status).not.toBe("0");
    }
    expect((await raw.unary(`${KV}/Get`, whole.subarray(5))).trailers?.["grpc-status"]).toBe("0");
    raw.close();
  });
});
