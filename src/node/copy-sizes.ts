/**
 * How much the copies of a node hold: keys counted exactly, bytes by samples. The tables keep the number of their keys.
 * A few registers of each copy are looked at now and then, and their mean counts for all of it.
 *
 * Intuition: registers of one partition are much alike, and whoever asks wants to know whether a disk suffices. So a
 * sample is worth as much as a sum that every write would have to keep up.
 *
 * Z1 A call looks at no more than MAX_SAMPLED copies, and at SAMPLE registers of each. Copies that were never looked at
 *    count with the mean of the others meanwhile.
 * Z2 A copy that has no more than SAMPLE registers is counted exactly, and anew after each change.
 */
import { changeNumber, NO_CHANGE, type Partition } from "../core/model/ids.js";
import { BAD, type RegisterTable } from "../core/model/table.js";

/** Copies looked at by one call. */
export const MAX_SAMPLED = 8;
/** Registers looked at in one of them. */
export const SAMPLE = 32;
/** In so many places, so that neither old keys nor new ones alone count. */
const PLACES = 4;
/** Spreads places evenly however many there were before: the fractional part of the golden ratio. */
const STEP = 0.618_033_988_749_895;
/** A sample is out of date after changes of so large a part of the copy. */
const CHANGED_PART = 1 / 4;
/** The weight that all samples before have beside a new one. */
const KEPT_WEIGHT = 0.5;

export interface CopySize {
  /** Registers, those of deleted keys included. */
  readonly keys: number;
  /** About so many bytes have their keys, values and what belongs to them, as they are sent and stored. */
  readonly bytes: number;
}

interface Sample {
  readonly table: RegisterTable;
  /** The table's last change then. */
  lastChange: number;
  registers: number;
  bytes: number;
}

export class CopySizes {
  private readonly samples = new Map<Partition, Sample>();
  private places = 0;

  /** The sizes of these copies; others are forgotten. */
  of(tables: ReadonlyMap<Partition, RegisterTable>): ReadonlyMap<Partition, CopySize> {
    for (const partition of this.samples.keys()) if (!tables.has(partition)) this.samples.delete(partition);
    let looked = 0;
    for (const [partition, table] of tables) {
      if (looked >= MAX_SAMPLED) break;
      if (this.isFresh(partition, table)) continue;
      this.look(partition, table);
      looked++;
    }
    const mean = this.mean();
    const sizes = new Map<Partition, CopySize>();
    for (const [partition, table] of tables) {
      const { registers, bytes } = this.samples.get(partition) ?? { registers: 0, bytes: 0 };
      const keys = table.size;
      sizes.set(partition, { keys, bytes: Math.round(keys * (registers === 0 ? mean : bytes / registers)) });
    }
    return sizes;
  }

  private isFresh(partition: Partition, table: RegisterTable): boolean {
    const sample = this.samples.get(partition);
    if (sample === undefined || sample.table !== table) return table.size === 0;
    const changes = table.lastChange - sample.lastChange;
    return changes === 0 || (table.size > SAMPLE && changes < table.size * CHANGED_PART);
  }

  private look(partition: Partition, table: RegisterTable): void {
    const known = this.samples.get(partition);
    const isWhole = table.size <= SAMPLE;
    const before = known?.table === table && !isWhole ? known : null;
    let registers = (before?.registers ?? 0) * KEPT_WEIGHT;
    let bytes = (before?.bytes ?? 0) * KEPT_WEIGHT;
    const places = isWhole ? 1 : PLACES;
    for (let place = 0; place < places; place++) {
      const after = isWhole ? NO_CHANGE : changeNumber(Math.floor(this.nextPlace() * table.lastChange));
      for (const { key } of table.changesAfter(after, SAMPLE / places)) {
        const register = table.get(key);
        if (register === null || register === BAD) continue;
        registers++;
        bytes += register.bytes;
      }
    }
    this.samples.set(partition, { table, lastChange: table.lastChange, registers, bytes });
  }

  private nextPlace(): number {
    this.places++;
    return (this.places * STEP) % 1;
  }

  private mean(): number {
    let registers = 0;
    let bytes = 0;
    for (const sample of this.samples.values()) {
      registers += sample.registers;
      bytes += sample.bytes;
    }
    return registers === 0 ? 0 : bytes / registers;
  }
}
