/** How whatever happens to a command ends in an exit code (see exit.ts), and in a line that says what went wrong. */
import { type Command, CommanderError } from "commander";
import { jsonText, printable } from "../../base/printable.js";
import { SettingError } from "../../config/setting-error.js";
import { CliError, EXIT, type ExitCode, messageOf, usage } from "../ending/exit.js";
import type { Io } from "../terminal/io.js";
import { paintOf } from "../terminal/paint.js";
import type { Ends } from "./root.js";

/** Runs one command line on a tree of commands, to its exit code. */
export async function runTree(make: (ends: Ends) => Command, args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const ends =
    <Rest extends unknown[]>(command: (...rest: Rest) => Promise<ExitCode>) =>
    async (...rest: Rest): Promise<void> => {
      code = await command(...rest);
    };
  try {
    const tree = make(ends);
    if (wantsJson(args, io)) tellJson(tree, io);
    await tree.parseAsync([...args], { from: "user" });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
    return tell(thrown, args, io);
  }
}

/** With -o json what commander says of wrong usage is JSON as every other error. */
function tellJson(command: Command, io: Io): void {
  command.configureOutput({
    writeErr: () => {},
    outputError: (text) => io.error(jsonText(errorJson(usage(printable(text.replace(/^error: /, "").trim()))))),
  });
  for (const sub of command.commands) tellJson(sub, io);
}

/** Longest text of an error; it may name many endpoints. */
const MAX_MESSAGE = 8_000;

/** Says what went wrong, in one line, and gives the exit code for it. */
export function tell(thrown: unknown, args: readonly string[], io: Io): ExitCode {
  const error = thrown instanceof SettingError ? usage(thrown.message) : thrown;
  const { bad } = paintOf({ terminal: io.errorTerminal === true, env: io.env });
  const known = error instanceof CliError ? error : new CliError(EXIT.notDone, messageOf(error));
  if (wantsJson(args, io)) io.error(jsonText(errorJson(known)));
  else
    io.error(
      `${bad(known.exitCode === EXIT.unknown ? "unknown:" : "error:")} ${printable(known.message, MAX_MESSAGE)}`,
    );
  return known.exitCode;
}

const OUTCOMES: ReadonlyMap<ExitCode, string> = new Map([
  [EXIT.unknown, "unknown"],
  [EXIT.usage, "usage"],
  [EXIT.unwritten, "unwritten"],
]);

/** With -o json errors are JSON, too: one object on standard error. */
const errorJson = (error: CliError): object => ({
  error: {
    outcome: OUTCOMES.get(error.exitCode) ?? "notDone",
    message: error.message,
    ...error.facts,
  },
});

function wantsJson(args: readonly string[], io: Io): boolean {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  for (const [i, arg] of own.entries()) {
    if (/^(-o=?|--output=)json$/.test(arg)) return true;
    if (arg === "-o" || arg === "--output") return own[i + 1] === "json";
  }
  return io.env.ONAR_OUTPUT === "json";
}
