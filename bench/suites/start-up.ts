/**
 * How long a command takes from its start to its end, beside Node.js that does nothing: in turns, as machines drift.
 * And how long a node takes until it serves, and how much memory it has then.
 */

import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { endpointText, freeBasePort, PEER_PORT_OFFSET } from "../cluster.js";
import { startChild } from "../process/child.js";
import { cpuSecondsOf, residentBytesOf } from "../process/procfs.js";
import { median } from "../stats/summary.js";
import { type SuiteOptions, type SuiteResult, withCluster } from "./context.js";
import { tableOf } from "./table.js";

/** Runs of each command in a round of the others' suites: these are short. */
const RUNS_PER_ROUND = 6;
const GOAL_MS = 150;

interface Run {
  readonly ms: number;
  /** CPU time of the command and of the system for it: a machine with other work to do changes it least. */
  readonly cpuMs: number;
}

interface Row {
  readonly name: string;
  readonly args: readonly string[];
  readonly runs: Run[];
}

export async function startUp(options: SuiteOptions): Promise<SuiteResult> {
  const { program, rounds, only } = options;
  const nodes = await nodeStarts(program, rounds * RUNS_PER_ROUND);
  const rows = only.includes("nodes") ? [] : await commands(options);
  return {
    tables: [
      ...(rows.length === 0
        ? []
        : [
            tableOf(`A command from start to end (${rounds * RUNS_PER_ROUND} runs each, in turns)`, rows, [
              ["command", ({ name }) => name],
              ["median ms", (row) => median(wholes(row)).toFixed(0)],
              ["least ms", (row) => least(row).toFixed(0)],
              ["least CPU ms", (row) => leastCpu(row).toFixed(0)],
            ]),
          ]),
      tableOf(
        `A node alone, in memory, until it serves (${nodes.length} starts)`,
        [nodes],
        [
          ["", () => "onar start"],
          ["median ms", (starts) => median(starts.map(({ ms }) => ms)).toFixed(0)],
          ["least ms", (starts) => Math.min(...starts.map(({ ms }) => ms)).toFixed(0)],
          ["CPU ms", (starts) => median(starts.map(({ cpuMs }) => cpuMs)).toFixed(0)],
          ["resident MiB", (starts) => median(starts.map(({ mebibytes }) => mebibytes)).toFixed(1)],
        ],
      ),
    ],
    notes: [`goal: each command under ${GOAL_MS} ms on a machine that has nothing else to do`],
    figures: {
      commands: rows.map((row) => ({
        command: row.name,
        medianMs: median(wholes(row)),
        leastMs: least(row),
        leastCpuMs: leastCpu(row),
        runs: row.runs,
      })),
      nodes,
    },
  };
}

const wholes = ({ runs }: Row): number[] => runs.map(({ ms }) => ms);
const least = (row: Row): number => Math.min(...wholes(row));
const leastCpu = ({ runs }: Row): number => Math.min(...runs.map(({ cpuMs }) => cpuMs));

interface NodeStart {
  readonly ms: number;
  readonly cpuMs: number;
  readonly mebibytes: number;
}

/** It has settled by then. */
const SETTLE_MS = 1_000;

async function nodeStarts(program: string, count: number): Promise<NodeStart[]> {
  const starts: NodeStart[] = [];
  for (let i = 0; i < count; i++) {
    const port = await freeBasePort(1);
    const peer = `127.0.0.1:${port + PEER_PORT_OFFSET}`;
    const began = performance.now();
    const node = await startChild(
      [
        ...[program, "start", "--memory", "--log-format", "text", "--listen", `127.0.0.1:${port}`],
        ...["--peer-listen", peer, "--join", peer, "--expect", "1"],
      ],
      60_000,
    );
    const ms = performance.now() - began;
    const cpuMs = (cpuSecondsOf(node.pid) ?? Number.NaN) * 1_000;
    await sleep(SETTLE_MS);
    starts.push({ ms, cpuMs, mebibytes: (residentBytesOf(node.pid) ?? Number.NaN) / 1_048_576 });
    await node.stop();
  }
  return starts;
}

function commands(options: SuiteOptions): Promise<readonly Row[]> {
  const { program, rounds } = options;
  return withCluster(options, async (_cluster, { endpoints }) => {
    const at = ["--endpoint", endpoints.map(endpointText).join(",")];
    const commands: readonly Row[] = [
      { name: "node, doing nothing", args: ["-e", "0"], runs: [] },
      { name: "onar version", args: [program, "version"], runs: [] },
      { name: "onar help", args: [program, "--help"], runs: [] },
      { name: "onar put", args: [program, "put", "start-up", "1", ...at], runs: [] },
      { name: "onar get", args: [program, "get", "start-up", ...at], runs: [] },
      { name: "onar health", args: [program, "health", ...at], runs: [] },
      { name: "onar status", args: [program, "status", ...at], runs: [] },
    ];
    // The first run of each finds neither files nor compiled code in a cache: it is not counted.
    for (const { args } of commands) await timed(args);
    for (let run = 0; run < rounds * RUNS_PER_ROUND; run++) {
      for (const { args, runs } of commands) runs.push(await timed(args));
    }
    return commands;
  });
}

/**
 * The shell's own clock for one command: from its start to its end, and what it and the system worked for it, in
 * seconds.
 */
const CLOCK = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1';

function timed(args: readonly string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    execFile("bash", ["-c", CLOCK, "bash", process.execPath, ...args], (error, _stdout, stderr) => {
      const [whole = 0, user = 0, system = 0] = stderr
        .trim()
        .split(" ")
        .map((seconds) => 1_000 * Number(seconds));
      if (error === null) resolve({ ms: whole, cpuMs: user + system });
      else reject(new Error(`${args.join(" ")} ended with exit code ${error.code}`));
    });
  });
}
