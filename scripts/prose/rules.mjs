/** Rules of prose for textlint (CONTRIBUTING.md, "Prose"): a tired reader takes a sentence in at once. */
import { split } from "sentence-splitter";
import { StringSource } from "textlint-util-to-string";

const MOST_WORDS = 25;
/** Relative clauses and genitives in front: begin with the thing that acts. Questions may begin so. */
const BEGINS = /^["“(*]*(Of|Who|What|Whom)\s/;
const INSTEAD = [
  [/\bfor ever\b/i, "forever"],
  [/\bbut for\b/i, "except"],
  [/\bso often\b/i, "repeated n times"],
  [/\bat the begin\b/i, "at the start"],
  [/\bin rest\b/i, "when idle"],
  [/\bby random\b/i, "at random"],
];

/** Findings of one sentence, in words. */
export function findingsOf(sentence) {
  const found = [];
  const words = sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
  if (words > MOST_WORDS) found.push(`${words} words in a sentence, at most ${MOST_WORDS}`);
  const begins = sentence.endsWith("?") ? null : BEGINS.exec(sentence);
  if (begins !== null) found.push(`begins with ${begins[1]}: begin with the thing that acts`);
  for (const [wrong, right] of INSTEAD) if (wrong.test(sentence)) found.push(`say "${right}"`);
  return found;
}

export const sentencesOf = (text) =>
  split(text)
    .filter(({ type }) => type === "Sentence")
    .map(({ raw, range }) => ({ text: raw.trim(), at: range[0] }));

/** One rule for all of it: paragraphs, points of lists and cells of tables; code counts as one word. */
export function prose({ Syntax, RuleError, report }) {
  const check = (node) => {
    const source = new StringSource(node, {
      replacer: ({ node: inner, maskValue }) => (inner.type === Syntax.Code ? maskValue("x") : undefined),
    });
    for (const { text, at } of sentencesOf(source.toString())) {
      const index = source.originalIndexFromIndex(at) ?? 0;
      for (const finding of findingsOf(text)) {
        report(node, new RuleError(`${finding}: ${text.replaceAll(/\s+/g, " ").slice(0, 90)}`, { index }));
      }
    }
  };
  return { [Syntax.Paragraph]: check, [Syntax.TableCell]: check };
}
