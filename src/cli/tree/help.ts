/** How help looks. The list of commands has a line or two for each; the help of a command has all of its text. */

import { type Command, Help } from "commander";
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

/** Headings of the list of commands. */
export const GROUP = {
  running: "Run nodes:",
  keys: "Read and write keys:",
  looking: "Look at the cluster:",
  members: "Change the cluster:",
  data: "Keep data safe:",
  rest: "More:",
} as const;

/** Up to the first stop of any kind, without it. */
export const firstSentence = (text: string): string => text.split(/[.(;:]/)[0]?.trim() ?? "";

export const subcommandDescription = (command: Command): string => firstSentence(command.description());

/** All commands have options. */
export const subcommandTerm = (command: Command): string =>
  Help.prototype.subcommandTerm.call(new Help(), command).replace(" [options]", "");

export const example = (...lines: string[]): string => `\nExample:\n${lines.map((line) => `  ${line}`).join("\n")}`;
