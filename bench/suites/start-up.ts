/** How long a command takes from its start to its end, beside Node.js that does nothing: in turns, as machines drift. */

import { spawn } from "node:child_process";
import { endpointText } from "../cluster.js";
import { median } from "../stats/summary.js";
import { type SuiteOptions, type SuiteResult, withCluster } from "./context.js";
import { tableOf } from "./table.js";

/** Runs of each command in a round of the others' suites: these are short. */
const RUNS_PER_ROUND = 6;
const GOAL_MS = 150;

interface Row {
  readonly name: string;
  readonly args: readonly string[];
  readonly ms: number[];
}

export async function startUp(options: SuiteOptions): Promise<SuiteResult> {
  const { program, rounds } = options;
  const rows = await withCluster(options, async (_cluster, { endpoints }) => {
    const at = ["--endpoint", endpoints.map(endpointText).join(",")];
    const commands: readonly Row[] = [
      { name: "node, doing nothing", args: ["-e", "0"], ms: [] },
      { name: "onar version", args: [program, "version"], ms: [] },
      { name: "onar help", args: [program, "--help"], ms: [] },
      { name: "onar put", args: [program, "put", "start-up", "1", ...at], ms: [] },
      { name: "onar get", args: [program, "get", "start-up", ...at], ms: [] },
      { name: "onar health", args: [program, "health", ...at], ms: [] },
      { name: "onar status", args: [program, "status", ...at], ms: [] },
    ];
    // The first run of each finds neither files nor compiled code in a cache: it is not counted.
    for (const { args } of commands) await timed(args);
    for (let run = 0; run < rounds * RUNS_PER_ROUND; run++) {
      for (const { args, ms } of commands) ms.push(await timed(args));
    }
    return commands;
  });
  const least = (row: Row): number => Math.min(...row.ms);
  return {
    tables: [
      tableOf(`A command from start to end (${rounds * RUNS_PER_ROUND} runs each, in turns)`, rows, [
        ["command", ({ name }) => name],
        ["median ms", ({ ms }) => median(ms).toFixed(0)],
        ["least ms", (row) => least(row).toFixed(0)],
      ]),
    ],
    notes: [`goal: each under ${GOAL_MS} ms on a machine that has nothing else to do`],
    figures: rows.map((row) => ({ command: row.name, medianMs: median(row.ms), leastMs: least(row), ms: row.ms })),
  };
}

function timed(args: readonly string[]): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: "ignore" });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve(performance.now() - began);
      else reject(new Error(`${args.join(" ")} ended with exit code ${code}`));
    });
  });
}
