/** Onar's calls on the wire, by hand. */

import {
  COMPARE_AND_SET_REQUEST,
  COMPARE_AND_SET_RESPONSE,
  CONDITION,
  ENTRY,
  GET_RESPONSE,
  PUT_REQUEST,
  PUT_RESPONSE,
} from "../../gen/ts/onar/kv/v1/fields.js";
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

const SERVICE = "/onar.kv.v1.KeyValueService/";
export const GET_PATH = `${SERVICE}Get`;
export const PUT_PATH = `${SERVICE}Put`;
const CAS_PATH = `${SERVICE}CompareAndSet`;

export const REQUEST_ID_BYTES = 16;

/** Its tag and length, and a version with its tag. */
const MAX_CONDITION_BYTES = 13;

export const onar: Dialect = {
  dial: dialGrpc,
  template: (kind, { keyBytes, valueBytes, requestId }) => {
    if (kind === "get") return requestTemplate({ keyBytes });
    const template = requestTemplate({ keyBytes, valueBytes, requestId });
    return kind === "put" ? template : casTemplate(template);
  },
  decode,
};

/** A GET without `valueBytes`, a PUT with. */
export function requestTemplate(parts: {
  keyBytes: number;
  valueBytes?: number;
  requestId?: boolean;
}): RequestTemplate {
  const writer = new FieldWriter();
  const keyAt = writer.blank(PUT_REQUEST.key, parts.keyBytes);
  const valueAt = parts.valueBytes === undefined ? 0 : writer.blank(PUT_REQUEST.value, parts.valueBytes);
  const requestIdAt = parts.requestId === true ? writer.blank(PUT_REQUEST.requestId, REQUEST_ID_BYTES) : 0;
  const inFrame = (at: number): number => (at === 0 ? 0 : at + GRPC_PREFIX_BYTES);
  return {
    path: parts.valueBytes === undefined ? GET_PATH : PUT_PATH,
    bytes: framed(writer),
    keyAt: inFrame(keyAt),
    valueAt: inFrame(valueAt),
    requestIdAt: inFrame(requestIdAt),
  };
}

/** The PUT with a condition behind it: fields may come in any order, and only the condition's length varies. */
function casTemplate(put: RequestTemplate): RequestTemplate {
  const end = put.bytes.length;
  const bytes = Buffer.concat([put.bytes, Buffer.alloc(MAX_CONDITION_BYTES)]);
  const expect = (version: number): number => {
    bytes[end] = (COMPARE_AND_SET_REQUEST.condition << 3) | 2;
    bytes[end + 1] = 1 + varintLength(version);
    bytes[end + 2] = CONDITION.version << 3;
    const length = writeVarint(bytes, end + 3, version);
    bytes.writeUInt32BE(length - GRPC_PREFIX_BYTES, 1);
    return length;
  };
  return { ...put, path: CAS_PATH, bytes, expect };
}

function decode(kind: CallKind, body: Buffer): DecodedAnswer {
  let version = 0;
  let swapped = false;
  let entry: { version: number; value: Buffer } | undefined;
  const entryField = kind === "get" ? GET_RESPONSE.entry : COMPARE_AND_SET_RESPONSE.found;
  forEachField(message(body), (number, integer, bytes) => {
    if (bytes !== undefined) {
      if (number === entryField && kind !== "put") entry = entryOf(bytes);
    } else if (kind === "cas") {
      if (number === COMPARE_AND_SET_RESPONSE.swapped) swapped = integer !== 0;
      if (number === COMPARE_AND_SET_RESPONSE.version) version = integer;
    } else if (kind === "put" && number === PUT_RESPONSE.version) {
      version = integer;
    }
  });
  if (kind === "get") return { version: entry?.version ?? 0, value: entry?.value, applied: true };
  const applied = kind === "put" || swapped;
  return { version: applied ? version : (entry?.version ?? 0), value: undefined, applied };
}

function entryOf(bytes: Buffer): { version: number; value: Buffer } {
  let version = 0;
  // An empty value is not on the wire, and is not the same as an absent key.
  let value = Buffer.alloc(0);
  forEachField(bytes, (number, integer, content) => {
    if (number === ENTRY.value && content !== undefined) value = Buffer.from(content);
    if (number === ENTRY.version) version = integer;
  });
  return { version, value };
}
