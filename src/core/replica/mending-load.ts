/**
 * The bytes of the keys that wait for mending in all partitions of a node (NODE_MENDING_BYTES). Many partitions may go
 * bad at once.
 */
import { MENDING_BYTES, NODE_MENDING_BYTES } from "../model/bounds.js";

export class MendingLoad {
  bytes = 0;

  /** Whether a key of so many bytes may wait in a list that has `own` bytes already: one at least may. */
  fits(own: number, bytes: number): boolean {
    if (own === 0) return true;
    return own + bytes <= MENDING_BYTES && this.bytes + bytes <= NODE_MENDING_BYTES;
  }
}
