/** Bytes as people hand them in and get them out. */
import { isUtf8 } from "node:buffer";
import type { Entry as WireEntry } from "../../gen/ts/onar/kv/v1/common.js";

/** A key or value: bytes, or text, which is encoded in UTF-8. */
export type Bytes = string | Uint8Array;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A key's value and version. */
export class Entry {
  /** The value. Yours: nobody else holds these bytes. */
  readonly value: Uint8Array;
  /** Changes with every applied write, also with one of the same value; never 0. What conditions compare. */
  readonly version: bigint;

  /** @internal */
  constructor(value: Uint8Array, version: bigint) {
    this.value = value;
    this.version = version;
  }

  /**
   * The value as text.
   *
   * @throws TypeError when the value is not UTF-8: nothing is replaced silently.
   */
  text(): string {
    return UTF8.decode(this.value);
  }

  /**
   * For JSON.stringify: `version` as a string, `value`, and its `valueEncoding`: "text" where it is UTF-8, otherwise
   * "base64".
   */
  toJSON(): object {
    const { value } = this;
    const isText = isUtf8(value);
    const shown = isText ? UTF8.decode(value) : Buffer.from(value).toString("base64");
    return { version: `${this.version}`, value: shown, valueEncoding: isText ? "text" : "base64" };
  }
}

export const entryOf = (wire: WireEntry | undefined): Entry | undefined =>
  wire === undefined ? undefined : new Entry(wire.value, wire.version);

/**
 * A copy of what was given, so that the caller may go on to use his bytes.
 *
 * @throws TypeError when it is neither text nor bytes, or is text with half a surrogate pair: two such keys would
 * become one.
 */
export function bytesOf(what: string, bytes: Bytes): Buffer {
  if (typeof bytes === "string") {
    if (!bytes.isWellFormed()) throw new TypeError(`${what} must be well-formed text: it has half a surrogate pair`);
    return Buffer.from(bytes, "utf8");
  }
  if (bytes instanceof Uint8Array) return Buffer.from(bytes);
  throw new TypeError(`${what} must be a string or a Uint8Array; it is ${describe(bytes)}`);
}

/** The kind of a value, for messages about wrong arguments. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return `${typeof value} ${value}`;
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (Array.isArray(value)) return "an array";
  return value === undefined ? "undefined" : `of type ${typeof value}`;
}
