/** How help looks. */

export const HELP_WIDTH = 110;

export const example = (...lines: string[]): string => `\nExample:\n${lines.map((line) => `  ${line}`).join("\n")}`;
