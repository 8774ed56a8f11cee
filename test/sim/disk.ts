/**
 * A virtual disk and the storage on it. Appended entries become durable after a while, in order; one sync covers everything that waited
 * when it began. A crash loses what no sync has covered, but for a prefix that happened to reach the platter. Registers are rebuilt from
 * the log into plain tables.
 */
import type { Prng } from "../../src/base/prng.js";
import type { Entry } from "../../src/core/entry.js";
import type { Key, Partition } from "../../src/core/ids.js";
import type { Register } from "../../src/core/register/register.js";
import { MemoryTable, type RegisterTable } from "../../src/core/register/table.js";
import type { Storage } from "../../src/ports/storage.js";
import type { Schedule } from "./schedule.js";
import type { DiskFaults } from "./swarm.js";

interface Waiting {
  readonly entries: readonly Entry[];
  readonly durable: () => void;
}

export interface DiskOptions {
  readonly schedule: Schedule;
  readonly chance: Prng;
  readonly faults: DiskFaults;
  /** Runs what the node is told, at once or, while it is paused, later. */
  readonly tell: (call: () => void) => void;
  readonly appended: (entry: Entry) => void;
  readonly durable: (entry: Entry) => void;
}

export class SimDisk {
  /** Durable entries but registers, in order. */
  private log: Entry[] = [];
  private readonly registers = new Map<Partition, Map<Key, Register>>();
  private waiting: Waiting[] = [];
  private syncing: readonly Waiting[] = [];
  /** Syncs that ended and of which the node does not know yet, as it stands still: what is appended now must not overtake them. */
  private untold = 0;
  private life = 0;
  private healed = false;

  constructor(private readonly options: DiskOptions) {}

  held(partition: Partition, key: Key): Register | null {
    return this.registers.get(partition)?.get(key) ?? null;
  }

  /** Storage for a new life of the node. */
  open(): Storage {
    const tables = new Map<Partition, MemoryTable>();
    const life = this.life;
    return {
      kind: "log",
      table: (partition: Partition): RegisterTable => {
        let table = tables.get(partition);
        if (table === undefined) {
          table = new MemoryTable();
          for (const register of this.registers.get(partition)?.values() ?? []) table.put(register);
          tables.set(partition, table);
        }
        return table;
      },
      restored: () => this.log.slice(),
      append: (entries, durable) => {
        if (life === this.life) this.append(entries, durable);
      },
      close: () => {},
    };
  }

  /** From now on every sync is quick. */
  heal(): void {
    this.healed = true;
  }

  /** Returns how many entries were lost, and whether a batch was kept in part. */
  crash(): { readonly lost: number; readonly torn: boolean } {
    this.life++;
    this.untold = 0;
    const pending = [...this.syncing, ...this.waiting].flatMap(({ entries }) => entries);
    const kept =
      pending.length === 0 || this.options.chance.chance(0.5) ? 0 : this.options.chance.below(pending.length + 1);
    for (let i = 0; i < kept; i++) this.keep(pending[i] as Entry);
    this.syncing = [];
    this.waiting = [];
    return { lost: pending.length - kept, torn: kept > 0 && kept < pending.length };
  }

  private append(entries: readonly Entry[], durable: () => void): void {
    for (const entry of entries) this.options.appended(entry);
    const idle = this.waiting.length === 0 && this.syncing.length === 0 && this.untold === 0;
    if (idle && (entries.length === 0 || this.options.faults.syncMs === 0)) {
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
    schedule.after(span, () => {
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
    });
  }

  private keep(entry: Entry): void {
    if (entry.kind === "register") {
      let registers = this.registers.get(entry.partition);
      if (registers === undefined) {
        registers = new Map();
        this.registers.set(entry.partition, registers);
      }
      registers.set(entry.register.key, entry.register);
    } else {
      this.log.push(entry);
    }
    this.options.durable(entry);
  }
}
