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

const code = await run(process.argv.slice(2), io, fileURLToPath(import.meta.url));
// What was printed reaches whoever reads it before the process ends; connections that linger do not hold it up.
process.stdout.write("", () => process.exit(code));
