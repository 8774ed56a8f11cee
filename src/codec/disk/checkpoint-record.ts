/**
 * A register as an entry of a block of the checkpoint (block.ts).
 *
 * Its key there is a 0 and the register's key. For a register's key above 1,900 bytes it is a 1 and its SHA-256, as
 * names of blocks are short. Its value is the register as it came, as a rule without its first field, the key. Its
 * meta:
 *
 *     0  u48  change number
 *     6  u8   flags: 1 = a tombstone, 2 = bad: it had rotted before it came here, and there is no value, 4 = the key is left out,
 *          8 = it is known to be settled
 *     7  u32  CRC-32 of the value
 *    11       the register's key, if only its hash stands in front
 */
import { createHash } from "node:crypto";
import { type ChangeNumber, changeNumber, type Key } from "../../core/model/ids.js";
import { isPlain } from "../../core/model/key-order.js";
import { planted } from "../../core/model/planted.js";
import type { Register } from "../../core/model/register.js";
import { BAD, type Bad } from "../../core/model/table.js";
import { ownCopy } from "../../wire/bytes.js";
import { bytesOf, NO_BYTES, textOf } from "../bytes/bytes.js";
import { crc32 } from "../bytes/checksum.js";
import { decodeRegister, encodeRegister, keyField } from "../register/register.js";
import type { BlockEntry } from "./block.js";

const META_BYTES = 11;
const PLAIN = 0;
const HASHED = 1;
const TOMBSTONE = 1;
const SPOILT = 2;
const WITHOUT_KEY = 4;
const SETTLED = 8;

export interface Stored {
  /** 0: nobody knows. */
  readonly change: ChangeNumber;
  readonly register: Register | Bad;
  /** It has the mark that it is settled. */
  readonly settled: boolean;
  /** Length of the encoded form. */
  readonly bytes: number;
}

/** The facts that the meta alone tells. */
export interface StoredHead {
  readonly change: ChangeNumber;
  readonly tombstone: boolean;
}

/** By which a register is found. */
export function entryKeyOf(key: Key): Buffer {
  const long = !isPlain(key);
  const name = Buffer.allocUnsafe(1 + (long ? 32 : key.length));
  name[0] = long ? HASHED : PLAIN;
  if (long) createHash("sha256").update(bytesOf(key)).digest().copy(name, 1);
  else name.write(key, 1, "latin1");
  return name;
}

/** The register's key. */
export const keyOfEntry = (name: Buffer, meta: Buffer): Key =>
  name[0] === HASHED ? textOf<Key>(meta.subarray(META_BYTES)) : textOf<Key>(name.subarray(1));

export function encodeStored(key: Key, register: Register | Bad, change: ChangeNumber, settled = false): BlockEntry {
  if (register === BAD) return spoilt(key, change, false);
  const whole = encodeRegister(register);
  const field = keyField(key);
  const left = whole.length >= field.length && field.compare(whole, 0, field.length) === 0;
  const value = left ? whole.subarray(field.length) : whole;
  const flags = (register.tombstone ? TOMBSTONE : 0) | (left ? WITHOUT_KEY : 0) | (settled ? SETTLED : 0);
  return entryOf(key, change, flags, value);
}

/** The record of a register that has rotted. `tombstone`: it was one, as far as is known. */
export const spoilt = (key: Key, change: ChangeNumber, tombstone: boolean): BlockEntry =>
  entryOf(key, change, SPOILT | (tombstone ? TOMBSTONE : 0), NO_BYTES);

function entryOf(key: Key, change: ChangeNumber, flags: number, value: Buffer): BlockEntry {
  const name = entryKeyOf(key);
  const long = name[0] === HASHED;
  const meta = Buffer.allocUnsafe(META_BYTES + (long ? key.length : 0));
  meta.writeUIntLE(change, 0, 6);
  meta[6] = flags;
  meta.writeUInt32LE(crc32(value), 7);
  if (long) meta.write(key, META_BYTES, "latin1");
  return { key: name, meta, value };
}

export const storedHead = (meta: Buffer): StoredHead => ({
  change: changeNumber(meta.readUIntLE(0, 6)),
  tombstone: ((meta[6] as number) & TOMBSTONE) !== 0,
});

/** Copies what it keeps. */
export function decodeStored(key: Key, meta: Buffer, value: Buffer): Stored {
  const { change } = storedHead(meta);
  const bad = { change, register: BAD, settled: false, bytes: 0 } as const;
  const flags = meta[6] as number;
  if ((flags & SPOILT) !== 0) return bad;
  if (crc32(value) !== meta.readUInt32LE(7) && !planted("R11.unchecked")) return bad;
  const bytes = ownCopy((flags & WITHOUT_KEY) !== 0 ? Buffer.concat([keyField(key), value]) : value);
  try {
    const register = decodeRegister(bytes);
    return register.key === key ? { change, register, settled: (flags & SETTLED) !== 0, bytes: bytes.length } : bad;
  } catch {
    // As an earlier version may have taken it from a peer that made it up: the writer has it mended.
    return bad;
  }
}

/** Whether the register is as it was written. */
export const isSound = (meta: Buffer, value: Buffer): boolean =>
  ((meta[6] as number) & SPOILT) === 0 && crc32(value) === meta.readUInt32LE(7);
