/** How help looks. */

import type { Io } from "../terminal/io.js";

const HELP_WIDTH = 110;

/** As wide as it reads well, and no wider than the terminal. */
export const helpWidth = (io: Io): number => Math.min(HELP_WIDTH, io.columns?.() ?? HELP_WIDTH);

export const example = (...lines: string[]): string => `\nExample:\n${lines.map((line) => `  ${line}`).join("\n")}`;
