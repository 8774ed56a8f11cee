/**
 * The error codes of HTTP/2 (RFC 9113 §7), and the one exception of this folder.
 *
 * An error of a peer on a single stream ends that stream and is no exception. An error on the connection is thrown as a
 * `ConnectionError` by whatever machine notices it. It is caught in one place: `Connection.receive` turns it into a
 * GOAWAY.
 */

import type { LimitName } from "./connection/limits.js";

export const ERROR_CODE = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

const NAMES: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

/** The name that RFC 9113 gives to a code, or its number in hexadecimal. */
export function errorName(code: number): string {
  return NAMES[code] ?? `0x${code.toString(16)}`;
}

/**
 * The peer broke a rule that concerns the whole connection. `code` is what GOAWAY says, the message is its debug data.
 * `limit`: the limit that it went beyond, if that was the rule.
 */
export class ConnectionError extends Error {
  readonly code: number;
  readonly limit: LimitName | undefined;

  constructor(code: number, message: string, limit?: LimitName) {
    super(message);
    this.name = "ConnectionError";
    this.code = code;
    this.limit = limit;
  }
}

/** For the default of a switch on all that there is. */
export function unreachable(value: never): never {
  throw new Error(`unknown: ${String(value)}`);
}
