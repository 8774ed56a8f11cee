/**
 * A register as it lay in the checkpoint of a directory of format 1, which is still read:
 *
 *     0  u32  CRC-32 of 4 … 17, begun with that of the table and the key: a record under another key is none
 *     4  u64  change number
 *    12  u8   flags: 1 = a tombstone, 2 = bad: it had rotted before it came here, and there is no body
 *    13  u32  CRC-32 of the body
 *    17       the register, as it came
 */

import { changeNumber, type Key } from "../../core/model/ids.js";
import { BAD } from "../../core/model/table.js";
import { bytesOf } from "../bytes/bytes.js";
import { crc32 } from "../bytes/checksum.js";
import { decodeRegister } from "../register/register.js";
import type { Stored, StoredHead } from "./checkpoint-record.js";
import { get64 } from "./entry.js";
import type { TableId } from "./table-id.js";

const HEAD_BYTES = 17;
const TOMBSTONE = 1;
const SPOILT = 2;

/** null: it is rotten. */
export function firstStoredHead(table: TableId, key: Key, bytes: Buffer): StoredHead | null {
  if (bytes.length < HEAD_BYTES) return null;
  if (crc32(bytes.subarray(4, HEAD_BYTES), keyChecksum(table, key)) !== bytes.readUInt32LE(0)) return null;
  const flags = bytes[12] as number;
  return { change: changeNumber(get64(bytes, 4)), tombstone: (flags & TOMBSTONE) !== 0 };
}

/** Keeps `bytes`. A rotten head counts as change 0: nobody knows. */
export function decodeFirstStored(table: TableId, key: Key, bytes: Buffer): Stored {
  const head = firstStoredHead(table, key, bytes);
  if (head === null) return { change: changeNumber(0), register: BAD, settled: false, bytes: 0 };
  const body = bytes.subarray(HEAD_BYTES);
  const bad = { change: head.change, register: BAD, settled: false, bytes: 0 } as const;
  if (((bytes[12] as number) & SPOILT) !== 0 || crc32(body) !== bytes.readUInt32LE(13)) return bad;
  const register = decodeRegister(body);
  return register.key === key ? { change: head.change, register, settled: false, bytes: body.length } : bad;
}

const scratch = Buffer.alloc(4);

function keyChecksum(table: TableId, key: Key): number {
  scratch.writeUInt32LE(table, 0);
  return crc32(bytesOf(key), crc32(scratch));
}
