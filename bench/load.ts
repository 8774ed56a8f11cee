/**
 * The load generator as a program: `npx tsx bench/load.ts --endpoint HOST:PORT …`, see --help.
 */

import { writeFileSync } from "node:fs";
import { LOAD_USAGE, type LoadCommand, parseLoadArguments } from "./load/options.js";
import { formatReport, isClean } from "./load/report.js";
import { runLoad } from "./load/runner.js";

const EXIT_NOT_CLEAN = 1;
const EXIT_USAGE = 2;

async function main(): Promise<number> {
  let command: LoadCommand | undefined;
  try {
    command = parseLoadArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`load: ${error instanceof Error ? error.message : String(error)}\n${LOAD_USAGE}\n`);
    return EXIT_USAGE;
  }
  if (command === undefined) {
    process.stdout.write(`${LOAD_USAGE}\n`);
    return 0;
  }
  try {
    const report = await runLoad(command.options);
    if (command.json !== "-") process.stdout.write(`${formatReport(report)}\n`);
    if (command.json === "-") process.stdout.write(`${JSON.stringify(report)}\n`);
    else if (command.json !== undefined) writeFileSync(command.json, `${JSON.stringify(report, null, 2)}\n`);
    return isClean(report) ? 0 : EXIT_NOT_CLEAN;
  } catch (error) {
    process.stderr.write(`load: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_NOT_CLEAN;
  }
}

process.exitCode = await main();
