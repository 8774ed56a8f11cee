/**
 * A virtual disk and the storage on it. Appended entries become durable after a while, in order; one sync covers
 * everything that waited when it began. A crash loses what no sync has covered, except for a prefix that happened to
 * reach the platter. Registers are rebuilt from the log into plain tables.
 *
 * Rot: a durable register can go bad, in the running process' table as well. The former state is remembered beside it,
 * for the checks alone. A bad copy says nothing any more, but what it had acknowledged before still counted.
 */
import type { Prng } from "../../src/base/prng.js";
import type { Entry } from "../../src/core/model/entry.js";
import { FOUNDING, type GroupEpoch, type Key, type Partition } from "../../src/core/model/ids.js";
import { isCopyEntry, isViewEntry, type NodeEntry } from "../../src/core/model/node-entry.js";
import type { Register } from "../../src/core/model/register.js";
import { BAD, MemoryTable, type RegisterTable } from "../../src/core/model/table.js";
import type { CopyStorage } from "../../src/ports/storage.js";
import type { Schedule } from "./schedule.js";
import { Stall } from "./stall.js";
import type { DiskFaults } from "./swarm.js";

interface Waiting {
  readonly entries: readonly NodeEntry[];
  readonly durable: () => void;
}

interface OlderCopy {
  readonly partition: Partition;
  readonly copy: GroupEpoch;
  readonly table: RegisterTable;
  restored(): Iterable<Entry>;
}

const isOf = (partition: Partition, entry: NodeEntry): entry is Entry =>
  !isViewEntry(entry) && !isCopyEntry(entry) && entry.partition === partition;

export interface DiskOptions {
  readonly schedule: Schedule;
  readonly chance: Prng;
  readonly faults: DiskFaults;
  /** Runs what the node is told, at once or, while it is paused, later. */
  readonly tell: (call: () => void) => void;
  readonly appended: (entry: NodeEntry) => void;
  /** `before`: what the disk held of the key until now, of an entry that is about one. */
  readonly durable: (entry: NodeEntry, before: Copy) => void;
}

/** The state that a disk has of a key. */
export interface Copy {
  /** As it is, or as it was before it went bad; null: absent. */
  readonly register: Register | null;
  readonly bad: boolean;
  /** The process found it bad before anything that it sends from now on: it must say nothing of it. */
  readonly silent: boolean;
}

export const NO_COPY: Copy = { register: null, bad: false, silent: false };

/** The part that outlives the processes of a node. */
export interface Disk {
  /** The durable state of the key. `bad`: the process may say nothing of it. */
  copy(partition: Partition, key: Key): Copy;
  /** false: the copy of the key has rotted, whether anybody knows or not. */
  sound(partition: Partition, key: Key): boolean;
  /** Keys whose register is known to be bad. */
  badKeys(partition: Partition): Key[];
  /** All that was appended is durable, and the node knows. */
  readonly idle: boolean;
  /** The register of the key rots; false: there is none that can. The disk is idle, or its node down. */
  spoil(partition: Partition, key: Key): boolean;
  /** Whether storage finds that key bad when it looks. */
  scrub(partition: Partition, key: Key): boolean;
  /** Storage for a new life of the node; null: it must not be used any more. */
  open(): CopyStorage | null;
  /** The node has sent all that it had to send. */
  sent(): void;
  /** Nothing gets done until it moves again. */
  stall(standing: boolean): void;
  /** From now on every sync is quick, and nothing fails or stands still. */
  heal(): void;
  /** Returns how many entries were lost, and whether a batch was kept in part, as far as that can be told by now. */
  crash(): { readonly lost: number; readonly torn: boolean };
}

export class SimDisk implements Disk {
  /** Durable entries but registers, in order. Those of a copy are only here while it is the newest of its partition. */
  private log: NodeEntry[] = [];
  /** Older copies that are not dropped. */
  private older: OlderCopy[] = [];
  /** By partition: the group epoch in which its newest copy began. */
  private readonly newest = new Map<Partition, GroupEpoch>();
  private readonly tables = new Map<Partition, MemoryTable>();
  /** The tables of the running process. */
  private live = new Map<Partition, MemoryTable>();
  /** The former states of bad registers. */
  private readonly spoilt = new Map<Partition, Map<Key, Register>>();
  private waiting: Waiting[] = [];
  private syncing: readonly Waiting[] = [];
  /**
   * Syncs that ended and of which the node does not know yet, as it stands still: what is appended now must not
   * overtake them.
   */
  private untold = 0;
  private life = 0;
  private healed = false;
  private readonly stalled = new Stall();

  constructor(private readonly options: DiskOptions) {}

  /** The durable state of the key. */
  copy(partition: Partition, key: Key): Copy {
    const held = this.tables.get(partition)?.get(key) ?? null;
    if (held === null) return NO_COPY;
    if (held !== BAD) return { register: held, bad: false, silent: false };
    return { register: this.spoilt.get(partition)?.get(key) ?? null, bad: true, silent: true };
  }

  /** Keys whose register is bad. */
  badKeys(partition: Partition): Key[] {
    return [...(this.spoilt.get(partition)?.keys() ?? [])];
  }

  sound(partition: Partition, key: Key): boolean {
    return !this.copy(partition, key).bad;
  }

  scrub(partition: Partition, key: Key): boolean {
    return this.copy(partition, key).bad;
  }

  get idle(): boolean {
    return this.waiting.length === 0 && this.syncing.length === 0 && this.untold === 0;
  }

  /**
   * The register of the key fails its checksum from now on; false: there is none. The disk is idle, or its node down.
   */
  spoil(partition: Partition, key: Key): boolean {
    const { register, bad } = this.copy(partition, key);
    if (register === null || bad) return false;
    this.table(partition).spoil(key);
    this.live.get(partition)?.spoil(key);
    let spoilt = this.spoilt.get(partition);
    if (spoilt === undefined) {
      spoilt = new Map();
      this.spoilt.set(partition, spoilt);
    }
    spoilt.set(key, register);
    return true;
  }

  /** Storage for a new life of the node. */
  open(): CopyStorage {
    const tables = new Map<Partition, MemoryTable>();
    this.live = tables;
    const life = this.life;
    const table = (partition: Partition): RegisterTable => {
      let found = tables.get(partition);
      if (found === undefined) {
        found = this.table(partition).copy();
        tables.set(partition, found);
      }
      return found;
    };
    return {
      kind: "log",
      // Nobody is told: this disk rolls nothing back.
      position: 0,
      writable: true,
      deletable: true,
      keepsUp: true,
      highestPosition: () => 0,
      sawPosition: () => {},
      proofOf: () => "",
      isOwnPosition: () => false,
      table,
      restored: () => this.log.slice(),
      copies: () => this.copies(table),
      copy: (partition, copy) =>
        [...this.copies(table)].find((one) => one.partition === partition && one.copy === copy) ?? null,
      append: (entries, durable) => {
        if (life === this.life) this.append(entries, durable);
      },
      close: () => {},
    };
  }

  sent(): void {}

  stall(standing: boolean): void {
    if (standing && !this.healed) this.stalled.begin();
    else this.stalled.end();
  }

  /** From now on every sync is quick. */
  heal(): void {
    this.healed = true;
    this.stalled.end();
  }

  /** Returns how many entries were lost, and whether a batch was kept in part. */
  crash(): { readonly lost: number; readonly torn: boolean } {
    this.life++;
    this.untold = 0;
    this.live = new Map();
    const pending = [...this.syncing, ...this.waiting].flatMap(({ entries }) => entries);
    const kept =
      pending.length === 0 || this.options.chance.chance(0.5) ? 0 : this.options.chance.below(pending.length + 1);
    for (let i = 0; i < kept; i++) this.keep(pending[i] as NodeEntry);
    this.syncing = [];
    this.waiting = [];
    return { lost: pending.length - kept, torn: kept > 0 && kept < pending.length };
  }

  private append(entries: readonly NodeEntry[], durable: () => void): void {
    for (const entry of entries) {
      this.options.appended(entry);
      // The new copy's table is there at once, with nothing in it.
      if (entry.kind === "begun") this.live.set(entry.partition, new MemoryTable());
    }
    const atOnce = entries.length === 0 || (this.options.faults.syncMs === 0 && !this.stalled.standing);
    if (this.idle && atOnce) {
      for (const entry of entries) this.keep(entry);
      return durable();
    }
    this.waiting.push({ entries, durable });
    if (this.syncing.length === 0) this.sync();
  }

  private sync(): void {
    const { schedule, chance, faults, tell } = this.options;
    this.syncing = this.waiting;
    this.waiting = [];
    const slow = !this.healed && faults.slow > 0 && chance.chance(faults.slow);
    const span = slow ? chance.fraction() * faults.slowMs : faults.syncMs * (0.5 + chance.fraction());
    const { life } = this;
    const synced = (): void => {
      if (life !== this.life) return;
      const done = this.syncing;
      this.syncing = [];
      for (const { entries } of done) for (const entry of entries) this.keep(entry);
      if (this.waiting.length > 0) this.sync();
      this.untold++;
      tell(() => {
        this.untold--;
        for (const { durable } of done) durable();
      });
    };
    schedule.after(span, () => this.stalled.pass(synced));
  }

  private *copies(table: (partition: Partition) => RegisterTable): Iterable<OlderCopy> {
    yield* this.older;
    for (const [partition, copy] of this.newest)
      yield {
        partition,
        copy,
        table: table(partition),
        restored: () => this.log.filter((entry) => isOf(partition, entry)),
      };
  }

  private begin(partition: Partition, copy: GroupEpoch): void {
    const entries = this.log.filter((entry) => isOf(partition, entry));
    this.log = this.log.filter((entry) => !isOf(partition, entry));
    const before = this.newest.get(partition) ?? (entries.length > 0 || this.tables.has(partition) ? FOUNDING : null);
    const table = this.table(partition);
    if (before !== null) this.older.push({ partition, copy: before, table, restored: () => entries });
    this.newest.set(partition, copy);
    this.tables.delete(partition);
    this.spoilt.delete(partition);
  }

  private drop(partition: Partition, copy: GroupEpoch): void {
    const newest = this.newest.get(partition) ?? FOUNDING;
    if (copy !== newest) {
      this.older = this.older.filter((one) => one.partition !== partition || one.copy !== copy);
      return;
    }
    this.log = this.log.filter((entry) => !isOf(partition, entry));
    this.newest.delete(partition);
    this.tables.delete(partition);
    this.spoilt.delete(partition);
  }

  private keep(entry: NodeEntry): void {
    if (isCopyEntry(entry)) {
      if (entry.kind === "begun") this.begin(entry.partition, entry.copy);
      else this.drop(entry.partition, entry.copy);
      return this.options.durable(entry, NO_COPY);
    }
    if (entry.kind !== "register" && entry.kind !== "removed") {
      this.log.push(entry);
      return this.options.durable(entry, NO_COPY);
    }
    const { partition, change } = entry;
    const key = entry.kind === "register" ? entry.register.key : entry.key;
    const before = this.copy(partition, key);
    if (entry.kind === "register") this.table(partition).put(entry.register, change, entry.settled);
    else this.table(partition).remove(key, change);
    if (before.bad) this.spoilt.get(partition)?.delete(key);
    this.options.durable(entry, before);
  }

  private table(partition: Partition): MemoryTable {
    let table = this.tables.get(partition);
    if (table === undefined) {
      table = new MemoryTable();
      this.tables.set(partition, table);
    }
    return table;
  }
}
