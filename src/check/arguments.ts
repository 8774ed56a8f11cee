/** The command line of `onar-check`. */
import { parseArgs } from "node:util";
import type { CheckerName } from "./checker.js";

export interface CommandLine {
  readonly kind: "check";
  /** `-`: standard input. */
  readonly file: string;
  readonly checker: CheckerName | "both";
  readonly html: string | null;
  readonly budgetSeconds: number;
}

export type Arguments =
  | CommandLine
  | { readonly kind: "help" }
  | { readonly kind: "mistake"; readonly problem: string };

const budgetSecondsDefault = 60;
const checkers = ["version-witness", "wing-gong", "both"] as const;

export const usage = `usage: onar-check [--checker ${checkers.join("|")}] [--html FILE] [--budget SECONDS] history.jsonl

Checks that a history of key-value operations, one as JSON per line, is linearizable. - reads standard input.

  --checker  ${checkers[0]} (default): by the versions in the answers, and by search where these do not tell;
             wing-gong: by search; both: one after the other
  --html     write violations as a timeline to this file
  --budget   seconds per checker, ${budgetSecondsDefault} by default; a search that takes longer is "out of time"

exit code: 0 ok, 1 violation, 2 unusable arguments or file, 4 out of time
`;

export function parseArguments(argv: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        checker: { type: "string", default: checkers[0] },
        html: { type: "string" },
        budget: { type: "string", default: `${budgetSecondsDefault}` },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const [file, ...others] = positionals;
    if (file === undefined) return mistake("no history file given");
    if (others.length > 0) return mistake(`one history file, not ${positionals.length}`);
    const checker = checkers.find((one) => one === values.checker);
    if (checker === undefined) return mistake(`--checker must be one of ${checkers.join(", ")}, not ${values.checker}`);
    const budgetSeconds = Number(values.budget);
    if (values.budget.trim() === "" || !Number.isFinite(budgetSeconds) || budgetSeconds <= 0) {
      return mistake(`--budget must be a number of seconds above 0, not ${values.budget}`);
    }
    return { kind: "check", file, checker, html: values.html ?? null, budgetSeconds };
  } catch (error) {
    return mistake(error instanceof Error ? error.message : String(error));
  }
}

function mistake(problem: string): Arguments {
  return { kind: "mistake", problem };
}
