/**
 * How a call has ended, by what came of it: trailers, an HTTP status without any, or a stream that was reset.
 *
 * Source: gRPC's PROTOCOL-HTTP2.md, "Responses" and "HTTP2 Errors"; http-grpc-status-mapping.md.
 */

import { ERROR_CODE, errorName } from "../../http2/error.js";
import type { HeaderList } from "../../http2/hpack/header-list.js";
import { type CallOutcome, GrpcError, STATUS } from "../status.js";
import { binaryValue, Metadata } from "./metadata.js";
import { percentDecode } from "./percent.js";

const CONTENT_TYPE = /^application\/grpc(?:[+;]|$)/i;

/** `application/grpc`, perhaps with a format behind a `+` or parameters behind a `;`. */
export function isGrpc(contentType: string | undefined): boolean {
  return contentType === "application/grpc" || (contentType !== undefined && CONTENT_TYPE.test(contentType));
}

/** A proxy's or another server's answer, which has no gRPC status. */
export function statusOfHttp(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return STATUS.internal;
    case 401:
      return STATUS.unauthenticated;
    case 403:
      return STATUS.permissionDenied;
    case 404:
      return STATUS.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return STATUS.unavailable;
    default:
      return STATUS.unknown;
  }
}

/** A stream that the server has reset. */
export function statusOfReset(code: number): number {
  switch (code) {
    case ERROR_CODE.refusedStream:
      return STATUS.unavailable;
    case ERROR_CODE.cancel:
      return STATUS.cancelled;
    case ERROR_CODE.enhanceYourCalm:
      return STATUS.resourceExhausted;
    case ERROR_CODE.inadequateSecurity:
      return STATUS.permissionDenied;
    case ERROR_CODE.streamClosed:
    case ERROR_CODE.http11Required:
      return STATUS.unknown;
    default:
      return STATUS.internal;
  }
}

export function errorOfReset(code: number, unprocessed: boolean): GrpcError {
  const outcome: CallOutcome = unprocessed || code === ERROR_CODE.refusedStream ? "unprocessed" : "unknown";
  return new GrpcError(statusOfReset(code), `the server has reset the stream: ${errorName(code)}`, { outcome });
}

/** Digits only: an empty status must not read as OK. */
const DIGITS = /^\d{1,3}$/;

/** The failure that trailers tell, or null for OK. The trailers of a call that has no messages are its headers. */
export function failureOf(trailers: HeaderList): GrpcError | null {
  const text = trailers.get("grpc-status");
  if (text === undefined) {
    return new GrpcError(STATUS.unknown, "the answer ended without grpc-status", { outcome: "unknown" });
  }
  if (!DIGITS.test(text)) {
    return new GrpcError(STATUS.unknown, `grpc-status ${JSON.stringify(text.slice(0, 16))}`, { outcome: "unknown" });
  }
  const code = Number(text);
  if (code === STATUS.ok) return null;
  const details = trailers.get("grpc-status-details-bin");
  return new GrpcError(code, percentDecode(trailers.get("grpc-message") ?? ""), {
    details: details === undefined ? undefined : binaryValue(details),
    metadata: Metadata.from(trailers),
  });
}

/** The flaw in the head of an answer: no HTTP status of 200, or no gRPC in it. undefined if nothing is. */
export function headFailure(headers: HeaderList): GrpcError | undefined {
  // A status that is told counts, whatever HTTP says.
  if (headers.get("grpc-status") !== undefined) return undefined;
  const { status } = headers;
  if (status !== 200) {
    // A way or a right that is not there: whoever says so has passed the call on to nobody.
    const outcome: CallOutcome = status === 401 || status === 403 || status === 404 ? "unprocessed" : "unknown";
    return new GrpcError(statusOfHttp(status), `the answer has HTTP status ${status}`, { outcome });
  }
  const contentType = headers.get("content-type");
  if (isGrpc(contentType)) return undefined;
  const said = contentType === undefined ? "none" : JSON.stringify(contentType.slice(0, 64));
  return new GrpcError(STATUS.unknown, `the answer's content-type is not gRPC's, but ${said}`, { outcome: "unknown" });
}
