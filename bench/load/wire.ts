/**
 * The two calls on the wire, by hand. Requests are templates whose changing bytes are overwritten in place, and only
 * the parts of an answer that are checked are read.
 */

import type { FieldNumber } from "../../gen/ts/field-number.js";
import { ENTRY, GET_RESPONSE, PUT_REQUEST, PUT_RESPONSE } from "../../gen/ts/onar/kv/v1/fields.js";
import { KEY_BYTES } from "./options.js";

export const GET_PATH = "/onar.kv.v1.KeyValueService/Get";
export const PUT_PATH = "/onar.kv.v1.KeyValueService/Put";

/** gRPC's prefix of a message: a zero for "not compressed", then the length in 32 bits. */
const GRPC_PREFIX_BYTES = 5;
export const REQUEST_ID_BYTES = 16;

const LENGTH_DELIMITED = 2;

/** A whole gRPC-framed request and where its changing parts are. */
export interface RequestTemplate {
  readonly bytes: Buffer;
  readonly keyAt: number;
  readonly valueAt: number;
  readonly requestIdAt: number;
}

/** A GET without `valueBytes`, a PUT with. */
export function requestTemplate(parts: { valueBytes?: number; requestId?: boolean }): RequestTemplate {
  const out: number[] = [0, 0, 0, 0, 0];
  const field = (number: FieldNumber, length: number): number => {
    out.push((number << 3) | LENGTH_DELIMITED, ...varint(length));
    const at = out.length;
    for (let i = 0; i < length; i++) out.push(0);
    return at;
  };
  const keyAt = field(PUT_REQUEST.key, KEY_BYTES);
  const valueAt = parts.valueBytes === undefined ? 0 : field(PUT_REQUEST.value, parts.valueBytes);
  const requestIdAt = parts.requestId === true ? field(PUT_REQUEST.requestId, REQUEST_ID_BYTES) : 0;
  const bytes = Buffer.from(out);
  bytes.writeUInt32BE(bytes.length - GRPC_PREFIX_BYTES, 1);
  return { bytes, keyAt, valueAt, requestIdAt };
}

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  out.push(rest);
  return out;
}

/** The parts of an answer that the checks need; `value` is undefined when the key was absent. */
export interface DecodedAnswer {
  readonly version: number;
  readonly value: Buffer | undefined;
}

/** Throws on malformed bytes. */
export function decodeGetAnswer(framed: Buffer): DecodedAnswer {
  let answer: DecodedAnswer = { version: 0, value: undefined };
  forEachField(message(framed), (number, _value, bytes) => {
    if (number !== GET_RESPONSE.entry || bytes === undefined) return;
    let version = 0;
    // An empty value is not on the wire, and is not the same as an absent key.
    let value = Buffer.alloc(0);
    forEachField(bytes, (inner, integer, content) => {
      if (inner === ENTRY.value && content !== undefined) value = Buffer.from(content);
      if (inner === ENTRY.version) version = integer;
    });
    answer = { version, value };
  });
  return answer;
}

/** Throws on malformed bytes. */
export function decodePutAnswer(framed: Buffer): DecodedAnswer {
  let version = 0;
  forEachField(message(framed), (number, value) => {
    if (number === PUT_RESPONSE.version) version = value;
  });
  return { version, value: undefined };
}

/** The message inside its gRPC frame; exactly one, not compressed. */
function message(framed: Buffer): Buffer {
  if (framed.length < GRPC_PREFIX_BYTES || framed.readUInt8(0) !== 0) throw new Error("not one plain gRPC message");
  if (framed.readUInt32BE(1) !== framed.length - GRPC_PREFIX_BYTES) throw new Error("wrong gRPC message length");
  return framed.subarray(GRPC_PREFIX_BYTES);
}

/** Walks over protobuf fields: integers come as `value` (exact up to 2^53), length-delimited ones as `bytes`. */
function forEachField(buffer: Buffer, visit: (number: number, value: number, bytes: Buffer | undefined) => void): void {
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
      case 0:
        visit(number, readVarint(), undefined);
        break;
      case 1:
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
      case 5:
        visit(number, buffer.readUInt32LE(at), undefined);
        at += 4;
        break;
      default:
        throw new Error(`wire type ${tag % 8}`);
    }
  }
}
