/** A pipeline's messages by hand say what the generated code says, in both directions, whatever is in them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Any } from "../../../gen/ts/google/protobuf/any.js";
import { Consistency, Presence } from "../../../gen/ts/onar/kv/v1/common.js";
import { PipelineRequest, PipelineResponse } from "../../../gen/ts/onar/kv/v1/kv.js";
import {
  decodePipelineRequest,
  decodePipelineResponse,
  encodePipelineRequest,
  encodePipelineResponse,
} from "../../../src/wire/pipeline.js";
import { WireWriter } from "../../../src/wire/protobuf.js";

const u32 = fc.nat({ max: 2 ** 32 - 1 });
/** Around the bounds of what a number holds, too. */
const u64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.bigInt({ min: 2n ** 49n - 2n, max: 2n ** 49n + 2n }),
  fc.bigInt({ min: 2n ** 53n - 2n, max: 2n ** 53n + 2n }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const bytes = fc.uint8Array({ maxLength: 200 }).map((all) => Buffer.from(all));
const revision = fc.option(fc.record({ partition: u32, revision: u64 }), { nil: undefined });
const consistency = fc.constantFrom(Consistency.UNSPECIFIED, Consistency.LINEARIZABLE, Consistency.LOCAL);
const keySpace = fc.oneof({ weight: 5, arbitrary: fc.constant("") }, { weight: 1, arbitrary: fc.string() });
const header = fc.option(
  fc.record({
    clusterId: bytes,
    nodeId: u32,
    viewEpoch: u64,
    revision,
    groupEpoch: u64,
    writerNodeId: u32,
  }),
  { nil: undefined },
);
const entry = fc.option(fc.record({ value: bytes, version: u64 }), { nil: undefined });

const common = { key: bytes, requestId: bytes, after: revision, keySpace };
const request: fc.Arbitrary<PipelineRequest["request"]> = fc.oneof(
  fc.record({ $case: fc.constant("get" as const), value: fc.record({ key: bytes, consistency, keySpace }) }),
  fc.record({ $case: fc.constant("put" as const), value: fc.record({ ...common, value: bytes }) }),
  fc.record({
    $case: fc.constant("delete" as const),
    value: fc.record({
      ...common,
      condition: fc.constant({ expected: { $case: "presence" as const, value: Presence.PRESENT } }),
    }),
  }),
  fc.record({ $case: fc.constant("add" as const), value: fc.record({ ...common, delta: fc.constant(-7n) }) }),
  fc.constant(undefined),
);
const response: fc.Arbitrary<PipelineResponse["response"]> = fc.oneof(
  fc.record({ $case: fc.constant("get" as const), value: fc.record({ header, entry, consistency }) }),
  fc.record({ $case: fc.constant("put" as const), value: fc.record({ header, version: u64 }) }),
  fc.record({
    $case: fc.constant("add" as const),
    value: fc.record({ header, version: u64, number: fc.constant(5n) }),
  }),
  fc.record({
    $case: fc.constant("status" as const),
    value: fc.record({ code: fc.constant(14), message: fc.string(), details: fc.constant<Any[]>([]) }),
  }),
  fc.constant(undefined),
);

const anyRequest: fc.Arbitrary<PipelineRequest> = fc.record({ tag: u64, request, timeoutMs: fc.nat() });
const anyResponse: fc.Arbitrary<PipelineResponse> = fc.record({ tag: u64, response });

const writer = new WireWriter();
function written<T>(message: T, encode: (message: T, w: WireWriter) => void): Buffer {
  encode(message, writer);
  return writer.finish();
}

/** The generated code has a place for unknown fields in each message. */
const plain = (message: unknown): unknown =>
  JSON.parse(
    JSON.stringify(message, (name, value) => {
      if (name === "_unknownFields") return undefined;
      return typeof value === "bigint" ? `${value}n` : value;
    }),
  );

interface Codec<T> {
  readonly any: fc.Arbitrary<T>;
  readonly generated: { encode(message: T): { finish(): Uint8Array }; decode(bytes: Uint8Array): T };
  readonly encode: (message: T, w: WireWriter) => void;
  readonly decode: (bytes: Buffer) => T;
}

function agrees<T>({ any, generated, encode, decode }: Codec<T>): void {
  const generate = (message: T): Buffer => Buffer.from(generated.encode(message).finish());

  test("are encoded to the bytes that the generated code gives", () => {
    fc.assert(
      fc.property(any, (message) => {
        expect(written(message, encode)).toEqual(generate(message));
      }),
    );
  });

  test("are decoded to what the generated code finds", () => {
    fc.assert(
      fc.property(any, (message) => {
        const encoded = generate(message);
        expect(plain(decode(encoded))).toEqual(plain(generated.decode(encoded)));
      }),
    );
  });

  test("that are no messages are found out as the generated code finds them out", () => {
    const outcome = (f: () => unknown): unknown => {
      try {
        return plain(f());
      } catch {
        return "refused";
      }
    };
    fc.assert(
      fc.property(any, fc.nat(), fc.nat({ max: 255 }), (message, where, byte) => {
        const encoded = generate(message);
        if (encoded.length > 0) encoded[where % encoded.length] = byte;
        const broken = encoded.subarray(0, Math.max(0, encoded.length - (where % 3)));
        const ours = outcome(() => decode(broken));
        const theirs = outcome(() => generated.decode(broken));
        // The generated code reads on past the end of a sub-message that says it is shorter than its fields.
        if (theirs === "refused") expect(ours).toBe("refused");
      }),
      { numRuns: 2_000 },
    );
  });

  test("with a field of a newer version keep it, as the generated code does", () => {
    const [message] = fc.sample(any, 1) as [T];
    const encoded = Buffer.concat([generate(message), Buffer.of(0x98, 0x06, 0x01)]);
    expect(decode(encoded)).toEqual(generated.decode(encoded));
  });
}

describe("requests of a pipeline", () => {
  agrees({
    any: anyRequest,
    generated: PipelineRequest,
    encode: encodePipelineRequest,
    decode: decodePipelineRequest,
  });
});

describe("responses of a pipeline", () => {
  agrees({
    any: anyResponse,
    generated: PipelineResponse,
    encode: encodePipelineResponse,
    decode: decodePipelineResponse,
  });
});
