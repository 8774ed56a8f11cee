/**
 * Every decoder that is written by hand, given lengths that do not fit. It refuses or reads something, at once, and
 * never by an assertion or a slip of its own. Those that check a checksum first get one that is right, so that it is
 * the lengths that they look at.
 */
import { describe, expect, test } from "vitest";
import { requestFields } from "../../../gen/ts/request-fields.js";
import { Prng } from "../../../src/base/prng.js";
import { BackupDecoder, BackupFileError } from "../../../src/codec/api/backup-file.js";
import { crc32 } from "../../../src/codec/bytes/checksum.js";
import { Block, encodeBlock, partOf } from "../../../src/codec/disk/block.js";
import { decodeStored, encodeStored } from "../../../src/codec/disk/checkpoint-record.js";
import { NODE_WIDE } from "../../../src/codec/disk/entry.js";
import { nextRecord, RECORD_HEADER_BYTES, RecordBuffer, recordAt } from "../../../src/codec/disk/log-record.js";
import { decodeStates, encodeStates } from "../../../src/codec/disk/states.js";
import { tableId } from "../../../src/codec/disk/table-id.js";
import { decodeFrame, messagesOf } from "../../../src/codec/peer/frame.js";
import { believedView, viewMessageFromWire } from "../../../src/codec/peer/view-messages.js";
import { decodeRegister, encodeRegister } from "../../../src/codec/register/register.js";
import { changeNumber, nodeId, partition, revision } from "../../../src/core/model/ids.js";
import { BAD } from "../../../src/core/model/table.js";
import { Unframer } from "../../../src/wire/grpc-frames.js";
import { decodePipelineRequest, decodePipelineResponse } from "../../../src/wire/pipeline.js";
import { surplusOf } from "../../../src/wire/request-surplus.js";
import { b, K, record, register } from "../core/writer/harness.js";
import { hostileBytes } from "../rpc/hostile-bytes.js";

const HELD_MICROSECONDS = 2_000_000;
const HOSTILE = [...hostileBytes()];
const LENGTHS = [0, 1, 39, 127, 128, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
const SALT = 7;
const T = tableId(1);

/** Throws unless it returns, or throws what decoders throw; and in time. */
function survives(what: string, decode: () => unknown): void {
  const began = process.cpuUsage();
  try {
    decode();
  } catch (error) {
    expect(error, what).toBeInstanceOf(Error);
    expect(["Error", "RangeError", "BackupFileError"], `${what}: ${String(error)}`).toContain((error as Error).name);
  }
  expect(process.cpuUsage(began).user, what).toBeLessThan(HELD_MICROSECONDS);
}

type Decoder = (bytes: Buffer) => unknown;
const DECODERS: readonly (readonly [string, Decoder])[] = [
  ["a frame", (bytes) => messagesOf(decodeFrame(bytes), () => {}, true)],
  ["a register and its records", (bytes) => [...decodeRegister(bytes).records]],
  ["a view", believedView],
  ["a view in a message", (bytes) => viewMessageFromWire({ $case: "viewNews", value: { view: bytes } })],
  ["a request of a pipeline", decodePipelineRequest],
  ["an answer of a pipeline", decodePipelineResponse],
  ["states", decodeStates],
  ["a record of the log", (bytes) => [recordAt(bytes, 0, SALT), nextRecord(bytes, 0, SALT)]],
  ["a block", (bytes) => Block.read(Buffer.alloc(0), bytes)],
  ["a backup", (bytes) => [...new BackupDecoder().push(bytes)]],
  ...[...requestFields].map(([path, fields]): [string, Decoder] => [
    `the surplus of ${path}`,
    (bytes) => surplusOf(bytes, fields, 1),
  ]),
];

describe("hostile bytes", () => {
  test.each(DECODERS)("to %s", (_name, decode) => {
    for (const { what, bytes } of HOSTILE) survives(what, () => decode(bytes));
  });

  test("to a register, each byte of it changed, and cut at each", () => {
    const good = encodeRegister(register({ records: [record("r", { revision: revision(1) })] }));
    for (let at = 0; at < good.length; at++) {
      survives(`cut at ${at}`, () => [...decodeRegister(good.subarray(0, at)).records]);
      for (const byte of [0, 1, 0x7f, 0x80, 0xff]) {
        const bytes = Buffer.from(good);
        bytes[at] = byte;
        survives(`${byte} at ${at}`, () => [...decodeRegister(bytes).records]);
      }
    }
  });
});

describe("lengths beyond what is there, behind a checksum that is right", () => {
  test("of a log's record", () => {
    const buffer = new RecordBuffer();
    buffer.push(
      { kind: "register", partition: partition(1), change: changeNumber(1), register: register() },
      T,
      1,
      SALT,
    );
    const good = Buffer.from(buffer.bytes);
    for (const length of LENGTHS) {
      for (const at of [28, 32]) {
        const bytes = Buffer.from(good);
        bytes.writeUInt32LE(length, at);
        const keyEnd = Math.min(bytes.length, RECORD_HEADER_BYTES + bytes.readUInt32LE(28));
        bytes.writeUInt32LE(crc32(bytes.subarray(4, keyEnd), SALT), 0);
        survives(`${length} at ${at}`, () => {
          const found = recordAt(bytes, 0, SALT);
          if (found !== null) expect(found.end).toBeLessThanOrEqual(bytes.length);
        });
      }
    }
  });

  test("of a partition's states", () => {
    const good = encodeStates(T, [{ kind: "promise", partition: partition(1), ballot: b(2) }]);
    for (let cut = 0; cut < good.length; cut++) {
      survives(`cut at ${cut}`, () => decodeStates(good.subarray(0, cut)));
    }
  });

  test("of a checkpoint's block", () => {
    const name = Buffer.from("name");
    const good = encodeBlock(name, null, [partOf(encodeStored(K, register(), changeNumber(1)))], 1);
    const chance = new Prng(1);
    for (let run = 0; run < 5_000; run++) {
      const bytes = Buffer.from(good);
      for (let times = 1 + chance.below(3); times > 0; times--)
        bytes[4 + chance.below(bytes.length - 4)] = chance.below(256);
      const directoryEnd = Math.min(bytes.length, bytes.readUInt32LE(7));
      if (directoryEnd > 4) bytes.writeUInt32LE(crc32(bytes.subarray(4, directoryEnd), crc32(name)), 0);
      survives(bytes.toString("hex"), () => {
        const block = Block.read(name, bytes);
        if (block === null) return;
        for (let i = 0; i < block.count; i++) decodeStored(K, block.meta(i), block.value(i));
      });
    }
  });

  test("of a checkpoint's register that some earlier version took: it is bad, and mended", () => {
    const wrong = register();
    wrong.restAs(Buffer.from([0x0a, 0x7f, 1]), 0, 0);
    const { meta, value } = encodeStored(K, wrong, changeNumber(1));
    expect(decodeStored(K, meta, value).register).toBe(BAD);
  });

  test("of a backup's record", () => {
    const mark = Buffer.from("ONARBKP\n", "latin1");
    for (const kind of [1, 2, 3, 9]) {
      for (const length of LENGTHS) {
        const head = Buffer.alloc(13 + 64);
        head[0] = kind;
        head.writeUInt32LE(length, 1);
        head.writeUInt32LE(crc32(head.subarray(0, 9), crc32(mark)), 9);
        const decoder = new BackupDecoder();
        expect(() => {
          for (const _ of decoder.push(Buffer.concat([mark, head])));
          decoder.finish();
        }).toThrow(BackupFileError);
      }
    }
  });

  test("of a gRPC message", () => {
    for (const length of LENGTHS) {
      const unframer = new Unframer(4_096);
      const bytes = Buffer.alloc(64);
      bytes.writeUInt32BE(length, 1);
      survives(`${length}`, () => {
        unframer.push(bytes);
        for (let i = 0; i < 20 && unframer.next() !== null; i++);
      });
    }
  });

  test("and a node's id in a state is a number still", () => {
    const seen = encodeStates(NODE_WIDE, [{ kind: "seen", node: nodeId(2 ** 32 - 1), position: 5 }]);
    expect(decodeStates(seen)).toEqual([{ kind: "seen", node: 2 ** 32 - 1, position: 5 }]);
  });
});
