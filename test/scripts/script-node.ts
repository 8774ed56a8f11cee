/** A node of a script over all its lives, with its disk: nothing in it happens by itself. */
import { FOUNDING, type GroupEpoch, type Key, type NodeId, type Partition } from "../../src/core/model/ids.js";
import { isCopyEntry, isViewEntry, type NodeEntry } from "../../src/core/model/node-entry.js";
import { MemoryTable } from "../../src/core/model/table.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { Loop } from "../../src/node/loop.js";
import type { HeldCopy, Storage } from "../../src/ports/storage.js";

/** A copy of a partition, as the disk has it. */
interface DiskCopy {
  readonly copy: GroupEpoch;
  /** As bad as the disk made it. */
  readonly table: MemoryTable;
  /** Its entries but registers, in order. */
  readonly log: NodeEntry[];
}

/** The copies of each partition, the newest one last; that of the founding may be empty, and be none. */
class DiskCopies {
  private readonly byPartition = new Map<Partition, DiskCopy[]>();

  of(partition: Partition): DiskCopy[] {
    let copies = this.byPartition.get(partition);
    if (copies === undefined) {
      copies = [{ copy: FOUNDING, table: new MemoryTable(), log: [] }];
      this.byPartition.set(partition, copies);
    }
    return copies;
  }

  newest(partition: Partition): DiskCopy | undefined {
    return this.of(partition).at(-1);
  }

  drop(partition: Partition, dropped: GroupEpoch): void {
    this.byPartition.set(
      partition,
      this.of(partition).filter(({ copy }) => copy !== dropped),
    );
  }

  get partitions(): readonly Partition[] {
    return [...this.byPartition.keys()];
  }

  same(): DiskCopies {
    const same = new DiskCopies();
    for (const [partition, copies] of this.byPartition)
      same.byPartition.set(
        partition,
        copies.map(({ copy, table, log }) => ({ copy, table: table.copy(), log: log.slice() })),
      );
    return same;
  }
}

/** Keeps what was synced over all lives of its node. Syncs at once, unless told to be slow. */
class ScriptDisk {
  slow = false;
  /** The log holds so much that no fold has taken yet that transfers have no room in it. */
  crowded = false;
  /** Durable records so far, and the most that each peer told of its own, which goes with the process here. */
  position = 0;
  readonly seen = new Map<NodeId, number>();
  /** The entries about views. */
  private log: NodeEntry[] = [];
  private copies = new DiskCopies();
  private saved: { readonly position: number; readonly log: NodeEntry[]; readonly copies: DiskCopies } | null = null;
  private waiting: { readonly entries: readonly NodeEntry[]; readonly durable: () => void }[] = [];
  /** The tables of the running process. */
  private live = new Map<Partition, MemoryTable>();

  /** The registers of the newest copy. */
  table(partition: Partition): MemoryTable {
    return this.copies.newest(partition)?.table ?? new MemoryTable();
  }

  open(): Storage {
    this.live = new Map();
    const position = (): number => this.position;
    return {
      kind: "log",
      get position() {
        return position();
      },
      sawPosition: (peer, told) => this.sawPosition(peer, told),
      table: (partition) => this.liveTable(partition),
      restored: () => {
        const ofCopies = this.copies.partitions.map((partition) => this.copies.newest(partition)?.log ?? []);
        return [...this.log, ...ofCopies.flat()];
      },
      append: (entries, durable) => {
        for (const entry of entries) if (entry.kind === "begun") this.live.set(entry.partition, new MemoryTable());
        this.waiting.push({ entries, durable });
        if (!this.slow) this.sync();
      },
      close: () => {},
    };
  }

  /** All copies that hold something, the newest of a partition last. */
  held(): readonly HeldCopy[] {
    return this.copies.partitions.flatMap((partition) => {
      const last = this.copies.newest(partition);
      return this.copies
        .of(partition)
        .filter(({ copy, table, log }) => copy !== FOUNDING || table.size > 0 || log.length > 0)
        .map((one) => ({
          partition,
          copy: one.copy,
          table: one === last ? this.liveTable(partition) : one.table.copy(),
          restored: () => one.log.flatMap((entry) => (isViewEntry(entry) || isCopyEntry(entry) ? [] : [entry])),
        }));
    });
  }

  sync(): void {
    const done = this.waiting;
    this.waiting = [];
    for (const { entries, durable } of done) {
      for (const entry of entries) this.keep(entry);
      durable();
    }
  }

  crash(): void {
    this.waiting = [];
    this.seen.clear();
  }

  sawPosition(peer: NodeId, told: number): void {
    if (told > (this.seen.get(peer) ?? 0)) this.seen.set(peer, told);
  }

  /** Keeps what is durable now, for `putBack`. */
  copy(): void {
    this.saved = { position: this.position, log: this.log.slice(), copies: this.copies.same() };
  }

  /** Its node is down: from now on it holds what the copy does. */
  putBack(): void {
    if (this.saved === null) throw new Error("nothing was copied");
    const { position, log, copies } = this.saved;
    this.position = position;
    this.log = log.slice();
    this.copies = copies.same();
  }

  /** From now on the register of that key fails its checksum. */
  spoil(partition: Partition, key: Key): void {
    this.table(partition).spoil(key);
    this.live.get(partition)?.spoil(key);
  }

  private liveTable(partition: Partition): MemoryTable {
    let table = this.live.get(partition);
    if (table === undefined) {
      table = this.table(partition).copy();
      this.live.set(partition, table);
    }
    return table;
  }

  private keep(entry: NodeEntry): void {
    this.position++;
    if (isViewEntry(entry)) {
      this.log.push(entry);
      return;
    }
    const { copies } = this;
    const { partition } = entry;
    if (entry.kind === "begun") copies.of(partition).push({ copy: entry.copy, table: new MemoryTable(), log: [] });
    else if (entry.kind === "dropped") copies.drop(partition, entry.copy);
    else if (entry.kind === "register") this.table(partition).put(entry.register, entry.change, entry.settled);
    else if (entry.kind === "removed") this.table(partition).remove(entry.key, entry.change);
    else copies.newest(partition)?.log.push(entry);
  }
}

export class ScriptNode {
  readonly disk = new ScriptDisk();
  /** The view that it was started with; null: the first one. */
  base: EncodedView | null = null;
  loop: Loop | null = null;
  life = 0;
  due: { readonly when: number; readonly call: () => void } | null = null;
  /** By how much its clock is ahead of the others. */
  ahead = 0;
  /** Work that waits for it while it stands still; null: it runs. */
  backlog: (() => void)[] | null = null;

  constructor(readonly id: NodeId) {}

  /** Now, or once it goes on. */
  run(call: () => void): void {
    if (this.backlog === null) call();
    else this.backlog.push(call);
  }
}
