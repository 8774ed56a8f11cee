/**
 * The states that a copy had, whether or not its register of them is sound. A copy that catches up need not be told of
 * them again (C1).
 */
import type { Timestamp } from "../model/ballot.js";
import { changeNumber } from "../model/ids.js";
import type { RegisterTable } from "../model/table.js";
import { MAX_RANGES, Taken } from "./taken.js";

export class Recollection {
  private readonly had = new Taken();
  private readonly own = new Taken();
  private recalled = false;

  constructor(private readonly table: RegisterTable) {}

  /**
   * States that this copy took, or later ones of their keys. After a start, those of the changes before it, as far as
   * they are remembered.
   */
  get taken(): Taken {
    this.recall();
    return this.had;
  }

  /**
   * Those of `taken` that this copy took since its start, or that were sound at it. States that other copies told of
   * are not among them. Their register may be bad here, and nobody has looked at it since the start.
   */
  get ownTaken(): Taken {
    this.recall();
    return this.own;
  }

  note(timestamp: Timestamp): void {
    this.had.add(timestamp);
    this.own.add(timestamp);
  }

  /** Only with a planted bug. */
  pretend(...states: Parameters<Taken["addAll"]>): void {
    this.had.addAll(...states);
  }

  private recall(): void {
    if (this.recalled) return;
    this.recalled = true;
    const after = changeNumber(Math.max(0, this.table.lastChange - MAX_RANGES));
    for (const { timestamp } of this.table.changesAfter(after, MAX_RANGES))
      if (timestamp !== null) this.note(timestamp);
  }
}
