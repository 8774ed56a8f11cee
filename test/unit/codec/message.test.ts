/** Messages on the wire: what arrives is what was sent. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Frame, PeerMessage, RefusedReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { duration } from "../../../src/base/time.js";
import { requestFromWire, requestToWire, resultFromWire, revisionFromWire } from "../../../src/codec/api/operation.js";
import { decodeFrame, encodeFrames, messagesOf } from "../../../src/codec/peer/frame.js";
import { messageFromWire } from "../../../src/codec/peer/message-from-wire.js";
import { messageToWire } from "../../../src/codec/peer/message-to-wire.js";
import { groupEpoch, type Key, key, nodeId, partition, viewEpoch } from "../../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../../src/core/model/node-message.js";
import type { WriteOperation } from "../../../src/core/model/operation.js";
import { anyMessage, anyOfKind, bare, KINDS } from "./arbitraries.js";

const travel = (message: NodeMessage): NodeMessage | null => {
  const bytes = PeerMessage.encode({ message: messageToWire(message), trace: undefined }).finish();
  return messageFromWire(PeerMessage.decode(bytes).message);
};

describe("round trips", () => {
  test.each(KINDS)("%s arrives as it was sent", (kind) => {
    fc.assert(
      fc.property(anyOfKind(kind), (message) => {
        const arrived = travel(message);
        if (arrived === null) throw new Error("it was skipped");
        expect(bare(arrived)).toEqual(bare(message));
      }),
      { numRuns: 60 },
    );
  });

  test.each(KINDS)("%s by hand and by the generated code are the same on the wire", (kind) => {
    fc.assert(
      fc.property(anyOfKind(kind), (message) => {
        const generated = Frame.encode({
          viewEpoch: 1,
          messages: [{ message: messageToWire(message), trace: undefined }],
          handshake: undefined,
          refusal: undefined,
          authentication: undefined,
          viewDigest: Buffer.alloc(0),
        }).finish();
        const byHand: Buffer[] = [];
        encodeFrames(viewEpoch(1), [message], (frame) => void byHand.push(frame));
        const read = (bytes: Uint8Array): NodeMessage[] => {
          const arrived: NodeMessage[] = [];
          messagesOf(decodeFrame(bytes), (one) => void arrived.push(one));
          return arrived;
        };
        const readByGenerated = Frame.decode(byHand[0] as Buffer).messages.map(({ message: m }) => messageFromWire(m));
        expect(read(generated).map(bare)).toEqual([bare(message)]);
        expect(readByGenerated.map((one) => bare(one as NodeMessage))).toEqual([bare(message)]);
      }),
      { numRuns: 60 },
    );
  });

  test("a key may have every byte value, and any length", () => {
    const every = key(Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join(""));
    for (const k of [every, key("\0"), key("ÿ"), key("\xc3\xa9"), key("x".repeat(4_096))]) {
      const message = {
        kind: "recover",
        partition: partition(1),
        ballot: BALLOT,
        attempt: 5 as never,
        key: k,
      } as const;
      expect(travel(message)).toEqual(message);
    }
  });

  test("a list of numbers may come number by number", () => {
    // PeerMessage { heartbeat_answer { round: 7, heard: [5, 6] } }, the list not packed.
    const message = Buffer.from([15 * 8 + 2, 6, 8, 7, 16, 5, 16, 6]);
    const frame = Buffer.concat([Buffer.from([2 * 8 + 2, message.length]), message]);
    const arrived: NodeMessage[] = [];
    messagesOf(decodeFrame(frame), (one) => void arrived.push(one));
    expect(arrived).toMatchObject([{ kind: "heartbeat-answer", round: 7, heard: [5, 6] }]);
  });

  test("what is left of a deadline is rounded up, and never negative", () => {
    const forward = (remaining: number): NodeMessage => ({
      kind: "forward",
      id: 1,
      partition: partition(0),
      groupEpoch: groupEpoch(1),
      request: { kind: "read", read: { key: key("k"), consistency: "linearizable" } },
      remaining: duration(remaining),
    });
    expect(travel(forward(0.2))).toMatchObject({ remaining: 1 });
    expect(travel(forward(-5))).toMatchObject({ remaining: 0 });
  });
});

const BALLOT = { groupEpoch: groupEpoch(1), round: 2, node: nodeId(3) };

describe("what a newer node may send", () => {
  test("a message of an unknown kind is skipped, and the others of its frame arrive", () => {
    const known = { kind: "prepare", partition: partition(1), ballot: BALLOT } as const;
    const frames: Buffer[] = [];
    encodeFrames(viewEpoch(1), [known], (frame) => void frames.push(frame));
    // Field 2 of the frame: a message whose only field, number 99, this version does not know.
    const unknown = Buffer.from([0x12, 0x03, 0x9a, 0x06, 0x00]);
    const received: NodeMessage[] = [];
    messagesOf(decodeFrame(Buffer.concat([unknown, ...frames])), (message) => received.push(message));
    expect(received).toEqual([known]);
  });

  test("a nack of something unknown is skipped", () => {
    const nack = { partition: 1, ballot: undefined, promised: undefined, of: 99 as never, attempt: 1, seq: 0 };
    expect(messageFromWire({ $case: "nack", value: nack })).toBeNull();
  });

  test.each([
    ["an unknown reason", 99 as never],
    ["DRAINING, which no node sends", RefusedReason.DRAINING],
  ])("a refusal for %s is a refusal still: it was not executed there", (_what, reason) => {
    const value = { reason, writerNodeId: 0, revision: 0, missing: [] };
    expect(resultFromWire({ $case: "refused", value })).toEqual({
      status: "refused",
      refusal: { reason: "not-replica" },
    });
  });

  test("an unknown outcome for an unknown reason stays unknown", () => {
    const value = { reason: 99 as never, revision: 0 };
    expect(resultFromWire({ $case: "unknown", value })).toEqual({
      status: "unknown",
      unknown: { reason: "outcome-unknown" },
    });
  });
});

describe("numbers from outside", () => {
  test("a revision beyond 2^53 stays above every revision there is", () => {
    expect(revisionFromWire(2n ** 64n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(revisionFromWire(2n ** 53n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(revisionFromWire(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(revisionFromWire(17n)).toBe(17);
  });

  test("an id without bytes is no id, and its `after` means nothing", () => {
    const request = { key: key("k"), value: Buffer.alloc(0) };
    const wire = requestToWire(
      {
        kind: "write",
        write: { operation: { kind: "put", ...request }, requestId: null, after: null, fingerprint: 0 },
      },
      partition(0),
    );
    expect(requestFromWire(wire)).toMatchObject({ write: { requestId: null, after: null, fingerprint: 0 } });
  });
});

describe("malformed bytes", () => {
  const readAll = (bytes: Uint8Array): void => messagesOf(decodeFrame(bytes), () => undefined);
  /** Reads the bytes; what it throws must be an ordinary error, on which a stream is cut and no node stops. */
  const survives = (bytes: Uint8Array): void => {
    try {
      readAll(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).name).not.toBe("AssertionError");
    }
  };
  const frameOf = (message: NodeMessage): Buffer => {
    const frames: Buffer[] = [];
    encodeFrames(viewEpoch(1), [message], (frame) => void frames.push(frame));
    return frames[0] ?? Buffer.alloc(0);
  };

  test("any bytes throw an ordinary error at most", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), survives), { numRuns: 600 });
  });

  test("so do good frames with one byte changed", () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.nat({ max: 255 }), (message, at, byte) => {
        const bytes = Buffer.from(frameOf(message));
        bytes[at % bytes.length] = byte;
        survives(bytes);
      }),
      { numRuns: 600 },
    );
  });

  test("and good frames cut short", () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, at) => {
        const bytes = frameOf(message);
        survives(bytes.subarray(0, at % bytes.length));
      }),
      { numRuns: 250 },
    );
  });

  test("a message without its ballot, a condition that expects nothing and an answer without result are errors", () => {
    const prepare = { partition: 1, ballot: undefined };
    expect(() => messageFromWire({ $case: "prepare", value: prepare })).toThrow("without ballot");
    const common = {
      key: Buffer.from("k"),
      requestId: Buffer.alloc(0),
      after: undefined,
      keySpace: "",
      value: Buffer.alloc(0),
    };
    expect(() => requestFromWire({ $case: "compareAndSet", value: { ...common, condition: undefined } })).toThrow(
      "expects nothing",
    );
    expect(() => resultFromWire(undefined)).toThrow("without result");
  });

  test("a request that is passed on without a key is an error: its register could be read by nobody", () => {
    const request = { key: "" as Key, consistency: "linearizable" } as const;
    const write = (operation: WriteOperation): Request => ({
      kind: "write",
      write: { operation, requestId: null, after: null, fingerprint: 0 },
    });
    const requests: Request[] = [
      { kind: "read", read: request },
      write({ kind: "put", key: request.key, value: Buffer.of(1) }),
      write({ kind: "add", key: request.key, delta: 1n }),
      write({ kind: "delete", key: request.key, condition: null }),
    ];
    for (const of of requests) {
      const forward: NodeMessage = {
        kind: "forward",
        id: 1,
        partition: partition(0),
        groupEpoch: groupEpoch(1),
        request: of,
        remaining: duration(1_000),
      };
      expect(() => readAll(frameOf(forward))).toThrow("a request without key");
      expect(() => travel(forward)).toThrow("a request without key");
    }
  });

  test("a number beyond 2^53 where none is allowed is an error, not another number", () => {
    // A frame whose view epoch is 2^63.
    expect(() => decodeFrame(Buffer.from([0x08, ...new Array(9).fill(0x80), 0x01]))).toThrow();
  });
});
