/**
 * Requests and responses of a Pipeline, into a writer and out of its bytes. GET and PUT, field for field what kv.proto
 * says, by hand: they are nearly all there is. Whatever is unusual about a message, and all others, are the generated
 * code's business.
 */
import type { Entry, Header, Revision } from "../../gen/ts/onar/kv/v1/common.js";
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

/** The tag of PipelineRequest and PipelineResponse. */
const TAG = tag(1, VARINT);
const TIMEOUT = 7;
const GET = 2;
const PUT = 3;

/** A field that is not known here. */
const UNUSUAL = new Error("for the generated code");

// ---- requests

export function encodePipelineRequest(message: PipelineRequest, w: WireWriter): void {
  const { request } = message;
  switch (request?.$case) {
    case "get": {
      w.uint64(1, message.tag);
      const start = w.begin(GET);
      w.bytes(1, request.value.key);
      w.number(11, request.value.consistency);
      w.utf8(15, request.value.keySpace);
      w.end(start);
      return w.number(TIMEOUT, message.timeoutMs);
    }
    case "put": {
      const { key, value, requestId, after, keySpace } = request.value;
      w.uint64(1, message.tag);
      const start = w.begin(PUT);
      w.bytes(1, key);
      w.bytes(2, value);
      w.bytes(4, requestId);
      if (after !== undefined) putRevision(5, after, w);
      w.utf8(15, keySpace);
      w.end(start);
      return w.number(TIMEOUT, message.timeoutMs);
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
    if (key === TAG) of = r.uint64();
    else if (key === tag(GET, BYTES)) request = { $case: "get", value: getRequestOf(r.message()) };
    else if (key === tag(PUT, BYTES)) request = { $case: "put", value: putRequestOf(r.message()) };
    else if (key === tag(TIMEOUT, VARINT)) timeoutMs = r.uint32();
    else return null;
  }
  return { tag: of, request, timeoutMs };
}

function getRequestOf(r: WireReader): GetRequest {
  let k: Buffer = NO_BYTES;
  let consistency = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, BYTES)) k = r.view();
    else if (key === tag(11, VARINT)) consistency = r.varint();
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
    if (key === tag(1, BYTES)) k = r.view();
    else if (key === tag(2, BYTES)) value = r.view();
    else if (key === tag(4, BYTES)) requestId = r.view();
    else if (key === tag(5, BYTES)) after = revisionOf(r.message());
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
      w.uint64(1, message.tag);
      const start = w.begin(GET);
      if (header !== undefined) putHeader(1, header, w);
      if (entry !== undefined) {
        const inner = w.begin(2);
        w.bytes(1, entry.value);
        w.uint64(2, entry.version);
        w.end(inner);
      }
      w.number(3, consistency);
      return w.end(start);
    }
    case "put": {
      const { header, version } = response.value;
      w.uint64(1, message.tag);
      const start = w.begin(PUT);
      if (header !== undefined) putHeader(1, header, w);
      w.uint64(2, version);
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
    if (key === TAG) of = r.uint64();
    else if (key === tag(GET, BYTES)) response = { $case: "get", value: getResponseOf(r.message()) };
    else if (key === tag(PUT, BYTES)) response = { $case: "put", value: putResponseOf(r.message()) };
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
    if (key === tag(1, BYTES)) header = headerOf(r.message());
    else if (key === tag(2, BYTES)) entry = entryOf(r.message());
    else if (key === tag(3, VARINT)) consistency = r.varint();
    else throw UNUSUAL;
  }
  return { header, entry, consistency };
}

function putResponseOf(r: WireReader): PutResponse {
  let header: Header | undefined;
  let version = 0n;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, BYTES)) header = headerOf(r.message());
    else if (key === tag(2, VARINT)) version = r.uint64();
    else throw UNUSUAL;
  }
  return { header, version };
}

// ---- parts

function putHeader(field: number, header: Header, w: WireWriter): void {
  const start = w.begin(field);
  w.bytes(1, header.clusterId);
  w.number(2, header.nodeId);
  w.uint64(3, header.viewEpoch);
  if (header.revision !== undefined) putRevision(4, header.revision, w);
  w.uint64(5, header.groupEpoch);
  w.number(6, header.writerNodeId);
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
    if (key === tag(1, BYTES)) header.clusterId = r.view();
    else if (key === tag(2, VARINT)) header.nodeId = r.uint32();
    else if (key === tag(3, VARINT)) header.viewEpoch = r.uint64();
    else if (key === tag(4, BYTES)) header.revision = revisionOf(r.message());
    else if (key === tag(5, VARINT)) header.groupEpoch = r.uint64();
    else if (key === tag(6, VARINT)) header.writerNodeId = r.uint32();
    else throw UNUSUAL;
  }
  return header;
}

function putRevision(field: number, { partition, revision }: Revision, w: WireWriter): void {
  const start = w.begin(field);
  w.number(1, partition);
  w.uint64(2, revision);
  w.end(start);
}

function revisionOf(r: WireReader): Revision {
  let partition = 0;
  let revision = 0n;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, VARINT)) partition = r.uint32();
    else if (key === tag(2, VARINT)) revision = r.uint64();
    else throw UNUSUAL;
  }
  return { partition, revision };
}

function entryOf(r: WireReader): Entry {
  let value: Buffer = NO_BYTES;
  let version = 0n;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, BYTES)) value = Buffer.from(r.view());
    else if (key === tag(2, VARINT)) version = r.uint64();
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
