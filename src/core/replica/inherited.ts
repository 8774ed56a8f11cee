/**
 * Keys that a copy inherited as bad: when it took over from the group before, too few replicas of that could speak for
 * them (H12). Such a key is bad here, and never absent, until a majority of the group before has spoken or a register
 * of it is taken.
 */

import type { Key, Partition } from "../model/ids.js";
import type { EntrySink } from "../model/outbox.js";
import type { Inherited } from "../model/transfer-entry.js";

export class InheritedKeys {
  /** Each with the number of its mark. A question that was asked under a number dies with it. */
  readonly marks = new Map<Key, number>();

  constructor(private readonly partition: Partition) {}

  restore({ key, mark }: Inherited): void {
    if (mark === 0) this.marks.delete(key);
    else this.marks.set(key, mark);
  }

  has(key: Key): boolean {
    return this.marks.size > 0 && this.marks.has(key);
  }

  begin(key: Key, mark: number, out: InheritedOutbox): void {
    this.marks.set(key, mark);
    out.entries.push({ kind: "inherited", partition: this.partition, key, mark });
  }

  /** A register of the key was taken, or it is known to be absent. */
  end(key: Key, out: InheritedOutbox): void {
    if (this.marks.size === 0 || !this.marks.delete(key)) return;
    out.entries.push({ kind: "inherited", partition: this.partition, key, mark: 0 });
  }

  /** These have had their turn: the others come first the next time. */
  standBack(keys: readonly Key[]): void {
    for (const key of keys) {
      const mark = this.marks.get(key);
      if (mark !== undefined && this.marks.delete(key)) this.marks.set(key, mark);
    }
  }
}

export interface InheritedOutbox {
  readonly entries: EntrySink<Inherited>;
}
