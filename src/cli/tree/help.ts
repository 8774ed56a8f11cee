/** How help looks. */

import { Help } from "commander";
import type { Io } from "../terminal/io.js";

const HELP_WIDTH = 110;

/** As wide as it reads well, and no wider than the terminal. */
export const helpWidth = (io: Io): number => Math.min(HELP_WIDTH, io.columns?.() ?? HELP_WIDTH);

/** Columns that a description needs beside its term to read well. */
const BESIDE_WIDTH = 40;
const BELOW_INDENT = 6;

/** Where a description has no room beside its term it stands below it, as wide as the terminal. */
export function formatItem(this: Help, term: string, termWidth: number, description: string, help: Help): string {
  const width = this.helpWidth ?? HELP_WIDTH;
  if (description === "" || width - termWidth - 4 >= BESIDE_WIDTH) {
    return Help.prototype.formatItem.call(this, term, termWidth, description, help);
  }
  const indent = " ".repeat(BELOW_INDENT);
  const lines = help.boxWrap(description, width - BELOW_INDENT).split("\n");
  return [`  ${term}`, ...lines.map((line) => indent + line)].join("\n");
}

export const example = (...lines: string[]): string => `\nExample:\n${lines.map((line) => `  ${line}`).join("\n")}`;
