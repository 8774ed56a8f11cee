/**
 * How messages are compressed: not at all (`identity`), or by gzip.
 *
 * Intuition: a few bytes of gzip may become a thousand times as many, and that takes time. A gzip says at its end how
 * long it was. One that says that it is too long is not inflated at all, and one that lies stops at the limit. One that
 * says that it is long is inflated off this thread, so that nobody else waits for it.
 *
 * Node.js loads zlib for the first message that needs it: a command without such a message starts sooner.
 *
 * Source: gRPC's compression.md; RFC 1952 §2.3.1 (ISIZE).
 */

import { causedByPeer, type GrpcError, STATUS } from "../status.js";
import { tooLong } from "./message-reader.js";

const zlib = (): typeof import("node:zlib") => process.getBuiltinModule("node:zlib");

export type Encoding = "identity" | "gzip";

export const ACCEPTED_ENCODINGS = "identity,gzip";

/** A message of at most this length is compressed at once. */
const AT_ONCE_BYTES = 16_384;
/** The length of a gzip without anything in it. */
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
 * How long a gzip says that it is, inflated. Throws a GrpcError if that is more than `maxBytes`, or it is too short for
 * a gzip.
 */
export function saidLength(bytes: Buffer, maxBytes: number): number {
  if (bytes.length < MIN_GZIP_BYTES) throw notGzip();
  const said = bytes.readUInt32LE(bytes.length - 4);
  if (said > maxBytes) throw tooLong(said, maxBytes);
  return said;
}

/** Inflates what says that it is so long. Throws a GrpcError if it is no gzip, or longer. */
export function inflateHere(bytes: Buffer, length: number): Buffer {
  try {
    return zlib().gunzipSync(bytes, { maxOutputLength: roomFor(length) });
  } catch {
    throw notGzip();
  }
}

/** The same, on another thread. */
export function inflateElsewhere(bytes: Buffer, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    zlib().gunzip(bytes, { maxOutputLength: roomFor(length) }, (error, result) => {
      if (error !== null) reject(notGzip());
      else resolve(result);
    });
  });
}

/** zlib wants at least one byte of room. */
function roomFor(length: number): number {
  return Math.max(1, length);
}

export function compress(bytes: Uint8Array): Buffer | Promise<Buffer> {
  if (bytes.length <= AT_ONCE_BYTES) return zlib().gzipSync(bytes);
  return new Promise((resolve, reject) => {
    zlib().gzip(bytes, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

function notGzip(): GrpcError {
  return causedByPeer(STATUS.internal, "a compressed message that is no gzip, or says a wrong length");
}
