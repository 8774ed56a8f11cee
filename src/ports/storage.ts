/** Where a node's durable entries go, and where its registers are read from. */
import type { Entry } from "../core/entry.js";
import type { Partition } from "../core/ids.js";
import type { RegisterTable } from "../core/register/table.js";

export interface Storage {
  /** "memory" forgets everything when the process ends. */
  readonly kind: "memory" | "log";
  /** The registers of a partition: what was put is seen at once, whether durable or not. */
  table(partition: Partition): RegisterTable;
  /** Durable entries of an earlier life other than registers, in their order. */
  restored(): Iterable<Entry>;
  /**
   * Appends one batch. `durable` is called once all entries appended so far, these included, have reached stable storage; for an empty
   * batch, too. Calls come in the order of the batches and may come before `append` returns.
   */
  append(entries: readonly Entry[], durable: () => void): void;
  /** Waits for nothing; what was not durable may be lost. */
  close(): void;
}
