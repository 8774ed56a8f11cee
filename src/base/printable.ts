/**
 * Text from outside, harmless where it is shown: other nodes' words, versions and addresses, servers' errors. On a
 * terminal a control character could move the cursor or set a title, in a log it could begin a line that nobody wrote.
 */

/**
 * Control characters (C0, DEL, C1), separators of lines and paragraphs, what changes the direction of text, halves of
 * surrogate pairs.
 */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\p{Cs}]/gu;
const MAX_PRINTABLE = 1_000;

/**
 * One line of at most `max` characters: white space that ends lines becomes a blank, what would not be seen becomes
 * \\x1b or \\u202e.
 */
export function printable(text: string, max = MAX_PRINTABLE): string {
  const line = text
    .slice(0, max + 1)
    .replace(/[\t\r\n]+/g, " ")
    .replace(UNSEEN, (found) => {
      const code = found.charCodeAt(0);
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : unicode(code);
    });
  return text.length > max || line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

/** The value as JSON on one line. Values of users are in it as they are, and still nothing in it steers a terminal. */
export const jsonText = (value: unknown): string => withoutUnseen(JSON.stringify(value));

/** JSON leaves some of them as they are; outside its strings there are none. */
export const withoutUnseen = (json: string): string =>
  json.replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (found) =>
    unicode(found.charCodeAt(0)),
  );

const unicode = (code: number): string => `\\u${code.toString(16).padStart(4, "0")}`;
