/**
 * Random numbers that can be written down and rolled again. A run draws from streams, and a recorded run writes down
 * which numbers each operation and each message drew. A run by plan gives every operation and message that is still
 * there its own numbers back, whatever was taken out around it. Numbers beyond those written down come from a stream of
 * their own.
 */
import { Prng } from "../../src/base/prng.js";

/** All that takes part in a run draws from this. */
export type Chance = Pick<Prng, "fraction" | "below" | "chance" | "pick">;

/** Draws from `source` and writes down what it drew. */
export function recording(source: Prng, numbers: number[]): Chance {
  return new Dice(() => {
    const number = source.next();
    numbers.push(number);
    return number;
  });
}

/** Draws what was written down, then from a stream named after it. */
export function replaying(numbers: readonly number[], seed: number, name: string): Chance {
  let place = 0;
  let beyond: Prng | null = null;
  return new Dice(() => {
    if (place < numbers.length) return numbers[place++] as number;
    beyond ??= new Prng(seed).fork(name);
    return beyond.next();
  });
}

/** As in Prng, on any source of 32-bit numbers. */
class Dice implements Chance {
  constructor(private readonly next: () => number) {}

  fraction(): number {
    return this.next() / 4294967296;
  }

  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("pick from an empty list");
    return item;
  }
}
