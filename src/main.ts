#!/usr/bin/env node
/** The onar program. */
import { fileURLToPath } from "node:url";
import { EXIT, messageOf } from "./cli/exit.js";
import { processIo } from "./cli/io.js";
import { run } from "./cli/program.js";

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

const code = await run(process.argv.slice(2), io, fileURLToPath(import.meta.url));
// What was printed reaches whoever reads it before the process ends; connections that linger do not hold it up.
process.stdout.write("", () => process.exit(code));
