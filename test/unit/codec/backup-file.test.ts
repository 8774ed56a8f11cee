/** Backup files: what was written is read, and whatever is not as it was written is found. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BackupEntry, BackupHeader } from "../../../gen/ts/onar/backup/v1/backup.js";
import { BackupDecoder, BackupEncoder, BackupFileError } from "../../../src/codec/api/backup-file.js";

const HEADER: BackupHeader = {
  format: 1,
  backupId: Buffer.alloc(16, 1),
  clusterId: Buffer.alloc(16, 2),
  viewEpoch: 3n,
  partitionCount: 256,
  startedMs: 1_700_000_000_000n,
  softwareVersion: "0.1.0",
};

const entry = (key: string, value: string, version = 1n): BackupEntry => ({
  key: Buffer.from(key),
  value: Buffer.from(value),
  version,
});

function encode(entries: readonly BackupEntry[], header = HEADER): Buffer {
  const encoder = new BackupEncoder();
  const parts = [encoder.header(header), ...entries.map((one) => encoder.entry(one)), encoder.end(77n, 5n)];
  return Buffer.concat(parts);
}

function decode(bytes: Buffer, piece = bytes.length) {
  const decoder = new BackupDecoder();
  const entries: BackupEntry[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    for (const { key, value, version } of decoder.push(bytes.subarray(at, at + piece))) {
      entries.push({ key: Buffer.from(key), value: Buffer.from(value), version });
    }
  }
  return { entries, ...decoder.finish() };
}

const SMALL = encode([entry("a", "1"), entry("b", ""), entry("key", "value", 9n)]);

const anyEntry = fc.record({
  key: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  version: fc.bigInt({ min: 0n, max: 2n ** 53n }),
});

describe("a backup file", () => {
  test("is read as it was written, in pieces of any length", () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 20 }), fc.integer({ min: 1, max: 700 }), (entries, piece) => {
        const read = decode(encode(entries), piece);
        expect(read.entries).toEqual(entries);
        expect(read.header).toMatchObject(HEADER);
        expect(read.end).toMatchObject({ entries: BigInt(entries.length), highestRevision: 77n, endedMs: 5n });
      }),
      { numRuns: 100 },
    );
  });

  test("every flipped byte is found", () => {
    for (let at = 0; at < SMALL.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(SMALL);
        bytes[at] = (bytes[at] as number) ^ flip;
        expect(() => decode(bytes), `byte ${at} ^ ${flip}`).toThrow(BackupFileError);
      }
    }
  });

  test("every truncation is found, and so is what was appended", () => {
    for (let length = 0; length < SMALL.length; length++) {
      expect(() => decode(SMALL.subarray(0, length)), `${length} bytes`).toThrow(BackupFileError);
    }
    for (const more of [Buffer.from("x"), Buffer.alloc(100), SMALL]) {
      expect(() => decode(Buffer.concat([SMALL, more]))).toThrow(/something follows its end/);
    }
  });

  test("a record that is missing, doubled, swapped or of another file is found, though each is sound by itself", () => {
    const encoder = new BackupEncoder();
    const header = encoder.header(HEADER);
    const [a, b] = [encoder.entry(entry("a", "1")), encoder.entry(entry("b", "2"))];
    const end = encoder.end(77n, 5n);
    const other = encode([entry("a", "1"), entry("b", "2")], { ...HEADER, backupId: Buffer.alloc(16, 9) });
    const otherHeader = other.subarray(0, header.length);
    expect(decode(Buffer.concat([header, a, b, end])).entries).toHaveLength(2);
    for (const parts of [
      [header, b, end],
      [header, a, a, b, end],
      [header, b, a, end],
      [header, end],
      [otherHeader, a, b, end],
    ]) {
      expect(() => decode(Buffer.concat(parts))).toThrow(/is corrupt at byte/);
    }
  });

  test.each<[string, Buffer, RegExp]>([
    ["nothing", Buffer.alloc(0), /is not a backup: it is too short/],
    ["another file", Buffer.from("PK\x03\x04 and so on, quite long"), /is not a backup of Onar/],
    ["a newer format", encode([], { ...HEADER, format: 2 }), /has format 2, and .* up to 1: use a newer one/],
    ["no end", SMALL.subarray(0, SMALL.length - 80), /is cut short: it ends after/],
  ])("says what is wrong: %s", (_name, bytes, message) => {
    expect(() => decode(bytes)).toThrow(message);
  });
});
