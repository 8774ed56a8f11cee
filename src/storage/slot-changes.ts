/**
 * In which order the slots of a layer changed, for whoever asks what changed after some change. As ChangeList
 * (core/model/change-list.ts), for slots that stay: whether a change is its slot's latest is seen without a search.
 */
import type { ChangeNumber } from "../core/model/ids.js";

interface Changed {
  readonly change: ChangeNumber;
}

/** The list is swept once it is this long and mostly out of date. */
const MIN_SWEEP = 1_024;

export class SlotChanges<Slot extends Changed> {
  /** Each change and its slot have the same index. By ascending number. */
  private numbers: ChangeNumber[] = [];
  private slots: Slot[] = [];

  /** The slot has changed, by a number above all earlier ones. `held`: so many slots there are. */
  add(slot: Slot, held: number): void {
    this.numbers.push(slot.change);
    this.slots.push(slot);
    if (this.slots.length > MIN_SWEEP && this.slots.length > 2 * held) this.sweep();
  }

  /** Visits the slots whose latest change is above `after`, by ascending number, until `visit` returns false. */
  eachAfter(after: ChangeNumber, visit: (slot: Slot) => boolean): void {
    const { numbers, slots } = this;
    for (let i = firstAfter(numbers, after); i < slots.length; i++) {
      const slot = slots[i] as Slot;
      if (slot.change === numbers[i] && !visit(slot)) return;
    }
  }

  private sweep(): void {
    const { numbers, slots } = this;
    let kept = 0;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i] as Slot;
      if (slot.change !== numbers[i]) continue;
      numbers[kept] = slot.change;
      slots[kept++] = slot;
    }
    numbers.length = kept;
    slots.length = kept;
  }
}

/** Index of the first change above `after`. */
function firstAfter(numbers: readonly ChangeNumber[], after: ChangeNumber): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as ChangeNumber) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
