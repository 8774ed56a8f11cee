/** The messages of gRPC's test service (grpc.testing), as far as the interoperability cases need them. */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

export interface EchoStatus {
  readonly code: number;
  readonly message: string;
}

/**
 * SimpleRequest and StreamingOutputCallRequest: their fields of the same name have the same meaning, not all the same
 * number.
 */
export interface Request {
  /** In a unary call. */
  readonly responseSize: number;
  /** In a streaming call: the sizes of its responses, each after so many microseconds. */
  readonly responses: readonly { readonly size: number; readonly intervalUs: number }[];
  readonly payloadBytes: number;
  readonly responseCompressed: boolean;
  readonly expectCompressed: boolean | undefined;
  readonly responseStatus: EchoStatus | undefined;
}

const NOTHING: Request = {
  responseSize: 0,
  responses: [],
  payloadBytes: 0,
  responseCompressed: false,
  expectCompressed: undefined,
  responseStatus: undefined,
};

/** Calls `take` with each field; whatever it does not read is skipped. */
function eachField(bytes: Uint8Array, take: (reader: BinaryReader, field: number) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!take(reader, field)) reader.skip(wireType);
  }
}

const bytesField = (field: number, bytes: Uint8Array): Uint8Array =>
  new BinaryWriter().tag(field, 2).bytes(bytes).finish();
const numberField = (field: number, value: number): Uint8Array =>
  new BinaryWriter().tag(field, 0).int32(value).finish();

/** The length of the body of a Payload. */
function payloadBytes(bytes: Uint8Array): number {
  let length = 0;
  eachField(bytes, (reader, field) => {
    if (field !== 2) return false;
    length = reader.bytes().length;
    return true;
  });
  return length;
}

function isTrue(bytes: Uint8Array): boolean {
  let value = false;
  eachField(bytes, (reader, field) => {
    if (field !== 1) return false;
    value = reader.bool();
    return true;
  });
  return value;
}

function statusOf(bytes: Uint8Array): EchoStatus {
  let [code, message] = [0, ""];
  eachField(bytes, (reader, field) => {
    if (field === 1) code = reader.int32();
    else if (field === 2) message = reader.string();
    return field === 1 || field === 2;
  });
  return { code, message };
}

function responseOf(bytes: Uint8Array): { size: number; intervalUs: number } {
  let [size, intervalUs] = [0, 0];
  eachField(bytes, (reader, field) => {
    if (field === 1) size = reader.int32();
    else if (field === 2) intervalUs = reader.int32();
    return field === 1 || field === 2;
  });
  return { size, intervalUs };
}

export function decodeSimpleRequest(bytes: Uint8Array): Request {
  let request = NOTHING;
  eachField(bytes, (reader, field) => {
    if (field === 2) request = { ...request, responseSize: reader.int32() };
    else if (field === 3) request = { ...request, payloadBytes: payloadBytes(reader.bytes()) };
    else if (field === 6) request = { ...request, responseCompressed: isTrue(reader.bytes()) };
    else if (field === 7) request = { ...request, responseStatus: statusOf(reader.bytes()) };
    else if (field === 8) request = { ...request, expectCompressed: isTrue(reader.bytes()) };
    else return false;
    return true;
  });
  return request;
}

export function decodeStreamingOutputRequest(bytes: Uint8Array): Request {
  let request = NOTHING;
  eachField(bytes, (reader, field) => {
    if (field === 2) request = { ...request, responses: [...request.responses, responseOf(reader.bytes())] };
    else if (field === 3) request = { ...request, payloadBytes: payloadBytes(reader.bytes()) };
    else if (field === 7) request = { ...request, responseStatus: statusOf(reader.bytes()) };
    else return false;
    return true;
  });
  return request;
}

/**
 * The length of the payload of a StreamingInputCallRequest, a SimpleResponse or a StreamingOutputCallResponse: each has
 * it as its first.
 */
export function decodePayloadBytes(bytes: Uint8Array): number {
  let length = 0;
  eachField(bytes, (reader, field) => {
    if (field !== 1) return false;
    length = payloadBytes(reader.bytes());
    return true;
  });
  return length;
}

export function decodeAggregate(bytes: Uint8Array): number {
  let size = 0;
  eachField(bytes, (reader, field) => {
    if (field !== 1) return false;
    size = reader.int32();
    return true;
  });
  return size;
}

const payload = (field: number, length: number): Uint8Array => bytesField(field, bytesField(2, new Uint8Array(length)));
const bool = (field: number, value: boolean): Uint8Array =>
  bytesField(field, value ? numberField(1, 1) : new Uint8Array(0));

function status(field: number, { code, message }: EchoStatus): Uint8Array {
  return bytesField(field, new BinaryWriter().tag(1, 0).int32(code).tag(2, 2).string(message).finish());
}

export function encodeSimpleRequest(request: Partial<Request>): Uint8Array {
  const { responseSize = 0, payloadBytes: length = 0, responseStatus, expectCompressed, responseCompressed } = request;
  return Buffer.concat([
    ...(responseSize > 0 ? [numberField(2, responseSize)] : []),
    ...(length > 0 ? [payload(3, length)] : []),
    ...(responseCompressed === undefined ? [] : [bool(6, responseCompressed)]),
    ...(responseStatus === undefined ? [] : [status(7, responseStatus)]),
    ...(expectCompressed === undefined ? [] : [bool(8, expectCompressed)]),
  ]);
}

export function encodeStreamingOutputRequest(request: Partial<Request>): Uint8Array {
  const { responses = [], payloadBytes: length = 0, responseStatus } = request;
  const parameters = responses.map(({ size, intervalUs }) =>
    bytesField(2, Buffer.concat([numberField(1, size), ...(intervalUs > 0 ? [numberField(2, intervalUs)] : [])])),
  );
  return Buffer.concat([
    ...parameters,
    ...(length > 0 ? [payload(3, length)] : []),
    ...(responseStatus === undefined ? [] : [status(7, responseStatus)]),
  ]);
}

/** As their first field: StreamingInputCallRequest, SimpleResponse, StreamingOutputCallResponse. */
export const encodePayload = (length: number): Uint8Array => payload(1, length);
export const encodeAggregate = (size: number): Uint8Array => numberField(1, size);
