/** Colours, on a terminal that wants them: NO_COLOR (https://no-color.org) and TERM=dumb are honoured. */
import type { Io } from "./io.js";

export interface Paint {
  good(text: string): string;
  doubtful(text: string): string;
  bad(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
}

const asIs = (text: string): string => text;
const PLAIN: Paint = { good: asIs, doubtful: asIs, bad: asIs, strong: asIs, faint: asIs };

const sgr =
  (begin: number, end: number) =>
  (text: string): string =>
    `\u001b[${begin}m${text}\u001b[${end}m`;

const COLOURED: Paint = {
  good: sgr(32, 39),
  doubtful: sgr(33, 39),
  bad: sgr(31, 39),
  strong: sgr(1, 22),
  faint: sgr(2, 22),
};

export const paintOf = ({ terminal, env }: Pick<Io, "terminal" | "env">): Paint =>
  terminal && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb" ? COLOURED : PLAIN;
