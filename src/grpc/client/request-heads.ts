/** Header lists of requests. The part that all calls of a method share is made once, and encoded once for a
 * connection. */

import { performance } from "node:perf_hooks";
import { headerField } from "../../http2/hpack/header-field.js";
import { HeaderList, headerList } from "../../http2/hpack/header-list.js";
import { ACCEPTED_ENCODINGS } from "../message/compression.js";
import { formatTimeout } from "../metadata/timeout.js";
import type { CallOptions } from "./method.js";

export function requestHead(scheme: "http" | "https", authority: string, path: string, userAgent: string): HeaderList {
  return headerList([
    [":method", "POST"],
    [":scheme", scheme],
    [":path", path],
    [":authority", authority],
    ["te", "trailers"],
    ["content-type", "application/grpc"],
    ["grpc-accept-encoding", ACCEPTED_ENCODINGS],
    ["user-agent", userAgent],
  ]);
}

/** The part that differs from call to call; undefined if nothing does. */
export function moreOf(options: CallOptions, deadlineAt: number): HeaderList | undefined {
  const { gzip, metadata } = options;
  const timed = deadlineAt !== Number.POSITIVE_INFINITY;
  if (!timed && gzip !== true && (metadata === undefined || metadata.isEmpty)) return undefined;
  const fields = metadata === undefined ? [] : metadata.fields();
  if (gzip === true) fields.push(headerField("grpc-encoding", "gzip"));
  if (timed) fields.push(headerField("grpc-timeout", formatTimeout(deadlineAt - performance.now())));
  let size = 0;
  for (const field of fields) size += field.size;
  return new HeaderList(fields, size, false);
}
