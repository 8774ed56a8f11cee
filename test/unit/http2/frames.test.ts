/** Frames: cut from any chunks, and gathered for one write. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { FrameInput } from "../../../src/http2/frame/frame-input.js";
import { FrameOutput } from "../../../src/http2/frame/frame-output.js";
import { CLIENT_PREFACE, FLAG, FRAME, MAX_FRAME_BYTES } from "../../../src/http2/frame/wire.js";

interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: string;
}

function collecting(expectPreface = false): { readonly input: FrameInput; readonly seen: Seen[] } {
  const seen: Seen[] = [];
  const input = new FrameInput(
    {
      frame: (type, flags, streamId, bytes, start, end) => {
        seen.push({ type, flags, streamId, payload: bytes.toString("hex", start, end) });
      },
    },
    expectPreface,
  );
  return { input, seen };
}

function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

/** The bytes in chunks that end at the given places, modulo what there is. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => Buffer.from(bytes.subarray(i === 0 ? 0 : ends[i - 1], end)));
}

const frames = fc.array(
  fc
    .tuple(
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 0x7fff_ffff }),
      fc.oneof(
        { weight: 5, arbitrary: fc.uint8Array({ maxLength: 40 }) },
        fc.constant(new Uint8Array(MAX_FRAME_BYTES)),
      ),
    )
    .map(([type, flags, id, payload]) => frame(type, flags, id, payload)),
  { maxLength: 12 },
);

describe("the input", () => {
  test("shows the same frames for every way of cutting the same bytes", () => {
    fc.assert(
      fc.property(frames, fc.boolean(), fc.array(fc.nat(), { maxLength: 30 }), (list, preface, places) => {
        const bytes = Buffer.concat([...(preface ? [CLIENT_PREFACE] : []), ...list]);
        const whole = collecting(preface);
        whole.input.push(bytes);
        const cutUp = collecting(preface);
        for (const chunk of cut(bytes, places)) cutUp.input.push(chunk);
        expect(cutUp.seen).toEqual(whole.seen);
        expect(whole.seen.length).toBe(list.length);
        expect(cutUp.input.carriedBytes).toBe(0);
      }),
    );
  });

  test("shows a frame at its last byte, one byte at a time", () => {
    const { input, seen } = collecting();
    const bytes = frame(FRAME.ping, 0, 0, Buffer.from("12345678"));
    for (const [i, byte] of bytes.entries()) {
      expect(seen.length).toBe(0);
      input.push(Buffer.of(byte));
      expect(input.carriedBytes).toBe(i + 1 === bytes.length ? 0 : i + 1);
    }
    expect(seen.length).toBe(1);
  });

  test("ignores the reserved bit of a stream identifier", () => {
    const { input, seen } = collecting();
    input.push(frame(FRAME.data, 0, 0xffff_ffff, Buffer.alloc(0)));
    expect(seen[0]?.streamId).toBe(0x7fff_ffff);
  });

  test("refuses a frame that is too long when its length has come, not when its bytes have", () => {
    const header = Buffer.from("004001", "hex");
    for (const chunks of [[Buffer.concat([header, Buffer.alloc(6)])], [header, Buffer.alloc(6)]]) {
      const { input } = collecting();
      expect(() => {
        for (const chunk of chunks) input.push(chunk);
      }).toThrow(expect.objectContaining({ code: ERROR_CODE.frameSizeError }));
    }
  });

  test("refuses what does not begin with the preface at the first byte that differs", () => {
    const { input } = collecting(true);
    input.push(Buffer.from("PRI * HTTP/"));
    expect(() => input.push(Buffer.from("1"))).toThrow(expect.objectContaining({ code: ERROR_CODE.protocolError }));
  });

  test("keeps memory in proportion to what has come of a frame, not to what it announced", () => {
    const before = process.memoryUsage().arrayBuffers;
    const inputs = Array.from({ length: 2_000 }, () => collecting().input);
    const announced = frame(FRAME.data, 0, 1, Buffer.alloc(MAX_FRAME_BYTES)).subarray(0, 20);
    for (const input of inputs) input.push(announced);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000 * 1_024);
    expect(inputs.every(({ carriedBytes }) => carriedBytes === 20)).toBe(true);
  });
});

describe("the output", () => {
  test("is what was asked for, in order, whatever was copied and whatever passed on", () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant("data" as const), length: fc.integer({ min: 0, max: 5_000 }), end: fc.boolean() }),
      fc.record({
        kind: fc.constant("headers" as const),
        length: fc.integer({ min: 0, max: 40_000 }),
        end: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant("window" as const),
        length: fc.integer({ min: 1, max: 0x7fff_ffff }),
        end: fc.boolean(),
      }),
      fc.record({ kind: fc.constant("take" as const), length: fc.constant(0), end: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const output = new FrameOutput();
        const taken: Buffer[] = [];
        const expected: Buffer[] = [];
        for (const [i, { kind, length, end }] of actions.entries()) {
          const payload = Buffer.alloc(length <= 40_000 ? length : 0, i);
          if (kind === "data") {
            output.data(i, end, Buffer.concat([Buffer.of(9), payload]), 1, length + 1);
            expected.push(frame(FRAME.data, end ? FLAG.endStream : 0, i, payload));
          } else if (kind === "headers") {
            output.headers(i, end, payload, length);
            for (let at = 0; at === 0 || at < length; at += MAX_FRAME_BYTES) {
              const last = at + MAX_FRAME_BYTES >= length;
              const flags = (last ? FLAG.endHeaders : 0) | (end && at === 0 ? FLAG.endStream : 0);
              const part = payload.subarray(at, at + MAX_FRAME_BYTES);
              expected.push(frame(at === 0 ? FRAME.headers : FRAME.continuation, flags, i, part));
            }
          } else if (kind === "window") {
            output.windowUpdate(i, length);
            const increment = Buffer.alloc(4);
            increment.writeUInt32BE(length);
            expected.push(frame(FRAME.windowUpdate, 0, i, increment));
          } else {
            taken.push(...output.take().map((chunk) => Buffer.from(chunk)));
            expect(output.size).toBe(0);
          }
        }
        taken.push(...output.take());
        expect(Buffer.concat(taken).equals(Buffer.concat(expected))).toBe(true);
      }),
    );
  });

  test("passes a large payload on without copying it", () => {
    const output = new FrameOutput();
    const payload = Buffer.alloc(10_000, 1);
    output.data(1, false, payload, 0, payload.length);
    const chunk = output.take().find(({ length }) => length === payload.length);
    payload.fill(2);
    expect(chunk?.every((byte) => byte === 2)).toBe(true);
  });

  test("keeps nothing once it was taken", () => {
    const output = new FrameOutput();
    output.ping(false, Buffer.from("12345678"), 0);
    expect(Buffer.concat(output.take()).toString("hex")).toBe("0000080600000000003132333435363738");
    expect(output.take()).toEqual([]);
  });
});
