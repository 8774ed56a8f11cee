/**
 * A message's place in a trace travels behind it, as the generated code has it, and nothing travels when there is none.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Frame, PeerMessage } from "../../../gen/ts/onar/replication/v1/replication.js";
import type { TraceContext } from "../../../src/base/trace-context.js";
import { decodeFrame, encodeFrames, messagesOf } from "../../../src/codec/peer/frame.js";
import { messageFromWire } from "../../../src/codec/peer/message-from-wire.js";
import { viewEpoch } from "../../../src/core/model/ids.js";
import type { NodeMessage } from "../../../src/core/model/node-message.js";
import { WireReader } from "../../../src/wire/protobuf.js";
import { anyMessage, bare } from "./arbitraries.js";

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .filter((array) => array.some((byte) => byte !== 0))
    .map((array) => Buffer.from(array).toString("hex"));
const anyContext: fc.Arbitrary<TraceContext> = fc.record({ traceId: hex(16), spanId: hex(8) });

function framesOf(messages: readonly NodeMessage[], traceOf?: (message: NodeMessage) => TraceContext | null): Buffer[] {
  const frames: Buffer[] = [];
  encodeFrames(viewEpoch(1), messages, (frame) => frames.push(frame), traceOf);
  return frames;
}

function received(frames: readonly Buffer[], traced: boolean): [NodeMessage, TraceContext | null][] {
  const all: [NodeMessage, TraceContext | null][] = [];
  for (const frame of frames) messagesOf(decodeFrame(frame), (message, trace) => all.push([message, trace]), traced);
  return all;
}

test("what is sent with a place in a trace is received with it, by hand and by the generated code", () => {
  fc.assert(
    fc.property(anyMessage, anyContext, (message, context) => {
      const frames = framesOf([message], () => context);
      expect(received(frames, true).map(([m, trace]) => [bare(m), trace])).toEqual([[bare(message), context]]);
      const [wire] = Frame.decode(frames[0] as Buffer).messages;
      expect(Buffer.from(wire?.trace?.traceId ?? []).toString("hex")).toBe(context.traceId);
      expect(Buffer.from(wire?.trace?.spanId ?? []).toString("hex")).toBe(context.spanId);
      expect(bare(messageFromWire(wire?.message) as NodeMessage)).toEqual(bare(message));
      // As a node reads it that does not trace.
      expect(received(frames, false).map(([m, trace]) => [bare(m), trace])).toEqual([[bare(message), null]]);
    }),
    { numRuns: 300 },
  );
});

test("without one the bytes are the same as ever", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const plain = framesOf([message]);
      expect(framesOf([message], () => null)).toEqual(plain);
      expect(received(plain, true).map(([, trace]) => trace)).toEqual([null]);
    }),
    { numRuns: 100 },
  );
});

test("what is none counts as none, and the message counts all the same", () => {
  const message: NodeMessage = { kind: "heartbeat", round: 3, reportsSeen: 0, logPosition: 0 };
  const none = [
    { traceId: Buffer.alloc(16), spanId: Buffer.alloc(8, 1) },
    { traceId: Buffer.alloc(15, 1), spanId: Buffer.alloc(8, 1) },
    { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(0) },
  ];
  const [plain] = Frame.decode(framesOf([message])[0] as Buffer).messages;
  for (const trace of none) {
    const bytes = PeerMessage.encode({ message: plain?.message, trace }).finish();
    const frame = {
      viewEpoch: 1,
      viewDigest: Buffer.alloc(0),
      handshake: undefined,
      refusal: undefined,
      authentication: undefined,
      messages: [new WireReader(bytes)],
    };
    const all: [NodeMessage, TraceContext | null][] = [];
    messagesOf(frame, (m, place) => all.push([m, place]), true);
    expect(all).toEqual([[message, null]]);
  }
});
