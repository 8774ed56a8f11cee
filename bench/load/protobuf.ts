/** The little of protobuf and of gRPC's frames that the generator reads and writes by hand. */

/** gRPC's prefix of a message: a zero for "not compressed", then the length in 32 bits. */
export const GRPC_PREFIX_BYTES = 5;

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** Appends the fields of a message, and tells where the changing parts of each are. */
export class FieldWriter {
  readonly octets: number[] = [];

  /** A field of so many octets, all zero; returns where they begin. */
  blank(number: number, length: number): number {
    this.octets.push((number << 3) | LENGTH_DELIMITED, ...varint(length));
    const at = this.octets.length;
    for (let i = 0; i < length; i++) this.octets.push(0);
    return at;
  }

  integer(number: number, value: number): void {
    this.octets.push((number << 3) | VARINT, ...varint(value));
  }

  /** A message inside; returns what to add to a place in it. */
  message(number: number, inner: FieldWriter): number {
    this.octets.push((number << 3) | LENGTH_DELIMITED, ...varint(inner.octets.length));
    const at = this.octets.length;
    this.octets.push(...inner.octets);
    return at;
  }
}

/** The message in its gRPC frame, with `spare` octets behind it. */
export function framed({ octets }: FieldWriter, spare = 0): Buffer {
  const bytes = Buffer.alloc(GRPC_PREFIX_BYTES + octets.length + spare);
  bytes.set(octets, GRPC_PREFIX_BYTES);
  bytes.writeUInt32BE(octets.length, 1);
  return bytes;
}

export function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  out.push(rest);
  return out;
}

export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Returns where it ends. */
export function writeVarint(target: Buffer, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) target[end++] = (rest % 128) | 0x80;
  target[end++] = rest;
  return end;
}

/** The message inside its gRPC frame; exactly one, not compressed. */
export function message(framed: Buffer): Buffer {
  if (framed.length < GRPC_PREFIX_BYTES || framed.readUInt8(0) !== 0) throw new Error("not one plain gRPC message");
  if (framed.readUInt32BE(1) !== framed.length - GRPC_PREFIX_BYTES) throw new Error("wrong gRPC message length");
  return framed.subarray(GRPC_PREFIX_BYTES);
}

/** Walks over protobuf fields: integers come as `value` (exact up to 2^53), length-delimited ones as `bytes`. */
export function forEachField(
  buffer: Buffer,
  visit: (number: number, value: number, bytes: Buffer | undefined) => void,
): void {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const octet = buffer.readUInt8(at++);
      value += (octet & 0x7f) * factor;
      if (octet < 0x80) return value;
    }
    throw new Error("a varint without end");
  };
  while (at < buffer.length) {
    const tag = readVarint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case VARINT:
        visit(number, readVarint(), undefined);
        break;
      case FIXED_64:
        visit(number, Number(buffer.readBigUInt64LE(at)), undefined);
        at += 8;
        break;
      case LENGTH_DELIMITED: {
        const length = readVarint();
        if (at + length > buffer.length) throw new Error("a field longer than its message");
        visit(number, 0, buffer.subarray(at, at + length));
        at += length;
        break;
      }
      case FIXED_32:
        visit(number, buffer.readUInt32LE(at), undefined);
        at += 4;
        break;
      default:
        throw new Error(`wire type ${tag % 8}`);
    }
  }
}
