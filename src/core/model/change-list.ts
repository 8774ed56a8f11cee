/**
 * In which order keys changed, for whoever asks what changed after some change. An entry whose key has changed since,
 * or is gone, is out of date: it is passed over, and swept once most are.
 */
import type { ChangeNumber, Key } from "./ids.js";

interface Numbered {
  readonly key: Key;
  readonly change: ChangeNumber;
}

/** The list is swept once it is this long and mostly out of date. */
const MIN_SWEEP = 1_024;

export class ChangeList {
  /** `latest`: the latest change of each key, kept by the owner; `entries`: by ascending number. */
  constructor(
    private readonly latest: ReadonlyMap<Key, { readonly change: ChangeNumber }>,
    private entries: Numbered[] = [],
  ) {}

  /** `change` is above all earlier ones, and the owner knows it as the key's latest already. */
  add(key: Key, change: ChangeNumber): void {
    this.entries.push({ key, change });
    if (this.entries.length > MIN_SWEEP && this.entries.length > 2 * this.latest.size) {
      this.entries = this.entries.filter((entry) => this.current(entry));
    }
  }

  /** Keys whose latest change is above `after`, by ascending number. */
  *keysAfter(after: ChangeNumber): IterableIterator<Key> {
    const { entries } = this;
    for (let i = firstAfter(entries, after); i < entries.length; i++) {
      const entry = entries[i] as Numbered;
      if (this.current(entry)) yield entry.key;
    }
  }

  /** The same order, for an owner with a copy of `latest`. */
  copy(latest: ReadonlyMap<Key, { readonly change: ChangeNumber }>): ChangeList {
    return new ChangeList(latest, this.entries.slice());
  }

  private current({ key, change }: Numbered): boolean {
    return this.latest.get(key)?.change === change;
  }
}

/** Index of the first change above `after`. */
function firstAfter(entries: readonly Numbered[], after: ChangeNumber): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as Numbered).change > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
