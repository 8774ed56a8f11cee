/**
 * The examples of the manual. A block of code in a page is one of these:
 *
 *   sh        commands, each of which must end with 0; "# prints: TEXT" behind one is what it prints
 *   sh        with lines behind "#> ": commands and what they print, whatever they end with, so that all of it can be pasted. … stands for
 *             anything within a line, a line of only … for any lines
 *   ts NAME   a file of that name, for the commands of the page; so are jsonl NAME, and yaml when its first line is "# NAME"
 *   json      is parsed, mermaid is not looked at
 *
 * One that cannot be run has a comment before it that says why: <!-- not run: … -->
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./harness.js";

export interface Block {
  /** The line that it begins at, from 1. */
  readonly line: number;
  /** The word behind the fence; "console" for commands with what they print. */
  readonly language: string;
  /** The second word behind the fence, or of a first line "# NAME.yaml"; "" when there is none. */
  readonly name: string;
  readonly text: string;
  /** Why it is not run; "" when it is. */
  readonly notRun: string;
}

export function blocksOf(page: string): Block[] {
  return blocksIn(readFileSync(join(ROOT, page), "utf8"));
}

export function blocksIn(text: string): Block[] {
  const fences = text.matchAll(/(?:^<!-- not run: ([^\n]+?) -->\n)?^```(\w*) ?([\w.-]*)\n([\s\S]*?)^```$/gm);
  return [...fences].map((fence) => {
    const [, notRun = "", language = "", name = "", code = ""] = fence;
    return {
      line: text.slice(0, fence.index).split("\n").length,
      language: language === "sh" && /^#>/m.test(code) ? "console" : language,
      name: name || (/^# ([\w-]+\.yaml)\n/.exec(code)?.[1] ?? ""),
      text: code,
      notRun,
    };
  });
}

export interface Command {
  readonly command: string;
  /** Its output, as the page shows it; null when the page does not say. */
  readonly shown: string | null;
}

/** The commands of a block of sh, or of one with what they print. */
export function commandsOf(block: Block): Command[] {
  const lines = block.text.replaceAll("\\\n", " ").trimEnd().split("\n");
  if (block.language === "sh") {
    return lines
      .filter((line) => line.trim() !== "" && !line.startsWith("#"))
      .map((line) => {
        const [command = "", shown = null] = line.split(/\s+# prints: /);
        return { command, shown };
      });
  }
  const commands: { command: string; shown: string }[] = [];
  let end: string | undefined;
  for (const line of lines) {
    const last = commands.at(-1);
    if (end !== undefined && last !== undefined) {
      last.command += `\n${line}`;
      if (line === end) end = undefined;
    } else if (!line.startsWith("#>")) {
      commands.push({ command: line, shown: "" });
      end = /<<(\w+)$/.exec(line)?.[1];
    } else if (last === undefined) throw new Error(`line ${block.line}: it begins with what is printed`);
    else last.shown += `${line.slice("#> ".length)}\n`;
  }
  return commands;
}

/** Whether the page shows what was printed, except for white space at the ends of lines and what … stands for. */
export function isAsShown(printed: string, shown: string): boolean {
  const pattern = trimmed(shown)
    .split("\n")
    .map((line) => (line === "…" ? "[\\s\\S]*" : escaped(line).replaceAll("…", ".*")))
    .join("\n");
  return new RegExp(`^${pattern}$`).test(trimmed(printed));
}

const trimmed = (text: string): string => text.replaceAll(/[ \t]+$/gm, "").trim();
const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
