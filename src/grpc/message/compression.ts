/**
 * How messages are compressed: not at all (`identity`), or by gzip.
 *
 * Intuition: a few bytes of gzip may become a thousand times as many, and that takes time. A gzip says at its end how long it was: what
 * says that it is too long is not inflated at all, what lies stops at the limit, and what says that it is long is inflated off this
 * thread, so that nobody else waits for it.
 *
 * Source: gRPC's compression.md; RFC 1952 §2.3.1 (ISIZE).
 */

import { gunzip, gunzipSync, gzip, gzipSync } from "node:zlib";
import { GrpcError, STATUS } from "../status.js";
import { tooLong } from "./message-reader.js";

export type Encoding = "identity" | "gzip";

export const ACCEPTED_ENCODINGS = "identity,gzip";

/** What is at most so long is inflated, or compressed, at once. */
const AT_ONCE_BYTES = 16_384;
/** Of a gzip without anything in it. */
const MIN_GZIP_BYTES = 18;

export function encodingOf(name: string | undefined): Encoding | undefined {
  if (name === undefined || name === "identity") return "identity";
  return name === "gzip" ? "gzip" : undefined;
}

/** Whether a header of names with commas between has this one. */
export function accepts(header: string | undefined, encoding: Encoding): boolean {
  if (encoding === "identity") return true;
  return header?.split(",").some((name) => name.trim() === encoding) ?? false;
}

/**
 * A message that was compressed by gzip; a promise if it is long. Fails with RESOURCE_EXHAUSTED if it is longer than `maxBytes`, with
 * INTERNAL if it is no gzip.
 */
export function inflate(bytes: Buffer, maxBytes: number): Buffer | Promise<Buffer> {
  if (bytes.length < MIN_GZIP_BYTES) throw notGzip();
  const said = bytes.readUInt32LE(bytes.length - 4);
  if (said > maxBytes) throw tooLong(said, maxBytes);
  // zlib wants at least one byte of room.
  const maxOutputLength = Math.max(1, said);
  if (said > AT_ONCE_BYTES) {
    return new Promise((resolve, reject) => {
      gunzip(bytes, { maxOutputLength }, (error, result) => {
        if (error !== null) reject(notGzip());
        else resolve(result);
      });
    });
  }
  try {
    return gunzipSync(bytes, { maxOutputLength });
  } catch {
    throw notGzip();
  }
}

export function compress(bytes: Uint8Array): Buffer | Promise<Buffer> {
  if (bytes.length <= AT_ONCE_BYTES) return gzipSync(bytes);
  return new Promise((resolve, reject) => {
    gzip(bytes, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

function notGzip(): GrpcError {
  return new GrpcError(STATUS.internal, "a compressed message that is no gzip, or says a wrong length");
}
