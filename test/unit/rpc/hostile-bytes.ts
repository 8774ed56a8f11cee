/**
 * Bytes that no client library sends: what a decoder that strangers reach must take or refuse in no more time than
 * their length is worth.
 */
import { BYTES, FIXED32, FIXED64, VARINT } from "../../../src/wire/protobuf.js";

const START_GROUP = 3;
const END_GROUP = 4;

/** The fields that any message of the contract has, and some that none has. */
const FIELDS = [...Array.from({ length: 32 }, (_, i) => i + 1), 1_000, 536_870_911];

export interface Hostile {
  readonly what: string;
  readonly bytes: Buffer;
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const key = (field: number, type: number): Buffer => varint((BigInt(field) << 3n) | BigInt(type));
const bytes = (...parts: readonly (Buffer | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part)));

/** Longer than any number is: eleven bytes that all say that one follows. */
const OVERLONG = Buffer.alloc(11, 0xff);

/** Lengths as they may be declared. */
const LENGTHS: readonly (readonly [string, Buffer])[] = [
  ["2^31 - 1", varint(2n ** 31n - 1n)],
  ["2^31", varint(2n ** 31n)],
  ["2^32 - 1", varint(2n ** 32n - 1n)],
  ["2^53", varint(2n ** 53n)],
  ["-1", varint(-1n)],
  ["-2^63", varint(-(2n ** 63n))],
  ["a number without end", OVERLONG],
];

/** Some thousand inputs, short and long. */
export function* hostileBytes(): Generator<Hostile> {
  for (const field of FIELDS) {
    const inner = key(field, BYTES);
    for (const [name, length] of LENGTHS) {
      yield { what: `field ${field} with a length of ${name}`, bytes: bytes(inner, length) };
      yield {
        what: `field ${field} with a length of ${name}, zeros behind`,
        bytes: bytes(inner, length, Buffer.alloc(64)),
      };
      // Within a message that itself ends where it should.
      for (const within of [1, 2, 3, 5]) {
        const message = bytes(inner, length, [1, 2, 3]);
        yield {
          what: `field ${field} with a length of ${name}, within field ${within}`,
          bytes: bytes(key(within, BYTES), varint(BigInt(message.length)), message),
        };
      }
    }
    for (const type of [VARINT, FIXED64, FIXED32, 6, 7]) {
      yield { what: `field ${field} of wire type ${type}, cut short`, bytes: key(field, type) };
      yield { what: `field ${field} of wire type ${type}, overlong`, bytes: bytes(key(field, type), OVERLONG) };
    }
    yield { what: `field ${field} as a group without end`, bytes: bytes(key(field, START_GROUP), Buffer.alloc(64, 8)) };
    yield { what: `field ${field} as the end of a group`, bytes: bytes(key(field, END_GROUP), [8, 1]) };
    yield {
      what: `field ${field} as a group that ends as another`,
      bytes: bytes(key(field, START_GROUP), key(field + 1, END_GROUP)),
    };
    for (const depth of [101, 20_000]) {
      yield {
        what: `groups of field ${field}, ${depth} deep`,
        bytes: Buffer.concat(Array<Buffer>(depth).fill(key(field, START_GROUP))),
      };
    }
    yield { what: `messages of field ${field}, 200 deep`, bytes: nested(field, 200) };
  }
  yield { what: "the end of a group forever", bytes: Buffer.alloc(100_000, 4) };
  yield { what: "tags of field 0", bytes: Buffer.alloc(100_000) };
  yield { what: "tags without end", bytes: Buffer.alloc(100_000, 0xff) };
  // Held the event loop for nine seconds.
  yield { what: "a symbol of 2 GiB to reflection", bytes: Buffer.from("22ffffffff07", "hex") };
}

function nested(field: number, depth: number): Buffer {
  let message: Buffer = Buffer.alloc(0);
  for (let i = 0; i < depth; i++) message = bytes(key(field, BYTES), varint(BigInt(message.length)), message);
  return message;
}
