/**
 * Mutations of frames: of the structure (numbers, lengths, wire types, fields repeated, moved, nested and unknown) and
 * of the bytes. Fields that are moved come from other frames. So attempts, ballots and keys which are under way turn up
 * where they do not belong.
 */
import type { Prng } from "../../../src/base/prng.js";
import { BYTES, FIXED32, FIXED64, VARINT } from "../../../src/wire/protobuf.js";
import { edited, type Field, nodesOf, parse, serialize, sizeOf } from "./wire.js";

const NUMBERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 127n, 128n, 255n, 1n << 20n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n],
  ...[1n << 40n, 1n << 48n, (1n << 52n) - 1n, (1n << 53n) - 1n, 1n << 53n, 1n << 63n, (1n << 64n) - 1n],
];
const LENGTHS: readonly bigint[] = [
  ...[0n, 1n, 127n, 128n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, (1n << 53n) - 1n, 1n << 53n, (1n << 64n) - 1n],
];
/** Numbers of fields that a newer version may have. */
const FUTURE = [29, 38, 40, 41, 99, 1_000, 536_870_911];
const TYPES = [VARINT, FIXED64, BYTES, 3, 4, FIXED32, 6, 7];
const BYTE_VALUES = [0, 1, 7, 8, 0x0a, 0x12, 0x7f, 0x80, 0xff];
/** Longer frames are cut: what is long is tried elsewhere. */
const MAX_BYTES = 200_000;

/** A mutation of a frame; `others`: further ones to take parts of. */
export function mutate(frame: Buffer, others: readonly Buffer[], chance: Prng): Buffer {
  const fields = chance.chance(0.85) ? parse(frame) : null;
  let bytes = frame;
  if (fields !== null) {
    let tree: readonly Field[] = fields;
    // Most of those that are changed in many places are refused for the first.
    for (let times = chance.chance(0.6) ? 1 : 2 + chance.below(4); times > 0; times--)
      tree = once(tree, others, chance);
    bytes = serialize(tree);
  }
  if (fields === null || chance.chance(0.08)) bytes = ofBytes(bytes, others, chance);
  return bytes.length > MAX_BYTES ? bytes.subarray(0, MAX_BYTES) : bytes;
}

function once(fields: readonly Field[], others: readonly Buffer[], chance: Prng): readonly Field[] {
  const nodes = nodesOf(fields);
  if (nodes.length === 0) return [future(chance)];
  return edited(fields, chance.below(nodes.length), (list, at) => change(list, at, others, chance));
}

function change(list: readonly Field[], at: number, others: readonly Buffer[], chance: Prng): readonly Field[] {
  const field = list[at] as Field;
  const put = (...with_: readonly Field[]): readonly Field[] => [...list.slice(0, at), ...with_, ...list.slice(at + 1)];
  switch (chance.below(13)) {
    case 0:
    case 1:
    case 2:
      return put(otherValue(field, chance));
    case 3:
    case 4:
      return put(fromOthers(field, others, chance));
    case 5:
      return put({ ...field, number: chance.chance(0.7) ? 1 + chance.below(45) : chance.pick(FUTURE) });
    case 6:
      return put({ ...field, type: chance.pick(TYPES) });
    case 7:
      return put({ ...field, length: chance.pick(LENGTHS) });
    case 8:
      return put(...Array.from({ length: copies(field, chance) }, () => field));
    case 9:
      return put();
    case 10:
      return put(field, future(chance));
    case 11:
      return put(nested(field, chance));
    default:
      return chance.shuffle(list);
  }
}

/** No more than are left of a long frame: copies of one that is nested deeply held up whoever mutates for seconds. */
function copies(field: Field, chance: Prng): number {
  const wanted = chance.chance(0.03) ? 2_000 : 2 + chance.below(8);
  return Math.max(2, Math.min(wanted, Math.floor(MAX_BYTES / sizeOf(field))));
}

function otherValue(field: Field, chance: Prng): Field {
  const { value } = field;
  if (typeof value === "bigint") {
    const near = [value + 1n, value - 1n, value * 2n, value + BigInt(chance.below(1_000)), BigInt(chance.below(16))];
    return { ...field, value: BigInt.asUintN(64, chance.chance(0.5) ? chance.pick(NUMBERS) : chance.pick(near)) };
  }
  const bytes = value instanceof Buffer ? Buffer.from(value) : serialize(value as readonly Field[]);
  const long = chance.chance(0.05) ? 100_000 : chance.below(40);
  const made = [
    Buffer.alloc(0),
    Buffer.alloc(long, chance.pick(BYTE_VALUES)),
    Buffer.concat([bytes, Buffer.alloc(1 + chance.below(4), chance.below(256))]),
    bytes.subarray(0, chance.below(bytes.length + 1)),
  ];
  if (bytes.length > 0) {
    const at = chance.below(bytes.length);
    bytes[at] = chance.below(256);
    made.push(bytes);
  }
  return { ...field, value: chance.pick(made) };
}

/** The same field of another frame, or any of its kind. */
function fromOthers(field: Field, others: readonly Buffer[], chance: Prng): Field {
  if (others.length === 0) return field;
  const tree = parse(chance.pick(others));
  if (tree === null) return field;
  const all = nodesOf(tree).filter(({ type }) => type === field.type);
  const same = all.filter(({ number }) => number === field.number);
  const from = same.length > 0 && chance.chance(0.7) ? same : all;
  return from.length === 0 ? field : { ...field, value: chance.pick(from).value };
}

function future(chance: Prng): Field {
  const number = chance.pick(FUTURE);
  switch (chance.below(4)) {
    case 0:
      return { number, type: VARINT, value: chance.pick(NUMBERS) };
    case 1:
      return { number, type: FIXED64, value: Buffer.alloc(8, 0xff) };
    case 2:
      return { number, type: FIXED32, value: Buffer.alloc(4, 0xff) };
    default:
      return { number, type: BYTES, value: Buffer.alloc(chance.below(50), chance.below(256)) };
  }
}

function nested(field: Field, chance: Prng): Field {
  let inner: Field = field;
  for (let depth = chance.chance(0.1) ? 500 : 1 + chance.below(3); depth > 0; depth--) {
    inner = { number: field.number, type: BYTES, value: [inner] };
  }
  return inner;
}

function ofBytes(frame: Buffer, others: readonly Buffer[], chance: Prng): Buffer {
  let bytes: Buffer = Buffer.from(frame);
  for (let times = 1 + chance.below(4); times > 0; times--) {
    const at = chance.below(bytes.length + 1);
    const length = chance.below(Math.min(32, bytes.length - at + 1));
    switch (chance.below(5)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << chance.below(8));
        break;
      case 1:
        if (at < bytes.length) bytes[at] = chance.pick(BYTE_VALUES);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
        break;
      default: {
        const other = others.length === 0 ? bytes : chance.pick(others);
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(chance.below(other.length + 1))]);
      }
    }
  }
  return bytes;
}
