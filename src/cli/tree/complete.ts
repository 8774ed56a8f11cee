/** Completion of a line of the prompt, from the tree of commands. */
import type { Command } from "commander";

/** The continuations of the last word, and the last word, as node:readline wants them. */
export function complete(tree: Command, line: string): [string[], string] {
  const words = line.trimStart().split(/\s+/);
  const last = words.pop() ?? "";
  let command = tree;
  for (const word of words) {
    const below = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (below === undefined) break;
    command = below;
  }
  const help = command.createHelp();
  const candidates = last.startsWith("-")
    ? help.visibleOptions(command).flatMap(({ short, long }) => [short, long])
    : words[0] === "help"
      ? tree.commands.map((one) => one.name())
      : help.visibleCommands(command).map((one) => one.name());
  const fitting = candidates.filter((one) => one?.startsWith(last) === true).map((one) => `${one} `);
  return [fitting, last];
}
