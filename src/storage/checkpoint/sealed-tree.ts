/**
 * The states that a checkpoint keeps beside the registers, each with a checksum in front. For each table these are
 * the count, the last change, the promise, the reservation and so on. For the node they are its knowledge of its peers,
 * and the log record up to which all is complete.
 */

import { present } from "../../base/assert.js";
import { crc32 } from "../../codec/bytes/checksum.js";
import { get64, NODE_WIDE as NO_TABLE, put64 } from "../../codec/disk/entry.js";
import { decodeStates, encodeStates } from "../../codec/disk/states.js";
import { type TableId, tableId } from "../../codec/disk/table-id.js";
import { changeNumber } from "../../core/model/ids.js";
import { toBuffer } from "../../wire/bytes.js";
import { CheckpointError, type FoldBatch, type FoldedState, type Tally } from "./checkpoint.js";
import type { Tree } from "./environment.js";
import { headAt, type RemovalHead } from "./removed-tree.js";

const POSITION = Buffer.from("position");
const NODE_WIDE = Buffer.from("node");

const NOTHING = Buffer.alloc(0);
/** Count and last change, and since removals are kept, what is known of those. */
const TALLY_BYTES = 40;

export class SealedTree {
  constructor(private readonly tree: Tree) {}

  get position(): number {
    return get64(this.sealed(POSITION) ?? Buffer.alloc(8), 0);
  }

  *tallies(): Iterable<Tally> {
    for (const { key } of this.tree.getRange({ start: Buffer.from("t"), end: Buffer.from("u") })) {
      const table = tableId(key.readUInt32BE(1));
      const value = present(this.sealed(key), "a tally that is named");
      yield { table, count: get64(value, 0), lastChange: changeNumber(get64(value, 8)) };
    }
  }

  /** The newest removal of each table. Directories of earlier versions have none: nothing is known of theirs. */
  *removalHeads(): Iterable<readonly [TableId, RemovalHead]> {
    for (const { table, lastChange } of this.tallies()) {
      const value = present(this.sealed(tableKey("t", table)), "a tally that is named");
      if (value.length < TALLY_BYTES) yield [table, headAt(lastChange)];
      else yield [table, { last: changeNumber(get64(value, 16)), count: get64(value, 24), bytes: get64(value, 32) }];
    }
  }

  *states(): Iterable<FoldedState> {
    const keys = [...this.tree.getKeys({ start: Buffer.from("s"), end: Buffer.from("t") })];
    for (const key of [...keys.map((found) => Buffer.from(found)), NODE_WIDE]) {
      const blob = this.sealed(key);
      if (blob === null) continue;
      const entries = decodeStates(blob);
      if (entries === null) throw new CheckpointError(rotten(key));
      yield { table: key === NODE_WIDE ? null : tableId(key.readUInt32BE(1)), entries };
    }
  }

  /** Everything, as it lies there; throws a CheckpointError when something has rotted. */
  *copies(): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    for (const name of [...this.tree.getKeys({})]) {
      const key = Buffer.from(name);
      this.sealed(key);
      yield { key, value: Buffer.from(this.tree.getBinary(key) ?? NOTHING) };
    }
  }

  /** Within a batch of the environment's. */
  write(
    { tallies, end }: Pick<FoldBatch, "tallies" | "end">,
    headOf: (table: TableId) => RemovalHead,
    put: (key: Buffer, value: Buffer) => void,
  ): void {
    for (const { table, count, lastChange } of tallies) {
      const value = Buffer.alloc(TALLY_BYTES);
      const head = headOf(table);
      let at = 0;
      for (const number of [count, lastChange, head.last, head.count, head.bytes]) at = put64(value, number, at);
      put(...sealing(tableKey("t", table), value));
    }
    if (end === null) return;
    for (const { table, entries } of end.states) {
      put(...stateOf({ table, entries }));
    }
    const position = Buffer.alloc(8);
    put64(position, end.position, 0);
    put(...sealing(POSITION, position));
  }

  /** Within a batch of the environment's: nothing is left of a table except `kept`. */
  sweep(
    table: TableId,
    kept: FoldedState | null,
    put: (key: Buffer, value: Buffer) => void,
    remove: (key: Buffer) => void,
  ): void {
    remove(tableKey("t", table));
    if (kept === null) remove(tableKey("s", table));
    else put(...stateOf(kept));
  }

  private sealed(key: Buffer): Buffer | null {
    const found = this.tree.getBinary(key);
    if (found === undefined) return null;
    // A long value comes as a Uint8Array, whatever the types say.
    const bytes = toBuffer(found);
    const value = bytes.subarray(4);
    if (bytes.length < 4 || crc32(value, crc32(key)) !== bytes.readUInt32LE(0)) throw new CheckpointError(rotten(key));
    return value;
  }
}

const stateOf = ({ table, entries }: FoldedState): [Buffer, Buffer] =>
  table === null
    ? sealing(NODE_WIDE, encodeStates(NO_TABLE, entries))
    : sealing(tableKey("s", table), encodeStates(table, entries));

function sealing(key: Buffer, value: Buffer): [Buffer, Buffer] {
  const bytes = Buffer.allocUnsafe(4 + value.length);
  bytes.writeUInt32LE(crc32(value, crc32(key)), 0);
  value.copy(bytes, 4);
  return [key, bytes];
}

const rotten = (key: Buffer): string =>
  `the checkpoint's entry ${JSON.stringify(key.toString("latin1"))} fails its checksum: what this node promised is not known any more. ` +
  "This node counts as lost: move its directory away and replace the node";

function tableKey(of: "s" | "t", table: TableId): Buffer {
  const name = Buffer.allocUnsafe(5);
  name.write(of, 0, "latin1");
  name.writeUInt32BE(table, 1);
  return name;
}
