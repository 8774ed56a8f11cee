/**
 * The header fields of one message part: of a request, of a response, or trailers. Immutable, so that one list serves
 * many streams.
 *
 * Source: RFC 9113 §8.3 and §8.5.
 */

import { FIELD_KIND, type HeaderField, headerField, type Indexing } from "./header-field.js";

/** A field by name and value, or with the indexing that it is sent with. */
export type HeaderPair = readonly [name: string, value: string] | readonly [name: string, value: string, Indexing];

const BIT = {
  method: 1 << FIELD_KIND.method,
  scheme: 1 << FIELD_KIND.scheme,
  authority: 1 << FIELD_KIND.authority,
  path: 1 << FIELD_KIND.path,
  status: 1 << FIELD_KIND.status,
} as const;
const REQUIRED = BIT.method | BIT.scheme | BIT.path;

export class HeaderList {
  readonly fields: readonly HeaderField[];
  /** In bytes, as SETTINGS_MAX_HEADER_LIST_SIZE counts; of all that came, also of fields that were dropped. */
  readonly size: number;
  /** The list came in longer than was allowed: `fields` has only its beginning. */
  readonly truncated: boolean;
  /** The pseudo-header fields; empty (`status`: 0) where there is none. */
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly status: number;
  /** The value of content-length, or -1. */
  readonly contentLength: number;
  /** Which pseudo-header fields are there, a bit each. */
  readonly #pseudo: number;
  /** The flaw that makes the list malformed, whatever it is the list of; or empty. */
  readonly #flaw: string;

  constructor(fields: readonly HeaderField[], size: number, truncated: boolean) {
    this.fields = fields;
    this.size = size;
    this.truncated = truncated;
    let pseudo = 0;
    let flaw = "";
    let regular = false;
    let method = "";
    let scheme = "";
    let authority = "";
    let path = "";
    let status = 0;
    let contentLength = -1;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i];
      if (field === undefined) continue;
      const { kind } = field;
      if (kind === FIELD_KIND.regular) regular = true;
      else if (kind === FIELD_KIND.malformed) flaw = `malformed header ${JSON.stringify(field.name.slice(0, 64))}`;
      else if (kind === FIELD_KIND.contentLength) {
        regular = true;
        const length = Number(field.value);
        if (contentLength >= 0 && contentLength !== length) flaw = "two content-lengths";
        contentLength = length;
      } else {
        if (regular) flaw = `${field.name} behind other headers`;
        if ((pseudo & (1 << kind)) !== 0) flaw = `${field.name} twice`;
        pseudo |= 1 << kind;
        if (kind === FIELD_KIND.method) method = field.value;
        else if (kind === FIELD_KIND.path) path = field.value;
        else if (kind === FIELD_KIND.scheme) scheme = field.value;
        else if (kind === FIELD_KIND.authority) authority = field.value;
        else status = Number(field.value);
      }
    }
    this.method = method;
    this.scheme = scheme;
    this.authority = authority;
    this.path = path;
    this.status = status;
    this.contentLength = contentLength;
    this.#pseudo = pseudo;
    this.#flaw = flaw;
  }

  /** The value of the first field of that name, in lower case. */
  get(name: string): string | undefined {
    const { fields } = this;
    for (let i = 0; i < fields.length; i++) if (fields[i]?.name === name) return fields[i]?.value;
    return undefined;
  }

  /** Its flaw as the head of a request; empty if there is none. */
  requestFlaw(): string {
    if (this.#flaw !== "") return this.#flaw;
    // The dropped fields may be the missing ones.
    if (this.truncated) return "";
    if ((this.#pseudo & BIT.status) !== 0) return ":status in a request";
    if (this.method === "CONNECT") {
      if (this.#pseudo === (BIT.method | BIT.authority)) return "";
      return "CONNECT has :method and :authority, and no other pseudo-header";
    }
    return (this.#pseudo & REQUIRED) === REQUIRED ? "" : "a request without :method, :scheme or :path";
  }

  /** Its flaw as the head of a response. */
  responseFlaw(): string {
    if (this.#flaw !== "") return this.#flaw;
    if (this.truncated) return "";
    return this.#pseudo === BIT.status ? "" : "a response with other pseudo-headers than :status";
  }

  /** Its flaw as trailers. */
  trailersFlaw(): string {
    if (this.#flaw !== "") return this.#flaw;
    return this.#pseudo === 0 ? "" : "pseudo-headers in trailers";
  }
}

/**
 * A list to send. Make it once where it is sent often: connections remember how they have encoded a list. Throws a
 * RangeError on names and values that HTTP/2 does not allow.
 */
export function headerList(pairs: readonly HeaderPair[]): HeaderList {
  const fields = pairs.map(([name, value, indexing]) => headerField(name, value, indexing));
  return new HeaderList(
    fields,
    fields.reduce((sum, field) => sum + field.size, 0),
    false,
  );
}
