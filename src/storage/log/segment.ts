/**
 * Segments: the files that the log consists of, each named after its first record's number. Old ones go as a whole once
 * the checkpoint has what they hold.
 *
 *     0  8 bytes "ONARLOG" and a line feed
 *     8  u32  version of the format
 *    12  u32  node id
 *    16  u64  number of the first record
 *    24  u32  salt: random, begins every record's checksum
 *    28  u32  CRC-32 of all that
 *    32       records, one after the other
 *             zeros, as far as the file was made longer than it had to be yet
 */
import { crc32 } from "../../codec/bytes/checksum.js";
import { get64, put64 } from "../../codec/disk/entry.js";
import { type LogRecord, nextRecord, recordAt } from "../../codec/disk/log-record.js";
import { type NodeId, nodeId } from "../../core/model/ids.js";

export const SEGMENT_HEADER_BYTES = 32;
export const LOG_VERSION = 1;
const MAGIC = "ONARLOG\n";
const NAME = /^[0-9a-f]{16}\.log$/;

export interface SegmentHeader {
  readonly version: number;
  readonly node: NodeId;
  /** Everything below was on stable storage before this file was made. */
  readonly first: number;
  readonly salt: number;
}

export const segmentName = (first: number): string => `${first.toString(16).padStart(16, "0")}.log`;
export const isSegmentName = (name: string): boolean => NAME.test(name);

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.write(MAGIC, 0, "latin1");
  bytes.writeUInt32LE(header.version, 8);
  bytes.writeUInt32LE(header.node, 12);
  put64(bytes, header.first, 16);
  bytes.writeUInt32LE(header.salt, 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** null: it is none, or rotten. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < SEGMENT_HEADER_BYTES || bytes.toString("latin1", 0, 8) !== MAGIC) return null;
  if (crc32(bytes.subarray(0, 28)) !== bytes.readUInt32LE(28)) return null;
  return {
    version: bytes.readUInt32LE(8),
    node: nodeId(bytes.readUInt32LE(12)),
    first: get64(bytes, 16),
    salt: bytes.readUInt32LE(24),
  };
}

/** Bytes that are no record, up to the next record, or to the end without its zeros. */
export interface Hole {
  readonly at: number;
  readonly end: number;
}

/** The records and holes of a segment, in order. Zeros at the end are nothing. */
export function* scan(bytes: Buffer, salt: number): Generator<LogRecord | Hole> {
  let at = SEGMENT_HEADER_BYTES;
  while (at < bytes.length) {
    let record = recordAt(bytes, at, salt);
    if (record === null) {
      record = nextRecord(bytes, at + 1, salt);
      const end = record?.at ?? endOfBytes(bytes, at);
      if (end > at) yield { at, end };
      if (record === null) return;
    }
    yield record;
    at = record.end;
  }
}

/** Where only zeros follow; at least `from`. */
function endOfBytes(bytes: Buffer, from: number): number {
  let end = bytes.length;
  while (end > from && bytes[end - 1] === 0) end--;
  return end;
}

export const isRecord = (found: LogRecord | Hole): found is LogRecord => "number" in found;
