/**
 * The Huffman code of HPACK (RFC 7541, appendix B), for decoding only.
 *
 * Intuition: the code is canonical. Among the codes of one length the symbols ascend, and every length
 * continues where the shorter one stopped. So the 257 lengths say all: the code words follow from them.
 *
 * A server sends a header in literal form once per connection and then by its index. So decoding one bit at a time
 * costs nothing that could be measured.
 */

/** Code length in bits of the symbols 0 to 255 and of the end-of-string symbol 256, 32 symbols a line. */
// biome-ignore format: a table
const CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

const LONGEST_CODE_BITS = 30;
const END_OF_STRING = 256;

/** Per length in bits: the first code word, how many there are, and where their symbols start. */
interface CanonicalCode {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly offset: Int32Array;
  readonly symbols: Int32Array;
}

function canonicalCode(): CanonicalCode {
  const first = new Int32Array(LONGEST_CODE_BITS + 1);
  const count = new Int32Array(LONGEST_CODE_BITS + 1);
  const offset = new Int32Array(LONGEST_CODE_BITS + 1);
  const symbols: number[] = [];
  let code = 0;
  for (let bits = 1; bits <= LONGEST_CODE_BITS; bits++) {
    code *= 2;
    first[bits] = code;
    offset[bits] = symbols.length;
    CODE_LENGTHS.forEach((length, symbol) => {
      if (length === bits) symbols.push(symbol);
    });
    count[bits] = symbols.length - (offset[bits] ?? 0);
    code += count[bits] ?? 0;
  }
  if (code !== 2 ** LONGEST_CODE_BITS) throw new Error("the Huffman code lengths do not form a complete code");
  return { first, count, offset, symbols: Int32Array.from(symbols) };
}

const CODE = canonicalCode();

/** Decodes the octets [start, end) to a string of Latin-1 characters. Throws on what is no Huffman code. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  const characters: number[] = [];
  let word = 0;
  let bits = 0;
  for (let at = start; at < end; at++) {
    const octet = bytes.readUInt8(at);
    for (let shift = 7; shift >= 0; shift--) {
      word = (word << 1) | ((octet >> shift) & 1);
      bits++;
      const rank = word - (CODE.first[bits] ?? 0);
      if (rank >= 0 && rank < (CODE.count[bits] ?? 0)) {
        const symbol = CODE.symbols[(CODE.offset[bits] ?? 0) + rank] ?? END_OF_STRING;
        if (symbol === END_OF_STRING) throw new Error("HPACK: end of string inside a string");
        characters.push(symbol);
        word = 0;
        bits = 0;
      } else if (bits >= LONGEST_CODE_BITS) {
        throw new Error("HPACK: no such Huffman code");
      }
    }
  }
  // The rest is padding: fewer than eight bits, all of them ones.
  if (bits > 7 || word !== 2 ** bits - 1) throw new Error("HPACK: bad Huffman padding");
  return String.fromCharCode(...characters);
}
