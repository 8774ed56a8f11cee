/** Between bytes and the core's immutable one-character-per-byte strings. */
import type { Brand } from "../../base/brand.js";
import { toBuffer } from "../../wire/bytes.js";

export const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

export const textOf = <T extends Brand<string, string>>(bytes: Uint8Array): T =>
  toBuffer(bytes).toString("latin1") as T;

export const NO_BYTES = Buffer.alloc(0);
