/**
 * Protobuf without its contract: bytes as a tree of fields, so that a mutation changes a number or a length and not
 * just bytes.
 */
import { BYTES, FIXED32, FIXED64, VARINT } from "../../../src/wire/protobuf.js";

export interface Field {
  readonly number: number;
  readonly type: number;
  readonly value: bigint | Buffer | readonly Field[];
  /** Declared instead of the true length. */
  readonly length?: bigint;
}

/** Deeper ones are left as bytes. */
const MAX_DEPTH = 8;
/** A key with a length or a number. */
const SMALL_BYTES = 4;

const isMessage = (value: Field["value"]): value is readonly Field[] => Array.isArray(value);

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

function readVarint(bytes: Buffer, at: number): { readonly value: bigint; readonly end: number } | null {
  let value = 0n;
  for (let i = 0; i < 10 && at + i < bytes.length; i++) {
    const byte = bytes[at + i] as number;
    value |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) return { value: BigInt.asUintN(64, value), end: at + i + 1 };
  }
  return null;
}

/** null: it is no message. Anything within it that could be a message is taken for one. */
export function parse(bytes: Buffer, depth = 0): Field[] | null {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const key = readVarint(bytes, at);
    if (key === null || key.value < 8n || key.value >= 2n ** 32n) return null;
    const number = Number(key.value >> 3n);
    const type = Number(key.value & 7n);
    at = key.end;
    if (type === VARINT) {
      const read = readVarint(bytes, at);
      if (read === null) return null;
      fields.push({ number, type, value: read.value });
      at = read.end;
    } else if (type === BYTES) {
      const length = readVarint(bytes, at);
      if (length === null || length.value > BigInt(bytes.length - length.end)) return null;
      const end = length.end + Number(length.value);
      const inner = bytes.subarray(length.end, end);
      const message = inner.length > 0 && depth < MAX_DEPTH ? parse(inner, depth + 1) : null;
      fields.push({ number, type, value: message ?? inner });
      at = end;
    } else if (type === FIXED64 || type === FIXED32) {
      const size = type === FIXED64 ? 8 : 4;
      if (at + size > bytes.length) return null;
      fields.push({ number, type, value: bytes.subarray(at, at + size) });
      at += size;
    } else return null;
  }
  return fields;
}

export function serialize(fields: readonly Field[]): Buffer {
  const parts: Buffer[] = [];
  for (const { number, type, value, length } of fields) {
    parts.push(varint((BigInt(number) << 3n) | BigInt(type)));
    if (typeof value === "bigint") {
      parts.push(varint(value));
      continue;
    }
    const bytes = isMessage(value) ? serialize(value) : (value as Buffer);
    if (type === BYTES) parts.push(varint(length ?? BigInt(bytes.length)));
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** About how many bytes it takes, and so how long `serialize` does. */
export function sizeOf({ value }: Field): number {
  if (typeof value === "bigint") return SMALL_BYTES;
  if (!isMessage(value)) return SMALL_BYTES + value.length;
  let size = SMALL_BYTES;
  for (const field of value) size += sizeOf(field);
  return size;
}

/**
 * A tree with one of its nodes replaced: `change` gets the list that the node stands in, and its place, and returns the
 * new list.
 */
export function edited(
  fields: readonly Field[],
  target: number,
  change: (list: readonly Field[], at: number) => readonly Field[],
): readonly Field[] {
  let seen = 0;
  const walk = (list: readonly Field[]): readonly Field[] => {
    for (let i = 0; i < list.length; i++) {
      if (seen++ === target) return change(list, i);
      const field = list[i] as Field;
      if (!isMessage(field.value)) continue;
      const inner = walk(field.value);
      if (inner !== field.value) return list.map((one, at) => (at === i ? { ...one, value: inner } : one));
    }
    return list;
  };
  return walk(fields);
}

/** All nodes of the tree. As a list: a generator in each level makes each node pass through all levels above. */
export function nodesOf(fields: readonly Field[], found: Field[] = []): readonly Field[] {
  for (const field of fields) {
    found.push(field);
    if (isMessage(field.value)) nodesOf(field.value, found);
  }
  return found;
}
