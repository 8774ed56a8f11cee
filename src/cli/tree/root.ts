/** The beginning of every tree of commands: the program's and its prompt's. */
import { Command } from "commander";
import type { ExitCode } from "../ending/exit.js";
import type { Io } from "../terminal/io.js";
import { formatItem, GROUP, helpWidth, subcommandDescription, subcommandTerm } from "./help.js";

/** Makes an action of a command whose exit code is the program's. */
export type Ends = <Rest extends unknown[]>(
  command: (...rest: Rest) => Promise<ExitCode>,
) => (...rest: Rest) => Promise<void>;

/** A tree without commands. */
export const root = (io: Io): Command =>
  new Command("onar")
    .helpOption("-h, --help", "print help")
    .commandsGroup(GROUP.rest)
    .helpCommand("help [command]", "Print all that there is to say about a command.")
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureHelp({ formatItem, subcommandDescription, subcommandTerm })
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.error(text.trimEnd()),
      getOutHelpWidth: () => helpWidth(io),
      getErrHelpWidth: () => helpWidth(io),
    });
