/**
 * Reads the checkpoint slowly, again and again, so that rot is found while there are other copies to repair it from,
 * and not years later.
 */
import type { TableId } from "../codec/disk/table-id.js";
import type { Key } from "../core/model/ids.js";
import type { Checkpoint } from "./checkpoint/checkpoint.js";

/** Records looked at in one go: a fraction of a millisecond. */
const STEP_RECORDS = 64;

export interface ScrubOptions {
  readonly checkpoint: Checkpoint;
  /** Between two steps; 0 = never. */
  readonly intervalMs: number;
  readonly later: (ms: number, call: () => void) => void;
  /** A record is rotten, and nothing in memory lies over it. */
  readonly foundBad: (table: TableId, key: Key) => void;
  readonly covered: (table: TableId, key: Key) => boolean;
  /** Its registers are nobody's. They are passed over, as what is left of them has holes that nothing can fill. */
  readonly isDropped: (table: TableId) => boolean;
}

export class Scrub {
  /** Records looked at, and times that the whole was. */
  records = 0;
  passes = 0;
  private from: Buffer | null = null;
  private closed = false;

  constructor(private readonly options: ScrubOptions) {}

  start(): void {
    if (this.options.intervalMs <= 0) return;
    this.options.later(this.options.intervalMs, () => {
      if (this.closed) return;
      this.step();
      this.start();
    });
  }

  step(limit = STEP_RECORDS): void {
    const { records, next } = this.options.checkpoint.scan(this.from, limit, this.options.isDropped);
    for (const { table, key, sound } of records) {
      this.records++;
      if (!sound && !this.options.covered(table, key)) this.options.foundBad(table, key);
    }
    this.from = next;
    if (next === null) this.passes++;
  }

  close(): void {
    this.closed = true;
  }
}
