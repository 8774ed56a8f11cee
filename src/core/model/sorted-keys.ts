/**
 * A set of keys in the order that all nodes share, for tables in memory. Keys lie in runs of some hundred, so that
 * adding one moves few, and a look for one goes through few.
 */
import { present } from "../../base/assert.js";
import { type Key, key as keyOf } from "./ids.js";
import { isPlain, orderOf } from "./key-order.js";

/** A run that gets longer is split in two. */
const MAX_RUN = 256;

export class SortedKeys {
  /** Orders of keys (`orderOf`), each run ascending, and they themselves, too; none is empty. */
  private readonly runs: string[][] = [];
  /** The long keys by their orders: those of plain ones are the keys themselves. */
  private readonly long = new Map<string, Key>();

  /** Nothing happens when it is there. */
  add(key: Key): void {
    const order = orderOf(key);
    if (!isPlain(key)) this.long.set(order, key);
    const at = this.runOf(order);
    const run = this.runs[at];
    if (run === undefined) {
      this.runs.push([order]);
      return;
    }
    const place = firstFrom(run, order);
    if (run[place] === order) return;
    if (place === run.length) run.push(order);
    else run.splice(place, 0, order);
    if (run.length <= MAX_RUN) return;
    // Keys often come in order: a run that they leave behind stays full.
    const atEnd = at === this.runs.length - 1 && place === MAX_RUN;
    this.runs.splice(at + 1, 0, run.splice(atEnd ? MAX_RUN : MAX_RUN / 2));
  }

  /** Nothing happens when it is not there. */
  delete(key: Key): void {
    const order = orderOf(key);
    if (!isPlain(key)) this.long.delete(order);
    const at = this.runOf(order);
    const run = this.runs[at];
    if (run === undefined) return;
    const place = firstFrom(run, order);
    if (run[place] !== order) return;
    run.splice(place, 1);
    if (run.length === 0) this.runs.splice(at, 1);
  }

  /** Those behind this one, which need not be there; null: all. Nothing is added or deleted meanwhile. */
  *after(key: Key | null): IterableIterator<Key> {
    const from = key === null ? "" : orderOf(key);
    for (let at = this.runOf(from); at < this.runs.length; at++) {
      const run = this.runs[at] as string[];
      for (let i = firstFrom(run, from); i < run.length; i++) {
        const order = run[i] as string;
        if (order !== from) yield this.long.get(order) ?? keyOf(order);
      }
    }
  }

  /** The last run that does not begin above it. */
  private runOf(order: string): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (present(this.runs[middle]?.[0], "a run that is not empty") > order) high = middle;
      else low = middle + 1;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first that is not below. */
function firstFrom(run: readonly string[], order: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((run[middle] as string) < order) low = middle + 1;
    else high = middle;
  }
  return low;
}
