/**
 * The bytes of a request that say nothing. They are fields that this version does not know, and all but the last of a
 * field that is there more than once. A decoder keeps the former and decodes the latter, at up to a hundred times what
 * it costs to send them.
 *
 * Source: protobuf.dev, "Encoding".
 */
import type { RequestFields } from "../../gen/ts/request-fields.js";
import { BYTES, WireReader } from "./protobuf.js";

/** A list within a request has at most this many bytes: the numbers of all partitions that there can be, each once. */
export const MAX_LIST_BYTES = 256 * 1024;

const START_GROUP = 3;
const END_GROUP = 4;
/** As decoders bound it. */
const MAX_DEPTH = 100;

/** Looks no further once there are more than `most`. A malformed request throws an ordinary Error. */
export function surplusOf(bytes: Uint8Array, fields: RequestFields, most: number): number {
  // Nothing that is so short has more.
  return bytes.length <= most ? 0 : new Surplus(most).of(new WireReader(bytes), fields);
}

class Surplus {
  private found = 0;

  constructor(private readonly most: number) {}

  of(reader: WireReader, fields: RequestFields): number {
    /** How long each field is that came, by its number. */
    const came = new Map<number, number>();
    while (reader.more && this.found <= this.most) {
      const start = reader.position;
      const key = reader.tag();
      const number = key >>> 3;
      const field = fields.get(number);
      if (field instanceof Map && (key & 7) === BYTES) {
        this.of(reader.message(), field);
      } else skip(reader, key);
      const length = reader.position - start;
      if (field === undefined) {
        this.found += length;
        continue;
      }
      const before = came.get(number) ?? 0;
      if (field !== "list") {
        this.found += before;
        came.set(number, length);
      } else {
        if (before + length > MAX_LIST_BYTES) this.found += length;
        came.set(number, before + length);
      }
    }
    return this.found;
  }
}

/** Goes over the value of a field, a group with all that is in it. */
function skip(reader: WireReader, key: number): void {
  let depth = 0;
  let type = key & 7;
  for (;;) {
    if (type === START_GROUP) {
      if (++depth > MAX_DEPTH) throw new Error("groups are nested too deeply");
    } else if (type === END_GROUP) {
      if (--depth < 0) throw new Error("the end of a group that has not begun");
    } else reader.skip(type);
    if (depth === 0) return;
    type = reader.tag() & 7;
  }
}
