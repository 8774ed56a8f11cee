/**
 * HPACK (RFC 7541): the decoder for answers, and an encoder for requests whose headers hardly ever change.
 *
 * Intuition: the decoder keeps the dynamic table in step with the server, whatever it is asked to read. One entry
 * missed would garble every later answer. A header that comes by its index, and after the first answer nearly all do,
 * costs one array access and no allocation.
 */

import { decodeHuffman } from "./huffman.js";

/** Receives the headers of one block in their order. */
export interface HeaderSink {
  header(name: string, value: string): void;
}

interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** RFC 7541, appendix A; the index of the first is 1. */
// biome-ignore format: a table
const STATIC_TABLE: readonly HeaderField[] = ([
  [":authority"], [":method", "GET"], [":method", "POST"], [":path", "/"], [":path", "/index.html"],
  [":scheme", "http"], [":scheme", "https"], [":status", "200"], [":status", "204"], [":status", "206"],
  [":status", "304"], [":status", "400"], [":status", "404"], [":status", "500"], ["accept-charset"],
  ["accept-encoding", "gzip, deflate"], ["accept-language"], ["accept-ranges"], ["accept"],
  ["access-control-allow-origin"], ["age"], ["allow"], ["authorization"], ["cache-control"],
  ["content-disposition"], ["content-encoding"], ["content-language"], ["content-length"],
  ["content-location"], ["content-range"], ["content-type"], ["cookie"], ["date"], ["etag"], ["expect"],
  ["expires"], ["from"], ["host"], ["if-match"], ["if-modified-since"], ["if-none-match"], ["if-range"],
  ["if-unmodified-since"], ["last-modified"], ["link"], ["location"], ["max-forwards"],
  ["proxy-authenticate"], ["proxy-authorization"], ["range"], ["referer"], ["refresh"], ["retry-after"],
  ["server"], ["set-cookie"], ["strict-transport-security"], ["transfer-encoding"], ["user-agent"],
  ["vary"], ["via"], ["www-authenticate"],
] as const).map(([name, value]) => ({ name, value: value ?? "" }));

/** RFC 7541 adds this to the length of name and value when it counts the size of a table. */
const ENTRY_OVERHEAD_BYTES = 32;
/** The table size both sides start with; this client never announces another one. */
export const DEFAULT_TABLE_BYTES = 4096;

function entryBytes(field: HeaderField): number {
  return field.name.length + field.value.length + ENTRY_OVERHEAD_BYTES;
}

/** The entries that a connection has learnt. Index 62 is the newest; the oldest are evicted first. */
class DynamicTable {
  readonly #announcedBytes: number;
  // The oldest live entry is at #head, the newest at the end.
  #entries: HeaderField[] = [];
  #head = 0;
  #bytes = 0;
  #limitBytes: number;

  constructor(announcedBytes: number) {
    this.#announcedBytes = announcedBytes;
    this.#limitBytes = announcedBytes;
  }

  lookup(index: number): HeaderField {
    if (index >= 1 && index <= STATIC_TABLE.length) {
      const field = STATIC_TABLE[index - 1];
      if (field !== undefined) return field;
    }
    const at = this.#entries.length - (index - STATIC_TABLE.length);
    const field = index > STATIC_TABLE.length && at >= this.#head ? this.#entries[at] : undefined;
    if (field === undefined) throw new Error(`HPACK: index ${index} is not in the table`);
    return field;
  }

  insert(field: HeaderField): void {
    this.#entries.push(field);
    this.#bytes += entryBytes(field);
    this.#evict();
  }

  resize(limitBytes: number): void {
    if (limitBytes > this.#announcedBytes) throw new Error("HPACK: table size above the announced one");
    this.#limitBytes = limitBytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#limitBytes) {
      const oldest = this.#entries[this.#head];
      if (oldest === undefined) break;
      this.#bytes -= entryBytes(oldest);
      this.#head++;
    }
    if (this.#head > 256) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** Decodes the header blocks of one connection; every block must pass through it, in order. */
export class HpackDecoder {
  readonly #table = new DynamicTable(DEFAULT_TABLE_BYTES);
  #at = 0;
  #end = 0;

  decode(block: Buffer, start: number, end: number, sink: HeaderSink): void {
    this.#at = start;
    this.#end = end;
    while (this.#at < this.#end) {
      const octet = block.readUInt8(this.#at);
      if (octet >= 0x80) {
        const field = this.#table.lookup(this.#integer(block, 7));
        sink.header(field.name, field.value);
      } else if (octet >= 0x40) {
        const field = this.#literal(block, 6);
        this.#table.insert(field);
        sink.header(field.name, field.value);
      } else if (octet >= 0x20) {
        this.#table.resize(this.#integer(block, 5));
      } else {
        const field = this.#literal(block, 4);
        sink.header(field.name, field.value);
      }
    }
  }

  #literal(block: Buffer, prefixBits: number): HeaderField {
    const nameIndex = this.#integer(block, prefixBits);
    const name = nameIndex === 0 ? this.#string(block) : this.#table.lookup(nameIndex).name;
    return { name, value: this.#string(block) };
  }

  #string(block: Buffer): string {
    const huffman = this.#octet(block) >= 0x80;
    this.#at--;
    const length = this.#integer(block, 7);
    const start = this.#at;
    if (start + length > this.#end) throw new Error("HPACK: a string longer than its block");
    this.#at += length;
    return huffman ? decodeHuffman(block, start, this.#at) : block.toString("latin1", start, this.#at);
  }

  #integer(block: Buffer, prefixBits: number): number {
    const mask = 2 ** prefixBits - 1;
    let value = this.#octet(block) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const octet = this.#octet(block);
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    throw new Error("HPACK: an integer too large");
  }

  #octet(block: Buffer): number {
    if (this.#at >= this.#end) throw new Error("HPACK: a block cut short");
    return block.readUInt8(this.#at++);
  }
}

const METHOD_POST = 0x83;
const SCHEME_HTTP = 0x86;
const NAME_AUTHORITY = 1;
const NAME_PATH = 4;

/**
 * The request headers of one connection. The first request spells its headers out and teaches them to the
 * server; every later one is a prebuilt block of about eight octets. A path seen for the first time is
 * taught in the same way, and shifts the indices of all others, hence the rebuild.
 */
export class RequestHeaders {
  readonly #common: readonly HeaderField[];
  readonly #indexed: boolean;
  readonly #taught: string[] = [];
  readonly #blocks = new Map<string, Uint8Array>();

  /** `tableBytes`: the HEADER_TABLE_SIZE that the server has announced. */
  constructor(authority: string, extra: readonly (readonly [string, string])[], tableBytes: number) {
    this.#common = [
      { name: ":authority", value: authority },
      { name: "te", value: "trailers" },
      { name: "content-type", value: "application/grpc" },
      ...extra.map(([name, value]) => ({ name, value })),
    ];
    this.#indexed = tableBytes >= DEFAULT_TABLE_BYTES;
  }

  /** The block to send now, and only now, for a request to this path. */
  block(path: string): Uint8Array {
    const known = this.#blocks.get(path);
    if (known !== undefined) return known;
    const fields = [{ name: ":path", value: path }, ...this.#common];
    if (!this.#indexed) {
      // Size update to zero: this side indexes nothing.
      const stateless = Buffer.concat([Buffer.of(0x20, METHOD_POST, SCHEME_HTTP), ...fields.map((f) => literal(f, 0))]);
      this.#blocks.set(path, stateless);
      return stateless;
    }
    const parts: Uint8Array[] = [Buffer.of(METHOD_POST, SCHEME_HTTP)];
    for (const field of fields) {
      parts.push(this.#reference(field) ?? literal(field, 0x40));
      if (this.#index(field) === undefined) this.#taught.unshift(identity(field));
    }
    for (const other of [...this.#blocks.keys(), path]) this.#blocks.set(other, this.#compact(other));
    return Buffer.concat(parts);
  }

  #compact(path: string): Uint8Array {
    const fields = [{ name: ":path", value: path }, ...this.#common];
    const references = fields.map((field) => this.#reference(field) ?? literal(field, 0));
    return Buffer.concat([Buffer.of(METHOD_POST, SCHEME_HTTP), ...references]);
  }

  #index(field: HeaderField): number | undefined {
    const at = this.#taught.indexOf(identity(field));
    return at < 0 ? undefined : STATIC_TABLE.length + 1 + at;
  }

  #reference(field: HeaderField): Uint8Array | undefined {
    const index = this.#index(field);
    return index === undefined ? undefined : Buffer.of(0x80 | index);
  }
}

function identity(field: HeaderField): string {
  return `${field.name}\n${field.value}`;
}

/** A literal without Huffman coding; `kind` is 0x40 to teach it to the server, 0 not to. */
function literal(field: HeaderField, kind: number): Uint8Array {
  const name = Buffer.from(field.name, "latin1");
  const value = Buffer.from(field.value, "latin1");
  if (name.length > 126 || value.length > 126) throw new Error(`header ${field.name} is too long for this encoder`);
  const nameIndex = field.name === ":authority" ? NAME_AUTHORITY : field.name === ":path" ? NAME_PATH : 0;
  const head = nameIndex === 0 ? Buffer.concat([Buffer.of(kind, name.length), name]) : Buffer.of(kind | nameIndex);
  return Buffer.concat([head, Buffer.of(value.length), value]);
}
