/**
 * The states met so far, as 64-bit hashes in open addressing: 8 bytes a slot. Two states with one hash would be taken
 * for one. With n states that happens somewhere with probability below n² / 2^65: for 50 million states 0.007 %.
 */

const FIRST_SLOTS = 1 << 16;
/** Numbers kept together in a layer. */
const CHUNK = 1 << 20;

export class Visited {
  count = 0;
  private slots = FIRST_SLOTS;
  private high = new Uint32Array(FIRST_SLOTS);
  private low = new Uint32Array(FIRST_SLOTS);

  /** True when it was not there. */
  add(high: number, low: number): boolean {
    // Zero in both marks a free slot.
    const mark = high === 0 && low === 0 ? 1 : low;
    if (!this.put(high, mark)) return false;
    this.count++;
    if (this.count * 10 > this.slots * 7) this.grow();
    return true;
  }

  private put(high: number, low: number): boolean {
    const mask = this.slots - 1;
    let slot = (low ^ (high >>> 7)) & mask;
    for (;;) {
      const there = this.low[slot] as number;
      const thereHigh = this.high[slot] as number;
      if (there === 0 && thereHigh === 0) break;
      if (there === low && thereHigh === high) return false;
      slot = (slot + 1) & mask;
    }
    this.high[slot] = high;
    this.low[slot] = low;
    return true;
  }

  private grow(): void {
    const { high, low } = this;
    this.slots *= 2;
    this.high = new Uint32Array(this.slots);
    this.low = new Uint32Array(this.slots);
    for (let slot = 0; slot < high.length; slot++) {
      const one = high[slot] as number;
      const other = low[slot] as number;
      if (one !== 0 || other !== 0) this.put(one, other);
    }
  }
}

/** Random bits for every number, the same in every run: sfc32. */
export class RandomBits {
  private readonly bits: number[] = [];
  private a: number;
  private b = 0x9e3779b9;
  private c = 0x243f6a88;
  private counter = 1;

  constructor(seed: number) {
    this.a = seed;
    for (let i = 0; i < 16; i++) this.draw();
  }

  of(number: number): number {
    while (this.bits.length <= number) this.bits.push(this.draw());
    return this.bits[number] as number;
  }

  private draw(): number {
    const drawn = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + drawn;
    return drawn >>> 0;
  }
}

/** Numbers in order of arrival, read once from the front; a layer of the search. */
export class Layer {
  count = 0;
  private readonly chunks: Uint32Array[] = [];
  private used = CHUNK;

  /** The state's numbers, never split over two chunks. */
  push(numbers: Uint32Array, length: number): void {
    if (this.used + length > CHUNK) {
      this.chunks.at(-1)?.fill(0, this.used);
      this.chunks.push(new Uint32Array(CHUNK));
      this.used = 0;
    }
    this.chunks.at(-1)?.set(numbers.subarray(0, length), this.used);
    this.used += length;
    this.count++;
  }

  /** Chunk by chunk, so that what was read can be freed. */
  take(): { readonly numbers: Uint32Array; readonly used: number } | null {
    const numbers = this.chunks.shift();
    return numbers === undefined ? null : { numbers, used: this.chunks.length === 0 ? this.used : CHUNK };
  }
}
