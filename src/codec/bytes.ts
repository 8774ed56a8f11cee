/** Between bytes and the core's immutable one-character-per-byte strings. */
import type { Brand } from "../base/brand.js";

export const toBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

export const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

export const textOf = <T extends Brand<string, string>>(bytes: Uint8Array): T =>
  toBuffer(bytes).toString("latin1") as T;

export const NO_BYTES = Buffer.alloc(0);
