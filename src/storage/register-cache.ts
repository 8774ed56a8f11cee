/**
 * Registers of the checkpoint, decoded: those used last, within a bound. Never holds what the memory table has, nor
 * what is bad.
 */
import type { TableId } from "../codec/disk/table-id.js";
import type { ChangeNumber, Key } from "../core/model/ids.js";
import type { Register } from "../core/model/register.js";

/** Memory of a register beside its bytes, about. */
export const OVERHEAD_BYTES = 600;

interface Cached {
  readonly table: TableId;
  readonly register: Register;
  readonly change: ChangeNumber;
  readonly settled: boolean;
  readonly bytes: number;
}

export class RegisterCache {
  /** Least recently used first. A key lies in one table; while a partition has two copies, they take turns. */
  private readonly cached = new Map<Key, Cached>();
  bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(table: TableId, key: Key): Cached | undefined {
    const found = this.cached.get(key);
    if (found === undefined || found.table !== table) return undefined;
    this.cached.delete(key);
    this.cached.set(key, found);
    return found;
  }

  set(table: TableId, register: Register, { change, settled, bytes }: Omit<Cached, "table" | "register">): void {
    const { key } = register;
    this.forget(key);
    const size = bytes + OVERHEAD_BYTES;
    if (size > this.maxBytes / 8) return;
    this.cached.set(key, { table, register, change, settled, bytes: size });
    this.bytes += size;
    if (this.bytes <= this.maxBytes) return;
    // Many at once: a map's first key is found by passing over all that were deleted in front of it.
    const target = this.maxBytes - this.maxBytes / 16;
    for (const oldest of this.cached.keys()) {
      this.forget(oldest);
      if (this.bytes <= target) return;
    }
  }

  forget(key: Key): void {
    const found = this.cached.get(key);
    if (found === undefined) return;
    this.cached.delete(key);
    this.bytes -= found.bytes;
  }
}
