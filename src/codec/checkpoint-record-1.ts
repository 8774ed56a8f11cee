/**
 * A register as it lies in the checkpoint, which has no checksums of its own. As in the log there are two, so that of a rotten body it is
 * still known which change it was.
 *
 *     0  u32  CRC-32 of 4 … 17, begun with that of the partition and the key: a record under another key is none
 *     4  u64  change number
 *    12  u8   flags: 1 = a tombstone, 2 = bad: it had rotted before it came here, and there is no body
 *    13  u32  CRC-32 of the body
 *    17       the register, as it came
 */
import { type ChangeNumber, changeNumber, type Key, type Partition } from "../core/ids.js";
import { planted } from "../core/planted.js";
import type { Register } from "../core/register/register.js";
import { BAD, type Bad } from "../core/register/table.js";
import { bytesOf } from "./bytes.js";
import { crc32 } from "./checksum.js";
import { get64, put64 } from "./entry.js";
import { decodeRegister, encodeRegister } from "./register.js";

const HEAD_BYTES = 17;
const TOMBSTONE = 1;
const SPOILT = 2;

export interface Stored {
  readonly change: ChangeNumber;
  readonly register: Register | Bad;
  /** Length of the encoded form. */
  readonly bytes: number;
}

/** What the head alone tells; null: it is rotten. */
export interface StoredHead {
  readonly change: ChangeNumber;
  readonly tombstone: boolean;
}

export function encodeStored(partition: Partition, key: Key, register: Register | Bad, change: ChangeNumber): Buffer {
  const body = register === BAD ? NOTHING : encodeRegister(register);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  put64(bytes, change, 4);
  bytes[12] = register === BAD ? SPOILT : register.value === null ? TOMBSTONE : 0;
  bytes.writeUInt32LE(crc32(body), 13);
  bytes.writeUInt32LE(crc32(bytes.subarray(4, HEAD_BYTES), keyChecksum(partition, key)), 0);
  body.copy(bytes, HEAD_BYTES);
  return bytes;
}

const NOTHING = Buffer.alloc(0);

export function storedHead(partition: Partition, key: Key, bytes: Buffer): StoredHead | null {
  if (bytes.length < HEAD_BYTES) return null;
  if (crc32(bytes.subarray(4, HEAD_BYTES), keyChecksum(partition, key)) !== bytes.readUInt32LE(0)) return null;
  const flags = bytes[12] as number;
  return { change: changeNumber(get64(bytes, 4)), tombstone: (flags & TOMBSTONE) !== 0 };
}

/** Keeps `bytes`. A rotten head counts as change 0: nobody knows. */
export function decodeStored(partition: Partition, key: Key, bytes: Buffer): Stored {
  const head = storedHead(partition, key, bytes);
  if (head === null) return { change: changeNumber(0), register: BAD, bytes: 0 };
  const body = bytes.subarray(HEAD_BYTES);
  const bad = { change: head.change, register: BAD, bytes: 0 } as const;
  if (((bytes[12] as number) & SPOILT) !== 0) return bad;
  if (crc32(body) !== bytes.readUInt32LE(13) && !planted("R11.unchecked")) return bad;
  const register = decodeRegister(body);
  return register.key === key ? { change: head.change, register, bytes: body.length } : bad;
}

/** Whether all of it is as it was written. */
export function isSound(partition: Partition, key: Key, bytes: Buffer): boolean {
  if (storedHead(partition, key, bytes) === null || ((bytes[12] as number) & SPOILT) !== 0) return false;
  return crc32(bytes.subarray(HEAD_BYTES)) === bytes.readUInt32LE(13);
}

const scratch = Buffer.alloc(4);

function keyChecksum(partition: Partition, key: Key): number {
  scratch.writeUInt32LE(partition, 0);
  return crc32(bytesOf(key), crc32(scratch));
}
