/** In which order the slots of a layer changed. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChangeNumber, changeNumber } from "../../../src/core/model/ids.js";
import { SlotChanges } from "../../../src/storage/slot-changes.js";

interface Slot {
  readonly name: number;
  change: ChangeNumber;
}

function after(changes: SlotChanges<Slot>, number: number, most = Number.POSITIVE_INFINITY): number[] {
  const found: number[] = [];
  changes.eachAfter(changeNumber(number), ({ name }) => {
    found.push(name);
    return found.length < most;
  });
  return found;
}

test("shows each slot once, where it changed last, however often the list was swept", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 3_000 }), fc.nat(3_000), (touched, asked) => {
      const changes = new SlotChanges<Slot>();
      const slots = new Map<number, Slot>();
      for (const [index, name] of touched.entries()) {
        const slot = slots.get(name) ?? { name, change: changeNumber(0) };
        slots.set(name, slot);
        slot.change = changeNumber(index + 1);
        changes.add(slot, slots.size);
      }
      const expected = [...slots.values()].filter(({ change }) => change > asked).sort((a, b) => a.change - b.change);
      expect(after(changes, asked)).toEqual(expected.map(({ name }) => name));
    }),
  );
});

test("stops when it is told to", () => {
  const changes = new SlotChanges<Slot>();
  for (let name = 1; name <= 5; name++) changes.add({ name, change: changeNumber(name) }, name);
  expect(after(changes, 1, 2)).toEqual([2, 3]);
});
