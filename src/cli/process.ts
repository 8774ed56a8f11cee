/** The program as a process of its own: what nobody caught, and how it ends. */
import { EXIT, messageOf } from "./exit.js";
import { processIo } from "./io.js";
import { run } from "./program.js";

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
  // What was printed reaches whoever reads it before the process ends; connections that linger do not hold it up.
  process.stdout.write("", () => process.exit(code));
}
