/**
 * The command line. The commands and options stand in tree.ts. config/values.ts and the commands themselves check
 * values of options, so that all errors read alike. run-tree.ts turns whatever happens into an exit code.
 */
import type { ExitCode } from "./ending/exit.js";
import type { Io } from "./terminal/io.js";
import { runTree } from "./tree/run-tree.js";
import { onarTree } from "./tree.js";

/**
 * Runs one command line (without node and program) to its exit code. `program` is the file to start further nodes with.
 */
export async function run(args: readonly string[], io: Io, program: string): Promise<ExitCode> {
  if (args.length === 0) {
    const { prompt } = await import("./prompt/prompt.js");
    return prompt({ io });
  }
  return runTree((ends) => onarTree({ io, program, ends }), args, io);
}
