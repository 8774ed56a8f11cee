/** The calls of etcd's v3 API on the wire, by hand: its KV service, field numbers as in its rpc.proto. */

import { type CallKind, type DecodedAnswer, type Dialect, dialGrpc, type RequestTemplate } from "./dialect.js";
import {
  FieldWriter,
  forEachField,
  framed,
  GRPC_PREFIX_BYTES,
  message,
  varintLength,
  writeVarint,
} from "./protobuf.js";

const SERVICE = "/etcdserverpb.KV/";
/** In RangeRequest and PutRequest. */
const FIELD = { key: 1, value: 2 } as const;
const TXN = { compare: 1, success: 2, failure: 3 } as const;
const REQUEST_OP = { range: 1, put: 2 } as const;
const COMPARE = { target: 2, key: 3, modRevision: 6 } as const;
const TARGET_MOD = 2;

export const etcd: Dialect = {
  dial: dialGrpc,
  template: (kind, { keyBytes, valueBytes }) => {
    if (kind === "cas") return txnTemplate(keyBytes, valueBytes);
    const writer = new FieldWriter();
    const keyAt = writer.blank(FIELD.key, keyBytes) + GRPC_PREFIX_BYTES;
    const valueAt = kind === "get" ? 0 : writer.blank(FIELD.value, valueBytes) + GRPC_PREFIX_BYTES;
    const path = `${SERVICE}${kind === "get" ? "Range" : "Put"}`;
    return { path, bytes: framed(writer), keyAt, valueAt, requestIdAt: 0 };
  },
  decode,
};

/**
 * If the key's revision is the expected one, put, else read it. The key stands in it three times: the caller fills in
 * one, and `expect` copies it.
 */
function txnTemplate(keyBytes: number, valueBytes: number): RequestTemplate {
  const put = new FieldWriter();
  const keyInPut = put.blank(FIELD.key, keyBytes);
  const valueInPut = put.blank(FIELD.value, valueBytes);
  const success = new FieldWriter();
  const putInSuccess = success.message(REQUEST_OP.put, put);
  const range = new FieldWriter();
  const keyInRange = range.blank(FIELD.key, keyBytes);
  const failure = new FieldWriter();
  const rangeInFailure = failure.message(REQUEST_OP.range, range);
  const writer = new FieldWriter();
  const putAt = writer.message(TXN.success, success) + putInSuccess + GRPC_PREFIX_BYTES;
  const otherKeyAt = writer.message(TXN.failure, failure) + rangeInFailure + keyInRange + GRPC_PREFIX_BYTES;
  const keyAt = putAt + keyInPut;
  const end = writer.octets.length + GRPC_PREFIX_BYTES;
  const compareBytes = 2 + (2 + keyBytes) + 1;
  const bytes = framed(writer, 2 + compareBytes + 10);
  const expect = (version: number): number => {
    bytes.copyWithin(otherKeyAt, keyAt, keyAt + keyBytes);
    let at = end;
    bytes[at++] = (TXN.compare << 3) | 2;
    bytes[at++] = compareBytes + varintLength(version);
    bytes[at++] = COMPARE.target << 3;
    bytes[at++] = TARGET_MOD;
    bytes[at++] = (COMPARE.key << 3) | 2;
    bytes[at++] = keyBytes;
    bytes.copyWithin(at, keyAt, keyAt + keyBytes);
    at += keyBytes;
    bytes[at++] = COMPARE.modRevision << 3;
    const length = writeVarint(bytes, at, version);
    bytes.writeUInt32BE(length - GRPC_PREFIX_BYTES, 1);
    return length;
  };
  return { path: `${SERVICE}Txn`, bytes, keyAt, valueAt: putAt + valueInPut, requestIdAt: 0, expect };
}

/** A write's version is the store's revision then, which becomes the key's mod_revision. */
function decode(kind: CallKind, body: Buffer): DecodedAnswer {
  let revision = 0;
  let applied = kind !== "cas";
  let found: { version: number; value: Buffer } | undefined;
  forEachField(message(body), (number, integer, bytes) => {
    if (number === 1 && bytes !== undefined) revision = integerIn(bytes, 3);
    if (number === 2 && kind === "get" && bytes !== undefined) found = entryOf(bytes);
    if (number === 2 && kind === "cas") applied = integer !== 0;
    // ResponseOp {1 RangeResponse {2 KeyValue}}: what a CAS found instead.
    if (number === 3 && kind === "cas" && bytes !== undefined) found = foundBy(bytes);
  });
  if (kind === "get") return { version: found?.version ?? 0, value: found?.value, applied };
  return { version: applied ? revision : (found?.version ?? 0), value: undefined, applied };
}

function foundBy(responseOp: Buffer): { version: number; value: Buffer } | undefined {
  let found: { version: number; value: Buffer } | undefined;
  forEachField(responseOp, (number, _integer, range) => {
    if (number !== 1 || range === undefined) return;
    forEachField(range, (inner, _value, entry) => {
      if (inner === 2 && entry !== undefined) found = entryOf(entry);
    });
  });
  return found;
}

/** A KeyValue: {3 mod_revision, 5 value}. */
function entryOf(bytes: Buffer): { version: number; value: Buffer } {
  let version = 0;
  let value = Buffer.alloc(0);
  forEachField(bytes, (number, integer, content) => {
    if (number === 3) version = integer;
    if (number === 5 && content !== undefined) value = Buffer.from(content);
  });
  return { version, value };
}

function integerIn(bytes: Buffer, field: number): number {
  let found = 0;
  forEachField(bytes, (number, integer, content) => {
    if (number === field && content === undefined) found = integer;
  });
  return found;
}
