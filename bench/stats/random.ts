/** Cheap pseudo-random numbers, and drawing keys: uniformly or by Zipf's law. */

/** sfc32 (Chris Doty-Humphrey): 32 bits a draw, a few nanoseconds, reproducible by its seed. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = 0x9e3779b9;
    this.#c = 0x243f6a88;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** In [0, bound), for bounds far below 2^32. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }
}

export type KeyDistribution = { readonly kind: "uniform" } | { readonly kind: "zipf"; readonly theta: number };

/** Reads `uniform`, `zipf` (θ = 0.99) or `zipf:THETA`. */
export function parseDistribution(text: string): KeyDistribution {
  if (text === "uniform") return { kind: "uniform" };
  const zipf = /^zipf(?::(\d+(?:\.\d+)?))?$/.exec(text);
  if (zipf !== null) return { kind: "zipf", theta: Number(zipf[1] ?? "0.99") };
  throw new Error(`unknown key distribution "${text}": uniform, zipf or zipf:THETA`);
}

/**
 * Draws key numbers from 0 to below `count`. With Zipf's law, key i is drawn in proportion to 1/(i+1)^θ, exactly, for
 * any θ. Walker's alias table does it with one look-up a draw. (Servers hash keys, so the hot ones need no shuffling.)
 */
export class KeyChooser {
  readonly #count: number;
  readonly #random: Random;
  readonly #keep: Float64Array | undefined;
  readonly #alias: Uint32Array;

  constructor(count: number, distribution: KeyDistribution, random: Random) {
    this.#count = count;
    this.#random = random;
    this.#alias = new Uint32Array(distribution.kind === "zipf" ? count : 0);
    this.#keep = distribution.kind === "zipf" ? this.#fill(distribution.theta) : undefined;
  }

  next(): number {
    const slot = this.#random.below(this.#count);
    if (this.#keep === undefined || this.#random.fraction() < (this.#keep[slot] ?? 1)) return slot;
    return this.#alias[slot] ?? slot;
  }

  /** Vose's construction: every slot keeps its own key up to its share and gives the rest to a richer one. */
  #fill(theta: number): Float64Array {
    const share = Float64Array.from({ length: this.#count }, (_, i) => (i + 1) ** -theta);
    const total = share.reduce((sum, weight) => sum + weight, 0);
    const poor: number[] = [];
    const rich: number[] = [];
    share.forEach((weight, i) => {
      share[i] = (weight * this.#count) / total;
      ((share[i] ?? 0) < 1 ? poor : rich).push(i);
    });
    for (;;) {
      const low = poor.at(-1);
      const high = rich.at(-1);
      if (low === undefined || high === undefined) break;
      poor.pop();
      this.#alias[low] = high;
      share[high] = (share[high] ?? 0) - (1 - (share[low] ?? 0));
      if ((share[high] ?? 0) < 1) {
        rich.pop();
        poor.push(high);
      }
    }
    // The rest is full except for rounding.
    for (const rest of [...poor, ...rich]) share[rest] = 1;
    return share;
  }
}
