/** Header lists of answers. Those that nearly all answers share are made once, and encoded once for each connection. */

import { type HeaderField, headerField } from "../../http2/hpack/header-field.js";
import { HeaderList, headerList } from "../../http2/hpack/header-list.js";
import { ACCEPTED_ENCODINGS } from "../message/compression.js";
import { base64, type Metadata } from "../metadata/metadata.js";
import { percentEncode } from "../metadata/percent.js";
import { type GrpcError, STATUS } from "../status.js";

export const HEAD = headerList([
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-accept-encoding", ACCEPTED_ENCODINGS],
]);

export const GZIP_HEAD = headerList([
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-accept-encoding", ACCEPTED_ENCODINGS],
  ["grpc-encoding", "gzip"],
]);

export const OK = headerList([["grpc-status", "0"]]);

const HTTP_HEADS = new Map<number, HeaderList>();

export function httpHead(status: number): HeaderList {
  const known = HTTP_HEADS.get(status);
  if (known !== undefined) return known;
  const made = headerList([[":status", String(status)]]);
  HTTP_HEADS.set(status, made);
  return made;
}

export function listOf(metadata: Metadata | undefined): HeaderList | undefined {
  return metadata === undefined || metadata.isEmpty ? undefined : sized(metadata.fields());
}

/** Status, text and details of a failure, and the trailers that go with it. */
export function failureList(error: GrpcError, trailers: Metadata | undefined): HeaderList {
  const fields = [headerField("grpc-status", String(failedCode(error.code)))];
  if (error.message !== "") fields.push(headerField("grpc-message", percentEncode(error.message)));
  if (error.details !== undefined) fields.push(headerField("grpc-status-details-bin", base64(error.details)));
  if (trailers !== undefined) fields.push(...trailers.fields());
  fields.push(...error.metadata.fields());
  return sized(fields);
}

/** A failure with the status OK, or with none, must not look like an answer. */
function failedCode(code: number): number {
  return Number.isInteger(code) && code > STATUS.ok ? code : STATUS.unknown;
}

function sized(fields: readonly HeaderField[]): HeaderList {
  let size = 0;
  for (const field of fields) size += field.size;
  return new HeaderList(fields, size, false);
}
