/**
 * The text of a status as it travels in `grpc-message`: UTF-8, and what is not printable ASCII as %XX.
 *
 * Source: gRPC's PROTOCOL-HTTP2.md, "Percent-Encoded".
 */

const PLAIN = /^[\x20-\x24\x26-\x7e]*$/;
const ESCAPE = /%[0-9a-fA-F]{2}/;
/** A message that is longer, encoded, is cut: it has to fit into the header list that a client takes. */
const MAX_ENCODED = 2_048;

export function percentEncode(text: string): string {
  // Spaces at the ends do not survive in a header.
  if (text.length <= MAX_ENCODED && PLAIN.test(text) && text.trim() === text) return text;
  const first = text.length - text.trimStart().length;
  const last = text.trimEnd().length;
  let encoded = "";
  let at = 0;
  for (const character of text) {
    const plain = PLAIN.test(character) && at >= first && at < last;
    const piece = plain ? character : escaped(character);
    if (encoded.length + piece.length > MAX_ENCODED) return encoded.trimEnd();
    encoded += piece;
    at += character.length;
  }
  return encoded;
}

/** Characters that are no escape stay as they are; bytes that are no UTF-8 become U+FFFD. */
export function percentDecode(text: string): string {
  if (!ESCAPE.test(text)) return text;
  const bytes = Buffer.allocUnsafe(text.length * 2);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === "%" ? text.slice(i + 1, i + 3) : "";
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes[length++] = Number.parseInt(hex, 16);
      i += 2;
    } else length += bytes.write(text.charAt(i), length, "utf8");
  }
  return bytes.toString("utf8", 0, length);
}

function escaped(character: string): string {
  let text = "";
  for (const byte of Buffer.from(character, "utf8")) {
    text += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}
