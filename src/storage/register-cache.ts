/** Registers of the checkpoint, decoded: those used last, within a bound. Never holds what the memory table has, nor what is bad. */
import type { ChangeNumber, Key, Partition } from "../core/model/ids.js";
import type { Register } from "../core/model/register.js";

/** Memory of a register beside its bytes, about. */
export const OVERHEAD_BYTES = 600;

interface Cached {
  readonly partition: Partition;
  readonly register: Register;
  readonly change: ChangeNumber;
  readonly bytes: number;
}

export class RegisterCache {
  /** Least recently used first. A key lies in one partition; should it ever lie in two, they take turns. */
  private readonly cached = new Map<Key, Cached>();
  bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(partition: Partition, key: Key): Cached | undefined {
    const found = this.cached.get(key);
    if (found === undefined || found.partition !== partition) return undefined;
    this.cached.delete(key);
    this.cached.set(key, found);
    return found;
  }

  set(partition: Partition, register: Register, change: ChangeNumber, bytes: number): void {
    const { key } = register;
    this.forget(key);
    const size = bytes + OVERHEAD_BYTES;
    if (size > this.maxBytes / 8) return;
    this.cached.set(key, { partition, register, change, bytes: size });
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
