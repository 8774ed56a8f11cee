import type { Key } from "../ids.js";
import type { Register } from "./register.js";

/**
 * The registers of one partition, as the replica sees them at once; durability is the business of the entries that go with every put.
 * Storage gives the implementation: a map, or a memory table over a checkpoint.
 */
export interface RegisterTable {
  get(key: Key): Register | null;
  put(register: Register): void;
  readonly size: number;
}

export class MemoryTable implements RegisterTable {
  private readonly registers = new Map<Key, Register>();

  get(key: Key): Register | null {
    return this.registers.get(key) ?? null;
  }

  put(register: Register): void {
    this.registers.set(register.key, register);
  }

  get size(): number {
    return this.registers.size;
  }

  values(): IterableIterator<Register> {
    return this.registers.values();
  }
}
