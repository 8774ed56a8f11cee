/**
 * The command line. What commands and options there are stands in tree.ts; values of options are checked by config/values.ts and the commands
 * themselves, so that all errors read alike; run-tree.ts turns whatever happens into an exit code.
 */
import type { ExitCode } from "./ending/exit.js";
import type { Io } from "./terminal/io.js";
import { runTree } from "./tree/run-tree.js";
import { onarTree } from "./tree.js";

/** Runs one command line (without node and program) to its exit code. `program` is the file to start further nodes with. */
export async function run(args: readonly string[], io: Io, program: string): Promise<ExitCode> {
  if (args.length === 0) {
    const { prompt } = await import("./prompt/prompt.js");
    return prompt({ io });
  }
  return runTree((ends) => onarTree({ io, program, ends }), args, io);
}
