/** Registers without numbers of changes: nothing here catches up, and equal contents must be equal states. */
import { sameTimestamp } from "../../src/core/model/ballot.js";
import type { ChangeNumber, Key } from "../../src/core/model/ids.js";
import { compareKeys } from "../../src/core/model/key-order.js";
import type { Register } from "../../src/core/model/register.js";
import type { RemovalsPage } from "../../src/core/model/removals.js";
import type { Change, Held, RegisterTable } from "../../src/core/model/table.js";

export class SmallTable implements RegisterTable {
  private readonly registers = new Map<Key, Register>();
  /** Those known to be settled by a mark of their own. */
  private readonly marked = new Map<Key, Register>();
  readonly lastChange = 0 as ChangeNumber;

  get(key: Key): Register | null {
    return this.registers.get(key) ?? null;
  }

  put(register: Register, _change: ChangeNumber, settled = false): void {
    this.registers.set(register.key, register);
    if (settled) this.marked.set(register.key, register);
    else this.marked.delete(register.key);
  }

  remove(key: Key): void {
    this.registers.delete(key);
    this.marked.delete(key);
  }

  isSettled(register: Register): boolean {
    const held = this.marked.get(register.key);
    return held !== undefined && sameTimestamp(held.timestamp, register.timestamp);
  }

  get size(): number {
    return this.registers.size;
  }

  changesAfter(): Change[] {
    return [];
  }

  tombstones(): Change[] {
    return [];
  }

  orderedAfter(after: Key | null, limit: number): Held[] {
    return [...this.registers.values()]
      .filter(({ key }) => after === null || compareKeys(key, after) > 0)
      .sort((a, b) => compareKeys(a.key, b.key))
      .slice(0, limit)
      .map((held) => ({ key: held.key, held, change: this.lastChange, settled: this.isSettled(held) }));
  }

  removalsAfter(): RemovalsPage {
    return { found: [], upTo: this.lastChange, more: false };
  }
}
