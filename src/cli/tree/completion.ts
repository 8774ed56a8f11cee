/**
 * `onar completion`: a script for a shell, made from the tree of commands. Nothing of it calls the program or a node.
 */

import type { Command } from "commander";
import { unreachable } from "../../base/assert.js";
import { oneOf } from "../../config/values.js";
import { EXIT, type ExitCode } from "../ending/exit.js";
import type { Io } from "../terminal/io.js";
import { firstSentence } from "./help.js";

export const SHELLS = ["bash", "zsh", "fish"] as const;

export async function completion(shell: string, onar: Command, io: Io): Promise<ExitCode> {
  const commands = flat(onar);
  const kind = oneOf("SHELL", shell, SHELLS);
  switch (kind) {
    case "bash":
      io.out(bash(commands));
      break;
    case "zsh":
      io.out(zsh(commands));
      break;
    case "fish":
      io.out(fish(commands));
      break;
    default:
      return unreachable(kind);
  }
  return EXIT.done;
}

interface Flag {
  readonly names: readonly string[];
  readonly text: string;
  readonly takesValue: boolean;
}

/** A command of the tree: its path below the program, what can stand next. */
interface Entry {
  readonly path: readonly string[];
  readonly text: string;
  readonly below: readonly { readonly name: string; readonly text: string }[];
  readonly flags: readonly Flag[];
}

function flat(command: Command, path: readonly string[] = []): Entry[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  const entry: Entry = {
    path,
    text: described(command.description()),
    below: below.map((one) => ({ name: one.name(), text: described(one.description()) })),
    flags: help.visibleOptions(command).map((option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
      text: described(option.description),
      takesValue: option.required || option.optional,
    })),
  };
  return [entry, ...command.commands.flatMap((one) => flat(one, [...path, one.name()]))];
}

/** Without what means something to a shell. */
const described = (text: string): string => firstSentence(text).replaceAll(/['"`$\\[\]]/g, "");

const words = (entry: Entry): string[] => [
  ...entry.below.map(({ name }) => name),
  ...entry.flags.flatMap(({ names }) => names),
];

/** `help X` completes commands, too. */
const under = (path: readonly string[]): string => path.join(" ");

function bash(commands: readonly Entry[]): string {
  const cases = commands.map((entry) => `    "${under(entry.path)}") words="${words(entry).join(" ")}" ;;`);
  const known = commands.filter(({ path }) => path.length > 0).map(({ path }) => `"${under(path)}"`);
  return `# bash completion for onar
_onar() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" i next
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in
      ${known.join(" | ")}) path="$next" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _onar onar
`;
}

function zsh(commands: readonly Entry[]): string {
  const described = (name: string, text: string): string => `'${name.replaceAll(":", "\\:")}:${text}'`;
  const cases = commands.map((entry) => {
    const all = [
      ...entry.below.map(({ name, text }) => described(name, text)),
      ...entry.flags.flatMap(({ names, text }) => names.map((name) => described(name, text))),
    ];
    return `    "${under(entry.path)}") words_=(${all.join(" ")}) ;;`;
  });
  const known = commands.filter(({ path }) => path.length > 0).map(({ path }) => `"${under(path)}"`);
  return `#compdef onar
_onar() {
  local path_="" next_ i
  local -a words_
  for ((i = 2; i < CURRENT; i++)); do
    next_="\${path_:+$path_ }\${words[i]}"
    case "$next_" in
      ${known.join(" | ").replaceAll(/"([^"]*)"/g, (_, name: string) => `"${name}"`)}) path_="$next_" ;;
    esac
  done
  case "$path_" in
${cases.join("\n")}
  esac
  _describe 'onar' words_ || _files
}
if [ "$funcstack[1]" = "_onar" ]; then
  _onar "$@"
else
  compdef _onar onar
fi
`;
}

function fish(commands: readonly Entry[]): string {
  const lines = ["# fish completion for onar"];
  for (const entry of commands) {
    const names = entry.below.map(({ name }) => name);
    const seen = entry.path.map((name) => `__fish_seen_subcommand_from ${name}`);
    const notYet = names.length === 0 ? [] : [`not __fish_seen_subcommand_from ${names.join(" ")}`];
    const when = [...seen, ...notYet].join("; and ");
    const condition = when === "" ? "" : ` -n '${when}'`;
    for (const { name, text } of entry.below) lines.push(`complete -c onar -f${condition} -a ${name} -d '${text}'`);
    for (const { names: flags, text, takesValue } of entry.flags) {
      const switches = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      lines.push(`complete -c onar${condition} ${switches.join(" ")}${takesValue ? " -r" : ""} -d '${text}'`);
    }
  }
  return `${lines.join("\n")}\n`;
}
