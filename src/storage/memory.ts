/** Storage that forgets: crash-stop, as in the classic course systems. A restarted node is a new node. */
import type { Entry } from "../core/entry.js";
import type { Partition } from "../core/ids.js";
import { MemoryTable, type RegisterTable } from "../core/register/table.js";
import type { Storage } from "../ports/storage.js";

export class MemoryStorage implements Storage {
  readonly kind = "memory";
  private readonly tables = new Map<Partition, MemoryTable>();

  table(partition: Partition): RegisterTable {
    let table = this.tables.get(partition);
    if (table === undefined) {
      table = new MemoryTable();
      this.tables.set(partition, table);
    }
    return table;
  }

  restored(): Iterable<Entry> {
    return [];
  }

  append(_entries: readonly Entry[], durable: () => void): void {
    durable();
  }

  close(): void {
    this.tables.clear();
  }
}
