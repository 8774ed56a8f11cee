/**
 * Judges the HPACK decoder by a second one that shares nothing with it, the load generator's. Both get the same blocks,
 * in order, and have to read the same fields, or both to refuse. Bytes are blocks, each behind a byte of its length.
 */
import { HpackDecoder as SecondDecoder } from "../../../bench/http2/hpack.js";
import { ConnectionError, ERROR_CODE } from "../../../src/http2/error.js";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.js";
import { HpackEncoder } from "../../../src/http2/hpack/encoder.js";
import type { HeaderList } from "../../../src/http2/hpack/header-list.js";

/** Lists beyond this are truncated, which some of the corpus are. */
const MAX_LIST_BYTES = 2_048;
const FIELD_OVERHEAD_BYTES = 32;

/** Throws what is wrong with the decoder's, or the encoder's, conduct for these blocks. */
export function judgeHpack(bytes: Buffer): void {
  const decoder = new HpackDecoder(MAX_LIST_BYTES);
  const second = new SecondDecoder();
  const encoder = new HpackEncoder();
  const back = new HpackDecoder(MAX_LIST_BYTES);
  for (const block of blocksOf(bytes)) {
    const list = decoded(decoder, block);
    if (list === "misplaced") return; // The second one takes a size update anywhere.
    const fields = decodedAgain(second, block);
    if ((list === undefined) !== (fields === undefined)) {
      throw new Error(`${list === undefined ? "refused" : "taken"}, and by the other not: ${block.toString("hex")}`);
    }
    // After an error nobody reads on.
    if (list === undefined || fields === undefined) return;
    agree(list, fields);
    if (list.truncated) continue;
    encoder.encode(list);
    const again = back.decode(Buffer.from(encoder.block.subarray(0, encoder.length)), 0, encoder.length);
    agree(again, fields);
  }
  probe(decoder, second);
}

function* blocksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] ?? 0)) {
    yield bytes.subarray(at + 1, at + 1 + (bytes[at] ?? 0));
  }
}

function decoded(decoder: HpackDecoder, block: Buffer): HeaderList | "misplaced" | undefined {
  try {
    return decoder.decode(block, 0, block.length);
  } catch (error) {
    if (!(error instanceof ConnectionError) || error.code !== ERROR_CODE.compressionError) throw error;
    return error.message.startsWith("a size update behind") ? "misplaced" : undefined;
  }
}

type Fields = readonly (readonly [name: string, value: string])[];

function decodedAgain(decoder: SecondDecoder, block: Buffer): Fields | undefined {
  const fields: [string, string][] = [];
  try {
    decoder.decode(block, 0, block.length, { header: (name, value) => fields.push([name, value]) });
    return fields;
  } catch {
    return undefined;
  }
}

/** A list that is too long has the beginning, and its size says how long it would be. */
function agree(list: HeaderList, fields: Fields): void {
  const size = fields.reduce((sum, [name, value]) => sum + name.length + value.length + FIELD_OVERHEAD_BYTES, 0);
  if (list.size !== size || list.truncated !== size > MAX_LIST_BYTES) {
    throw new Error(`a list of ${list.size} bytes, truncated: ${list.truncated}; it has ${size}`);
  }
  const kept = list.fields.map(({ name, value }) => `${name}\n${value}`);
  const wanted = fields.slice(0, kept.length).map(([name, value]) => `${name}\n${value}`);
  if (kept.join("\n\n") !== wanted.join("\n\n")) throw new Error(`read ${kept}, and the other ${wanted}`);
  if (!list.truncated && kept.length !== fields.length) throw new Error(`${kept.length} fields of ${fields.length}`);
}

/** Both have the same table in the end: each index means the same to them, or nothing to both. */
function probe(decoder: HpackDecoder, second: SecondDecoder): void {
  for (let index = 62; index < 62 + 60; index++) {
    const block = Buffer.of(0x80 | index);
    const list = decoded(decoder, block);
    const fields = decodedAgain(second, block);
    if (list === undefined && fields === undefined) return;
    if (list === undefined || list === "misplaced" || fields === undefined) throw new Error(`entry ${index} differs`);
    agree(list, fields);
  }
}
