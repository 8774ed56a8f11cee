/**
 * One header field, and what it means for the validity of a message.
 *
 * Intuition: a field is judged once, when it is made. One that comes again by its index in a table costs nothing.
 *
 * Names and values are strings of Latin-1 characters: one character is one byte on the wire.
 *
 * Source: RFC 9113 §8.2 (fields), §8.3 (pseudo-header fields); RFC 7541 §4.1 (size), §7.1.3 (never indexed).
 */

/** The role of a field in its message. */
export const FIELD_KIND = {
  regular: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  contentLength: 6,
  malformed: 7,
} as const;

/**
 * How a field is sent. `store` it in the peer's table, so that it costs a byte or two when it comes again. `omit` it
 * from the table, since its value differs each time. `never` let it into any table, as it is a secret that somebody
 * could guess by what it compresses to.
 */
export type Indexing = "store" | "omit" | "never";

/** The size of a field is that of its name and its value, and this. */
export const FIELD_OVERHEAD_BYTES = 32;

export class HeaderField {
  readonly name: string;
  readonly value: string;
  /** In bytes, as header lists and tables are measured. */
  readonly size: number;
  /** One of `FIELD_KIND`. */
  readonly kind: number;
  readonly indexing: Indexing;

  constructor(name: string, value: string, indexing: Indexing) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + FIELD_OVERHEAD_BYTES;
    this.kind = kindOf(name, value);
    this.indexing = indexing;
  }
}

/** Fields longer than this are not worth their place in a table. */
const STORED_BYTES = 512;
/** Values of these differ from message to message. */
const VOLATILE = new Set([
  "age",
  "content-length",
  "content-range",
  "date",
  "etag",
  "expires",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-timeout",
  "if-modified-since",
  "if-none-match",
  "last-modified",
  "location",
  "traceparent",
  "tracestate",
]);
const SECRET = new Set(["authorization", "cookie", "proxy-authorization", "set-cookie"]);

/**
 * A field to send; the indexing is chosen by its name and length if it is not given. Throws a RangeError on what HTTP/2
 * does not allow.
 */
export function headerField(name: string, value: string, indexing?: Indexing): HeaderField {
  const field = new HeaderField(name, value, indexing ?? indexingOf(name, value));
  if (field.kind === FIELD_KIND.malformed) {
    throw new RangeError(`header ${JSON.stringify(name)} is not allowed in HTTP/2, or its value is not`);
  }
  return field;
}

function indexingOf(name: string, value: string): Indexing {
  if (SECRET.has(name)) return "never";
  return VOLATILE.has(name) || name.length + value.length > STORED_BYTES ? "omit" : "store";
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Control characters are not allowed, except a tab inside; neither is white space at either end. */
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
const DIGITS = /^[0-9]{1,15}$/;
const STATUS = /^[1-9][0-9]{2}$/;
/** These concern one connection of HTTP/1.1 and have no place here. */
const CONNECTION_SPECIFIC = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

function kindOf(name: string, value: string): number {
  if (!VALUE.test(value)) return FIELD_KIND.malformed;
  if (name.charCodeAt(0) === 0x3a) return pseudoKindOf(name, value);
  if (!NAME.test(name) || CONNECTION_SPECIFIC.has(name)) return FIELD_KIND.malformed;
  if (name === "te") return value === "trailers" ? FIELD_KIND.regular : FIELD_KIND.malformed;
  if (name === "content-length") return DIGITS.test(value) ? FIELD_KIND.contentLength : FIELD_KIND.malformed;
  return FIELD_KIND.regular;
}

function pseudoKindOf(name: string, value: string): number {
  switch (name) {
    case ":method":
      return value === "" ? FIELD_KIND.malformed : FIELD_KIND.method;
    case ":scheme":
      return value === "" ? FIELD_KIND.malformed : FIELD_KIND.scheme;
    case ":authority":
      return FIELD_KIND.authority;
    case ":path":
      return value === "" ? FIELD_KIND.malformed : FIELD_KIND.path;
    case ":status":
      return STATUS.test(value) ? FIELD_KIND.status : FIELD_KIND.malformed;
    default:
      return FIELD_KIND.malformed;
  }
}
