/**
 * Requests and responses of a Pipeline, into a writer and out of its bytes. GET and PUT, field for field what kv.proto
 * says, by hand: they are nearly all there is. Whatever is unusual about a message, and all others, are the generated
 * code's business.
 */
import type { FieldNumber } from "../../gen/ts/field-number.js";
import type { Entry, Header, Revision } from "../../gen/ts/onar/kv/v1/common.js";
import {
  ENTRY,
  GET_REQUEST,
  GET_RESPONSE,
  HEADER,
  PIPELINE_REQUEST,
  PIPELINE_RESPONSE,
  PUT_REQUEST,
  PUT_RESPONSE,
  REVISION,
} from "../../gen/ts/onar/kv/v1/fields.js";
import {
  type GetRequest,
  type GetResponse,
  PipelineRequest,
  PipelineResponse,
  type PutRequest,
  type PutResponse,
} from "../../gen/ts/onar/kv/v1/kv.js";
import { BYTES, tag, VARINT, WireReader, type WireWriter } from "./protobuf.js";

const NO_BYTES = Buffer.alloc(0);

/** A field that is not known here. */
const UNUSUAL = new Error("for the generated code");

// ---- requests

export function encodePipelineRequest(message: PipelineRequest, w: WireWriter): void {
  const { request } = message;
  switch (request?.$case) {
    case "get": {
      w.uint64(PIPELINE_REQUEST.tag, message.tag);
      const start = w.begin(PIPELINE_REQUEST.get);
      w.bytes(GET_REQUEST.key, request.value.key);
      w.number(GET_REQUEST.consistency, request.value.consistency);
      w.utf8(GET_REQUEST.keySpace, request.value.keySpace);
      w.end(start);
      return w.number(PIPELINE_REQUEST.timeoutMs, message.timeoutMs);
    }
    case "put": {
      const { key, value, requestId, after, keySpace } = request.value;
      w.uint64(PIPELINE_REQUEST.tag, message.tag);
      const start = w.begin(PIPELINE_REQUEST.put);
      w.bytes(PUT_REQUEST.key, key);
      w.bytes(PUT_REQUEST.value, value);
      w.bytes(PUT_REQUEST.requestId, requestId);
      if (after !== undefined) putRevision(PUT_REQUEST.after, after, w);
      w.utf8(PUT_REQUEST.keySpace, keySpace);
      w.end(start);
      return w.number(PIPELINE_REQUEST.timeoutMs, message.timeoutMs);
    }
    default:
      w.raw(PipelineRequest.encode(message).finish());
  }
}

/** In a GET or PUT the key, value and request id are views of the bytes: copy what you keep. */
export const decodePipelineRequest = (bytes: Buffer): PipelineRequest =>
  usual(bytes, requestOf) ?? PipelineRequest.decode(bytes);

function requestOf(r: WireReader): PipelineRequest | null {
  let of = 0n;
  let timeoutMs = 0;
  let request: PipelineRequest["request"];
  while (r.more) {
    const key = r.tag();
    if (key === tag(PIPELINE_REQUEST.tag, VARINT)) of = r.uint64();
    else if (key === tag(PIPELINE_REQUEST.get, BYTES)) request = { $case: "get", value: getRequestOf(r.message()) };
    else if (key === tag(PIPELINE_REQUEST.put, BYTES)) request = { $case: "put", value: putRequestOf(r.message()) };
    else if (key === tag(PIPELINE_REQUEST.timeoutMs, VARINT)) timeoutMs = r.uint32();
    else return null;
  }
  return { tag: of, request, timeoutMs };
}

function getRequestOf(r: WireReader): GetRequest {
  let k: Buffer = NO_BYTES;
  let consistency = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(GET_REQUEST.key, BYTES)) k = r.view();
    else if (key === tag(GET_REQUEST.consistency, VARINT)) consistency = r.varint();
    else throw UNUSUAL;
  }
  return { key: k, consistency, keySpace: "" };
}

function putRequestOf(r: WireReader): PutRequest {
  let k: Buffer = NO_BYTES;
  let value: Buffer = NO_BYTES;
  let requestId: Buffer = NO_BYTES;
  let after: Revision | undefined;
  while (r.more) {
    const key = r.tag();
    if (key === tag(PUT_REQUEST.key, BYTES)) k = r.view();
    else if (key === tag(PUT_REQUEST.value, BYTES)) value = r.view();
    else if (key === tag(PUT_REQUEST.requestId, BYTES)) requestId = r.view();
    else if (key === tag(PUT_REQUEST.after, BYTES)) after = revisionOf(r.message());
    else throw UNUSUAL;
  }
  return { key: k, value, requestId, after, keySpace: "" };
}

// ---- responses

export function encodePipelineResponse(message: PipelineResponse, w: WireWriter): void {
  const { response } = message;
  switch (response?.$case) {
    case "get": {
      const { header, entry, consistency } = response.value;
      w.uint64(PIPELINE_RESPONSE.tag, message.tag);
      const start = w.begin(PIPELINE_RESPONSE.get);
      if (header !== undefined) putHeader(GET_RESPONSE.header, header, w);
      if (entry !== undefined) {
        const inner = w.begin(GET_RESPONSE.entry);
        w.bytes(ENTRY.value, entry.value);
        w.uint64(ENTRY.version, entry.version);
        w.end(inner);
      }
      w.number(GET_RESPONSE.consistency, consistency);
      return w.end(start);
    }
    case "put": {
      const { header, version } = response.value;
      w.uint64(PIPELINE_RESPONSE.tag, message.tag);
      const start = w.begin(PIPELINE_RESPONSE.put);
      if (header !== undefined) putHeader(PUT_RESPONSE.header, header, w);
      w.uint64(PUT_RESPONSE.version, version);
      return w.end(start);
    }
    default:
      w.raw(PipelineResponse.encode(message).finish());
  }
}

/** In a GET or PUT the header's cluster id is a view of the bytes; the rest is the caller's own. */
export const decodePipelineResponse = (bytes: Buffer): PipelineResponse =>
  usual(bytes, responseOf) ?? PipelineResponse.decode(bytes);

function responseOf(r: WireReader): PipelineResponse | null {
  let of = 0n;
  let response: PipelineResponse["response"];
  while (r.more) {
    const key = r.tag();
    if (key === tag(PIPELINE_RESPONSE.tag, VARINT)) of = r.uint64();
    else if (key === tag(PIPELINE_RESPONSE.get, BYTES)) response = { $case: "get", value: getResponseOf(r.message()) };
    else if (key === tag(PIPELINE_RESPONSE.put, BYTES)) response = { $case: "put", value: putResponseOf(r.message()) };
    else return null;
  }
  return { tag: of, response };
}

function getResponseOf(r: WireReader): GetResponse {
  let header: Header | undefined;
  let entry: Entry | undefined;
  let consistency = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(GET_RESPONSE.header, BYTES)) header = headerOf(r.message());
    else if (key === tag(GET_RESPONSE.entry, BYTES)) entry = entryOf(r.message());
    else if (key === tag(GET_RESPONSE.consistency, VARINT)) consistency = r.varint();
    else throw UNUSUAL;
  }
  return { header, entry, consistency };
}

function putResponseOf(r: WireReader): PutResponse {
  let header: Header | undefined;
  let version = 0n;
  while (r.more) {
    const key = r.tag();
    if (key === tag(PUT_RESPONSE.header, BYTES)) header = headerOf(r.message());
    else if (key === tag(PUT_RESPONSE.version, VARINT)) version = r.uint64();
    else throw UNUSUAL;
  }
  return { header, version };
}

// ---- parts

function putHeader(field: FieldNumber, header: Header, w: WireWriter): void {
  const start = w.begin(field);
  w.bytes(HEADER.clusterId, header.clusterId);
  w.number(HEADER.nodeId, header.nodeId);
  w.uint64(HEADER.viewEpoch, header.viewEpoch);
  if (header.revision !== undefined) putRevision(HEADER.revision, header.revision, w);
  w.uint64(HEADER.groupEpoch, header.groupEpoch);
  w.number(HEADER.writerNodeId, header.writerNodeId);
  w.end(start);
}

function headerOf(r: WireReader): Header {
  const header: Header = {
    clusterId: NO_BYTES,
    nodeId: 0,
    viewEpoch: 0n,
    revision: undefined,
    groupEpoch: 0n,
    writerNodeId: 0,
  };
  while (r.more) {
    const key = r.tag();
    if (key === tag(HEADER.clusterId, BYTES)) header.clusterId = r.view();
    else if (key === tag(HEADER.nodeId, VARINT)) header.nodeId = r.uint32();
    else if (key === tag(HEADER.viewEpoch, VARINT)) header.viewEpoch = r.uint64();
    else if (key === tag(HEADER.revision, BYTES)) header.revision = revisionOf(r.message());
    else if (key === tag(HEADER.groupEpoch, VARINT)) header.groupEpoch = r.uint64();
    else if (key === tag(HEADER.writerNodeId, VARINT)) header.writerNodeId = r.uint32();
    else throw UNUSUAL;
  }
  return header;
}

function putRevision(field: FieldNumber, { partition, revision }: Revision, w: WireWriter): void {
  const start = w.begin(field);
  w.number(REVISION.partition, partition);
  w.uint64(REVISION.revision, revision);
  w.end(start);
}

function revisionOf(r: WireReader): Revision {
  let partition = 0;
  let revision = 0n;
  while (r.more) {
    const key = r.tag();
    if (key === tag(REVISION.partition, VARINT)) partition = r.uint32();
    else if (key === tag(REVISION.revision, VARINT)) revision = r.uint64();
    else throw UNUSUAL;
  }
  return { partition, revision };
}

function entryOf(r: WireReader): Entry {
  let value: Buffer = NO_BYTES;
  let version = 0n;
  while (r.more) {
    const key = r.tag();
    if (key === tag(ENTRY.value, BYTES)) value = Buffer.from(r.view());
    else if (key === tag(ENTRY.version, VARINT)) version = r.uint64();
    else throw UNUSUAL;
  }
  return { value, version };
}

/** null: unusual, or malformed, which the generated code is to say. */
function usual<T>(bytes: Buffer, decode: (r: WireReader) => T | null): T | null {
  try {
    return decode(new WireReader(bytes));
  } catch {
    return null;
  }
}
