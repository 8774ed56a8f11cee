/** Registers known to be bad, each told of when it is found, until it is mended or its copy dropped. */
import type { TableId } from "../codec/disk/table-id.js";
import type { Key, Partition } from "../core/model/ids.js";
import type { CopyState } from "./copy-state.js";
import type { BadRegister } from "./disk-options.js";
import type { States } from "./states.js";

export class BadRegisters {
  private readonly tables = new Map<TableId, Map<Key, BadRegister>>();
  count = 0;

  constructor(
    private readonly states: States,
    private readonly tell: (partition: Partition, key: Key, first: boolean) => void,
  ) {}

  /** `again`: it is told of, also when it was known. */
  found(table: TableId, key: Key, again = false): void {
    const state = this.states.at(table);
    // Registers that are being swept are nobody's.
    if (state === null || state.ended !== null) return;
    let keys = this.tables.get(table);
    if (keys === undefined) {
      keys = new Map();
      this.tables.set(table, keys);
    }
    const first = !keys.has(key);
    if (!first && !again) return;
    const { partition } = state;
    if (first) this.count++;
    keys.set(key, { partition, key });
    this.tell(partition, key, first);
  }

  mended({ table }: CopyState, key: Key): void {
    if (this.count > 0 && this.tables.get(table)?.delete(key) === true) this.count--;
  }

  /** Its copy is dropped. */
  forget({ table }: CopyState): void {
    this.count -= this.tables.get(table)?.size ?? 0;
    this.tables.delete(table);
  }

  *all(): Iterable<BadRegister> {
    for (const keys of this.tables.values()) yield* keys.values();
  }
}
