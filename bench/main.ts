/**
 * `make bench`: runs the suites that are named, or all, prints their tables and writes bench/out/NAME.json.
 * See README.md beside this file.
 */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runChild } from "./process/child.js";
import { abuse } from "./suites/abuse.js";
import { anatomy } from "./suites/anatomy.js";
import { attacks } from "./suites/attacks.js";
import { catchUp } from "./suites/catch-up.js";
import type { Suite, SuiteOptions, SuiteResult } from "./suites/context.js";
import { durable } from "./suites/durable.js";
import { exactlyOnce } from "./suites/exactly-once.js";
import { failover } from "./suites/failover.js";
import { frames } from "./suites/frames.js";
import { http2 } from "./suites/http2.js";
import { idle } from "./suites/idle.js";
import { memory } from "./suites/memory.js";
import { memoryAway } from "./suites/memory-away.js";
import { moves } from "./suites/moves.js";
import { open } from "./suites/open.js";
import { pairs } from "./suites/pairs.js";
import { peers } from "./suites/peers.js";
import { pipelined } from "./suites/pipelined.js";
import { placement } from "./suites/placement.js";
import { processes } from "./suites/processes.js";
import { rest } from "./suites/rest.js";
import { scale } from "./suites/scale.js";
import { startUp } from "./suites/start-up.js";
import { streams } from "./suites/streams.js";
import { formatTable } from "./suites/table.js";
import { traces } from "./suites/traces.js";
import { unary } from "./suites/unary.js";
import { views } from "./suites/views.js";

const SUITES: ReadonlyMap<string, Suite> = new Map([
  ["http2", http2],
  ["unary", unary],
  ["rest", rest],
  ["start-up", startUp],
  ["frames", frames],
  ["exactly-once", exactlyOnce],
  ["pipelined", pipelined],
  ["traces", traces],
  ["anatomy", anatomy],
  ["failover", failover],
  ["memory", memory],
  ["durable", durable],
  ["open", open],
  ["streams", streams],
  ["attacks", attacks],
  ["catch-up", catchUp],
  ["memory-away", memoryAway],
  ["abuse", abuse],
  ["idle", idle],
  ["placement", placement],
  ["scale", scale],
  ["views", views],
  ["moves", moves],
  ["processes", processes],
  ["pairs", pairs],
  ["peers", peers],
]);

/** These take long, and run only when they are named. */
const BY_NAME_ONLY: ReadonlySet<string> = new Set(["pairs", "peers", "scale"]);

const USAGE = `usage: npx tsx bench/main.ts [NAME…] [options]
names: ${[...SUITES.keys()].join(", ")} (in this order; pairs, peers and scale only when they are named)
  --rounds N      rounds of http2, unary, exactly-once, pipelined, durable, traces, attacks, abuse, views,
                  moves, processes and pairs;
                  starts of open; a sixth of the runs of start-up (5; attacks 3)
  --seconds N     measured time of one load (4; attacks 2, as there are two for each
                  round of 14 attacks). In less time a single late answer is more of the rate
  --in-flight N   calls in flight (64)
  --keys N        keys, 16 bytes each (10000)
  --nodes N       nodes of a cluster (3)
  --transport T   what serves clients, lean or grpc-js, for suites on one cluster; the result says which it was
  --clusters N    fresh clusters of failover (20)
  --kills N       failover: N kills in one cluster on disk instead, each node started again
  --minutes N     length of memory (10)
  --missed N      megabytes that the node misses in catch-up (12)
  --away-keys N   keys of memory-away, with values of 10 KiB (100000). Fewer show only what
                  grows by more than their own bytes: 20000 are 205 MB, beyond every bound
                  of a node, and 100000 tell a slope from such a step
  --move-keys N   keys of moves (1000000)
  --move-value N  bytes of a value of moves (100)
  --move-partitions N
                  partitions of moves, each with a caller (64)
  --move-pause N  milliseconds that a caller of moves waits between two calls (none)
  --transfer-rate N
                  MiB a second at which each node of moves may fetch replicas (as nodes have it)
  --open-keys N   keys of open and streams (1000000)
  --rewrites N    how often open writes them again (10)
  --open-value N  bytes of a value of open and streams (100)
  --open-mixed    open: keys of 16 to 115 bytes, and values of up to twice that
  --only A,B      attacks, abuse, catch-up and views (load, stale, few, many): these alone;
                  start-up: nodes alone; scale: clusters of at most so many nodes (300)
  --stores A,B    peers: some of onar, onar-memory, etcd, nats
  --shapes A,B    peers: some of 1x1, 1x64, 16x64 (connections to the nodes x calls in flight on each)
  --calls A,B     peers: some of put, get, cas, pipelined
  --spreads A,B   peers: uniform, hot (one key at its writer's node)
  --values N,M    peers: bytes of the values (100)
  --program PATH  the compiled onar program (dist/bin/onar.cjs)
  --against PATH  pairs: the compiled onar program of another version`;

const root = fileURLToPath(new URL("..", import.meta.url));

function optionsFrom(values: Readonly<Record<string, string | boolean | undefined>>): SuiteOptions {
  const number = (name: string, fallback: number): number => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} must be a number above 0`);
    return value;
  };
  const list = (name: string): string[] => {
    const value = values[name];
    return typeof value === "string" ? value.split(",") : [];
  };
  return {
    program: typeof values.program === "string" ? values.program : `${root}dist/bin/onar.cjs`,
    scripts: `${root}bench/out/js/bench`,
    against: typeof values.against === "string" ? values.against : undefined,
    nodes: number("nodes", 3),
    rounds: number("rounds", 5),
    seconds: number("seconds", 4),
    attackRounds: number("rounds", 3),
    attackSeconds: number("seconds", 2),
    inFlight: number("in-flight", 64),
    keys: number("keys", 10_000),
    transport: typeof values.transport === "string" ? values.transport : undefined,
    clusters: number("clusters", 20),
    kills: values.kills === undefined ? 0 : number("kills", 0),
    minutes: number("minutes", 10),
    missedMegabytes: number("missed", 12),
    awayKeys: number("away-keys", 100_000),
    moveKeys: number("move-keys", 1_000_000),
    moveValue: number("move-value", 100),
    movePartitions: number("move-partitions", 64),
    movePause: values["move-pause"] === undefined ? 0 : number("move-pause", 0),
    transferRate: values["transfer-rate"] === undefined ? null : number("transfer-rate", 0),
    openKeys: number("open-keys", 1_000_000),
    rewrites: number("rewrites", 10),
    openValue: number("open-value", 100),
    openMixed: values["open-mixed"] === true,
    peers: {
      stores: list("stores"),
      shapes: list("shapes"),
      calls: list("calls"),
      spreads: list("spreads"),
      valueBytes: list("values").map(Number),
    },
    only: list("only"),
  };
}

/** Servers and generator run compiled, as the nodes do: what a loader adds at run time would be measured, too. */
async function compile(): Promise<void> {
  const { output, exit } = await runChild(
    [`${root}node_modules/typescript/bin/tsc`, "-p", `${root}bench/tsconfig.json`],
    120_000,
  );
  if (exit.code !== 0) throw new Error(`bench does not compile:\n${output}`);
}

function environment() {
  const cores = cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    cores: cores.length,
    processor: cores[0]?.model ?? "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

function report(name: string, options: SuiteOptions, result: SuiteResult): void {
  if (options.transport !== undefined) process.stdout.write(`\ntransport of the nodes: ${options.transport}\n`);
  for (const table of result.tables) process.stdout.write(`\n${formatTable(table)}\n`);
  for (const note of result.notes) process.stdout.write(`${note}\n`);
  for (const problem of result.problems ?? []) process.stdout.write(`WRONG: ${problem}\n`);
  const { program: _program, scripts: _scripts, ...settings } = options;
  const file = `${root}bench/out/${name}.json`;
  writeFileSync(
    file,
    `${JSON.stringify({ name, ...environment(), settings, notes: result.notes, problems: result.problems ?? [], figures: result.figures }, null, 2)}\n`,
  );
}

async function main(): Promise<number> {
  const text = { type: "string" } as const;
  let options: SuiteOptions;
  let names: readonly string[];
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        rounds: text,
        seconds: text,
        "in-flight": text,
        keys: text,
        nodes: text,
        transport: text,
        clusters: text,
        kills: text,
        minutes: text,
        missed: text,
        "away-keys": text,
        "move-keys": text,
        "move-value": text,
        "move-partitions": text,
        "move-pause": text,
        "transfer-rate": text,
        "open-keys": text,
        rewrites: text,
        "open-value": text,
        "open-mixed": { type: "boolean" },
        only: { type: "string" },
        program: text,
        against: text,
        stores: text,
        shapes: text,
        calls: text,
        spreads: text,
        values: text,
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    names = positionals.length > 0 ? positionals : [...SUITES.keys()].filter((name) => !BY_NAME_ONLY.has(name));
    const unknown = names.find((name) => !SUITES.has(name));
    if (unknown !== undefined) throw new Error(`no benchmark is called "${unknown}"`);
    options = optionsFrom(values);
    if (options.against !== undefined && !existsSync(options.against))
      throw new Error(`${options.against} is not there`);
    if (!existsSync(options.program)) throw new Error(`${options.program} is not there: build it first (make build)`);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return 2;
  }
  mkdirSync(`${root}bench/out`, { recursive: true });
  await compile();
  const { node, cores, processor } = environment();
  process.stdout.write(`Node.js ${node}, ${cores} cores, ${processor}\n`);
  let failed = 0;
  for (const name of names) {
    try {
      const result = await SUITES.get(name)?.(options);
      if (result === undefined) continue;
      report(name, options, result);
      if ((result.problems ?? []).length > 0) failed++;
    } catch (error) {
      // The others are still worth running.
      failed++;
      process.stderr.write(`bench: ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
