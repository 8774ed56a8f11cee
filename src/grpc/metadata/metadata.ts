/**
 * Metadata: what a call carries besides its messages, before them (headers) and behind them (trailers).
 *
 * A name in lower case has any number of values, in order. Names that end in `-bin` have bytes, which travel as base64;
 * all others have printable ASCII. Names that gRPC and HTTP/2 use themselves are refused here and left out of what was
 * received.
 *
 * Source: gRPC's PROTOCOL-HTTP2.md, "Custom-Metadata".
 */

import { type HeaderField, headerField } from "../../http2/hpack/header-field.js";
import type { HeaderList } from "../../http2/hpack/header-list.js";

export type MetadataValue = string | Uint8Array;

const NAME = /^[0-9a-z_.-]+$/;
/** Spaces at either end do not survive the way. */
const TEXT = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** Not `grpc-`: those are refused by their prefix. */
const RESERVED = new Set([
  "content-type",
  "te",
  "content-length",
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

export class Metadata {
  readonly #entries: [name: string, value: MetadataValue][] = [];

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** In the order in which they were added, or came. */
  entries(): Iterable<readonly [name: string, value: MetadataValue]> {
    return this.#entries;
  }

  /** The first text of that name. */
  get(name: string): string | undefined {
    for (const [known, value] of this.#entries) if (known === name && typeof value === "string") return value;
    return undefined;
  }

  /** The first bytes of that name, which ends in `-bin`. */
  getBytes(name: string): Uint8Array | undefined {
    for (const [known, value] of this.#entries) if (known === name && typeof value !== "string") return value;
    return undefined;
  }

  getAll(name: string): MetadataValue[] {
    return this.#entries.filter(([known]) => known === name).map(([, value]) => value);
  }

  /** Adds a value behind those that the name has. Throws a RangeError that says what is wrong with name or value. */
  add(name: string, value: MetadataValue): this {
    const lower = name.toLowerCase();
    if (!NAME.test(lower))
      throw new RangeError(`metadata name ${quoted(name)} has other characters than 0-9 a-z _ . -`);
    if (isReserved(lower)) throw new RangeError(`metadata name ${quoted(name)} is gRPC's own`);
    if (isBinary(lower) !== (typeof value !== "string")) {
      throw new RangeError(`metadata ${quoted(name)}: names that end in -bin have bytes, all others text`);
    }
    if (typeof value === "string" && !TEXT.test(value)) {
      throw new RangeError(`metadata ${quoted(name)}: a value is printable ASCII without spaces at its ends`);
    }
    this.#entries.push([lower, value]);
    return this;
  }

  /** The same, in place of the values that the name has. */
  set(name: string, value: MetadataValue): this {
    const lower = name.toLowerCase();
    const others = this.#entries.filter(([known]) => known !== lower);
    this.#entries.splice(0, this.#entries.length, ...others);
    return this.add(name, value);
  }

  /** As header fields to send. */
  fields(): HeaderField[] {
    return this.#entries.map(([name, value]) => headerField(name, typeof value === "string" ? value : base64(value)));
  }

  /**
   * The metadata of a header list, without gRPC's own. Binary values that are no base64 are left out: see `binaryFlaw`.
   */
  static from(headers: HeaderList): Metadata {
    const metadata = new Metadata();
    for (const { name, value } of headers.fields) {
      if (name.charCodeAt(0) === 0x3a || isReserved(name)) continue;
      if (!isBinary(name)) metadata.#entries.push([name, value]);
      // Values of one name may come joined, and base64 has no comma.
      else
        for (const part of value.split(",")) if (isBase64(part.trim())) metadata.#entries.push([name, bytesOf(part)]);
    }
    return metadata;
  }
}

/** The name of the first binary header that is no base64; empty if there is none. */
export function binaryFlaw(headers: HeaderList): string {
  for (const { name, value } of headers.fields) {
    if (isBinary(name) && !value.split(",").every((part) => isBase64(part.trim()))) return name;
  }
  return "";
}

/**
 * The bytes of a binary header that is sent by itself, as `grpc-status-details-bin` is; undefined if it is no base64.
 */
export function binaryValue(text: string): Uint8Array | undefined {
  return isBase64(text) ? bytesOf(text) : undefined;
}

/** Without padding, which is to be sent so. */
export function base64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  const at = text.indexOf("=");
  return at < 0 ? text : text.slice(0, at);
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "base64");
}

function isBinary(name: string): boolean {
  return name.endsWith("-bin");
}

/** With padding or without. A single character left over is no byte. */
function isBase64(text: string): boolean {
  if (!BASE64.test(text)) return false;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return padding === 0 ? text.length % 4 !== 1 : text.length % 4 === 0;
}

function isReserved(name: string): boolean {
  return name.startsWith("grpc-") || RESERVED.has(name);
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
