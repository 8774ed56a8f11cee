/** A node of a script over all its lives, with its disk: nothing in it happens by itself. */
import { FOUNDING, type GroupEpoch, type Key, type NodeId, type Partition } from "../../src/core/model/ids.js";
import { isCopyEntry, isViewEntry, type NodeEntry } from "../../src/core/model/node-entry.js";
import { MemoryTable } from "../../src/core/model/table.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { Loop } from "../../src/node/loop.js";
import type { HeldCopy, Storage } from "../../src/ports/storage.js";

/** A copy of the partition, as the disk has it. */
interface DiskCopy {
  readonly copy: GroupEpoch;
  /** As bad as the disk made it. */
  readonly table: MemoryTable;
  /** Its entries but registers, in order. */
  readonly log: readonly NodeEntry[];
}

const sameCopy = ({ copy, table, log }: DiskCopy): DiskCopy => ({ copy, table: table.copy(), log: log.slice() });

/** Keeps what was synced over all lives of its node. Syncs at once, unless told to be slow. */
class ScriptDisk {
  slow = false;
  /** Durable records so far, and the most that each peer told of its own, which goes with the process here. */
  position = 0;
  readonly seen = new Map<NodeId, number>();
  /** The entries about views. */
  private log: NodeEntry[] = [];
  /** The newest one last; the first one may be empty, and be none. */
  private copies: DiskCopy[] = [{ copy: FOUNDING, table: new MemoryTable(), log: [] }];
  private saved: { readonly position: number; readonly log: NodeEntry[]; readonly copies: DiskCopy[] } | null = null;
  private waiting: { readonly entries: readonly NodeEntry[]; readonly durable: () => void }[] = [];
  /** The table of the running process. */
  private live = new MemoryTable();

  /** The registers of the newest copy. */
  get table(): MemoryTable {
    return this.copies.at(-1)?.table ?? new MemoryTable();
  }

  open(): Storage {
    this.live = this.table.copy();
    const position = (): number => this.position;
    return {
      kind: "log",
      get position() {
        return position();
      },
      sawPosition: (peer, told) => this.sawPosition(peer, told),
      table: () => this.live,
      restored: () => [...this.log, ...(this.copies.at(-1)?.log ?? [])],
      append: (entries, durable) => {
        if (entries.some(({ kind }) => kind === "begun")) this.live = new MemoryTable();
        this.waiting.push({ entries, durable });
        if (!this.slow) this.sync();
      },
      close: () => {},
    };
  }

  /** All copies that hold something, the newest last. */
  held(partition: Partition): readonly HeldCopy[] {
    const last = this.copies.at(-1);
    return this.copies
      .filter(({ copy, table, log }) => copy !== FOUNDING || table.size > 0 || log.length > 0)
      .map((one) => ({
        partition,
        copy: one.copy,
        table: one === last ? this.live : one.table.copy(),
        restored: () => one.log.flatMap((entry) => (isViewEntry(entry) || isCopyEntry(entry) ? [] : [entry])),
      }));
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
    this.saved = { position: this.position, log: this.log.slice(), copies: this.copies.map(sameCopy) };
  }

  /** Its node is down: from now on it holds what the copy does. */
  putBack(): void {
    if (this.saved === null) throw new Error("nothing was copied");
    const { position, log, copies } = this.saved;
    this.position = position;
    this.log = log.slice();
    this.copies = copies.map(sameCopy);
  }

  /** From now on the register of that key fails its checksum. */
  spoil(key: Key): void {
    this.table.spoil(key);
    this.live.spoil(key);
  }

  private keep(entry: NodeEntry): void {
    this.position++;
    if (entry.kind === "begun") this.copies.push({ copy: entry.copy, table: new MemoryTable(), log: [] });
    else if (entry.kind === "dropped") this.copies = this.copies.filter(({ copy }) => copy !== entry.copy);
    else if (isViewEntry(entry)) this.log.push(entry);
    else if (entry.kind === "register") this.table.put(entry.register, entry.change, entry.settled);
    else if (entry.kind === "removed") this.table.remove(entry.key, entry.change);
    else {
      const newest = this.copies.at(-1);
      if (newest !== undefined) this.copies[this.copies.length - 1] = { ...newest, log: [...newest.log, entry] };
    }
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
