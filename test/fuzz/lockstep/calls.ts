/**
 * Random calls at a client port, as bytes and headers. Every method is called, by good requests and bad ones, with
 * times that are long or over, and sizes up to the limits and beyond. Some calls are given up.
 */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { HealthCheckRequest } from "../../../gen/ts/grpc/health/v1/health.js";
import { Consistency, Presence } from "../../../gen/ts/onar/kv/v1/common.js";
import {
  AddRequest,
  CompareAndSetRequest,
  DeleteRequest,
  GetRequest,
  PipelineRequest,
  PutRequest,
} from "../../../gen/ts/onar/kv/v1/kv.js";
import {
  GetOperationRequest,
  LocateRequest,
  StatusRequest,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { TextServiceDefinition } from "../../../gen/ts/onar/text/v1/text.js";
import { framed } from "../../e2e/raw.js";

export interface Call {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Pieces of the body, each behind the one before. */
  readonly body: readonly Buffer[];
  /** The client leaves once so many pieces are sent; null: it waits for the end. */
  readonly cancelAfter: number | null;
}

/** Small, so that a test may go beyond them. */
export const LIMITS = { maxKeyBytes: 64, maxValueBytes: 10_000, maxMessageBytes: 22_000 } as const;

/** Times that are over, or nearly. */
export const LATE: ReadonlySet<string> = new Set(["0n", "1n", "0S", "1m"]);

const KV = "/onar.kv.v1.KeyValueService/";
const VIEWS = "/onar.reconfiguration.v1.ReconfigurationService/";

const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "b", "number").map((text) => Buffer.from(text)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, LIMITS.maxKeyBytes, LIMITS.maxKeyBytes + 1).map((n) => Buffer.alloc(n, 7)),
  },
);
const value = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 2, arbitrary: fc.integer({ min: -5, max: 99 }).map((n) => Buffer.from(`${n}`)) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(LIMITS.maxValueBytes, LIMITS.maxValueBytes + 1, LIMITS.maxMessageBytes - 60, LIMITS.maxMessageBytes)
      .map((n) => Buffer.alloc(n, "v")),
  },
);
const requestId = fc
  .constantFrom(16, 16, 16, 0, 15, 17)
  .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes)));
const keySpace = fc.constantFrom("", "", "", "", "", "other");
const revision = fc.record({
  partition: fc.constantFrom(0, 1, 5_000),
  revision: fc.constantFrom(0n, 1n, 2n ** 64n - 1n),
});
const after = fc.option(revision, { nil: undefined, freq: 8 });
const condition = fc.oneof(
  fc
    .constantFrom(0n, 1n, 2n ** 64n - 1n)
    .map((version) => ({ expected: { $case: "version" as const, value: version } })),
  value.map((bytes) => ({ expected: { $case: "value" as const, value: bytes } })),
  fc
    .constantFrom(Presence.ABSENT, Presence.PRESENT, Presence.UNSPECIFIED)
    .map((presence) => ({ expected: { $case: "presence" as const, value: presence } })),
  fc.constant({ expected: undefined }),
);
const consistency = fc.constantFrom(
  Consistency.UNSPECIFIED,
  Consistency.LINEARIZABLE,
  Consistency.LOCAL,
  7 as Consistency,
);
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined, freq: 4 });

const write = { key, requestId, after, keySpace };
const get = fc.record({ key, consistency, keySpace });
const put = fc.record({ ...write, value });
const compareAndSet = fc.record({ ...write, value, condition: maybe(condition) });
const remove = fc.record({ ...write, condition: maybe(condition) });
const add = fc.record({ ...write, delta: fc.constantFrom(0n, 1n, -7n, 2n ** 63n - 1n) });

const pipelined: fc.Arbitrary<PipelineRequest["request"]> = fc.oneof(
  get.map((one) => ({ $case: "get" as const, value: one })),
  put.map((one) => ({ $case: "put" as const, value: one })),
  add.map((one) => ({ $case: "add" as const, value: one })),
  fc.constant(undefined),
);

interface Asked {
  readonly path: string;
  readonly messages: readonly Uint8Array[];
}

const asked = (path: string, bytes: Uint8Array): Asked => ({ path, messages: [bytes] });

/**
 * A text request in the wire's form: of what the generated code would write, only the key and the value are asked for.
 */
const text = fc
  .tuple(fc.constantFrom("Get", "Put", "Delete", "Add"), fc.constantFrom("", "a", "b"), fc.constantFrom("", "x"))
  .map(([method, textKey, textValue]) => {
    const bytes = (field: number, said: string): Buffer =>
      said === "" ? Buffer.alloc(0) : Buffer.from([(field << 3) | 2, said.length, ...Buffer.from(said)]);
    const path = `/${TextServiceDefinition.fullName}/${method}`;
    return asked(path, Buffer.concat([bytes(1, textKey), method === "Put" ? bytes(2, textValue) : bytes(1, "")]));
  });

const good: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 5, arbitrary: get.map((one) => asked(`${KV}Get`, GetRequest.encode(one).finish())) },
  { weight: 5, arbitrary: put.map((one) => asked(`${KV}Put`, PutRequest.encode(one).finish())) },
  {
    weight: 3,
    arbitrary: compareAndSet.map((one) =>
      asked(`${KV}CompareAndSet`, CompareAndSetRequest.encode(CompareAndSetRequest.fromPartial(one)).finish()),
    ),
  },
  {
    weight: 3,
    arbitrary: remove.map((one) => asked(`${KV}Delete`, DeleteRequest.encode(DeleteRequest.fromPartial(one)).finish())),
  },
  { weight: 3, arbitrary: add.map((one) => asked(`${KV}Add`, AddRequest.encode(one).finish())) },
  {
    weight: 4,
    arbitrary: fc.array(pipelined, { maxLength: 6 }).map((requests) => ({
      path: `${KV}Pipeline`,
      messages: requests.map((request, i) =>
        PipelineRequest.encode({ tag: BigInt(i), request, timeoutMs: i % 2 === 0 ? 0 : 5_000 }).finish(),
      ),
    })),
  },
  { weight: 2, arbitrary: text },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("", "onar.kv.v1.KeyValueService", "nobody")
      .map((service) => asked("/grpc.health.v1.Health/Check", HealthCheckRequest.encode({ service }).finish())),
  },
  {
    weight: 1,
    arbitrary: fc.option(key, { nil: undefined }).map((one) =>
      asked(
        `${VIEWS}Locate`,
        LocateRequest.encode({
          target: one === undefined ? undefined : { $case: "key", value: one },
          keySpace: "",
        }).finish(),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<number[]>([], [0], [1, 5_000])
      .map((partitions) => asked(`${VIEWS}Status`, StatusRequest.encode({ partitions }).finish())),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0, 15, 16)
      .map((n) =>
        asked(
          `${VIEWS}GetOperation`,
          GetOperationRequest.encode(GetOperationRequest.fromPartial({ operationId: Buffer.alloc(n, 1) })).finish(),
        ),
      ),
  },
  { weight: 1, arbitrary: fc.constant(asked(`${VIEWS}GetView`, Buffer.alloc(0))) },
);

/** Bytes that are no request, or not at that path. */
const bad: fc.Arbitrary<Asked> = fc.oneof(
  fc.tuple(good, fc.uint8Array({ maxLength: 30 })).map(([{ path }, bytes]) => asked(path, bytes)),
  good.map(({ messages }) => ({ path: "/onar.kv.v1.KeyValueService/Swap", messages })),
  good.map(({ messages }) => ({ path: "/nobody.Nothing/Get", messages })),
  good.map(({ path, messages }) => ({ path, messages: messages.flatMap((one) => [one, one]) })),
  good.map(({ path }) => ({ path, messages: [] })),
  // A field that nobody knows, over and over.
  fc
    .constantFrom(4_000, 4_200, LIMITS.maxMessageBytes + 2)
    .map((n) => asked(`${KV}Get`, Buffer.alloc(n, Buffer.of(0xf8, 1)))),
);

const time: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 4,
    arbitrary: fc.constantFrom("20S", "1M", "99999999S", "30000000u").map((of) => ({ "grpc-timeout": of })),
  },
);
const metadata: fc.Arbitrary<Record<string, string>> = fc.record(
  {
    "x-text": fc.stringMatching(/^[!-~]{1,20}$/),
    "x-data-bin": fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("base64")),
    traceparent: fc.constantFrom("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "nonsense"),
  },
  { requiredKeys: [] },
);

/**
 * The calls that clients leave, or that come too late: whether one is executed or not is chance, so they change
 * nothing.
 */
const left: fc.Arbitrary<Asked> = fc.oneof(
  get.map((one) => asked(`${KV}Get`, GetRequest.encode(one).finish())),
  put.map((one) => asked(`${KV}Put`, PutRequest.encode({ ...one, requestId: Buffer.alloc(15) }).finish())),
  fc.array(get, { maxLength: 4 }).map((gets) => ({
    path: `${KV}Pipeline`,
    messages: gets.map((one, i) =>
      PipelineRequest.encode({ tag: BigInt(i), request: { $case: "get", value: one }, timeoutMs: 0 }).finish(),
    ),
  })),
);

/** How the messages become a body: as they are, compressed, in small pieces, cut off. */
const form = fc.constantFrom("plain", "plain", "plain", "gzip", "pieces", "unsaid gzip");

const waiting = fc.record({
  asked: fc.oneof({ weight: 8, arbitrary: good }, { weight: 2, arbitrary: bad }),
  time,
  metadata,
  form,
  cancelAfter: fc.constant(null),
});
const leaving = fc.record({ asked: left, time, metadata, form, cancelAfter: fc.nat({ max: 3 }) });
const late = fc.record({
  asked: left,
  time: fc.constantFrom(...LATE).map((of) => ({ "grpc-timeout": of })),
  metadata,
  form: fc.constant("plain"),
  cancelAfter: fc.constant(null),
});

export const anyCall: fc.Arbitrary<Call> = fc
  .oneof({ weight: 18, arbitrary: waiting }, { weight: 2, arbitrary: leaving }, { weight: 1, arbitrary: late })
  .map(({ asked: { path, messages }, time, metadata, form, cancelAfter }) => {
    const packed = form === "gzip" || form === "unsaid gzip";
    const frames = messages.map((message) => {
      const frame = framed(packed ? gzipSync(message) : message);
      if (packed) frame[0] = 1;
      return frame;
    });
    const headers = { ...time, ...metadata, ...(form === "gzip" ? { "grpc-encoding": "gzip" } : {}) };
    const body = form === "pieces" ? frames.flatMap((frame) => [frame.subarray(0, 3), frame.subarray(3)]) : frames;
    return { path, headers, body, cancelAfter };
  });
