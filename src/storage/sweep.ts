/**
 * Sweeping: what the checkpoint still has of dropped copies goes, in the background, some blocks at a time.
 *
 * The intuition: a drop is one record of the log, and done for everybody when that is durable. Its mark goes into the
 * checkpoint by a fold, whose position is behind the record, so that no replay needs the table any more. Only then is
 * it swept. A crash in between leaves the mark, and the next start goes on. The mark goes with the last blocks.
 *
 * Invariants:
 *   W1  A table is swept only when the checkpoint has its mark (H9): otherwise a crash that loses the drop would leave
 *       a copy with holes.
 */
import type { Checkpoint } from "./checkpoint/checkpoint.js";
import type { CopyState } from "./copy-state.js";
import { isPassing } from "./files.js";
import type { Turns } from "./turns.js";

/** Between two transactions, so that folds and reads hardly notice. */
const PAUSE_MS = 5;
/** How long to wait before one is tried again that found no space or no memory. */
const RETRY_MS = 1_000;

export interface SweepOptions {
  readonly checkpoint: Checkpoint;
  readonly turns: Turns;
  readonly later: (ms: number, call: () => void) => void;
  /** Nothing is left of the copy. */
  readonly swept: (state: CopyState) => void;
  readonly failed: (error: Error) => void;
  /** Blocks that one transaction removes; 0: nothing is swept. */
  readonly blocks: number;
}

export class Sweep {
  private readonly waiting: CopyState[] = [];
  private active = false;
  private closed = false;

  constructor(private readonly options: SweepOptions) {}

  /** Their marks are in the checkpoint (W1). */
  add(states: Iterable<CopyState>): void {
    if (this.options.blocks === 0) return;
    for (const state of states) if (!this.waiting.includes(state)) this.waiting.push(state);
    if (this.active) return;
    this.active = true;
    this.step();
  }

  close(): void {
    this.closed = true;
  }

  private step(): void {
    const [state] = this.waiting;
    this.active = state !== undefined && !this.closed;
    if (state === undefined || this.closed) return;
    const { checkpoint, turns, later, swept, failed, blocks } = this.options;
    turns.take((end) => {
      if (this.closed) return;
      checkpoint.sweep(state.table, blocks, state.remainder, (error, more) => {
        if (this.closed) return;
        if (error !== null && !isPassing(error)) {
          this.closed = true;
          return failed(error);
        }
        if (error === null && !more) {
          this.waiting.shift();
          swept(state);
        }
        end();
        later(error === null ? PAUSE_MS : RETRY_MS, () => this.step());
      });
    });
  }
}
