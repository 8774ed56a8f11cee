/** Storage that forgets: crash-stop, as in the classic course systems. A restarted node is a new node. */
import type { NodeId, Partition } from "../core/model/ids.js";
import type { NodeEntry } from "../core/model/node-entry.js";
import { MemoryTable, type RegisterTable } from "../core/model/table.js";
import { isPlausiblePosition } from "../core/replica/rolled-back.js";
import type { NodeStorage } from "../ports/storage.js";

export class MemoryStorage implements NodeStorage {
  readonly kind = "memory";
  readonly position: number = 0;
  readonly positionProof = "";
  readonly writable = true;
  readonly deletable = true;
  private readonly tables = new Map<Partition, MemoryTable>();
  private readonly positions = new Map<NodeId, number>();

  table(partition: Partition): RegisterTable {
    let table = this.tables.get(partition);
    if (table === undefined) {
      table = new MemoryTable();
      this.tables.set(partition, table);
    }
    return table;
  }

  restored(): Iterable<NodeEntry> {
    return [];
  }

  append(_entries: readonly NodeEntry[], durable: () => void): void {
    durable();
  }

  highestPosition(peer: NodeId): number {
    return this.positions.get(peer) ?? 0;
  }

  sawPosition(peer: NodeId, position: number): void {
    if (isPlausiblePosition(position, this.highestPosition(peer))) this.positions.set(peer, position);
  }

  proofOf(): string {
    return "";
  }

  /** Nobody comes back with it. */
  isOwnPosition(): boolean {
    return false;
  }

  close(): void {
    this.tables.clear();
  }
}
