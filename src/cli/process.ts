/** The program as a process of its own: what nobody caught, and how it ends. */
import { pathReasonOf } from "../base/errno.js";
import { CliError, EXIT, type ExitCode, messageOf } from "./ending/exit.js";
import { run } from "./program.js";
import { type ProcessIo, processIo } from "./terminal/io.js";
import { tell } from "./tree/run-tree.js";

/** `program` is the file to start further nodes with. */
export async function runProcess(args: readonly string[], program: string): Promise<void> {
  const io = processIo();

  process.on("uncaughtException", (error) => {
    io.error(`error: internal: ${messageOf(error)}`);
    process.exit(EXIT.notDone);
  });

  // LMDB prints the errors that it also reports, with the stack. The program says them itself.
  const { error: print } = console;
  console.error = (...said: unknown[]): void => {
    const [first] = said;
    if (!(first instanceof Error && first.stack?.includes("/lmdb/") === true)) print(...said);
  };

  const code = await run(args, io, program);
  // Printed text reaches its reader before the process ends; connections that linger do not hold it up.
  process.exit(await codeAsWritten(code, args, io));
}

/** Nothing has been told that was not written: a value cut off is not a value. */
async function codeAsWritten(code: ExitCode, args: readonly string[], io: ProcessIo): Promise<ExitCode> {
  const failure = await io.written();
  if (failure === null || (code !== EXIT.done && code !== EXIT.condition)) return code;
  const why = `what the command had to print could not be written: ${pathReasonOf(failure)}. The command itself was carried out`;
  return tell(new CliError(EXIT.unwritten, why), args, io);
}
