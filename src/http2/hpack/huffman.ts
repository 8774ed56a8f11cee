/**
 * The Huffman code of HPACK, both ways.
 *
 * Intuition: the code is canonical: among the codes of one length the symbols ascend, and each length continues where
 * the shorter one stopped. So the 257 lengths say all. Decoding walks the code's tree four bits at a step, by a
 * table. Its steps are made when they are first taken: a program that decodes a few headers and ends needs few of them.
 *
 * Source: RFC 7541 §5.2 and appendix B.
 */

import { ConnectionError, ERROR_CODE } from "../error.js";

/** Code length in bits of the symbols 0 to 255 and of the end-of-string symbol 256, 32 symbols a line. */
// biome-ignore format: a table
const CODE_LENGTHS = Uint8Array.of(
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
);
const LONGEST_CODE_BITS = 30;
const END_OF_STRING = 256;

const CODES = canonicalCodes();

function canonicalCodes(): Uint32Array {
  const symbols = new Uint32Array(LONGEST_CODE_BITS + 1);
  for (const length of CODE_LENGTHS) symbols[length] = (symbols[length] ?? 0) + 1;
  const next = new Uint32Array(LONGEST_CODE_BITS + 1);
  for (let bits = 1; bits <= LONGEST_CODE_BITS; bits++) {
    next[bits] = ((next[bits - 1] ?? 0) + (symbols[bits - 1] ?? 0)) * 2;
  }
  return Uint32Array.from(CODE_LENGTHS, (length) => {
    const code = next[length] ?? 0;
    next[length] = code + 1;
    return code;
  });
}

/** A step of the decoder: the next node in the low nine bits, then whether a symbol is complete, then that symbol. */
const NODE_MASK = 0x1ff;
const SYMBOL_FLAG = 0x200;
const SYMBOL_SHIFT = 10;
const NO_SUCH_CODE = -1;
const NOT_MADE_YET = -2;

interface DecodingTable {
  readonly children: readonly (readonly [number, number])[];
  /** [node × 16 + four bits]. */
  readonly steps: Int32Array;
  /** Whether a string may end at the node: at the root, or on a path of up to seven one bits. */
  readonly accepting: Uint8Array;
}

let decoding: DecodingTable | null = null;

/** The tree's inner nodes are numbered as they are made, the root being 0; a leaf is the symbol, complemented. */
function decodingTable(): DecodingTable {
  const children: [number, number][] = [[0, 0]];
  for (let symbol = 0; symbol < CODE_LENGTHS.length; symbol++) {
    const length = CODE_LENGTHS[symbol] ?? 0;
    const code = CODES[symbol] ?? 0;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = (code >>> bit) & 1 ? 1 : 0;
      const pair = children[node] ?? [0, 0];
      if (pair[side] === 0) pair[side] = children.push([0, 0]) - 1;
      node = pair[side];
    }
    const last = children[node];
    if (last !== undefined) last[code & 1 ? 1 : 0] = ~symbol;
  }
  const steps = new Int32Array(children.length * 16).fill(NOT_MADE_YET);
  const accepting = new Uint8Array(children.length);
  let node = 0;
  for (let ones = 0; ones < 8; ones++) {
    accepting[node] = 1;
    node = children[node]?.[1] ?? 0;
  }
  return { children, steps, accepting };
}

/** A step that the table does not have, or that there is not. */
function madeStep({ children, steps }: DecodingTable, node: number, four: number): number {
  const at = node * 16 + four;
  if (steps[at] === NOT_MADE_YET) steps[at] = stepOf(children, node, four);
  const step = steps[at] ?? NO_SUCH_CODE;
  if (step < 0) throw new ConnectionError(ERROR_CODE.compressionError, "end of string inside a Huffman string");
  return step;
}

function stepOf(children: readonly (readonly [number, number])[], from: number, four: number): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[node]?.[(four >> bit) & 1 ? 1 : 0] ?? 0;
    if (next >= 0) node = next;
    else {
      if (~next === END_OF_STRING) return NO_SUCH_CODE;
      // The shortest code has five bits: four bits complete one symbol at most.
      emitted = SYMBOL_FLAG | (~next << SYMBOL_SHIFT);
      node = 0;
    }
  }
  return node | emitted;
}

/**
 * Decodes `bytes` [start, end) to a string of Latin-1 characters. Throws a compression error on what is no Huffman
 * code.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number): string {
  // No code is shorter than five bits.
  const text = Buffer.allocUnsafe(Math.ceil(((end - start) * 8) / 5));
  decoding ??= decodingTable();
  const { steps, accepting } = decoding;
  let length = 0;
  let node = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    let high = steps[node * 16 + (byte >> 4)] ?? NO_SUCH_CODE;
    if (high < 0) high = madeStep(decoding, node, byte >> 4);
    if ((high & SYMBOL_FLAG) !== 0) text[length++] = high >> SYMBOL_SHIFT;
    let low = steps[(high & NODE_MASK) * 16 + (byte & 15)] ?? NO_SUCH_CODE;
    if (low < 0) low = madeStep(decoding, high & NODE_MASK, byte & 15);
    if ((low & SYMBOL_FLAG) !== 0) text[length++] = low >> SYMBOL_SHIFT;
    node = low & NODE_MASK;
  }
  if (accepting[node] !== 1) throw new ConnectionError(ERROR_CODE.compressionError, "bad Huffman padding");
  return text.toString("latin1", 0, length);
}

/** How many bytes the text takes when encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i)] ?? 0;
  return (bits + 7) >> 3;
}

/** Writes the text, Latin-1 characters, to `into` at `at`; returns where it ends. */
export function huffmanEncode(text: string, into: Uint8Array, at: number): number {
  let end = at;
  let word = 0;
  let bits = 0;
  const put = (code: number, length: number): void => {
    word = (word << length) | code;
    bits += length;
    while (bits >= 8) {
      bits -= 8;
      into[end++] = word >> bits;
    }
    word &= 0xff;
  };
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    const code = CODES[symbol] ?? 0;
    const length = CODE_LENGTHS[symbol] ?? 0;
    // A word has 32 bits, of which up to seven are taken.
    if (length > 16) {
      put(code >>> 16, length - 16);
      put(code & 0xffff, 16);
    } else put(code, length);
  }
  if (bits > 0) put((1 << (8 - bits)) - 1, 8 - bits);
  return end;
}
