/** Storage that forgets: crash-stop, as in the classic course systems. A restarted node is a new node. */
import { assert, present } from "../base/assert.js";
import { FIRST_COPY } from "../codec/disk/table-id.js";
import type { CopyEntry } from "../core/model/copy-entry.js";
import type { Entry } from "../core/model/entry.js";
import type { GroupEpoch, NodeId, Partition } from "../core/model/ids.js";
import { isViewEntry, type NodeEntry } from "../core/model/node-entry.js";
import { MemoryTable, type RegisterTable } from "../core/model/table.js";
import { isPlausiblePosition } from "../core/replica/rolled-back.js";
import { SettledSeqs } from "../core/replica/settled.js";
import type { CopyStorage, HeldCopy } from "../ports/storage.js";

type SettledEntry = Extract<Entry, { kind: "settled" }>;

interface MemoryCopy extends HeldCopy {
  learn(entry: SettledEntry): void;
}

export class MemoryStorage implements CopyStorage {
  readonly kind = "memory";
  readonly position: number = 0;
  readonly positionProof = "";
  readonly writable = true;
  readonly deletable = true;
  readonly keepsUp = true;
  /** Those held of each partition, the newest last. */
  private readonly held = new Map<Partition, readonly MemoryCopy[]>();
  /** Partitions whose first copy, which the founding gave, is not the founding's any more. */
  private readonly begun = new Set<Partition>();
  private readonly positions = new Map<NodeId, number>();

  table(partition: Partition): RegisterTable {
    const newest = this.held.get(partition)?.at(-1);
    if (newest !== undefined) return newest.table;
    assert(!this.begun.has(partition), "after the founding's copy was dropped, a copy is begun before it is used");
    return this.begin({ kind: "begun", partition, copy: FIRST_COPY });
  }

  *copies(): Iterable<HeldCopy> {
    for (const held of this.held.values()) yield* held;
  }

  copy(partition: Partition, copy: GroupEpoch): HeldCopy | null {
    return this.held.get(partition)?.find((held) => held.copy === copy) ?? null;
  }

  restored(): Iterable<NodeEntry> {
    return [];
  }

  append(entries: readonly (NodeEntry | CopyEntry)[], durable: () => void): void {
    for (const entry of entries) {
      if (entry.kind === "begun") this.begin(entry);
      else if (entry.kind === "dropped") this.drop(entry);
      else if (!isViewEntry(entry)) this.take(entry);
    }
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
    this.held.clear();
  }

  private begin({ partition, copy }: CopyEntry): RegisterTable {
    const held = this.held.get(partition) ?? [];
    const newest = held.at(-1);
    assert(newest === undefined || newest.copy < copy, "a copy begins in a later group epoch than those before it");
    const table = new MemoryTable();
    // The registers of ballots that are forgotten get marks (H10).
    const settled = new SettledSeqs((last) => table.settle(last));
    this.begun.add(partition);
    const learn = ({ ballot, seq }: SettledEntry): boolean => settled.learn(ballot, seq);
    this.held.set(partition, [...held, { partition, copy, table, restored: () => [], learn }]);
    return table;
  }

  private take(entry: Entry): void {
    if (!this.held.has(entry.partition)) this.table(entry.partition);
    if (entry.kind === "settled") this.held.get(entry.partition)?.at(-1)?.learn(entry);
  }

  private drop({ partition, copy }: CopyEntry): void {
    const held = this.held.get(partition) ?? [];
    const dropped = present(
      held.find((one) => one.copy === copy),
      "the copy that is dropped",
    );
    const left = held.filter((one) => one !== dropped);
    if (left.length === 0) this.held.delete(partition);
    else this.held.set(partition, left);
  }
}
