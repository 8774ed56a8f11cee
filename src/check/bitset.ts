/** A set of small whole numbers that never changes: 32 to a word, one character pair per word as a key for hashing. */
export class Bitset {
  static readonly empty = new Bitset(new Int32Array(0));
  private readonly words: Int32Array;

  private constructor(words: Int32Array) {
    this.words = words;
  }

  has(member: number): boolean {
    return ((this.words[member >>> 5] ?? 0) & (1 << (member & 31))) !== 0;
  }

  with(member: number): Bitset {
    const index = member >>> 5;
    const words = new Int32Array(Math.max(this.words.length, index + 1));
    words.set(this.words);
    words[index] = (words[index] ?? 0) | (1 << (member & 31));
    return new Bitset(words);
  }

  without(member: number): Bitset {
    if (!this.has(member)) return this;
    const words = this.words.slice();
    const index = member >>> 5;
    words[index] = (words[index] ?? 0) & ~(1 << (member & 31));
    // Equal sets have equal keys only if nobody keeps empty words at the end.
    let length = words.length;
    while (length > 0 && words[length - 1] === 0) length--;
    return new Bitset(words.subarray(0, length));
  }

  /** Equal for equal sets, different for different ones. */
  key(): string {
    let key = "";
    for (const word of this.words) key += String.fromCharCode(word & 0xffff, word >>> 16);
    return key;
  }
}
