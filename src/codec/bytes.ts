/** Between bytes and the core's immutable one-character-per-byte strings. */
import type { Brand } from "../base/brand.js";

export const toBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/**
 * A copy for what is kept: in memory of its own. Node.js cuts small buffers from common ones of 8 KiB, all of which lives as long as any
 * part of it does.
 */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

export const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

export const textOf = <T extends Brand<string, string>>(bytes: Uint8Array): T =>
  toBuffer(bytes).toString("latin1") as T;

export const NO_BYTES = Buffer.alloc(0);
