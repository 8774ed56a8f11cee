/** The means of every suite: how to start servers and generators, and how to say what it has found. */

import type { Cluster } from "../cluster.js";
import { endpointText, settingOf, startCluster } from "../cluster.js";
import type { Endpoint } from "../load/options.js";
import { parseEndpoint } from "../load/options.js";
import type { LoadReport } from "../load/report.js";
import { type Child, runChild, startChild } from "../process/child.js";

export interface SuiteOptions {
  /** The compiled onar program. */
  readonly program: string;
  /** For the suite `pairs`: the program of another version. */
  readonly against: string | undefined;
  /** Where the compiled benchmark programs are. */
  readonly scripts: string;
  readonly nodes: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly inFlight: number;
  readonly keys: number;
  /** The transport of the nodes' client ports; undefined: as set when nothing is said. */
  readonly transport: string | undefined;
  /** For the suite `failover`. */
  readonly clusters: number;
  /** For the suite `failover`: so many kills in one cluster on disk; 0 = fresh clusters instead. */
  readonly kills: number;
  /** For the suite `memory`. */
  readonly minutes: number;
  /** For the suite `catch-up`. */
  readonly missedMegabytes: number;
  /** For the suite `attacks`, which has many of both: shorter than elsewhere when nothing is said. */
  readonly attackRounds: number;
  readonly attackSeconds: number;
  /** For the suite `memory-away`. */
  readonly awayKeys: number;
  /** For the suite `moves`. */
  readonly moveKeys: number;
  /** Bytes of a value of moves. */
  readonly moveValue: number;
  readonly movePartitions: number;
  /** The pause of a caller between two calls, in milliseconds. */
  readonly movePause: number;
  /** MiB a second of each node of moves; null: as nodes have it by themselves. */
  readonly transferRate: number | null;
  /** For the suite `open`. */
  readonly openKeys: number;
  readonly rewrites: number;
  /** Bytes of a value of open. */
  readonly openValue: number;
  /** With keys and values of all lengths. */
  readonly openMixed: boolean;
  /** For the suite `peers`: which parts of it. */
  readonly peers: PeersOptions;
  /** For the suites `attacks`, `abuse`, `catch-up` and `views`: these alone; none: all. */
  readonly only: readonly string[];
}

/** Parts of the suite `peers` by name; an empty list means all of them. */
export interface PeersOptions {
  readonly stores: readonly string[];
  readonly shapes: readonly string[];
  readonly calls: readonly string[];
  readonly spreads: readonly string[];
  readonly valueBytes: readonly number[];
}

/** The findings of a suite: tables for people, figures for machines. */
export interface SuiteResult {
  readonly tables: readonly Table[];
  readonly notes: readonly string[];
  readonly figures: unknown;
  /** Things that must never be, whatever the speed: wrong answers. */
  readonly problems?: readonly string[];
}

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export type Suite = (options: SuiteOptions) => Promise<SuiteResult>;

/** Where a load goes, and the processes whose CPU time is counted with it. */
export interface Target {
  readonly endpoints: readonly Endpoint[];
  readonly pids: readonly number[];
  /** To each endpoint. */
  readonly connections: number;
}

export interface LoadArguments {
  /** The store that the target is, for the generator; Onar when nothing is said. */
  readonly dialect?: string;
  readonly takeTurns?: boolean;
  readonly cas?: number;
  readonly valueBytes?: number;
  readonly inFlight: number;
  readonly seconds?: number;
  readonly count?: number;
  readonly warmUpSeconds?: number;
  readonly gets: number;
  readonly requestId?: boolean;
  readonly preload?: boolean;
  readonly verify?: boolean;
  readonly keys: number;
  readonly keyPrefix?: string;
}

/** Runs the load generator as a process of its own. */
export async function load(options: SuiteOptions, target: Target, what: LoadArguments): Promise<LoadReport> {
  const seconds = what.seconds ?? 0;
  const args = [
    `${options.scripts}/load.js`,
    ...target.endpoints.flatMap((endpoint) => ["--endpoint", endpointText(endpoint)]),
    ...target.pids.flatMap((pid) => ["--watch-pid", `${pid}`]),
    ...["--connections", `${target.connections}`, "--in-flight", `${what.inFlight}`],
    ...["--duration", `${seconds}`, "--count", `${what.count ?? 0}`, "--warm-up", `${what.warmUpSeconds ?? 1}`],
    ...["--gets", `${what.gets}`, "--keys", `${what.keys}`, "--key-prefix", what.keyPrefix ?? "bench-"],
    ...["--seed", `${1 + Math.floor(Math.random() * 1e9)}`, "--json", "-"],
    ...(what.dialect === undefined ? [] : ["--dialect", what.dialect]),
    ...(what.takeTurns === true ? ["--take-turns"] : []),
    ...(what.cas === undefined ? [] : ["--cas", `${what.cas}`]),
    ...(what.valueBytes === undefined ? [] : ["--value-bytes", `${what.valueBytes}`]),
    ...(what.requestId === false ? ["--no-request-id"] : []),
    ...(what.preload === true ? ["--preload"] : []),
    ...(what.verify === true ? ["--verify"] : []),
  ];
  const { output, exit } = await runChild(args, (seconds + 120) * 1000);
  if (output === "") throw new Error(`the load generator ended with ${exit.signal ?? exit.code} and no report`);
  return parseReport(output);
}

/** The report as load.ts has printed it; both are of one build. */
function parseReport(output: string): LoadReport {
  return JSON.parse(output);
}

export async function withCluster<T>(
  options: SuiteOptions,
  use: (cluster: Cluster, target: Target) => Promise<T>,
  storage: readonly string[] = ["--memory"],
  variables?: Readonly<Record<string, string>>,
): Promise<T> {
  const { program, transport } = options;
  const args = transport === undefined ? storage : [...storage, "--transport", transport];
  const cluster = await startCluster(program, options.nodes, args, variables);
  try {
    const { nodes } = cluster;
    // Each node must have got it: a figure would be another transport's otherwise.
    for (const node of nodes) {
      const found = settingOf(node, "--transport");
      if (found !== transport) throw new Error(`node ${node.number} was started with transport ${found}`);
    }
    progress(`nodes ${nodes.map(({ pid }) => pid).join(", ")}: transport ${transport ?? "not set"}`);
    return await use(cluster, { endpoints: nodes.map((n) => n.client), pids: nodes.map((n) => n.pid), connections: 1 });
  } finally {
    await cluster.stop();
  }
}

/** The echo server, reached by as many connections in all as the cluster is. */
export async function withEcho<T>(options: SuiteOptions, use: (target: Target) => Promise<T>): Promise<T> {
  const echo: Child = await startChild([`${options.scripts}/echo.js`], 15_000);
  try {
    const endpoint = parseEndpoint(echo.lines.at(-1)?.split(" ")[1] ?? "");
    return await use({ endpoints: [endpoint], pids: [echo.pid], connections: options.nodes });
  } finally {
    await echo.stop();
  }
}

/** A line for every load that has read something wrong. */
export function wrongAnswers(reports: readonly LoadReport[]): string[] {
  return reports.flatMap(({ verify }) =>
    verify === undefined || verify.failures === 0
      ? []
      : [`${verify.failures} of ${verify.checked} answers checked were wrong: ${verify.examples.join("; ")}`],
  );
}

/** CPU of the watched servers per answered call, in µs. */
export function serverMicros(report: LoadReport): number {
  const seconds = report.watched.reduce((sum, process) => sum + process.cpuSeconds, 0);
  return report.operations === 0 ? 0 : (seconds * 1e6) / report.operations;
}

/** The rates of loads, each against that of the same round: machines drift. */
export function ratiosOf(reports: readonly Rated[], bases: readonly Rated[]): number[] {
  return reports.map((report, i) => report.operationsPerSecond / (bases[i]?.operationsPerSecond ?? Number.NaN));
}

type Rated = Pick<LoadReport, "operationsPerSecond">;

/** The errors of some loads, added up by name. */
export function errorsOf(reports: readonly LoadReport[]): Record<string, number> {
  return addedUp(
    reports.map(({ errors }) =>
      Object.fromEntries(Object.entries(errors).map(([name, { count }]) => [name, count] as const)),
    ),
  );
}

export function addedUp(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of counts) for (const [name, count] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

export function errorsText(errors: Readonly<Record<string, number>>): string {
  const parts = Object.entries(errors).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
